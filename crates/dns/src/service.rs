//! Answers made of service instances: addresses, SRV, name servers (spec/dns.md §4–§6, §8).

use crate::address::{self, Choice};
use crate::build::{self, Build, Extent, Room};
use crate::meta::meta_records;
use crate::name::Name;
use crate::pick::{Draw, Seen};
use crate::question::{Question, rtype};
use crate::rows::{Context, Hosts};
use crate::targets::{Entry, Targets};
use crate::upstream::{Data, Record};
use crate::writer::{Owner, Writer};
use model::CheckServiceNode;
use rand::Rng;
use smallvec::SmallVec;
use std::net::IpAddr;

/// Most name servers in an answer.
const NAME_SERVERS_MAX: usize = 3;
/// Records followed from a host name for clients without EDNS.
const CHAIN_RECORDS_MAX: usize = 5;
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
        let mut targets = Targets::new(self.zone, &self.context.policy.datacenter);
        let mut missing: Vec<Name> = Vec::new();
        for row in Draw::new(self.rows, order, (!self.ordered).then_some(rng)) {
            if !seen.insert((
                row.service.port,
                row.node.node.as_str(),
                row.service.address.as_str(),
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
                && missing.len() < crate::rows::HOSTS_MAX
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
        match extent {
            Extent::Full => self.all_extras(w, targets),
            Extent::Least(kept) => {
                let firsts = targets.firsts(kept);
                firsts
                    .map(|entry| self.target_records(w, targets, entry, 1))
                    .sum()
            }
            Extent::Rest(kept, room) => self.further_records(w, targets, kept, room),
        }
    }

    fn all_extras(&self, w: &mut Writer<'_>, targets: &Targets<'_>) -> u16 {
        let mut records = 0;
        let mut described: Seen<(&str, &str)> = Seen::new();
        for entry in &targets.entries {
            if entry.first {
                records += self.target_records(w, targets, entry, usize::MAX);
            }
            let node = &entry.row.node;
            if self.context.policy.node_meta_txt
                && !node.meta.is_empty()
                && described.insert((&node.datacenter, &node.node))
            {
                let owner = targets.node_name(node);
                records += owner.map_or(0, |owner| {
                    meta_records(w, node, Owner::Name(owner.wire()), self.ttl)
                });
            }
        }
        records
    }

    /// Writes at most `limit` records of a target; returns how many.
    fn target_records(
        &self,
        w: &mut Writer<'_>,
        targets: &Targets<'_>,
        entry: &Entry<'_>,
        limit: usize,
    ) -> u16 {
        match entry.choice {
            Choice::Own(ip) | Choice::OfNode(ip) => {
                let owner = Owner::At(entry.target_at, entry.target_bytes);
                build::address(w, owner, self.ttl, ip);
                1
            }
            Choice::Host(_) => {
                let mut records = 0;
                for record in self.host_chain(targets, entry).take(limit) {
                    chain_record(w, record, self.ttl);
                    records += 1;
                }
                records
            }
        }
    }

    /// What a host name leads to after its first record, as far as it fits.
    fn further_records(
        &self,
        w: &mut Writer<'_>,
        targets: &Targets<'_>,
        kept: usize,
        room: Room,
    ) -> u16 {
        let mut records = 0;
        for entry in targets.firsts(kept) {
            for record in self.host_chain(targets, entry).skip(1) {
                let before = w.mark();
                chain_record(w, record, self.ttl);
                if !room.holds(w) {
                    w.back_to(before);
                    return records;
                }
                records += 1;
            }
        }
        records
    }

    fn host_chain(
        &self,
        targets: &Targets<'_>,
        entry: &Entry<'_>,
    ) -> impl Iterator<Item = &'a Record> {
        let host = matches!(entry.choice, Choice::Host(_))
            .then(|| targets.name(entry.row, entry.choice))
            .flatten();
        self.context
            .hosts
            .zip(host)
            .into_iter()
            .flat_map(|(hosts, host)| chain(hosts, &host, self.question))
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
        let mut targets = Targets::new(zone.wire(), &self.context.policy.datacenter);
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
        let kept = match extent {
            Extent::Full => usize::MAX,
            Extent::Least(kept) => kept,
            Extent::Rest(..) => 0,
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
        let mut targets = Targets::new(zone.wire(), &self.context.policy.datacenter);
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

/// The records that a host name leads to.
pub(crate) fn chain<'h>(
    hosts: &'h Hosts,
    host: &Name,
    question: &Question,
) -> impl Iterator<Item = &'h Record> + use<'h> {
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
