//! Equal waits share one call: a thousand local watchers of a service are one query at the server.
//!
//! Only waits for the same index share: who knows less than the others is answered at once by a call of its own, as fresh as if it
//! were alone.

use crate::limits::FLIGHTS_MAX;
use parking_lot::Mutex;
use ports::{Answered, Consistency, Query, RpcError, Token};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use tokio::sync::{oneshot, watch};

/// What waits must have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) token: Token,
    pub(crate) query: Query,
    pub(crate) consistency: Consistency,
    pub(crate) index: u64,
}

pub(crate) type Outcome = Result<Answered, RpcError>;

/// A call under way for all who wait for it; dropping the last handle ends it.
pub(crate) struct Flight {
    outcome: watch::Receiver<Option<Outcome>>,
    /// Dropped with the flight, which its task notices.
    _wanted: oneshot::Sender<()>,
    key: Key,
    flights: Weak<Flights>,
}

/// What a flight's task needs.
pub(crate) struct Task {
    pub(crate) outcome: watch::Sender<Option<Outcome>>,
    /// Resolves when nobody waits any more.
    pub(crate) abandoned: oneshot::Receiver<()>,
}

/// All flights.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Key, Weak<Flight>>>);

impl Flights {
    /// The flight of a key; with a task when it is new and has to be flown. `None` when there are too many.
    pub(crate) fn board(self: &Arc<Self>, key: &Key) -> Option<(Arc<Flight>, Option<Task>)> {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade)
            && flight.outcome.borrow().is_none()
        {
            return Some((flight, None));
        }
        if flights.len() >= FLIGHTS_MAX {
            return None;
        }
        let (outcome, seen) = watch::channel(None);
        let (wanted, abandoned) = oneshot::channel();
        let flight = Arc::new(Flight {
            outcome: seen,
            _wanted: wanted,
            key: key.clone(),
            flights: Arc::downgrade(self),
        });
        flights.insert(key.clone(), Arc::downgrade(&flight));
        Some((flight, Some(Task { outcome, abandoned })))
    }

    /// Flights under way.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl Flight {
    /// What the call brings.
    pub(crate) async fn landed(&self) -> Outcome {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or(Err(RpcError::NoLeader)),
            // The task ended with its room.
            Err(_) => Err(RpcError::Unavailable("the agent is ending".to_owned())),
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(flights) = self.flights.upgrade() else {
            return;
        };
        let mut flights = flights.0.lock();
        // Another may have taken the place already.
        if flights
            .get(&self.key)
            .is_some_and(|known| known.strong_count() == 0)
        {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::Read;

    fn key(index: u64) -> Key {
        Key {
            token: Token::default(),
            query: Query::new(Read::Nodes),
            consistency: Consistency::Default,
            index,
        }
    }

    #[tokio::test]
    async fn equal_waits_share_and_the_last_one_ends_the_call() {
        let flights = Arc::new(Flights::default());
        let (one, task) = flights.board(&key(7)).unwrap();
        let mut task = task.expect("the first flies");
        let (two, none) = flights.board(&key(7)).unwrap();
        assert!(none.is_none() && Arc::ptr_eq(&one, &two));
        let (other, new) = flights.board(&key(8)).unwrap();
        assert!(new.is_some(), "another index is another wait");
        assert_eq!(flights.len(), 2);
        drop((one, other));
        assert!(task.abandoned.try_recv().is_err(), "somebody waits");
        drop(two);
        assert!(task.abandoned.await.is_err());
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn what_has_landed_is_not_boarded_any_more() {
        let flights = Arc::new(Flights::default());
        let (one, task) = flights.board(&key(7)).unwrap();
        let task = task.unwrap();
        task.outcome.send_replace(Some(Err(RpcError::NoPath)));
        assert_eq!(one.landed().await.unwrap_err(), RpcError::NoPath);
        let (two, new) = flights.board(&key(7)).unwrap();
        assert!(new.is_some());
        drop(one);
        assert_eq!(flights.len(), 1, "the new one keeps its place");
        drop(two);
        assert_eq!(flights.len(), 0);
    }
}
