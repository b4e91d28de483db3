//! What happens in the pool, on its way to whoever wants to know. The pool never waits for its listener: who is too slow is told
//! that it missed something and looks at the members anew.

use crate::limits::EVENTS_BYTES_MAX;
use bytes::Bytes;
use parking_lot::Mutex;
use serf::{Event, Member, Question};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// Something that happened, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolEvent {
    /// A member is there, or is back.
    Join(Member),
    /// A member left in order, or was made to.
    Leave(Member),
    /// A member does not answer any more.
    Failed(Member),
    /// A member says something else of itself.
    Update(Member),
    /// A member that was gone is forgotten.
    Reap(Member),
    /// An event of a user.
    User {
        /// Its logical time.
        time: u64,
        /// Its name.
        name: String,
        /// What it carries.
        payload: Bytes,
    },
    /// A question, to be answered with [`Pool::respond`](crate::Pool::respond) or not at all.
    Query(Question),
    /// Another node has our name by the word of most: this one must stop.
    NameLost,
    /// So many events were let go because nobody took them: compare with [`Pool::members`](crate::Pool::members).
    Missed(u64),
}

impl PoolEvent {
    /// The event for those above, if it is one for them.
    pub(crate) fn of(event: Event) -> Option<Self> {
        Some(match event {
            Event::Join(member) => Self::Join(member),
            Event::Leave(member) => Self::Leave(member),
            Event::Failed(member) => Self::Failed(member),
            Event::Update(member) => Self::Update(member),
            Event::Reap(member) => Self::Reap(member),
            Event::User {
                time,
                name,
                payload,
            } => Self::User {
                time,
                name,
                payload,
            },
            Event::Query(question) => Self::Query(question),
            Event::NameLost => Self::NameLost,
            _ => return None,
        })
    }

    /// Bytes that it takes, about.
    fn cost(&self) -> usize {
        /// A member's name and tags have limits of 512 bytes each.
        const MEMBER: usize = 2 * 1024;
        const REST: usize = 256;
        match self {
            Self::Join(_) | Self::Leave(_) | Self::Failed(_) | Self::Update(_) | Self::Reap(_) => {
                MEMBER
            }
            Self::User { name, payload, .. } => REST + name.len() + payload.len(),
            Self::Query(question) => {
                REST + question.name().len() + question.source().len() + question.payload().len()
            }
            Self::NameLost | Self::Missed(_) => REST,
        }
    }
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<PoolEvent>,
    bytes: usize,
    missed: u64,
    /// Nobody will take any, or none will come.
    closed: bool,
}

#[derive(Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// The end that tells.
pub(crate) struct Teller(Arc<Inner>);

/// The end that hears. Dropping it is allowed: the pool then tells nobody.
pub struct Events(Arc<Inner>);

pub(crate) fn channel() -> (Teller, Events) {
    let inner = Arc::new(Inner::default());
    (Teller(inner.clone()), Events(inner))
}

impl Teller {
    pub(crate) fn tell(&self, event: PoolEvent) {
        let mut waiting = self.0.waiting.lock();
        if waiting.closed {
            return;
        }
        waiting.bytes += event.cost();
        waiting.events.push_back(event);
        if waiting.bytes > EVENTS_BYTES_MAX {
            waiting.missed += waiting.events.len() as u64;
            waiting.events = VecDeque::new();
            waiting.bytes = 0;
        }
        drop(waiting);
        self.0.changed.notify_one();
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.waiting.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl Events {
    /// The next event; `None` once the pool is over. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<PoolEvent> {
        loop {
            match self.take() {
                Ok(event) => return Some(event),
                Err(closed) if closed => return None,
                Err(_) => self.0.changed.notified().await,
            }
        }
    }

    /// The next event, or whether there will be none.
    fn take(&self) -> Result<PoolEvent, bool> {
        let mut waiting = self.0.waiting.lock();
        if waiting.missed > 0 {
            return Ok(PoolEvent::Missed(std::mem::take(&mut waiting.missed)));
        }
        let Some(event) = waiting.events.pop_front() else {
            return Err(waiting.closed);
        };
        waiting.bytes -= event.cost();
        Ok(event)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.closed = true;
        waiting.events = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(time: u64) -> PoolEvent {
        PoolEvent::User {
            time,
            name: "deploy".into(),
            payload: Bytes::from(vec![0; 1024]),
        }
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_so_and_goes_on() {
        let (teller, mut events) = channel();
        teller.tell(user(1));
        teller.tell(user(2));
        assert_eq!(events.next().await, Some(user(1)));
        for time in 0..20_000 {
            teller.tell(user(time));
            assert!(events.0.waiting.lock().bytes <= EVENTS_BYTES_MAX);
        }
        let Some(PoolEvent::Missed(missed)) = events.next().await else {
            panic!("nothing was missed");
        };
        drop(teller);
        let mut rest = 0;
        let mut last = None;
        while let Some(event) = events.next().await {
            rest += 1;
            last = Some(event);
        }
        assert_eq!(missed + rest, 20_001);
        assert_eq!(last, Some(user(19_999)));
        assert_eq!(events.0.waiting.lock().bytes, 0);
    }
}
