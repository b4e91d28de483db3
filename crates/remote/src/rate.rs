//! The agent's own limit of calls: a bucket that fills with time.

use rt::Instant;

/// `rate` calls a second, `burst` at once.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: f64, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst);
        Self {
            rate,
            burst,
            tokens: burst,
            filled: now,
        }
    }

    /// Whether a call may be made now. A negative rate is no limit.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.rate < 0.0 {
            return true;
        }
        let passed = now.since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_the_rate() {
        let now = Instant::from_nanos(0);
        let mut bucket = Bucket::new(2.0, 3, now);
        assert_eq!((0..9).filter(|_| bucket.take(now)).count(), 3);
        let later = now.after(Duration::from_secs(1));
        assert_eq!((0..9).filter(|_| bucket.take(later)).count(), 2);
        let mut free = Bucket::new(-1.0, 0, now);
        assert!((0..9).all(|_| free.take(now)));
    }
}
