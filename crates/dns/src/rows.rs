//! What a lookup found, and what else a reply depends on.

use crate::name::Name;
use crate::policy::Policy;
use crate::question::Transport;
use crate::upstream::Record;
use model::{CheckServiceNode, Node};
use std::net::Ipv4Addr;

/// Most host names followed for one answer; the targets of further ones are sent without addresses.
pub(crate) const HOSTS_MAX: usize = 64;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Nothing was needed.
    None,
    /// For [`crate::Need::Health`] and [`crate::Need::Servers`].
    Instances(&'a [CheckServiceNode]),
    /// For [`crate::Need::Query`]; `None` for an unknown query.
    Query(Option<QueryRows<'a>>),
    /// For [`crate::Need::Node`].
    Node(Option<&'a Node>),
    /// For [`crate::Need::Virtual`].
    Virtual(Option<Ipv4Addr>),
    /// For [`crate::Need::Reverse`] and [`crate::Need::ReverseUnknown`].
    Holder(Option<Holder<'a>>),
    /// The datacenter is not known.
    NoPath,
    /// The lookup failed.
    Failed,
}

/// The result of a prepared query.
#[derive(Clone, Copy, Debug)]
pub struct QueryRows<'a> {
    /// Instances in the query's order.
    pub rows: &'a [CheckServiceNode],
    /// The service looked up, lower case.
    pub service: &'a str,
    /// The query's own TTL, seconds.
    pub ttl: Option<u32>,
    /// Where the rows come from.
    pub datacenter: &'a str,
}

/// Who has an address.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// A node, by its name.
    Node(&'a str),
    /// A service, by its name.
    Service(&'a str),
}

/// What followed host names led to.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<(Name, Vec<Record>)>);

impl Hosts {
    /// Remembers the records a host name led to, possibly none.
    pub fn push(&mut self, host: Name, records: Vec<Record>) {
        self.0.push((host, records));
    }

    pub(crate) fn of(&self, host: &Name) -> &[Record] {
        self.0
            .iter()
            .find(|(name, _)| name == host)
            .map_or(&[], |(_, records)| records)
    }
}

/// What a reply depends on besides question and rows.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// How the question came in.
    pub transport: Transport,
    /// Unix time, seconds: the serial of SOA records.
    pub now: u32,
    /// Host names followed; `None` in the first attempt.
    pub hosts: Option<&'a Hosts>,
}
