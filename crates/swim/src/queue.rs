//! Broadcasts that wait to be sent, each a limited number of times (spec/wire.md §1.9, "Retransmits").

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Fewest transmissions first, then the longest, then the newest.
type Place = (u32, Reverse<usize>, Reverse<u64>);

#[derive(Debug)]
struct Broadcast {
    message: Vec<u8>,
    /// What it is about: a newer broadcast about the same replaces it.
    about: Option<String>,
}

/// A queue of broadcasts. Its length is bounded by what they are about, or by [`Queue::prune`].
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<Place, Broadcast>,
    named: HashMap<String, Place>,
    next: u64,
}

impl Queue {
    /// Broadcasts that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the broadcast about that name has not been sent as often as it should.
    pub fn holds(&self, about: &str) -> bool {
        self.named.contains_key(about)
    }

    /// Adds a message; one about the same name replaces what waits.
    pub fn push(&mut self, message: Vec<u8>, about: Option<&str>) {
        if let Some(place) = about.and_then(|about| self.named.remove(about)) {
            self.waiting.remove(&place);
        }
        self.next += 1;
        let place = (0, Reverse(message.len()), Reverse(self.next));
        let about = about.map(str::to_owned);
        self.put(place, Broadcast { message, about });
    }

    fn put(&mut self, place: Place, broadcast: Broadcast) {
        if let Some(about) = &broadcast.about {
            self.named.insert(about.clone(), place);
        }
        self.waiting.insert(place, broadcast);
    }

    /// Messages for one packet of `room` bytes, each costing `overhead` more than its length; each is counted as sent once, and is
    /// gone after `limit` times.
    pub fn take(&mut self, overhead: usize, mut room: usize, limit: u32) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        let mut again = Vec::new();
        let Some((&(mut tier, ..), _)) = self.waiting.first_key_value() else {
            return taken;
        };
        let last = self
            .waiting
            .last_key_value()
            .map_or(0, |(place, _)| place.0);
        while tier <= last && room > overhead {
            // The longest of this tier that fits.
            let from: Place = (tier, Reverse(room - overhead), Reverse(u64::MAX));
            let fits = self.waiting.range(from..).next();
            let Some((&place, _)) = fits.filter(|(place, _)| place.0 == tier) else {
                tier += 1;
                continue;
            };
            let Some(broadcast) = self.waiting.remove(&place) else {
                break;
            };
            if let Some(about) = &broadcast.about {
                self.named.remove(about);
            }
            room -= overhead + broadcast.message.len();
            taken.push(broadcast.message.clone());
            if place.0 + 1 < limit {
                again.push(((place.0 + 1, place.1, place.2), broadcast));
            }
        }
        for (place, broadcast) in again {
            self.put(place, broadcast);
        }
        taken
    }

    /// Forgets the most sent until at most `max` wait.
    pub fn prune(&mut self, max: usize) {
        while self.waiting.len() > max {
            if let Some((_, broadcast)) = self.waiting.pop_last()
                && let Some(about) = broadcast.about
            {
                self.named.remove(&about);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_sent_and_longest_go_first() {
        let mut queue = Queue::default();
        queue.push(vec![1; 10], None);
        queue.push(vec![2; 30], None);
        queue.push(vec![3; 20], None);
        let firsts = |taken: Vec<Vec<u8>>| -> Vec<u8> { taken.iter().map(|m| m[0]).collect() };
        assert_eq!(firsts(queue.take(2, 64, 3)), [2, 3]);
        // The one that was never sent comes before the longer ones.
        assert_eq!(firsts(queue.take(2, 44, 3)), [1, 2]);
        assert_eq!(queue.len(), 3);
        // The third time is the last.
        assert_eq!(firsts(queue.take(2, 1000, 3)), [3, 1, 2]);
        assert_eq!(firsts(queue.take(2, 1000, 3)), [3, 1]);
        assert!(queue.take(2, 1000, 3).is_empty());
    }

    #[test]
    fn news_replace_what_they_are_about() {
        let mut queue = Queue::default();
        queue.push(vec![1], Some("a"));
        queue.push(vec![2], Some("b"));
        queue.push(vec![3], Some("a"));
        assert_eq!(queue.take(2, 100, 1), [vec![3], vec![2]]);
        assert!(!queue.holds("a") && queue.is_empty());
        for n in 0..9 {
            queue.push(vec![n], None);
        }
        queue.prune(2);
        assert_eq!(queue.take(2, 100, 1), [vec![8], vec![7]]);
    }
}
