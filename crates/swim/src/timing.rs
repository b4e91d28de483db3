//! Timing profiles (spec/wire.md §1.8).

use std::time::Duration;

/// Intervals, time-outs and multipliers of a pool. All nodes of a pool should have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Deadline of a stream's exchange.
    pub tcp_timeout: Duration,
    /// Nodes asked to probe a silent one.
    pub indirect_checks: usize,
    /// Transmissions of a broadcast, times the logarithm of the pool's size.
    pub retransmit_mult: u32,
    /// Probe intervals that a suspected node has to answer, times the logarithm of the pool's size.
    pub suspicion_mult: u32,
    /// How many times longer a lone accuser waits.
    pub suspicion_max_mult: u32,
    /// Between full exchanges of state; zero for none.
    pub push_pull_interval: Duration,
    /// Between probes.
    pub probe_interval: Duration,
    /// Wait for a direct answer.
    pub probe_timeout: Duration,
    /// Between rounds of broadcasts.
    pub gossip_interval: Duration,
    /// Receivers of a round.
    pub gossip_nodes: usize,
    /// How long a dead node is still told of what happens, and remembered.
    pub gossip_to_the_dead: Duration,
    /// Bound of the factor by which a node in trouble waits longer.
    pub awareness_max: u32,
    /// After this time a dead node's name may come back with another address; zero for never.
    pub dead_node_reclaim: Duration,
    /// Whether a silent node is also tried by stream.
    pub tcp_pings: bool,
}

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Timing {
    /// Nodes of one datacenter.
    pub const LAN: Self = Self {
        tcp_timeout: ms(10_000),
        indirect_checks: 3,
        retransmit_mult: 4,
        suspicion_mult: 4,
        suspicion_max_mult: 6,
        push_pull_interval: ms(30_000),
        probe_interval: ms(1_000),
        probe_timeout: ms(500),
        gossip_interval: ms(200),
        gossip_nodes: 3,
        gossip_to_the_dead: ms(30_000),
        awareness_max: 8,
        dead_node_reclaim: Duration::ZERO,
        tcp_pings: true,
    };

    /// Nodes of several datacenters.
    pub const WAN: Self = Self {
        tcp_timeout: ms(30_000),
        suspicion_mult: 6,
        push_pull_interval: ms(60_000),
        probe_interval: ms(5_000),
        probe_timeout: ms(3_000),
        gossip_interval: ms(500),
        gossip_nodes: 4,
        gossip_to_the_dead: ms(60_000),
        ..Self::LAN
    };

    /// Nodes of one machine.
    pub const LOCAL: Self = Self {
        tcp_timeout: ms(1_000),
        indirect_checks: 1,
        retransmit_mult: 2,
        suspicion_mult: 3,
        push_pull_interval: ms(15_000),
        probe_timeout: ms(200),
        gossip_interval: ms(100),
        gossip_to_the_dead: ms(15_000),
        ..Self::LAN
    };
}

/// `⌈log10(n + 1)⌉`
fn decades(nodes: usize) -> u32 {
    let mut scale = 0;
    let mut bound: usize = 1;
    // The smallest power of ten that is not below n + 1.
    while bound < nodes.saturating_add(1) {
        bound = bound.saturating_mul(10);
        scale += 1;
    }
    scale
}

impl Timing {
    /// Transmissions of one broadcast in a pool of that size.
    pub fn retransmits(&self, nodes: usize) -> u32 {
        self.retransmit_mult * decades(nodes)
    }

    /// Shortest time a suspected node has, in a pool of that size.
    pub(crate) fn suspicion_min(&self, nodes: usize) -> Duration {
        let scale = (nodes.max(1) as f64).log10().max(1.0);
        // The reference scales in thousandths.
        let thousandths = (scale * 1000.0) as u32;
        self.probe_interval * self.suspicion_mult * thousandths / 1000
    }

    /// Time between full exchanges in a pool of that size: a larger one has more of them anyway.
    pub(crate) fn push_pull(&self, nodes: usize) -> Duration {
        const THRESHOLD: f64 = 32.0;
        let nodes = nodes as f64;
        if nodes <= THRESHOLD {
            return self.push_pull_interval;
        }
        let scale = (nodes.log2() - THRESHOLD.log2()).ceil() as u32 + 1;
        self.push_pull_interval * scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_the_specifications() {
        let retransmits = [1, 2, 9, 10, 99, 100, 1000].map(|n| Timing::LAN.retransmits(n));
        assert_eq!(retransmits, [4, 4, 4, 8, 8, 12, 16]);
        assert_eq!(Timing::LAN.retransmits(0), 0);
        assert_eq!(Timing::LAN.suspicion_min(5), ms(4_000));
        assert_eq!(Timing::LAN.suspicion_min(100), ms(8_000));
        assert_eq!(Timing::LAN.suspicion_min(50), ms(6_792));
        assert_eq!(Timing::LAN.push_pull(32), ms(30_000));
        assert_eq!(Timing::LAN.push_pull(33), ms(60_000));
        assert_eq!(Timing::LAN.push_pull(65), ms(90_000));
    }
}
