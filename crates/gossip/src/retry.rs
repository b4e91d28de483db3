//! When to try again to join (spec/agent-config.md §10), as a value: no clock, no addresses.

use std::time::Duration;
use thiserror::Error;

/// How often and after which waits a join is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    wait: Duration,
    longest: Duration,
    left: Option<u32>,
}

/// What to do after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after this time.
    Wait(Duration),
    /// No more.
    GiveUp,
}

/// All tries failed. The text is the reference's, without its prefix that names the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("retry exhausted, exiting")]
pub struct Exhausted;

impl Retry {
    /// `retry_interval` between tries, `retry_max` of them after the first; 0 for no end.
    pub fn every(interval: Duration, max: u32) -> Self {
        Self {
            wait: interval,
            longest: interval,
            left: (max > 0).then_some(max),
        }
    }

    /// The same, but each wait is twice the one before, up to `longest`.
    #[must_use]
    pub fn doubling_up_to(self, longest: Duration) -> Self {
        Self {
            longest: longest.max(self.wait),
            ..self
        }
    }

    /// A try failed.
    pub fn failed(&mut self) -> Next {
        if let Some(left) = &mut self.left {
            let Some(fewer) = left.checked_sub(1) else {
                return Next::GiveUp;
            };
            *left = fewer;
        }
        let wait = self.wait;
        self.wait = wait.saturating_mul(2).min(self.longest);
        Next::Wait(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_first_try_does_not_count() {
        let mut retry = Retry::every(secs(30), 2);
        let told = [(); 4].map(|()| retry.failed());
        let wait = Next::Wait(secs(30));
        assert_eq!(told, [wait, wait, Next::GiveUp, Next::GiveUp]);
        let mut endless = Retry::every(secs(30), 0);
        assert!((0..100).all(|_| endless.failed() == wait));
    }

    #[test]
    fn waits_grow_only_where_that_is_wanted() {
        let mut retry = Retry::every(secs(1), 0).doubling_up_to(secs(5));
        let waits = [1, 2, 4, 5, 5].map(|wait| Next::Wait(secs(wait)));
        assert_eq!([(); 5].map(|()| retry.failed()), waits);
    }
}
