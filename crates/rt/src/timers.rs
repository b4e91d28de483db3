//! Time as the rooms use it: a clock with a timer wheel.

use crate::clock::{Clock, Instant, ManualClock, RealClock};
use crate::room::Room;
use crate::wheel::{Key, Wheel};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

/// Length of a tick of the wheel. Timers fire up to this much late, never early.
const TICK_NANOS: u64 = 1_000_000;

enum Action {
    Wake(Waker),
    Call(Box<dyn FnOnce() + Send>),
}

struct Inner {
    clock: Arc<dyn Clock>,
    manual: Option<Arc<ManualClock>>,
    wheel: Mutex<Wheel<Action>>,
    /// The tick up to which the driver sleeps; an earlier timer has to wake it.
    driver_until: AtomicU64,
    earlier: Notify,
}

/// A clock and its timers. Cheap to clone.
#[derive(Clone)]
pub struct Time(Arc<Inner>);

impl Time {
    /// The machine's time; a task in `room` drives the timers, so they stop firing when the room closes.
    pub fn real(room: &Room) -> Self {
        let time = Self::over(Arc::new(RealClock::new()), None);
        let driver = time.clone();
        room.spawn("timers", async move { driver.drive().await });
        time
    }

    /// Time that stands still but for [`Time::advance`].
    pub fn manual() -> Self {
        let clock = Arc::new(ManualClock::default());
        Self::over(clock.clone(), Some(clock))
    }

    fn over(clock: Arc<dyn Clock>, manual: Option<Arc<ManualClock>>) -> Self {
        Self(Arc::new(Inner {
            clock,
            manual,
            wheel: Mutex::new(Wheel::new(0)),
            driver_until: AtomicU64::new(u64::MAX),
            earlier: Notify::new(),
        }))
    }

    /// Monotonic now.
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// Wall-clock now.
    pub fn wall(&self) -> SystemTime {
        self.0.clock.wall()
    }

    /// Resolves once `wait` has passed. Dropping it costs nothing further.
    pub fn sleep(&self, wait: Duration) -> Sleep {
        self.sleep_until(self.now().after(wait))
    }

    /// Resolves at `at`, at once when that is past.
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep {
            time: self.clone(),
            at,
            key: None,
        }
    }

    /// Runs `call` at `at` on the thread that drives the timers: it must be short and not block. Dropping the handle does
    /// not cancel it; [`Call::cancel`] does.
    pub fn call_at(&self, at: Instant, call: impl FnOnce() + Send + 'static) -> Call {
        Call(self.set(at, Action::Call(Box::new(call))))
    }

    /// Takes a call back. Whether it will not run any more.
    pub fn cancel(&self, call: Call) -> bool {
        self.0.wheel.lock().cancel(call.0).is_some()
    }

    /// Timers that are set.
    pub fn pending(&self) -> usize {
        self.0.wheel.lock().len()
    }

    /// Turns a manual clock forward, firing what becomes due in order of time. Nothing on the machine's clock.
    pub fn advance(&self, by: Duration) {
        if let Some(clock) = &self.0.manual {
            clock.turn(by);
            self.fire();
        }
    }

    fn set(&self, at: Instant, action: Action) -> Key {
        let tick = at.nanos().div_ceil(TICK_NANOS);
        let key = self.0.wheel.lock().set(tick, action);
        if tick < self.0.driver_until.load(Ordering::SeqCst) {
            self.0.earlier.notify_one();
        }
        key
    }

    /// Fires what is due; the next tick to look again.
    fn fire(&self) -> Option<u64> {
        let now = self.now().nanos() / TICK_NANOS;
        let mut due = Vec::new();
        let next = {
            let mut wheel = self.0.wheel.lock();
            wheel.advance(now, |action| due.push(action));
            wheel.next()
        };
        for action in due {
            match action {
                Action::Wake(waker) => waker.wake(),
                Action::Call(call) => call(),
            }
        }
        next
    }

    async fn drive(&self) {
        loop {
            let until = self.fire().unwrap_or(u64::MAX);
            self.0.driver_until.store(until, Ordering::SeqCst);
            // A timer set between the look and the store has seen the old bound: look once more.
            if self.0.wheel.lock().next().is_some_and(|next| next < until) {
                continue;
            }
            if until == u64::MAX {
                self.0.earlier.notified().await;
            } else {
                let wait = Instant::from_nanos(until.saturating_mul(TICK_NANOS)).since(self.now());
                tokio::select! {
                    () = self.0.earlier.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }
}

/// Names a call set with [`Time::call_at`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call(Key);

/// Waits for an instant.
pub struct Sleep {
    time: Time,
    at: Instant,
    key: Option<Key>,
}

impl Sleep {
    /// When it resolves.
    pub fn deadline(&self) -> Instant {
        self.at
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.time.now() >= self.at {
            return Poll::Ready(());
        }
        if let Some(key) = self.key
            && let Some(Action::Wake(waker)) = self.time.0.wheel.lock().get_mut(key)
        {
            waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        let key = self.time.set(self.at, Action::Wake(cx.waker().clone()));
        self.key = Some(key);
        // A manual clock may have been turned between the look and the setting: the wheel then fires with its next tick only.
        if self.time.now() >= self.at {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.time.0.wheel.lock().cancel(key);
        }
    }
}
