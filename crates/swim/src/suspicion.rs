//! How long a suspected node has: the more accusers, the shorter (Lifeguard; spec/wire.md §1.9).

use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    started: Duration,
    min: Duration,
    max: Duration,
    /// Confirmations after which the time is shortest.
    wanted: usize,
    /// The accusers; the first one does not count.
    accusers: Vec<String>,
}

impl Suspicion {
    /// `wanted` confirmations make the time `min`, none leave it `max`; if none are wanted it is `min` from the start.
    pub(crate) fn new(
        now: Duration,
        from: &str,
        wanted: usize,
        min: Duration,
        max: Duration,
    ) -> Self {
        Self {
            started: now,
            min,
            max,
            wanted,
            accusers: vec![from.to_owned()],
        }
    }

    /// When the node counts as dead.
    pub(crate) fn expires(&self) -> Duration {
        if self.wanted == 0 {
            return self.started + self.min;
        }
        let share = (self.confirmations() as f64 + 1.0).ln() / (self.wanted as f64 + 1.0).ln();
        let (min, max) = (self.min.as_secs_f64(), self.max.as_secs_f64());
        // In whole milliseconds, as the reference has it.
        let millis = ((max - share * (max - min)) * 1000.0).floor().max(0.0);
        self.started + Duration::from_millis(millis as u64).max(self.min)
    }

    /// Accusers beside the first.
    pub(crate) fn confirmations(&self) -> usize {
        self.accusers.len() - 1
    }

    /// One more accuser; whether it is new and needed, which makes it worth telling others.
    pub(crate) fn confirm(&mut self, from: &str) -> bool {
        let full = self.accusers.len() > self.wanted;
        if full || self.accusers.iter().any(|known| known == from) {
            return false;
        }
        self.accusers.push(from.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accusers_shorten_the_time() {
        let secs = Duration::from_secs;
        let mut suspicion = Suspicion::new(secs(100), "a", 3, secs(2), secs(30));
        assert_eq!(suspicion.expires(), secs(130));
        assert!(!suspicion.confirm("a"));
        assert!(suspicion.confirm("b"));
        assert_eq!(suspicion.expires(), secs(116));
        assert!(!suspicion.confirm("b"));
        assert!(suspicion.confirm("c"));
        assert_eq!(suspicion.expires(), Duration::from_millis(107_810));
        assert!(suspicion.confirm("d"));
        assert_eq!(suspicion.expires(), secs(102));
        assert!(!suspicion.confirm("e"));
        let alone = Suspicion::new(secs(0), "a", 0, secs(2), secs(30));
        assert_eq!(alone.expires(), secs(2));
    }
}
