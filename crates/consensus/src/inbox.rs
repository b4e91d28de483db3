//! A queue that is emptied as a whole: one lock per batch on the taking side, a wake-up only when the
//! taker sleeps.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

struct State<T> {
    items: VecDeque<T>,
    weight: usize,
    asleep: bool,
    closed: bool,
}

/// Many put in, one takes everything out.
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Inbox {
            state: Mutex::new(State {
                items: VecDeque::new(),
                weight: 0,
                asleep: false,
                closed: false,
            }),
            wake: Condvar::new(),
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
        state.weight = 0;
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
