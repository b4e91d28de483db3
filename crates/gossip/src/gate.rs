//! Places for the streams of others: so many in all, so many of one address, so many bytes in flight.

use crate::limits::{STREAM_BYTES_MAX, STREAMS_MAX, STREAMS_PER_PEER_MAX};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
struct Inner {
    /// Streams by address; an address without any is not there.
    streams: Mutex<HashMap<IpAddr, usize>>,
    bytes: AtomicUsize,
}

/// Counts streams and their bytes. Clones are the same gate.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

impl Gate {
    /// A place for a stream of `peer`; `None` when there is none left.
    pub(crate) fn enter(&self, peer: IpAddr) -> Option<Place> {
        let mut streams = self.0.streams.lock();
        if streams.values().sum::<usize>() >= STREAMS_MAX {
            return None;
        }
        let own = streams.entry(peer).or_default();
        if *own >= STREAMS_PER_PEER_MAX {
            return None;
        }
        *own += 1;
        Some(Place {
            gate: self.clone(),
            peer: Some(peer),
            bytes: 0,
        })
    }

    /// A place for a stream of ours: only its bytes are counted here.
    pub(crate) fn own(&self) -> Place {
        Place {
            gate: self.clone(),
            peer: None,
            bytes: 0,
        }
    }
}

/// A stream's place; dropping it gives back the place and its bytes.
pub(crate) struct Place {
    gate: Gate,
    peer: Option<IpAddr>,
    bytes: usize,
}

impl Place {
    /// The stream now holds so many bytes; `false` when that is too much for all together.
    pub(crate) fn holds(&mut self, bytes: usize) -> bool {
        let all = &self.gate.0.bytes;
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            self.bytes = bytes;
            all.fetch_add(more, Ordering::Relaxed) + more <= STREAM_BYTES_MAX
        } else {
            all.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.bytes = bytes;
            true
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.holds(0);
        let Some(peer) = self.peer else { return };
        let mut streams = self.gate.0.streams.lock();
        if let Some(own) = streams.get_mut(&peer) {
            *own -= 1;
            if *own == 0 {
                streams.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn one_peer_cannot_take_all_places() {
        let gate = Gate::default();
        let mut held: Vec<Place> = std::iter::from_fn(|| gate.enter(ip(1))).collect();
        assert_eq!(held.len(), STREAMS_PER_PEER_MAX);
        held.extend(
            (2..200)
                .flat_map(|last| std::iter::from_fn(move || Some(ip(last))).take(9))
                .filter_map(|ip| gate.enter(ip)),
        );
        assert_eq!(held.len(), STREAMS_MAX);
        held.clear();
        assert!(gate.0.streams.lock().is_empty());
        assert!(gate.enter(ip(1)).is_some());
    }

    #[test]
    fn bytes_are_counted_together_and_given_back() {
        let gate = Gate::default();
        let (mut one, mut two) = (gate.own(), gate.own());
        assert!(one.holds(STREAM_BYTES_MAX - 10));
        assert!(two.holds(10));
        assert!(!two.holds(11));
        assert!(one.holds(5));
        assert!(two.holds(11));
        drop((one, two));
        assert_eq!(gate.0.bytes.load(Ordering::Relaxed), 0);
    }
}
