//! What requests may keep in memory while they are read: one budget for all heads and bodies under way, and how long a
//! client may take to send one.

use crate::h1::BodyFault;
use parking_lot::Mutex;
use rt::{Instant, Sleep, Time};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes of all heads and bodies under way.
const TOTAL_MAX: usize = 64 << 20;
/// Bytes of one client's, so that one cannot keep the others out. All unix sockets count as one client.
const CLIENT_MAX: usize = TOTAL_MAX / 2;
/// What every head and every body may keep without asking: usual requests are served however full the budget is, and the
/// number of connections bounds the sum.
pub(crate) const FREE: usize = 16 << 10;
/// The budget is taken in steps, so that its lock is seldom met.
const STEP: usize = 64 << 10;
/// How long a body may take whatever its length, and how long the next piece of one that is taken piece by piece.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Bytes a second that a body must keep up on average beyond that.
const BODY_RATE: u64 = 16 << 10;

/// Who shares a part of the budget: an address, or all unix sockets.
type Client = Option<IpAddr>;

/// The budget of one door.
#[derive(Default)]
pub(crate) struct Budget(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    total: usize,
    clients: HashMap<Client, usize>,
}

/// A request's part of the budget; given back when it is dropped.
pub(crate) struct Charge {
    budget: Arc<Budget>,
    client: Client,
    bytes: AtomicUsize,
}

impl Charge {
    pub fn new(budget: &Arc<Budget>, client: Client) -> Self {
        Self {
            budget: budget.clone(),
            client,
            bytes: AtomicUsize::new(0),
        }
    }

    /// Accounts for `held` bytes kept now; `false` if there is no room for them. What was taken once stays taken.
    pub fn covers(&self, held: usize) -> bool {
        let had = self.bytes.load(Ordering::Relaxed);
        if held <= had.max(FREE) {
            return true;
        }
        let wanted = held.next_multiple_of(STEP);
        let mut taken = self.budget.0.lock();
        let more = wanted - had;
        let client = taken.clients.entry(self.client).or_default();
        if *client + more > CLIENT_MAX {
            return false;
        }
        *client += more;
        taken.total += more;
        self.bytes.store(wanted, Ordering::Relaxed);
        if taken.total > TOTAL_MAX {
            self.give_back(&mut taken);
            return false;
        }
        true
    }

    fn give_back(&self, taken: &mut Taken) {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        taken.total -= bytes;
        if let Some(client) = taken.clients.get_mut(&self.client) {
            *client -= bytes;
            if *client == 0 {
                taken.clients.remove(&self.client);
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if *self.bytes.get_mut() > 0 {
            let budget = self.budget.clone();
            self.give_back(&mut budget.0.lock());
        }
    }
}

/// Watches over one body on its way in.
pub(crate) struct Meter {
    time: Time,
    charge: Arc<Charge>,
    began: Instant,
    received: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Meter {
    pub fn new(time: &Time, charge: Arc<Charge>) -> Self {
        Self {
            time: time.clone(),
            charge,
            began: time.now(),
            received: 0,
            timer: None,
        }
    }

    /// The handler asks for the body, or for its next piece: from here on the client is waited for.
    pub fn begin(&mut self) {
        self.began = self.time.now();
        self.received = 0;
        self.timer = None;
    }

    /// `more` bytes have come, `held` are kept.
    pub fn took(&mut self, more: u64, held: usize) -> Result<(), BodyFault> {
        self.received += more;
        if self.charge.covers(held) {
            Ok(())
        } else {
            Err(BodyFault::Busy)
        }
    }

    /// Resolves when the client has taken too long.
    pub fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let earned = Duration::from_secs(self.received / BODY_RATE);
            let end = self.began.after(BODY_PATIENCE).after(earned);
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(self.time.sleep_until(end)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.time.now() >= end {
                return Poll::Ready(());
            }
            // It has earned more time since the timer was set.
            self.timer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Some(IpAddr::from([127, 0, 0, last]))
    }

    #[test]
    fn one_client_leaves_room_for_the_others_and_everything_goes_back() {
        let budget = Arc::new(Budget::default());
        let part = 1 << 20;
        let fill = |client: Client| -> Vec<Charge> {
            std::iter::repeat_with(|| Charge::new(&budget, client))
                .take_while(|charge| charge.covers(part))
                .collect()
        };
        let (first, second) = (fill(client(1)), fill(client(2)));
        assert_eq!(first.len() * part, CLIENT_MAX);
        assert_eq!(second.len() * part, TOTAL_MAX - CLIENT_MAX);
        let third = Charge::new(&budget, client(3));
        assert!(third.covers(FREE) && !third.covers(FREE + 1));
        drop(first);
        assert!(third.covers(part) && third.covers(2 * part));
        drop((second, third));
        let taken = budget.0.lock();
        assert!(taken.total == 0 && taken.clients.is_empty());
    }

    #[test]
    fn patience_grows_with_what_has_come() {
        let time = Time::manual();
        let charge = Arc::new(Charge::new(&Arc::default(), None));
        let mut meter = Meter::new(&time, charge);
        let late = |meter: &mut Meter| {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            meter.poll_late(&mut cx).is_ready()
        };
        assert!(!late(&mut meter));
        meter.took(10 * BODY_RATE, 0).unwrap();
        time.advance(BODY_PATIENCE);
        assert!(!late(&mut meter));
        time.advance(Duration::from_secs(10));
        assert!(late(&mut meter));
        meter.begin();
        assert!(!late(&mut meter));
    }
}
