//! Probes: own ones, those made for others, and what is answered (spec/wire.md §1.9).

use crate::messages::{Ack, IndirectPing, Message, Nack, Ping, State, Suspect};
use crate::node::{ip, ip_bytes};
use crate::stream::StreamMessage;
use crate::swim::{Purpose, Swim, Turn};
use crate::upper::Note;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Probes made for others at the same time; further requests are not answered.
pub const RELAYS_MAX: usize = 4096;
/// Lowest version of a node that says that it got no answer.
const NACK_VERSION: u8 = 4;
/// Lowest version of a node that answers pings by stream.
const STREAM_VERSION: u8 = 3;
/// Lowest version of a node that checks checksums.
pub(crate) const CRC_VERSION: u8 = 5;

/// The probe that is under way; there is one at a time.
pub(crate) struct Probe {
    name: Arc<str>,
    incarnation: u32,
    seq: u32,
    sent: Duration,
    /// When others are asked, if that is still to come.
    asks: Option<Duration>,
    until: Duration,
    nacks_wanted: u32,
    nacks: u32,
    /// It answered by stream.
    streamed: bool,
}

impl Probe {
    pub(crate) fn deadline(&self) -> Duration {
        self.asks.unwrap_or(self.until)
    }
}

/// A probe made for another.
pub(crate) struct Relay {
    /// Who asked.
    to: SocketAddr,
    /// Its number.
    seq: u32,
    nack: bool,
    until: Duration,
}

impl Swim {
    pub(crate) fn begin_probe(&mut self, turn: &mut Turn<'_>) {
        let timing = self.config.timing;
        let own = self.config.name.clone();
        let forget = timing.gossip_to_the_dead;
        let next = self.nodes.next_to_probe(&own, turn.now, forget, turn.rng);
        let Some(node) = next.and_then(|name| self.node(&name).cloned()) else {
            return;
        };
        let ping = self.own_ping(&node.name);
        self.probe = Some(Probe {
            name: node.name.clone(),
            incarnation: node.incarnation,
            seq: ping.seq,
            sent: turn.now,
            asks: Some(turn.now + timing.probe_timeout),
            until: turn.now + timing.probe_interval * (self.awareness + 1),
            nacks_wanted: 0,
            nacks: 0,
            streamed: false,
        });
        let ping = Message::Ping(ping);
        if node.state == State::Alive {
            self.send(node.addr, &ping, false, turn);
            return;
        }
        // It shall hear at once what is said of it.
        let suspect = Message::Suspect(Suspect {
            incarnation: node.incarnation,
            node: node.name.to_string(),
            from: own,
        });
        let parts = [ping.encode(), suspect.encode()];
        let crc = node.versions.max >= CRC_VERSION;
        self.send_parts(node.addr, &parts, crc, turn);
    }

    /// Takes the probe further as time passes.
    pub(crate) fn probing(&mut self, turn: &mut Turn<'_>) {
        if let Some(probe) = &mut self.probe
            && probe.asks.is_some_and(|at| at <= turn.now)
        {
            probe.asks = None;
            self.ask_others(turn);
        }
        if self.probe.as_ref().is_some_and(|p| p.until <= turn.now)
            && let Some(probe) = self.probe.take()
        {
            self.unanswered(probe, turn);
        }
    }

    fn ask_others(&mut self, turn: &mut Turn<'_>) {
        let Some(probe) = &self.probe else { return };
        let (name, seq, until) = (probe.name.clone(), probe.seq, probe.until);
        let Some(target) = self.node(&name).cloned() else {
            return;
        };
        let own = self.config.name.clone();
        let count = self.config.timing.indirect_checks;
        let helpers = self.nodes.some(count, turn.rng, |entry| {
            let node = &entry.node;
            node.state == State::Alive && *node.name != *own && node.name != name
        });
        for helper in helpers {
            let nack = helper.versions.max >= NACK_VERSION;
            if nack && let Some(probe) = &mut self.probe {
                probe.nacks_wanted += 1;
            }
            let ask = IndirectPing {
                seq,
                target: ip_bytes(target.addr.ip()),
                port: target.addr.port(),
                node: name.to_string(),
                nack,
                source_addr: ip_bytes(self.config.addr.ip()),
                source_port: self.config.addr.port(),
                source_node: own.clone(),
            };
            self.send(helper.addr, &Message::IndirectPing(ask), false, turn);
        }
        if self.config.timing.tcp_pings && target.versions.max >= STREAM_VERSION {
            let ping = Ping {
                seq,
                node: name.to_string(),
                source_addr: ip_bytes(self.config.addr.ip()),
                source_port: self.config.addr.port(),
                source_node: own,
            };
            let request = StreamMessage::Ping(ping);
            self.stream(target.addr, request, until, Purpose::Ping(seq));
        }
    }

    /// The time of a probe is over without an answer by packet.
    fn unanswered(&mut self, probe: Probe, turn: &mut Turn<'_>) {
        let node = probe.name.to_string();
        if probe.streamed {
            turn.upper.note(Note::OnlyStreams { node });
            return;
        }
        // Helpers that say nothing at all point to trouble of our own.
        self.worsen(if probe.nacks_wanted > 0 {
            probe.nacks_wanted.saturating_sub(probe.nacks)
        } else {
            1
        });
        turn.upper.note(Note::Suspect { node: node.clone() });
        let suspect = Suspect {
            incarnation: probe.incarnation,
            node,
            from: self.config.name.clone(),
        };
        self.on_suspect(suspect, turn);
    }

    pub(crate) fn worsen(&mut self, by: u32) {
        let most = self.config.timing.awareness_max.saturating_sub(1);
        self.awareness = self.awareness.saturating_add(by).min(most);
    }

    pub(crate) fn on_ping(&mut self, from: SocketAddr, ping: Ping, turn: &mut Turn<'_>) {
        if !ping.node.is_empty() && ping.node != self.config.name {
            turn.upper.note(Note::ForeignPing { node: ping.node });
            return;
        }
        let payload = turn.upper.ack_payload();
        let ack = Message::Ack(Ack {
            seq: ping.seq,
            payload,
        });
        let to = source(&ping.source_addr, ping.source_port, from);
        self.send(to, &ack, false, turn);
    }

    pub(crate) fn on_indirect_ping(
        &mut self,
        from: SocketAddr,
        ask: IndirectPing,
        turn: &mut Turn<'_>,
    ) {
        let Some(target) = ip(&ask.target) else {
            return;
        };
        if self.relays.len() >= RELAYS_MAX {
            return;
        }
        let ping = self.own_ping(&ask.node);
        let until = turn.now + self.config.timing.probe_timeout;
        let relay = Relay {
            to: source(&ask.source_addr, ask.source_port, from),
            seq: ask.seq,
            nack: ask.nack,
            until,
        };
        self.relay_ends.insert((until, ping.seq));
        self.relays.insert(ping.seq, relay);
        let target = SocketAddr::new(target, ask.port);
        self.send(target, &Message::Ping(ping), false, turn);
    }

    pub(crate) fn on_ack(&mut self, ack: &Ack, turn: &mut Turn<'_>) {
        if let Some(relay) = self.relays.remove(&ack.seq) {
            self.relay_ends.remove(&(relay.until, ack.seq));
            let answer = Message::Ack(Ack {
                seq: relay.seq,
                payload: Bytes::new(),
            });
            self.send(relay.to, &answer, false, turn);
            return;
        }
        if self.probe.as_ref().is_none_or(|p| p.seq != ack.seq) {
            return;
        }
        let Some(probe) = self.probe.take() else {
            return;
        };
        self.awareness = self.awareness.saturating_sub(1);
        // Only what came straight back tells of the way.
        let direct = probe.asks.is_some();
        if direct && let Some(node) = self.node(&probe.name) {
            let took = turn.now.saturating_sub(probe.sent);
            turn.upper.answered(node, took, &ack.payload);
        }
    }

    pub(crate) fn on_nack(&mut self, seq: u32) {
        if let Some(probe) = &mut self.probe
            && probe.seq == seq
        {
            probe.nacks += 1;
        }
    }

    /// A probe by stream came back; the probe by packet decides when its time is over.
    pub(crate) fn streamed(&mut self, seq: u32, answer: Result<StreamMessage, String>) {
        if let Some(probe) = &mut self.probe
            && probe.seq == seq
            && matches!(answer, Ok(StreamMessage::Ack(ack)) if ack.seq == seq)
        {
            probe.streamed = true;
        }
    }

    pub(crate) fn relays_end(&mut self, turn: &mut Turn<'_>) {
        while let Some((until, seq)) = self.relay_ends.first().copied()
            && until <= turn.now
        {
            self.relay_ends.remove(&(until, seq));
            if let Some(relay) = self.relays.remove(&seq)
                && relay.nack
            {
                let nack = Message::Nack(Nack { seq: relay.seq });
                self.send(relay.to, &nack, false, turn);
            }
        }
    }

    /// What a ping by stream is answered with; nothing when another is meant.
    pub(crate) fn stream_ping(&self, ping: &Ping) -> Option<StreamMessage> {
        let meant = ping.node.is_empty() || ping.node == self.config.name;
        meant.then(|| {
            StreamMessage::Ack(Ack {
                seq: ping.seq,
                payload: Bytes::new(),
            })
        })
    }
}

/// Where the answer goes: to the address in the message, or where the packet came from.
fn source(addr: &[u8], port: u16, from: SocketAddr) -> SocketAddr {
    match ip(addr) {
        Some(ip) if port > 0 => SocketAddr::new(ip, port),
        _ => from,
    }
}
