//! A queue that is emptied as a whole: one lock per batch on the taking side, a wake-up only when the
//! taker sleeps.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

struct State<T> {
    items: VecDeque<T>,
    weight: usize,
    /// Weight of what was taken last, which its taker may still be at.
    taken: usize,
    asleep: bool,
    closed: bool,
}

/// Many put in, one takes everything out.
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
    /// Weight of what waits or is being worked on.
    load: AtomicUsize,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Inbox {
            state: Mutex::new(State {
                items: VecDeque::new(),
                weight: 0,
                taken: 0,
                asleep: false,
                closed: false,
            }),
            wake: Condvar::new(),
            load: AtomicUsize::new(0),
        }
    }
}

/// Why an item was not taken in; it comes back.
pub(crate) enum Rejected<T> {
    Closed(T),
    Full(T),
}

impl<T> Inbox<T> {
    /// Puts in what its sender bounds by itself (completions, ticks). Dropped after [`Inbox::close`].
    pub(crate) fn push(&self, item: T) {
        let _ = self.offer(item, 0, usize::MAX);
    }

    /// Puts in what cannot be refused any more; who feeds its source looks at [`Inbox::load`] first.
    pub(crate) fn push_weighed(&self, item: T, weight: usize) {
        let _ = self.offer(item, weight, usize::MAX);
    }

    /// Weight of what waits, with what its taker took last; one atomic load.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Puts in an item of `weight` unless that brings what waits over `limit`.
    pub(crate) fn offer(&self, item: T, weight: usize, limit: usize) -> Result<(), Rejected<T>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Rejected::Closed(item));
        }
        if weight > 0 && state.weight + weight > limit {
            return Err(Rejected::Full(item));
        }
        state.weight += weight;
        self.load
            .store(state.weight + state.taken, Ordering::Relaxed);
        state.items.push_back(item);
        if state.asleep {
            state.asleep = false;
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Moves everything into `out`, after waiting for something until `until` (`None`: as long as it takes).
    pub(crate) fn take(&self, out: &mut VecDeque<T>, until: Option<Instant>) {
        let mut state = self.state.lock();
        if state.taken > 0 {
            // Whoever comes for more is through with what it took.
            state.taken = 0;
            self.load.store(state.weight, Ordering::Relaxed);
        }
        while state.items.is_empty() && !state.closed {
            state.asleep = true;
            match until {
                None => self.wake.wait(&mut state),
                Some(until) => {
                    if self.wake.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        state.asleep = false;
        state.taken = std::mem::take(&mut state.weight);
        self.load.store(state.taken, Ordering::Relaxed);
        if out.is_empty() {
            std::mem::swap(out, &mut state.items);
        } else {
            out.append(&mut state.items);
        }
    }

    /// Refuses everything from now on and gives back what waits.
    pub(crate) fn close(&self) -> VecDeque<T> {
        let mut state = self.state.lock();
        state.closed = true;
        self.wake.notify_one();
        std::mem::take(&mut state.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_what_waits_and_what_is_being_worked_on() {
        let (inbox, mut out) = (Inbox::default(), VecDeque::new());
        inbox.push_weighed('a', 5);
        inbox.push('b');
        inbox.take(&mut out, None);
        assert_eq!((out.len(), inbox.load()), (2, 5));
        inbox.push_weighed('c', 7);
        assert_eq!(inbox.load(), 12);
        inbox.take(&mut out, None);
        assert_eq!((out.len(), inbox.load()), (3, 7));
        inbox.take(&mut out, Some(Instant::now()));
        assert_eq!(inbox.load(), 0);
        assert!(matches!(inbox.offer('d', 9, 8), Err(Rejected::Full('d'))));
    }
}
