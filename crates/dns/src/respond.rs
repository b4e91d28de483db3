//! From rows to bytes: which reply each kind of question gets (spec/dns.md §6–§10).

use crate::address;
use crate::build::{self, Build, Extent, Flags, header, opt_record};
use crate::meta;
use crate::name::Name;
use crate::plan::{Kind, Need, Plan};
use crate::policy::Policy;
use crate::question::{Question, Transport, rcode, rtype};
use crate::rows::{Context, Holder, Rows};
use crate::service::{self, Instances, Made};
use crate::writer::{Owner, Writer};
use model::{CheckServiceNode, Node};
use rand::Rng;
use std::net::Ipv4Addr;

/// Most answers of one reply.
pub const TCP_ANSWERS_MAX: usize = build::TCP_ANSWERS;
/// Writes replies. Holds scratch memory only; keep one per thread.
#[derive(Default)]
pub struct Responder {
    order: Vec<u32>,
}

impl Responder {
    /// Appends the reply to `out`.
    ///
    /// # Errors
    /// With [`Context::hosts`] `None` and an instance that stands behind a host name: the names to follow. `out` is as
    /// before; call again with what they led to and a generator in the same state.
    pub fn respond<R: Rng>(
        &mut self,
        question: &Question,
        plan: &Plan<'_>,
        rows: Rows<'_>,
        context: &Context<'_>,
        rng: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Vec<Name>> {
        let reply = Reply {
            question,
            context,
            zone: question.name.suffix(plan.zone),
            zone_start: plan.zone,
        };
        match (plan.kind, rows) {
            (Kind::Refused, _) => reply.refused(out),
            (Kind::NotImplemented, _) => reply.bare(rcode::NOT_IMP, out),
            (Kind::BadName, _) => reply.negative(rcode::NX_DOMAIN, out),
            (Kind::EmptyNode, _) => reply.bare(rcode::NO_ERROR, out),
            (Kind::Address(ip), _) => reply.spelt_address(ip, out),
            (Kind::Soa, Rows::Instances(servers)) => reply.soa(&mut self.order, servers, rng, out),
            (Kind::Soa, _) => reply.soa(&mut self.order, &[], rng, out),
            (Kind::Ns, Rows::Instances(servers)) => {
                reply
                    .servers(servers)
                    .name_servers(&mut self.order, rng, out);
            }
            (Kind::Ns, _) => reply.bare(rcode::NO_ERROR, out),
            (Kind::Reverse, Rows::Holder(Some(holder))) => reply.pointer(holder, out),
            (Kind::Reverse, _) => reply.reverse_unknown(out),
            (Kind::Recurse, _) => bare(question, rcode::SERV_FAIL, false, true, out),
            (_, Rows::NoPath | Rows::Query(None) | Rows::Node(None)) => {
                reply.negative(rcode::NX_DOMAIN, out)
            }
            (Kind::Service, Rows::Instances(rows)) => {
                let (ttl, wan) = reply.service_terms(plan);
                return self.instances(&reply, reply.instances(rows, ttl, wan), rng, out);
            }
            (Kind::Query, Rows::Query(Some(found))) => {
                let ttl = found
                    .ttl
                    .unwrap_or_else(|| context.policy.service_ttl.of(found.service));
                let wan = context.policy.translate_wan
                    && !found
                        .datacenter
                        .eq_ignore_ascii_case(&context.policy.datacenter);
                let scope_bits = question
                    .edns
                    .as_ref()
                    .and_then(|edns| edns.subnet.as_ref())
                    .map(|s| s.source_bits);
                let instances = Instances {
                    scope_bits,
                    ordered: true,
                    ..reply.instances(found.rows, ttl, wan)
                };
                return self.instances(&reply, instances, rng, out);
            }
            (Kind::Node, Rows::Node(Some(node))) => return reply.node(node, plan, out),
            (Kind::Virtual, Rows::Virtual(ip)) => reply.virtual_address(ip, out),
            _ => reply.bare(rcode::SERV_FAIL, out),
        }
        Ok(())
    }

    fn instances<R: Rng>(
        &mut self,
        reply: &Reply<'_>,
        instances: Instances<'_>,
        rng: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<(), Vec<Name>> {
        if instances.rows.is_empty() {
            reply.negative(rcode::NX_DOMAIN, out);
            return Ok(());
        }
        let made = match reply.question.qtype {
            rtype::SRV => instances.srv(&mut self.order, rng, out),
            _ => instances.addresses(&mut self.order, rng, out),
        };
        match made {
            Made::Done => {}
            Made::Empty => reply.negative_scoped(rcode::NO_ERROR, instances.scope_bits, out),
            Made::Hosts(hosts) => return Err(hosts),
        }
        Ok(())
    }
}

/// A reply without records except OPT.
pub(crate) fn bare(
    question: &Question,
    rcode: u8,
    authoritative: bool,
    recursion: bool,
    out: &mut Vec<u8>,
) {
    let mut w = Writer::new(
        out,
        question.name.wire(),
        question.qtype,
        question.qclass,
        true,
    );
    let extras = opt_record(&mut w, question, None);
    w.finish(header(
        question,
        rcode,
        Flags {
            authoritative,
            truncated: false,
            recursion,
        },
        [0, 0, extras],
    ));
}

struct Reply<'a> {
    question: &'a Question,
    context: &'a Context<'a>,
    /// The domain as the client wrote it, wire form.
    zone: &'a [u8],
    zone_start: usize,
}

impl<'a> Reply<'a> {
    fn policy(&self) -> &'a Policy {
        self.context.policy
    }

    fn flags(&self) -> Flags {
        Flags {
            authoritative: true,
            truncated: false,
            recursion: self.policy().recursion,
        }
    }

    fn writer<'o>(&self, out: &'o mut Vec<u8>) -> Writer<'o> {
        let question = self.question;
        Writer::new(
            out,
            question.name.wire(),
            question.qtype,
            question.qclass,
            self.policy().compress,
        )
    }

    fn bare(&self, rcode: u8, out: &mut Vec<u8>) {
        bare(self.question, rcode, true, self.policy().recursion, out);
    }

    /// Outside all zones: no OPT, not even for those who sent one.
    fn refused(&self, out: &mut Vec<u8>) {
        let w = self.writer(out);
        w.finish(header(
            self.question,
            rcode::REFUSED,
            Flags::default(),
            [0; 3],
        ));
    }

    fn negative(&self, rcode: u8, out: &mut Vec<u8>) {
        self.negative_scoped(rcode, None, out);
    }

    /// No record: the SOA of the primary domain, or of the alternative one if the name ends in exactly its spelling.
    fn negative_scoped(&self, rcode: u8, scope_bits: Option<u8>, out: &mut Vec<u8>) {
        let zone = match &self.policy().alt_domain {
            Some(alt) if self.ends_in(alt) => alt,
            _ => &self.policy().domain,
        };
        let mut w = self.writer(out);
        self.soa_record(&mut w, zone);
        let extras = opt_record(&mut w, self.question, scope_bits);
        w.finish(header(self.question, rcode, self.flags(), [0, 1, extras]));
    }

    /// Whether the question's name ends in exactly this spelling of a zone.
    fn ends_in(&self, zone: &Name) -> bool {
        let name = &self.question.name;
        name.zone_start(zone)
            .is_some_and(|at| name.suffix(at) == zone.wire())
    }

    fn soa_record(&self, w: &mut Writer<'_>, zone: &Name) {
        let soa = &self.policy().soa;
        w.record_with(Owner::Name(zone.wire()), rtype::SOA, soa.min_ttl, |w| {
            for host in ["ns", "hostmaster"] {
                let mut name = Name::unfinished();
                let made = name
                    .push_labels(host)
                    .and_then(|()| name.push_wire(zone.wire()));
                // A zone so long that no host fits below it has no spelling for these; the root stands in.
                w.name(if made.is_some() { name.wire() } else { &[0] }, true);
            }
            for number in [
                self.context.now,
                soa.refresh,
                soa.retry,
                soa.expire,
                soa.min_ttl,
            ] {
                w.bytes(&number.to_be_bytes());
            }
        });
    }

    fn soa<R: Rng>(
        &self,
        order: &mut Vec<u32>,
        servers: &[CheckServiceNode],
        rng: &mut R,
        out: &mut Vec<u8>,
    ) {
        let mut w = self.writer(out);
        // The datagram rule "no answers at all" holds here too.
        let small = self
            .question
            .edns
            .as_ref()
            .is_none_or(|edns| edns.udp_bytes <= 512);
        let cut = self.policy().udp_answer_limit == 0
            && small
            && self.context.transport == Transport::Udp;
        if !cut {
            self.soa_record(&mut w, &self.policy().domain);
        }
        let (authority, mut extras) = self.servers(servers).soa_servers(order, rng, &mut w);
        extras += opt_record(&mut w, self.question, None);
        let flags = Flags {
            truncated: cut && self.policy().enable_truncate,
            ..self.flags()
        };
        w.finish(header(
            self.question,
            rcode::NO_ERROR,
            flags,
            [u16::from(!cut), authority, extras],
        ));
    }

    fn instances<'r>(&self, rows: &'r [CheckServiceNode], ttl: u32, wan: bool) -> Instances<'r>
    where
        'a: 'r,
    {
        Instances {
            question: self.question,
            context: self.context,
            rows,
            ttl,
            wan,
            zone: self.zone,
            scope_bits: None,
            ordered: false,
        }
    }

    fn servers<'r>(&self, rows: &'r [CheckServiceNode]) -> Instances<'r>
    where
        'a: 'r,
    {
        self.instances(rows, self.policy().node_ttl, false)
    }

    /// TTL and whether WAN addresses are wanted.
    fn service_terms(&self, plan: &Plan<'_>) -> (u32, bool) {
        match plan.need {
            Need::Health {
                name,
                datacenter,
                peer,
                ..
            } => {
                let elsewhere = !datacenter.is_empty() || !peer.is_empty();
                (
                    self.policy().service_ttl.of(name),
                    elsewhere && self.policy().translate_wan,
                )
            }
            _ => (0, false),
        }
    }

    /// An answer of one address record under the question's name in lower case, its domain as the client wrote it.
    fn one_address(&self, ip: std::net::IpAddr, out: &mut Vec<u8>) {
        let owner = self.question.name.lower_before(self.zone_start);
        let same = owner.wire() == self.question.name.wire();
        let mut build = Build::new(self.question, self.context, out);
        let owner = if same {
            Owner::Question
        } else {
            Owner::Name(owner.wire())
        };
        build::address(&mut build.w, owner, self.policy().node_ttl, ip);
        build.answered(0);
        build.finish(None, |_, _| 0);
    }

    /// `addr`: as answer if the type fits, else as additional record.
    fn spelt_address(&self, ip: std::net::IpAddr, out: &mut Vec<u8>) {
        let fits = match self.question.qtype {
            rtype::A => ip.is_ipv4(),
            rtype::AAAA => ip.is_ipv6(),
            qtype => qtype == rtype::ANY,
        };
        if fits {
            return self.one_address(ip, out);
        }
        let owner = self.question.name.lower_before(self.zone_start);
        let mut w = self.writer(out);
        build::address(
            &mut w,
            Owner::Name(owner.wire()),
            self.policy().node_ttl,
            ip,
        );
        let extras = 1 + opt_record(&mut w, self.question, None);
        w.finish(header(
            self.question,
            rcode::NO_ERROR,
            self.flags(),
            [0, 0, extras],
        ));
    }

    fn virtual_address(&self, ip: Option<Ipv4Addr>, out: &mut Vec<u8>) {
        match ip {
            Some(ip) => self.one_address(ip.into(), out),
            None => self.bare(rcode::NO_ERROR, out),
        }
    }

    fn pointer(&self, holder: Holder<'_>, out: &mut Vec<u8>) {
        let mut target = Name::unfinished();
        let (name, kind) = match holder {
            Holder::Node(name) => (name, "node"),
            Holder::Service(name) => (name, "service"),
        };
        let labels = [name, kind, &self.policy().datacenter];
        let made = labels
            .into_iter()
            .try_for_each(|label| target.push_labels(label));
        if made
            .and_then(|()| target.push_wire(self.policy().domain.wire()))
            .is_none()
        {
            return self.reverse_unknown(out);
        }
        let mut w = self.writer(out);
        w.record_with(Owner::Question, rtype::PTR, 0, |w| {
            w.name(target.wire(), true)
        });
        let soa = self.question.qtype == rtype::SOA;
        if soa {
            self.soa_record(&mut w, &self.policy().domain);
        }
        let extras = opt_record(&mut w, self.question, None);
        w.finish(header(
            self.question,
            rcode::NO_ERROR,
            self.flags(),
            [1, u16::from(soa), extras],
        ));
    }

    fn reverse_unknown(&self, out: &mut Vec<u8>) {
        self.negative(rcode::NX_DOMAIN, out);
    }

    /// A node: its address, its metadata (spec/dns.md §7).
    fn node(&self, node: &Node, plan: &Plan<'_>, out: &mut Vec<u8>) -> Result<(), Vec<Name>> {
        let start = out.len();
        let ttl = self.policy().node_ttl;
        let qtype = self.question.qtype;
        let elsewhere = matches!(plan.need, Need::Node { datacenter, peer, .. } if !datacenter.is_empty() || !peer.is_empty());
        let mut build = Build::new(self.question, self.context, out);
        let mut more = true;
        if qtype != rtype::TXT {
            let text = address::of_node(node, qtype, elsewhere && self.policy().translate_wan);
            match address::parse_ip(text) {
                Some(ip) if qtype == rtype::ANY || ip.is_ipv4() == (qtype == rtype::A) => {
                    build::address(&mut build.w, Owner::Question, ttl, ip);
                    more = build.answered(0);
                }
                Some(_) => {}
                None => {
                    if let Err(hosts) = self.node_alias(text, &mut build, &mut more) {
                        out.truncate(start);
                        return Err(hosts);
                    }
                }
            }
        }
        let in_answer = qtype == rtype::TXT || qtype == rtype::ANY;
        for (key, value) in node.meta.iter().filter(|_| in_answer) {
            if !more {
                break;
            }
            meta::meta_record(&mut build.w, key, value, Owner::Question, ttl);
            more = build.answered(0);
        }
        let in_extra = !in_answer && self.policy().node_meta_txt;
        build.finish(None, |w, extent| match extent {
            Extent::Full if in_extra => meta::meta_records(w, node, Owner::Question, ttl),
            _ => 0,
        });
        Ok(())
    }

    fn node_alias(
        &self,
        host: &str,
        build: &mut Build<'_, '_>,
        more: &mut bool,
    ) -> Result<(), Vec<Name>> {
        let Some(host) = Name::from_text(host).filter(|host| *host != Name::root()) else {
            return Ok(());
        };
        let Some(hosts) = self.context.hosts else {
            return Err(vec![host]);
        };
        let ttl = self.policy().node_ttl;
        build
            .w
            .record_with(Owner::Question, rtype::CNAME, ttl, |w| {
                w.name(host.wire(), true)
            });
        *more = build.answered(0);
        for record in service::chain(hosts, &host, self.question) {
            if !*more {
                break;
            }
            // Taken as received, with their own TTL.
            service::chain_record(&mut build.w, record, record.ttl);
            *more = build.answered(0);
        }
        Ok(())
    }
}
