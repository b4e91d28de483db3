//! Answers made of service instances: addresses, SRV, name servers (spec/dns.md §4–§6, §8).

use crate::address::{self, Choice};
use crate::build::{self, Build, Extent};
use crate::name::Name;
use crate::question::{Question, rtype};
use crate::respond::{Context, Hosts};
use crate::upstream::{Data, Record};
use crate::writer::{Owner, Writer};
use model::{CheckServiceNode, Node};
use rand::Rng;
use smallvec::SmallVec;
use std::collections::HashSet;
use std::hash::Hash;
use std::net::IpAddr;

/// Most name servers in an answer.
const NAME_SERVERS_MAX: usize = 3;
/// Records followed from a host name for clients without EDNS.
const CHAIN_RECORDS_MAX: usize = 5;
/// Up to here a scan is cheaper than hashing.
const SCANNED_MAX: usize = 24;

/// What an answer remembers to leave duplicates out.
struct Seen<K> {
    few: SmallVec<[K; SCANNED_MAX]>,
    many: HashSet<K>,
}

impl<K: Copy + Eq + Hash> Seen<K> {
    fn new() -> Self {
        Self {
            few: SmallVec::new(),
            many: HashSet::new(),
        }
    }

    /// Whether the key is new.
    fn insert(&mut self, key: K) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < SCANNED_MAX {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

/// Rows in random order, drawn one at a time: an answer with room for three draws three.
struct Draw<'a, 's, R> {
    rows: &'a [CheckServiceNode],
    order: &'s mut Vec<u32>,
    next: usize,
    rng: Option<&'s mut R>,
}

impl<'a, 's, R: Rng> Draw<'a, 's, R> {
    fn new(rows: &'a [CheckServiceNode], order: &'s mut Vec<u32>, rng: Option<&'s mut R>) -> Self {
        order.clear();
        if rng.is_some() {
            order.extend(0..rows.len() as u32);
        }
        Self {
            rows,
            order,
            next: 0,
            rng,
        }
    }
}

impl<'a, R: Rng> Iterator for Draw<'a, '_, R> {
    type Item = &'a CheckServiceNode;

    fn next(&mut self) -> Option<&'a CheckServiceNode> {
        let at = self.next;
        if at >= self.rows.len() {
            return None;
        }
        self.next += 1;
        let Some(rng) = self.rng.as_deref_mut() else {
            return self.rows.get(at);
        };
        let drawn = rng.random_range(at..self.rows.len());
        self.order.swap(at, drawn);
        self.rows.get(*self.order.get(at)? as usize)
    }
}

/// How a set of instances is to be shown.
pub(crate) struct Instances<'a> {
    pub(crate) question: &'a Question,
    pub(crate) context: &'a Context<'a>,
    pub(crate) rows: &'a [CheckServiceNode],
    pub(crate) ttl: u32,
    /// Whether the rows' datacenter is another than the agent's and WAN addresses are preferred there.
    pub(crate) wan: bool,
    /// Domain as the client wrote it, wire form.
    pub(crate) zone: &'a [u8],
    pub(crate) scope_bits: Option<u8>,
    /// Instances keep the given order.
    pub(crate) ordered: bool,
}

/// What became of an answer.
pub(crate) enum Made {
    /// It is written.
    Done,
    /// There is no record of the asked type; nothing is written.
    Empty,
    /// Host names must be followed first; nothing is written.
    Hosts(Vec<Name>),
}

impl<'a> Instances<'a> {
    /// A, AAAA, ANY and every other type except SRV.
    pub(crate) fn addresses<R: Rng>(
        &self,
        order: &mut Vec<u32>,
        rng: &mut R,
        out: &mut Vec<u8>,
    ) -> Made {
        let start = out.len();
        let qtype = self.question.qtype;
        let shows = |ip: IpAddr| match qtype {
            rtype::A => ip.is_ipv4(),
            rtype::AAAA => ip.is_ipv6(),
            _ => qtype == rtype::ANY || qtype == rtype::TXT,
        };
        let limit = match self.context.policy.a_record_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let mut build = Build::new(self.question, self.context, out);
        let mut seen = Seen::new();
        let mut first_host = None;
        for row in Draw::new(self.rows, order, (!self.ordered).then_some(rng)) {
            match address::of_instance(row, qtype, self.wan, self.question.text()) {
                Some(Choice::Own(ip) | Choice::OfNode(ip)) if shows(ip) && seen.insert(ip) => {
                    build::address(&mut build.w, Owner::Question, self.ttl, ip);
                    if !build.answered(0) || build.answers() >= limit {
                        break;
                    }
                }
                Some(Choice::Host(host)) => drop(first_host.get_or_insert(host)),
                _ => {}
            }
        }
        if build.answers() == 0 {
            let made = match first_host.and_then(Name::from_text) {
                None => Made::Empty,
                Some(host) => self.alias(host, build),
            };
            if !matches!(made, Made::Done) {
                out.truncate(start);
            }
            return made;
        }
        build.finish(self.scope_bits, |_, _| 0);
        Made::Done
    }

    /// A CNAME with what it leads to.
    fn alias(&self, host: Name, mut build: Build<'_, '_>) -> Made {
        let Some(hosts) = self.context.hosts else {
            return Made::Hosts(vec![host]);
        };
        build
            .w
            .record_with(Owner::Question, rtype::CNAME, self.ttl, |w| {
                w.name(host.wire(), true)
            });
        let mut more = build.answered(0);
        for record in chain(hosts, &host, self.question) {
            if !more {
                break;
            }
            chain_record(&mut build.w, record, self.ttl);
            more = build.answered(0);
        }
        build.finish(self.scope_bits, |_, _| 0);
        Made::Done
    }

    /// SRV.
    pub(crate) fn srv<R: Rng>(&self, order: &mut Vec<u32>, rng: &mut R, out: &mut Vec<u8>) -> Made {
        let start = out.len();
        let mut build = Build::new(self.question, self.context, out);
        let mut seen = Seen::new();
        let mut targets = Targets::new(self.zone);
        let mut missing: Vec<Name> = Vec::new();
        for row in Draw::new(self.rows, order, (!self.ordered).then_some(rng)) {
            if !seen.insert((
                row.node.node.as_str(),
                row.service.address.as_str(),
                row.service.port,
            )) {
                continue;
            }
            let choice =
                address::of_instance(row, self.question.qtype, self.wan, self.question.text());
            let Some(choice) = choice else { continue };
            let Some(name) = targets.name(row, choice) else {
                continue;
            };
            if matches!(choice, Choice::Host(_))
                && missing.len() < crate::respond::HOSTS_MAX
                && !missing.contains(&name)
            {
                missing.push(name);
            }
            let fields = [1, address::weight(row), address::port(row, self.wan)];
            let mut target_at = 0;
            build
                .w
                .record_with(Owner::Question, rtype::SRV, self.ttl, |w| {
                    for field in fields {
                        w.u16(field);
                    }
                    target_at = w.len();
                    targets.write(w, &name);
                });
            let extra_bytes = targets.push(&build.w, row, choice, target_at, name.wire().len());
            if !build.answered(extra_bytes) {
                break;
            }
        }
        let follow = self.context.hosts.is_none() && !missing.is_empty();
        if follow || build.answers() == 0 {
            out.truncate(start);
            return if follow {
                Made::Hosts(missing)
            } else {
                Made::Empty
            };
        }
        build.finish(self.scope_bits, |w, extent| {
            self.extras(w, &targets, extent)
        });
        Made::Done
    }

    fn extras(&self, w: &mut Writer<'_>, targets: &Targets<'_>, extent: Extent) -> u16 {
        let (kept, txt) = match extent {
            Extent::Full => (usize::MAX, self.context.policy.node_meta_txt),
            Extent::Targets(kept) => (kept, false),
        };
        let mut records = 0;
        let mut described: Seen<(&str, &str)> = Seen::new();
        for entry in targets.entries.iter().take(kept) {
            if entry.first {
                records += self.target_records(w, targets, entry);
            }
            let node = &entry.row.node;
            if txt && !node.meta.is_empty() && described.insert((&node.datacenter, &node.node)) {
                let owner = targets.node_name(node);
                records += owner.map_or(0, |owner| {
                    meta_records(w, node, Owner::Name(owner.wire()), self.ttl)
                });
            }
        }
        records
    }

    fn target_records(&self, w: &mut Writer<'_>, targets: &Targets<'_>, entry: &Entry<'_>) -> u16 {
        let Some(name) = targets.name(entry.row, entry.choice) else {
            return 0;
        };
        match entry.choice {
            Choice::Own(ip) | Choice::OfNode(ip) => {
                build::address(w, Owner::At(entry.target_at, name.wire()), self.ttl, ip);
                1
            }
            Choice::Host(_) => {
                let mut records = 0;
                for record in self
                    .context
                    .hosts
                    .into_iter()
                    .flat_map(|hosts| chain(hosts, &name, self.question))
                {
                    chain_record(w, record, self.ttl);
                    records += 1;
                }
                records
            }
        }
    }

    /// Name servers: the answer to NS questions.
    pub(crate) fn name_servers<R: Rng>(
        &self,
        order: &mut Vec<u32>,
        rng: &mut R,
        out: &mut Vec<u8>,
    ) {
        let mut build = Build::new(self.question, self.context, out);
        let zone = Name::lower(whole(self.zone));
        let mut targets = Targets::new(zone.wire());
        for (row, choice, name) in self.draw_servers(&targets, order, rng) {
            let mut target_at = 0;
            build
                .w
                .record_with(Owner::Name(self.zone), rtype::NS, self.ttl, |w| {
                    target_at = w.len();
                    w.name(name.wire(), true);
                });
            targets.push(&build.w, row, choice, target_at, name.wire().len());
            if !build.answered(0) {
                break;
            }
        }
        build.finish(self.scope_bits, |w, extent| {
            self.server_extras(w, &targets, extent)
        });
    }

    fn server_extras(&self, w: &mut Writer<'_>, targets: &Targets<'_>, extent: Extent) -> u16 {
        let kept = if let Extent::Targets(kept) = extent {
            kept
        } else {
            usize::MAX
        };
        let mut records = 0;
        for entry in targets.entries.iter().take(kept) {
            let (Choice::Own(ip) | Choice::OfNode(ip)) = entry.choice else {
                continue;
            };
            let Some(name) = targets.node_name(&entry.row.node).map(Name::lower) else {
                continue;
            };
            build::address(w, Owner::Name(name.wire()), self.ttl, ip);
            records += 1;
        }
        records
    }

    /// Up to three random servers with names that a domain name may have.
    fn draw_servers<R: Rng>(
        &self,
        targets: &Targets<'_>,
        order: &mut Vec<u32>,
        rng: &mut R,
    ) -> SmallVec<[(&'a CheckServiceNode, Choice<'a>, Name); NAME_SERVERS_MAX]> {
        let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let mut servers = SmallVec::new();
        for row in Draw::new(self.rows, order, Some(rng)) {
            if servers.len() == NAME_SERVERS_MAX {
                break;
            }
            let choice = address::of_instance(row, rtype::ANY, false, "");
            let name = targets.node_name(&row.node).map(Name::lower);
            if let (true, Some(choice), Some(name)) = (plain(&row.node.node), choice, name) {
                servers.push((row, choice, name));
            }
        }
        servers
    }

    /// The authority and additional records of a SOA answer; returns their counts.
    pub(crate) fn soa_servers<R: Rng>(
        &self,
        order: &mut Vec<u32>,
        rng: &mut R,
        w: &mut Writer<'_>,
    ) -> (u16, u16) {
        let zone = Name::lower(whole(self.zone));
        let mut targets = Targets::new(zone.wire());
        let servers = self.draw_servers(&targets, order, rng);
        for (row, choice, name) in &servers {
            w.record_with(Owner::Name(self.zone), rtype::NS, self.ttl, |w| {
                w.name(name.wire(), true)
            });
            targets.push(w, row, *choice, 0, 0);
        }
        (
            servers.len() as u16,
            self.server_extras(w, &targets, Extent::Full),
        )
    }
}

/// A zone given as wire form, as a name.
fn whole(zone: &[u8]) -> Name {
    Name::read(zone, 0).map_or(Name::root(), |(name, _)| name)
}

/// One SRV or NS answer and what it points at.
struct Entry<'a> {
    row: &'a CheckServiceNode,
    choice: Choice<'a>,
    target_at: usize,
    /// No answer before has the same target.
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum TargetKey<'a> {
    Node(&'a str, &'a str),
    Address(IpAddr),
    Host(&'a str),
}

/// The targets of SRV and NS answers, and how their names are made (spec/dns.md §5.2).
struct Targets<'a> {
    zone: &'a [u8],
    entries: SmallVec<[Entry<'a>; 8]>,
    seen: Seen<TargetKey<'a>>,
    named: u8,
}

/// Targets whose suffixes are remembered for compression: the first few show all suffixes an answer usually has.
const REMEMBERED_TARGETS_MAX: u8 = 4;

impl<'a> Targets<'a> {
    fn new(zone: &'a [u8]) -> Self {
        Self {
            zone,
            entries: SmallVec::new(),
            seen: Seen::new(),
            named: 0,
        }
    }

    /// `«node».node.«dc».DOMAIN`, for a peer's node `«node».node.«peer».peer.DOMAIN`.
    fn node_name(&self, node: &Node) -> Option<Name> {
        let mut name = Name::unfinished();
        name.push_labels(&node.node)?;
        name.push_labels("node")?;
        match node.peer_name.as_str() {
            "" => name.push_labels(&node.datacenter)?,
            peer => {
                name.push_labels(peer)?;
                name.push_labels("peer")?;
            }
        }
        name.push_wire(self.zone)?;
        Some(name)
    }

    /// `«hex».addr.«dc».DOMAIN`, without datacenter for a peer's instance.
    fn address_name(&self, row: &CheckServiceNode, ip: IpAddr) -> Option<Name> {
        let mut text: SmallVec<[u8; 32]> = SmallVec::new();
        let mut hex = |octets: &[u8]| {
            for octet in octets {
                for digit in [octet >> 4, octet & 0x0f] {
                    text.push(if digit < 10 {
                        b'0' + digit
                    } else {
                        b'a' + digit - 10
                    });
                }
            }
        };
        match ip {
            IpAddr::V4(ip) => hex(&ip.octets()),
            IpAddr::V6(ip) => hex(&ip.octets()),
        }
        let mut name = Name::unfinished();
        name.push_labels(std::str::from_utf8(&text).ok()?)?;
        name.push_labels("addr")?;
        if row.node.peer_name.is_empty() {
            name.push_labels(&row.node.datacenter)?;
        }
        name.push_wire(self.zone)?;
        Some(name)
    }

    fn name(&self, row: &CheckServiceNode, choice: Choice<'_>) -> Option<Name> {
        match choice {
            Choice::OfNode(_) => self.node_name(&row.node),
            Choice::Own(ip) => self.address_name(row, ip),
            Choice::Host(host) => Name::from_text(host),
        }
    }

    /// Writes a target in full: SRV targets are never compressed (RFC 2782).
    fn write(&mut self, w: &mut Writer<'_>, name: &Name) {
        if self.named < REMEMBERED_TARGETS_MAX {
            self.named += 1;
            w.name(name.wire(), false);
        } else {
            w.bytes(name.wire());
        }
    }

    /// Remembers an answer; gives the least number of bytes that its address record will take.
    fn push(
        &mut self,
        w: &Writer<'_>,
        row: &'a CheckServiceNode,
        choice: Choice<'a>,
        target_at: usize,
        name_bytes: usize,
    ) -> usize {
        let (key, data_bytes) = match choice {
            Choice::OfNode(ip) => (
                TargetKey::Node(&row.node.datacenter, &row.node.node),
                ip_bytes(ip),
            ),
            Choice::Own(ip) => (TargetKey::Address(ip), ip_bytes(ip)),
            Choice::Host(host) => (TargetKey::Host(host), 0),
        };
        let first = self.seen.insert(key);
        self.entries.push(Entry {
            row,
            choice,
            target_at,
            first,
        });
        match first && data_bytes > 0 {
            true => w.owner_bytes(target_at, name_bytes) + 10 + data_bytes,
            false => 0,
        }
    }
}

fn ip_bytes(ip: IpAddr) -> usize {
    if ip.is_ipv4() { 4 } else { 16 }
}

/// The records that a host name leads to.
pub(crate) fn chain<'h>(
    hosts: &'h Hosts,
    host: &Name,
    question: &Question,
) -> impl Iterator<Item = &'h Record> {
    let limit = if question.edns.is_some() {
        usize::MAX
    } else {
        CHAIN_RECORDS_MAX
    };
    hosts.of(host).iter().take(limit)
}

pub(crate) fn chain_record(w: &mut Writer<'_>, record: &Record, ttl: u32) {
    let owner = Owner::Name(record.name.wire());
    match &record.data {
        Data::A(octets) => w.record(owner, rtype::A, ttl, octets),
        Data::Aaaa(octets) => w.record(owner, rtype::AAAA, ttl, octets),
        Data::Cname(target) => {
            w.record_with(owner, rtype::CNAME, ttl, |w| w.name(target.wire(), true))
        }
    }
}

/// Writes a node's metadata as TXT records; returns how many.
pub(crate) fn meta_records(w: &mut Writer<'_>, node: &Node, owner: Owner<'_>, ttl: u32) -> u16 {
    let mut records = 0;
    for (key, value) in node.meta.iter() {
        meta_record(w, key, value, owner, ttl);
        records += 1;
    }
    records
}

pub(crate) fn meta_record(w: &mut Writer<'_>, key: &str, value: &str, owner: Owner<'_>, ttl: u32) {
    let text = text_of_meta(key, value);
    w.record_with(owner, rtype::TXT, ttl, |w| {
        if text.is_empty() {
            w.bytes(&[0]);
        }
        for piece in text.as_bytes().chunks(usize::from(u8::MAX)) {
            w.bytes(&[piece.len() as u8]);
            w.bytes(piece);
        }
    });
}

/// The text of a metadata pair after RFC 1464: backquotes escape in key and value; keys beginning with `rfc1035-` give the
/// value alone.
pub fn text_of_meta(key: &str, value: &str) -> String {
    if key
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("rfc1035-"))
    {
        return value.to_owned();
    }
    let mut text = String::with_capacity(key.len() + value.len() + 1);
    let leading = key.len() - key.trim_start_matches(' ').len();
    let trailing = key.trim_end_matches(' ').len();
    for (at, c) in key.char_indices() {
        let edge_space = c == ' ' && (at < leading || at >= trailing);
        if edge_space || c == '=' || c == '`' {
            text.push('`');
        }
        text.push(c);
    }
    text.push('=');
    for c in value.chars() {
        if c == '`' {
            text.push('`');
        }
        text.push(c);
    }
    text
}
