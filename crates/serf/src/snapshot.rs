//! What a node remembers of the pool across restarts: lines that are appended (spec/wire.md §2.11).

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What a snapshot tells, or is to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Where members were, by name.
    pub alive: BTreeMap<String, SocketAddr>,
    /// Last times seen.
    pub clock: u64,
    /// Last time of an event.
    pub event_clock: u64,
    /// Last time of a query.
    pub query_clock: u64,
    /// Lines that make no sense, for a warning each.
    pub unknown: Vec<String>,
}

/// Lines that make no sense are kept up to this number.
const UNKNOWN_MAX: usize = 20;

impl Snapshot {
    /// Reads the lines of a file. After `leave` nothing counts that stood before, unless the node rejoins after leaving. A last
    /// line without its end was cut off and does not count.
    pub fn read(text: &str, rejoin_after_leave: bool) -> Self {
        let mut snapshot = Self::default();
        for line in text.split_inclusive('\n') {
            let Some(line) = line.strip_suffix('\n') else {
                break;
            };
            if line == "leave" {
                if !rejoin_after_leave {
                    let unknown = std::mem::take(&mut snapshot.unknown);
                    snapshot = Self {
                        unknown,
                        ..Self::default()
                    };
                }
            } else if snapshot.line(line).is_none() && snapshot.unknown.len() < UNKNOWN_MAX {
                snapshot.unknown.push(line.to_owned());
            }
        }
        snapshot
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if line.starts_with('#') || line.starts_with("coordinate: ") {
            return Some(());
        }
        let (what, rest) = line.split_once(": ")?;
        match what {
            "alive" => {
                let (name, addr) = rest.rsplit_once(' ')?;
                self.alive.insert(name.to_owned(), addr.parse().ok()?);
            }
            "not-alive" => {
                self.alive.remove(rest);
            }
            "clock" => self.clock = rest.parse().ok()?,
            "event-clock" => self.event_clock = rest.parse().ok()?,
            "query-clock" => self.query_clock = rest.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    /// The whole as lines: what a compacted file holds.
    pub fn write(&self) -> String {
        let mut out: String = self
            .alive
            .iter()
            .map(|(name, addr)| Self::alive_line(name, *addr))
            .collect();
        out.push_str(&format!("clock: {}\n", self.clock));
        out.push_str(&format!("event-clock: {}\n", self.event_clock));
        out.push_str(&format!("query-clock: {}\n", self.query_clock));
        out
    }

    /// The line about a member that is there.
    pub fn alive_line(name: &str, addr: SocketAddr) -> String {
        format!("alive: {} {addr}\n", one_line(name))
    }

    /// The line about a member that is not there any more.
    pub fn gone_line(name: &str) -> String {
        format!("not-alive: {}\n", one_line(name))
    }

    /// Bytes from which a file is written anew.
    pub fn compact_at(&self) -> u64 {
        const LEAST: u64 = 128 * 1024;
        const PER_NODE: u64 = 128 * 2;
        LEAST.max(self.alive.len() as u64 * PER_NODE)
    }
}

/// A name with a line break would be two lines, of which the second is anybody's.
fn one_line(name: &str) -> String {
    name.replace(['\n', '\r'], " ")
}
