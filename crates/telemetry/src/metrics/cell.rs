//! Where observations land: atomics, so that recording takes no lock, and the sums made of them.

use super::row::Kind;
use parking_lot::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Bits of the mantissa that tell buckets of a histogram apart: a bucket is at most a sixteenth wide.
const STEPS: u32 = 4;
/// Smallest and largest exponent that have buckets of their own (2^-14 ms = 61 ns).
const LOWEST: u64 = 1023 - 14;
const HIGHEST: u64 = 1023 + 40;
const BUCKETS: usize = ((HIGHEST - LOWEST + 1) << STEPS) as usize;

fn bucket(value: f64) -> usize {
    let at = value.to_bits() >> (52 - STEPS);
    let lowest = LOWEST << STEPS;
    usize::try_from(at.saturating_sub(lowest)).map_or(BUCKETS - 1, |at| at.min(BUCKETS - 1))
}

/// The middle of a bucket.
fn middle(bucket: usize) -> f64 {
    let low = ((LOWEST << STEPS) + bucket as u64) << (52 - STEPS);
    f64::from_bits(low | (1 << (52 - STEPS - 1)))
}

/// Sums of observations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) squares: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Sums {
    fn add(&mut self, more: &Self) {
        if more.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *more;
            return;
        }
        self.count += more.count;
        self.sum += more.sum;
        self.squares += more.squares;
        self.min = self.min.min(more.min);
        self.max = self.max.max(more.max);
    }

    pub(super) fn mean(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.sum / self.count as f64
        }
    }

    /// Deviation of the sample, 0 for fewer than two.
    pub(super) fn deviation(&self) -> f64 {
        let n = self.count as f64;
        let divisor = n * (n - 1.0);
        if divisor <= 0.0 {
            return 0.0;
        }
        ((n * self.squares - self.sum * self.sum) / divisor)
            .max(0.0)
            .sqrt()
    }
}

/// Collected by the one who reads; recording never touches it.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of the interval that runs now.
    pub(super) now: Sums,
    /// Since the start.
    pub(super) count: u64,
    pub(super) sum: f64,
    /// Histograms of the interval that runs now and of the one before.
    spread: [Vec<u32>; 2],
    /// Extremes of both.
    range: [Option<(f64, f64)>; 2],
    /// A gauge that was set, ever.
    pub(super) set: bool,
    /// Intervals that ended without an observation.
    pub(super) idle: u32,
}

impl Tally {
    /// The value below which that share of the observations of the last ten to twenty seconds lies; `None` without any.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let count = |part: &Vec<u32>| part.iter().map(|n| u64::from(*n)).sum::<u64>();
        let all: u64 = self.spread.iter().map(count).sum();
        if all == 0 {
            return None;
        }
        let rank = (share * all as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let (low, high) = self
            .range
            .iter()
            .flatten()
            .fold((f64::MAX, 0.0_f64), |(low, high), (min, max)| {
                (low.min(*min), high.max(*max))
            });
        for at in 0..BUCKETS {
            let here = |part: &Vec<u32>| part.get(at).map_or(0, |n| u64::from(*n));
            seen += self.spread.iter().map(here).sum::<u64>();
            if seen >= rank {
                return Some(middle(at).clamp(low.min(high), high));
            }
        }
        Some(high)
    }

    /// The running interval ends.
    pub(super) fn turn(&mut self) {
        self.idle = if self.now.count == 0 {
            self.idle.saturating_add(1)
        } else {
            0
        };
        self.now = Sums::default();
        self.spread.swap(0, 1);
        self.spread[0].fill(0);
        self.range = [None, self.range[0]];
    }
}

/// One series.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) kind: Kind,
    /// Place in the table.
    pub(super) row: usize,
    /// What stands for the `*` of the name, if it has one, then the values of the row's labels.
    pub(super) values: Box<[Box<str>]>,
    pub(super) allowed: AtomicBool,
    /// Increments by one.
    ones: AtomicU64,
    count: AtomicU64,
    sum: AtomicU64,
    squares: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    spread: OnceLock<Box<[AtomicU32]>>,
    pub(super) tally: Mutex<Tally>,
}

fn add(cell: &AtomicU64, value: f64) {
    let mut old = cell.load(Relaxed);
    while let Err(now) = cell.compare_exchange_weak(
        old,
        (f64::from_bits(old) + value).to_bits(),
        Relaxed,
        Relaxed,
    ) {
        old = now;
    }
}

impl Cell {
    pub(super) fn new(kind: Kind, row: usize, values: Box<[Box<str>]>, allowed: bool) -> Self {
        Self {
            kind,
            row,
            values,
            allowed: AtomicBool::new(allowed),
            ones: AtomicU64::new(0),
            count: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            squares: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            spread: OnceLock::new(),
            tally: Mutex::default(),
        }
    }

    pub(super) fn one(&self) {
        self.ones.fetch_add(1, Relaxed);
    }

    /// Negative values and such that are no numbers count as zero: nothing here measures those.
    pub(super) fn observe(&self, value: f64) {
        let value = if value > 0.0 { value } else { 0.0 };
        add(&self.sum, value);
        add(&self.squares, value * value);
        // Bits of positive floats are ordered as the floats are.
        self.min.fetch_min(value.to_bits(), Relaxed);
        self.max.fetch_max(value.to_bits(), Relaxed);
        if self.kind.spread() {
            let spread = self
                .spread
                .get_or_init(|| (0..BUCKETS).map(|_| AtomicU32::new(0)).collect());
            if let Some(place) = spread.get(bucket(value)) {
                place.fetch_add(1, Relaxed);
            }
        }
        self.count.fetch_add(1, Relaxed);
    }

    pub(super) fn set(&self, value: f64) {
        self.sum.store(value.to_bits(), Relaxed);
        self.count.store(1, Relaxed);
    }

    /// The value of a gauge.
    pub(super) fn value(&self) -> f64 {
        f64::from_bits(self.sum.load(Relaxed))
    }

    /// Moves what was recorded into the tally. Fields are taken one by one: what is recorded meanwhile may count in one
    /// interval and add to the sum of the next.
    pub(super) fn collect(&self, tally: &mut Tally) {
        if self.kind == Kind::Gauge {
            if self.count.swap(0, Relaxed) > 0 {
                tally.set = true;
                tally.now.count = 1;
            }
            return;
        }
        let ones = self.ones.swap(0, Relaxed);
        let count = self.count.swap(0, Relaxed);
        if ones > 0 {
            let n = ones as f64;
            let sums = Sums {
                count: ones,
                sum: n,
                squares: n,
                min: 1.0,
                max: 1.0,
            };
            tally.now.add(&sums);
            tally.count += ones;
            tally.sum += n;
        }
        if count == 0 {
            return;
        }
        let taken = |cell: &AtomicU64, empty: u64| f64::from_bits(cell.swap(empty, Relaxed));
        let max = taken(&self.max, 0);
        let min = taken(&self.min, u64::MAX);
        let sums = Sums {
            count,
            sum: taken(&self.sum, 0),
            squares: taken(&self.squares, 0),
            min: if min.is_nan() { max } else { min },
            max,
        };
        tally.now.add(&sums);
        tally.count += count;
        tally.sum += sums.sum;
        if let Some(spread) = self.spread.get() {
            let [now, _] = &mut tally.spread;
            now.resize(BUCKETS, 0);
            for (to, from) in now.iter_mut().zip(spread.iter()) {
                // Loads are cheap, and most buckets are empty.
                if from.load(Relaxed) > 0 {
                    *to = to.saturating_add(from.swap(0, Relaxed));
                }
            }
            let (low, high) = tally.range[0].unwrap_or((sums.min, sums.max));
            tally.range[0] = Some((low.min(sums.min), high.max(sums.max)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_values() {
        let cell = Cell::new(Kind::Timer, 0, Box::default(), true);
        for value in [1.0, 2.0, 3.0, 4.0] {
            cell.observe(value);
        }
        let mut tally = Tally::default();
        cell.collect(&mut tally);
        assert_eq!(
            (tally.now.count, tally.now.sum, tally.now.min, tally.now.max),
            (4, 10.0, 1.0, 4.0)
        );
        assert!((tally.now.deviation() - 1.290_994).abs() < 1e-5);
        cell.collect(&mut tally);
        assert_eq!(tally.now.count, 4);
        tally.turn();
        assert_eq!((tally.now.count, tally.count, tally.sum), (0, 4, 10.0));
    }

    #[test]
    fn quantiles_are_near_and_vanish_after_two_intervals() {
        let cell = Cell::new(Kind::Timer, 0, Box::default(), true);
        for value in 1..=1000 {
            cell.observe(f64::from(value));
        }
        let mut tally = Tally::default();
        cell.collect(&mut tally);
        for (share, want) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0)] {
            let found = tally.quantile(share).unwrap();
            assert!((found - want).abs() / want < 0.05, "{share}: {found}");
        }
        tally.turn();
        assert!(tally.quantile(0.5).is_some());
        tally.turn();
        assert_eq!(tally.quantile(0.5), None);
    }

    #[test]
    fn any_value_has_a_bucket() {
        for value in [0.0, 1e-300, 1e-5, 1.0, 1e12, 1e300, f64::INFINITY] {
            assert!(bucket(value) < BUCKETS);
        }
        let at = middle(bucket(0.75));
        assert!((at - 0.75).abs() < 0.05, "{at}");
    }
}
