//! Where a node stands among the others by the time answers take: Vivaldi (spec/wire.md §2.8).
//!
//! The model is that of Dabek et al., "Vivaldi: A Decentralized Network Coordinate System" (SIGCOMM 2004), with the height,
//! adjustment and gravity terms that the reference adds.

use bytes::Bytes;
use dialect::{List, msgpack};
use model::NetCoord;
use rand::RngCore;
use std::collections::HashMap;
use std::time::Duration;

/// First byte of a coordinate that goes with an answer.
const VERSION: u8 = 1;
const ERROR_MAX: f64 = 1.5;
const ERROR_GAIN: f64 = 0.25;
const FORCE_GAIN: f64 = 0.25;
const ADJUSTMENT_WINDOW: usize = 20;
const HEIGHT_MIN: f64 = 1e-5;
const LATENCY_SAMPLES: usize = 3;
const GRAVITY_RHO: f64 = 150.0;
/// Times and distances below this are none.
const ZERO: f64 = 1e-6;
/// Answers that took longer say nothing about the way.
const RTT_MAX: f64 = 10.0;

/// A node's own coordinate, and what it is made from.
pub(crate) struct Place {
    coord: NetCoord,
    adjustments: [f64; ADJUSTMENT_WINDOW],
    next: usize,
    latencies: HashMap<String, Vec<f64>>,
}

fn fresh() -> NetCoord {
    NetCoord {
        vec: List::from(vec![0.0; NetCoord::DIMENSION]),
        error: ERROR_MAX,
        adjustment: 0.0,
        height: HEIGHT_MIN,
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            coord: fresh(),
            adjustments: [0.0; ADJUSTMENT_WINDOW],
            next: 0,
            latencies: HashMap::new(),
        }
    }

    pub(crate) fn coord(&self) -> &NetCoord {
        &self.coord
    }

    /// What goes with an answer.
    pub(crate) fn payload(&self) -> Bytes {
        let mut out = vec![VERSION];
        msgpack::Writer::new(&mut out).value(&self.coord);
        out.into()
    }

    /// The peer is gone.
    pub(crate) fn forget(&mut self, name: &str) {
        self.latencies.remove(name);
    }

    /// A peer answered after `took`, with its own coordinate, which is returned if it makes sense.
    pub(crate) fn learn(
        &mut self,
        name: &str,
        took: Duration,
        payload: &[u8],
        rng: &mut dyn RngCore,
    ) -> Option<NetCoord> {
        let (version, body) = payload.split_first()?;
        if *version != VERSION {
            return None;
        }
        let other: NetCoord = msgpack::from_slice(body).ok()?;
        let rtt = took.as_secs_f64();
        if !is_valid(&other) || rtt > RTT_MAX {
            return None;
        }
        let rtt = self.filtered(name, rtt);
        self.pull(&other, rtt, rng);
        self.adjust(&other, rtt);
        self.fall(rng);
        if !is_valid(&self.coord) {
            self.coord = fresh();
        }
        Some(other)
    }

    /// The median of the last samples of a peer: one slow answer is none.
    fn filtered(&mut self, name: &str, rtt: f64) -> f64 {
        let samples = self.latencies.entry(name.to_owned()).or_default();
        samples.push(rtt);
        if samples.len() > LATENCY_SAMPLES {
            samples.remove(0);
        }
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(rtt)
    }

    /// The spring between the two pulls or pushes.
    fn pull(&mut self, other: &NetCoord, rtt: f64, rng: &mut dyn RngCore) {
        let distance = self.coord.distance(other);
        let rtt = rtt.max(ZERO);
        let wrongness = (distance - rtt).abs() / rtt;
        let total = (self.coord.error + other.error).max(ZERO);
        let weight = self.coord.error / total;
        self.coord.error = (ERROR_GAIN * weight * wrongness
            + self.coord.error * (1.0 - ERROR_GAIN * weight))
            .min(ERROR_MAX);
        let force = FORCE_GAIN * weight * (rtt - distance);
        apply(&mut self.coord, force, other, rng);
    }

    fn adjust(&mut self, other: &NetCoord, rtt: f64) {
        self.adjustments[self.next] = rtt - raw_distance(&self.coord, other);
        self.next = (self.next + 1) % ADJUSTMENT_WINDOW;
        let sum: f64 = self.adjustments.iter().sum();
        self.coord.adjustment = sum / (2.0 * ADJUSTMENT_WINDOW as f64);
    }

    /// A weak pull to the middle, so that the whole pool does not drift.
    fn fall(&mut self, rng: &mut dyn RngCore) {
        let middle = fresh();
        let share = self.coord.distance(&middle) / GRAVITY_RHO;
        apply(&mut self.coord, -share * share, &middle, rng);
    }
}

/// Moves `coord` away from `other` by `force` seconds.
fn apply(coord: &mut NetCoord, force: f64, other: &NetCoord, rng: &mut dyn RngCore) {
    let away: Vec<f64> = coord
        .vec
        .iter()
        .zip(other.vec.iter())
        .map(|(a, b)| a - b)
        .collect();
    let length = magnitude(&away);
    let (unit, apart) = if length > ZERO {
        (away.iter().map(|part| part / length).collect(), true)
    } else {
        (direction(rng), false)
    };
    for (part, unit) in coord.vec.make_mut().iter_mut().zip(unit) {
        *part += unit * force;
    }
    if apart {
        let height = (coord.height + other.height) * force / length + coord.height;
        coord.height = height.max(HEIGHT_MIN);
    }
}

/// A unit vector of any direction.
fn direction(rng: &mut dyn RngCore) -> Vec<f64> {
    let drawn: Vec<f64> = (0..NetCoord::DIMENSION)
        .map(|_| rng.next_u32() as f64 / f64::from(u32::MAX) - 0.5)
        .collect();
    let length = magnitude(&drawn);
    if length > ZERO {
        return drawn.iter().map(|part| part / length).collect();
    }
    let mut along = vec![0.0; NetCoord::DIMENSION];
    along[0] = 1.0;
    along
}

fn magnitude(vector: &[f64]) -> f64 {
    vector.iter().map(|part| part * part).sum::<f64>().sqrt()
}

/// The distance without adjustments.
fn raw_distance(a: &NetCoord, b: &NetCoord) -> f64 {
    let apart: Vec<f64> = a.vec.iter().zip(b.vec.iter()).map(|(a, b)| a - b).collect();
    magnitude(&apart) + a.height + b.height
}

fn is_valid(coord: &NetCoord) -> bool {
    coord.vec.len() == NetCoord::DIMENSION
        && coord
            .vec
            .iter()
            .chain([&coord.error, &coord.adjustment, &coord.height])
            .all(|part| part.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    fn encoded(coord: &NetCoord) -> Vec<u8> {
        let mut out = vec![VERSION];
        msgpack::Writer::new(&mut out).value(coord);
        out
    }

    /// Nodes on a line, 10 ms apart, find distances near the true ones.
    #[test]
    fn a_line_is_found() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut places: Vec<Place> = (0..8).map(|_| Place::new()).collect();
        let truth = |a: usize, b: usize| 0.010 * a.abs_diff(b) as f64;
        for round in 0..4_000 {
            let a = round % 8;
            let b = rng.next_u32() as usize % 8;
            if a == b {
                continue;
            }
            let payload = places[b].payload();
            let took = Duration::from_secs_f64(truth(a, b));
            let told = places[a].learn(&format!("n{b}"), took, &payload, &mut rng);
            assert!(told.is_some());
        }
        let mut wrong = 0.0;
        for a in 0..8 {
            for b in 0..8 {
                if a != b {
                    let found = places[a].coord().distance(places[b].coord());
                    wrong += (found - truth(a, b)).abs() / truth(a, b) / 56.0;
                }
            }
        }
        assert!(wrong < 0.15, "mean error {wrong}");
    }

    #[test]
    fn nonsense_moves_nobody() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut place = Place::new();
        let took = Duration::from_millis(10);
        let mut short = fresh();
        short.vec = List::from(vec![0.0; 7]);
        let mut broken = fresh();
        broken.height = f64::NAN;
        let slow = Duration::from_secs(11);
        for (payload, took) in [
            (Vec::new(), took),
            (vec![9], took),
            (vec![VERSION, 0xc1], took),
            (encoded(&short), took),
            (encoded(&broken), took),
            (encoded(&fresh()), slow),
        ] {
            assert!(place.learn("x", took, &payload, &mut rng).is_none());
        }
        assert_eq!(*place.coord(), fresh());
        assert!(
            place
                .learn("x", took, &encoded(&fresh()), &mut rng)
                .is_some()
        );
        assert_ne!(*place.coord(), fresh());
    }
}
