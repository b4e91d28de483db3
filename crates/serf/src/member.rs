//! Members, and intents of those not met yet.

use crate::messages::MemberRecord;
use crate::tags::{self, Tags};
use bytes::Bytes;
use dialect::Dict;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use swim::{Node, Versions};

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Status {
    Alive,
    /// It said that it leaves.
    Leaving,
    Left,
    Failed,
}

impl Status {
    /// The number in a [`MemberRecord`].
    pub fn number(self) -> i64 {
        match self {
            Self::Alive => 1,
            Self::Leaving => 2,
            Self::Left => 3,
            Self::Failed => 4,
        }
    }

    /// The word that commands show.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Failed => "failed",
        }
    }
}

/// A member of the pool.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Unique in the pool.
    pub name: String,
    /// Where it takes packets and streams.
    pub addr: SocketAddr,
    /// What it says of itself.
    pub tags: Tags,
    /// Where it stands.
    pub status: Status,
    /// Protocol versions, those of serf as the delegate's.
    pub versions: Versions,
}

impl Member {
    pub(crate) fn of(node: &Node) -> Self {
        Self {
            name: node.name.to_string(),
            addr: node.addr,
            tags: tags::decode(&node.meta),
            status: Status::Alive,
            versions: node.versions,
        }
    }

    pub(crate) fn record(&self) -> MemberRecord {
        let Versions {
            min,
            max,
            current,
            delegate_min,
            delegate_max,
            delegate_current,
        } = self.versions;
        MemberRecord {
            name: self.name.clone(),
            addr: ip_bytes(self.addr.ip()),
            port: self.addr.port(),
            tags: Dict::from_iter(self.tags.clone()),
            status: self.status.number(),
            protocol_min: min,
            protocol_max: max,
            protocol_cur: current,
            delegate_min,
            delegate_max,
            delegate_cur: delegate_current,
        }
    }
}

pub(crate) fn ip_bytes(ip: IpAddr) -> Bytes {
    match ip {
        IpAddr::V4(four) => Bytes::copy_from_slice(&four.octets()),
        IpAddr::V6(six) => Bytes::copy_from_slice(&six.octets()),
    }
}

pub(crate) fn socket(ip: &[u8], port: u16) -> Option<SocketAddr> {
    let ip = match ip.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(ip).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(ip).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, port))
}

/// A member with what decides about it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) member: Member,
    /// The time of the last intent about it.
    pub(crate) time: u64,
    /// Since when it is gone.
    pub(crate) gone: Duration,
}

/// What was said of somebody who is not known yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intent {
    pub(crate) leaves: bool,
    pub(crate) time: u64,
    heard: Duration,
}

/// Intents of unknown nodes that are kept; further ones are dropped.
const INTENTS_MAX: usize = 10_000;
/// How long an intent of an unknown node is kept.
const INTENT_AGE: Duration = Duration::from_secs(300);

/// Intents of nodes that are not known yet.
#[derive(Default)]
pub(crate) struct Intents(HashMap<String, Intent>);

impl Intents {
    /// Notes an intent; whether it is news.
    pub(crate) fn put(&mut self, node: &str, leaves: bool, time: u64, now: Duration) -> bool {
        let known = self.0.get(node);
        if known.is_some_and(|intent| intent.time >= time) {
            return false;
        }
        if known.is_none() && (self.0.len() >= INTENTS_MAX || node.len() > swim::NAME_MAX) {
            return false;
        }
        let heard = now;
        let intent = Intent {
            leaves,
            time,
            heard,
        };
        self.0.insert(node.to_owned(), intent);
        true
    }

    pub(crate) fn take(&mut self, node: &str) -> Option<Intent> {
        self.0.remove(node)
    }

    pub(crate) fn age(&mut self, now: Duration) {
        self.0
            .retain(|_, intent| now.saturating_sub(intent.heard) <= INTENT_AGE);
    }
}
