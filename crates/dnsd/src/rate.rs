//! The response-rate limit: how many answers much larger than their question one source prefix gets over UDP.
//!
//! Whoever sends questions in another's name makes us send that other the answers. Names and default prefixes are those of
//! the limits that BIND and NSD have; what is beyond the rate is dropped, but every second time told by a reply without records
//! and with TC, which is no larger than its question and brings an honest client back over a stream.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// An answer counts when it is more than so many times as long as its question. A question for one address is answered below
/// it, one for SRV records with their addresses above.
const AMPLIFYING: usize = 6;
/// Places for prefixes, eight bytes each. Prefixes that fall on the same place share their rate; which ones do differs from
/// process to process and cannot be chosen from outside.
const PLACES: usize = 1 << 16;
/// Bits of an IPv4 address that count as one client.
const IPV4_BITS: u32 = 24;
/// Bits of an IPv6 address that count as one client.
const IPV6_BITS: u32 = 56;
/// Of so many answers beyond the rate one is told with TC.
const SLIP: u32 = 2;
const SECOND_NANOS: u64 = 1_000_000_000;

/// What is to be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it.
    Send,
    /// Send its question with TC instead.
    Slip,
    /// Send nothing.
    Drop,
}

/// Rates of all prefixes, in memory of a fixed size.
pub(crate) struct ResponseRate {
    per_second: NonZeroU32,
    /// By place the time at which its prefix will have used up nothing, nanoseconds.
    places: Box<[AtomicU64]>,
    hasher: RandomState,
    refused: AtomicU32,
}

impl std::fmt::Debug for ResponseRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseRate")
            .field("per_second", &self.per_second)
            .finish_non_exhaustive()
    }
}

impl ResponseRate {
    /// So many large answers a second for each prefix, and as many at once.
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self {
            per_second,
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            refused: AtomicU32::new(0),
        }
    }

    /// The configured rate.
    pub(crate) fn per_second(&self) -> NonZeroU32 {
        self.per_second
    }

    /// Judges an answer of so many bytes to a question of so many at `now`, nanoseconds of a monotonic clock.
    pub(crate) fn judge(&self, to: IpAddr, question: usize, answer: usize, now: u64) -> Verdict {
        if answer <= AMPLIFYING * question || self.take(to, now) {
            return Verdict::Send;
        }
        match self.refused.fetch_add(1, Relaxed) % SLIP {
            0 => Verdict::Slip,
            _ => Verdict::Drop,
        }
    }

    /// Whether the prefix has one answer left (the generic cell rate algorithm, ITU-T I.371).
    fn take(&self, to: IpAddr, now: u64) -> bool {
        let hash = self.hasher.hash_one(prefix(to));
        let Some(place) = self.places.get(hash as usize % PLACES) else {
            return true;
        };
        let cost = SECOND_NANOS / u64::from(self.per_second.get());
        let spend = |used_until: u64| {
            let next = used_until.max(now) + cost;
            (next <= now + SECOND_NANOS).then_some(next)
        };
        place.fetch_update(Relaxed, Relaxed, spend).is_ok()
    }
}

fn prefix(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) >> (32 - IPV4_BITS)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> (128 - IPV6_BITS)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn rate(per_second: u32) -> ResponseRate {
        ResponseRate::new(NonZeroU32::new(per_second).expect("a rate"))
    }

    #[test]
    fn a_prefix_gets_its_rate_and_no_more() {
        let rate = rate(10);
        let sent = |to: &str, now| {
            (0..100)
                .filter(|_| rate.judge(ip(to), 40, 400, now) == Verdict::Send)
                .count()
        };
        assert_eq!(sent("192.0.2.1", 0), 10);
        assert_eq!(sent("192.0.2.200", 0), 0, "the same prefix");
        assert_eq!(sent("::ffff:192.0.2.7", 0), 0, "the same address family");
        assert_eq!(sent("192.0.3.1", 0), 10, "another prefix");
        assert_eq!(
            sent("192.0.2.1", SECOND_NANOS / 2),
            5,
            "half a second later"
        );
        assert_eq!(
            sent("192.0.2.1", 60 * SECOND_NANOS),
            10,
            "nothing is saved up"
        );
        assert_eq!(sent("2001:db8:0:1::1", 0), 10);
        assert_eq!(sent("2001:db8:0:2::1", 0), 0, "the same /56");
    }

    #[test]
    fn small_answers_are_free_and_every_second_refusal_is_told() {
        let rate = rate(1);
        let to = ip("192.0.2.1");
        assert_eq!(rate.judge(to, 40, 400, 0), Verdict::Send);
        for _ in 0..3 {
            assert_eq!(rate.judge(to, 40, 400, 0), Verdict::Slip);
            assert_eq!(rate.judge(to, 40, 400, 0), Verdict::Drop);
            assert_eq!(rate.judge(to, 40, 6 * 40, 0), Verdict::Send);
        }
    }
}
