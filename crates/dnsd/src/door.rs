//! One question, from packet to reply.
//!
//! [`Door::answer_now`] serves what needs no wait: the hot path, no task, no lock. Whatever needs one (a leader, another
//! datacenter, a prepared query, a host name, a recursor) goes through [`Door::answer`].

use crate::config::Config;
use crate::lookup::{self, Found};
use crate::rate::Verdict;
use crate::recursors;
use crate::reverse::ReverseIndex;
use arc_swap::ArcSwap;
use dns::{
    Context, Edns, Hosts, Name, Need, Plan, Question, Record, Request, Responder, Transport, rtype,
};
use ports::{Caller, Rpc, Token};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rt::Time;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;

/// Questions forwarded to recursors at the same time; each holds a socket. Beyond it: SERVFAIL.
const RECURSIONS_MAX: usize = 1024;
/// Levels of host names followed (spec/dns.md §5.3).
const HOST_LEVELS_MAX: u8 = 3;
/// Age from which a stale answer is counted.
const STALE_COUNTED: Duration = Duration::from_secs(5);

/// Told about every question; implemented by whoever keeps metrics.
pub trait Observer: Send + Sync + 'static {
    /// A question below `arpa.` (`reverse`) or in the served domains was answered in `took`.
    fn answered(&self, reverse: bool, qtype: u16, took: Duration);
    /// A stale answer older than five seconds was used.
    fn stale(&self);
}

/// Counts of what went wrong; each only grows.
#[derive(Debug, Default)]
pub struct Counters {
    /// Questions answered SERVFAIL because too many others were waiting.
    pub refused_busy: AtomicU64,
    /// Large answers not sent because their receiver gets too many, see `dns_config.response_rate_limit`.
    pub refused_rate: AtomicU64,
    /// Connections closed at once because too many were open.
    pub refused_connections: AtomicU64,
}

/// Answers questions. One for all listeners; cheap to share.
pub struct Door {
    config: ArcSwap<Config>,
    caller: ArcSwap<Caller>,
    rpc: Arc<dyn Rpc>,
    time: Time,
    observer: Option<Box<dyn Observer>>,
    recursions: Semaphore,
    own: OnceLock<Vec<SocketAddr>>,
    reverse: ReverseIndex,
    counters: Counters,
}

/// Scratch of one listener task.
pub(crate) struct Desk {
    responder: Responder,
    rng: SmallRng,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            responder: Responder::default(),
            rng: SmallRng::from_rng(&mut rand::rng()),
        }
    }
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Now {
    /// The reply is written.
    Replied,
    /// There is none to send.
    Silent,
    /// [`Door::answer`] must be awaited.
    Later,
}

impl Door {
    /// A door before `rpc`.
    pub fn new(
        config: Config,
        rpc: Arc<dyn Rpc>,
        time: Time,
        observer: Option<Box<dyn Observer>>,
    ) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            caller: ArcSwap::from_pointee(Caller::default()),
            rpc,
            time,
            observer,
            recursions: Semaphore::new(RECURSIONS_MAX),
            own: OnceLock::new(),
            reverse: ReverseIndex::default(),
            counters: Counters::default(),
        }
    }

    /// Puts a new configuration in use. The domains stay: names handed out must keep their meaning (spec/dns.md §17).
    pub fn reload(&self, mut config: Config) {
        let old = self.config.load();
        config.policy.domain = old.policy.domain;
        config.policy.alt_domain = old.policy.alt_domain;
        // The same rate goes on counting: a reload must not hand out a second's worth anew.
        if let (Some(rate), Some(old)) = (&mut config.rate, &old.rate)
            && rate.per_second() == old.per_second()
        {
            *rate = old.clone();
        }
        self.config.store(Arc::new(config));
    }

    /// The token questions are asked with: the agent's `dns` token, else its `default` token, else "".
    pub fn set_token(&self, token: Token) {
        self.caller.store(Arc::new(Caller {
            token,
            remote: None,
        }));
    }

    /// What went wrong so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn time(&self) -> &Time {
        &self.time
    }

    /// The addresses we listen on, which are never asked as recursors.
    pub(crate) fn listens_on(&self, addresses: Vec<SocketAddr>) {
        let _ = self.own.set(addresses);
    }

    /// The start of a question, if anybody wants to know how long it takes.
    fn timed(&self) -> Option<rt::Instant> {
        let wanted = self.observer.is_some()
            || tracing::enabled!(target: "agent.dns", tracing::Level::DEBUG);
        wanted.then(|| self.time.now())
    }

    /// Seconds since 1970: the serial of SOA records.
    fn unix_now(&self) -> u32 {
        let since = self
            .time
            .wall()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        since.as_secs() as u32
    }

    /// Answers a packet if that takes no wait; appends to `out`.
    pub(crate) fn answer_now(
        &self,
        packet: &[u8],
        transport: Transport,
        remote: SocketAddr,
        desk: &mut Desk,
        out: &mut Vec<u8>,
    ) -> Now {
        let question = match Request::parse(packet) {
            Request::Question(question) => question,
            Request::Refuse(reply) => {
                out.extend_from_slice(&reply);
                return Now::Replied;
            }
            Request::Ignore => return Now::Silent,
        };
        let started = self.timed();
        let config = self.config.load();
        let plan = Plan::new(&question, &config.policy);
        let found = match &plan.need {
            Need::Nothing => Found::Nothing,
            Need::ReverseUnknown if !config.policy.recursion => Found::Nothing,
            Need::Reverse(ip) => match self.holder_now(*ip, &config) {
                Some(Found::Nothing) if config.policy.recursion => return Now::Later,
                Some(found) => found,
                None => return Now::Later,
            },
            Need::Query { .. } | Need::ReverseUnknown | Need::Recurse => return Now::Later,
            need => {
                let Some(query) = lookup::query(need, &config) else {
                    return Now::Later;
                };
                match self
                    .rpc
                    .read_now(&self.caller.load(), &query, &lookup::options(&config))
                {
                    Some(result) => {
                        self.note_age(&result);
                        Found::of(result)
                    }
                    None => return Now::Later,
                }
            }
        };
        let context = Context {
            policy: &config.policy,
            transport,
            now: self.unix_now(),
            hosts: None,
        };
        let rows = found.rows(&plan.need, "");
        let start = out.len();
        if desk
            .responder
            .respond(&question, &plan, rows, &context, &mut desk.rng, out)
            .is_err()
        {
            return Now::Later;
        }
        self.note(&question, &plan, transport, remote, started);
        let asked = packet.len();
        match transport == Transport::Tcp || self.may_send(&config, asked, remote, out, start) {
            true => Now::Replied,
            false => Now::Silent,
        }
    }

    /// Whether the datagram that begins at `start` may go out; it may have to go without its records.
    fn may_send(
        &self,
        config: &Config,
        asked: usize,
        remote: SocketAddr,
        out: &mut Vec<u8>,
        start: usize,
    ) -> bool {
        let Some(rate) = &config.rate else {
            return true;
        };
        let (answer, now) = (out.len() - start, self.time.now().nanos());
        match rate.judge(remote.ip(), asked, answer, now) {
            Verdict::Send => return true,
            Verdict::Slip => dns::cut_to_question(out, start),
            Verdict::Drop => out.truncate(start),
        }
        self.counters.refused_rate.fetch_add(1, Ordering::Relaxed);
        out.len() > start
    }

    /// Answers a packet, waiting as long as it takes. `None`: there is no reply to send.
    pub async fn answer(
        &self,
        packet: &[u8],
        transport: Transport,
        remote: SocketAddr,
    ) -> Option<Vec<u8>> {
        let question = match Request::parse(packet) {
            Request::Question(question) => question,
            Request::Refuse(reply) => return Some(reply),
            Request::Ignore => return None,
        };
        let config = self.config.load_full();
        let mut reply = self
            .answer_whole(&config, &question, packet, transport, remote)
            .await;
        let asked = packet.len();
        let sends =
            transport == Transport::Tcp || self.may_send(&config, asked, remote, &mut reply, 0);
        sends.then_some(reply)
    }

    async fn answer_whole(
        &self,
        config: &Config,
        question: &Question,
        packet: &[u8],
        transport: Transport,
        remote: SocketAddr,
    ) -> Vec<u8> {
        let started = self.timed();
        let plan = Plan::new(question, &config.policy);
        if plan.need == Need::Recurse {
            return self.forward(config, question, packet, transport).await;
        }
        let found = self.find(&plan.need, question, config, remote).await;
        if config.policy.recursion && plan.reverse() && !matches!(found, Found::Holder(..)) {
            return self.forward(config, question, packet, transport).await;
        }
        let level = u8::from(question.qtype != rtype::SRV);
        let reply = self
            .write(question, &plan, &found, config, transport, level)
            .await;
        self.note(question, &plan, transport, remote, started);
        reply
    }

    /// SERVFAIL for a packet that cannot be served now; `None` if it asks nothing.
    pub(crate) fn busy(&self, packet: &[u8]) -> Option<Vec<u8>> {
        self.counters.refused_busy.fetch_add(1, Ordering::Relaxed);
        let Request::Question(question) = Request::parse(packet) else {
            return None;
        };
        let config = self.config.load();
        let plan = Plan::new(&question, &config.policy);
        let mut out = Vec::new();
        if matches!(
            plan.need,
            Need::Recurse | Need::ReverseUnknown | Need::Reverse(_)
        ) {
            dns::fail_forwarding(&question, &mut out);
            return Some(out);
        }
        let context = Context {
            policy: &config.policy,
            transport: Transport::Udp,
            now: 0,
            hosts: None,
        };
        let mut rng = SmallRng::seed_from_u64(0);
        let written = Responder::default().respond(
            &question,
            &plan,
            dns::Rows::Failed,
            &context,
            &mut rng,
            &mut out,
        );
        written.is_ok().then_some(out)
    }

    async fn find(
        &self,
        need: &Need<'_>,
        question: &Question,
        config: &Config,
        remote: SocketAddr,
    ) -> Found {
        let caller = self.caller.load_full();
        let options = lookup::options(config);
        if let Need::Query { name, datacenter } = need {
            let subnet = question.edns.as_ref().and_then(|edns| edns.subnet.as_ref());
            let client = subnet
                .and_then(|subnet| subnet.address())
                .unwrap_or(remote.ip());
            let request = lookup::execution(name, datacenter, Some(client));
            return Found::of_query(self.rpc.execute(&caller, request, options).await);
        }
        if let Need::Reverse(ip) = need {
            for query in lookup::holders() {
                if let Ok(answered) = self.rpc.read(&caller, query, options).await
                    && let Some(at) = self.reverse.find(&answered.answer, *ip)
                {
                    return Found::Holder(answered.answer, at);
                }
            }
            return Found::Nothing;
        }
        let Some(query) = lookup::query(need, config) else {
            return Found::Nothing;
        };
        let result = self.rpc.read(&caller, query, options).await;
        self.note_age(&result);
        Found::of(result)
    }

    /// Who has an address, if that takes no wait; [`Found::Nothing`]: nobody. A failing read counts as nobody.
    fn holder_now(&self, ip: IpAddr, config: &Config) -> Option<Found> {
        for query in lookup::holders() {
            let result =
                self.rpc
                    .read_now(&self.caller.load(), &query, &lookup::options(config))?;
            if let Ok(answered) = result
                && let Some(at) = self.reverse.find(&answered.answer, ip)
            {
                return Some(Found::Holder(answered.answer, at));
            }
        }
        Some(Found::Nothing)
    }

    /// Writes a reply, following host names first if it needs that.
    async fn write(
        &self,
        question: &Question,
        plan: &Plan<'_>,
        found: &Found,
        config: &Config,
        transport: Transport,
        level: u8,
    ) -> Vec<u8> {
        let service = match found {
            Found::Query(Some(executed)) => executed.service.to_lowercase(),
            _ => String::new(),
        };
        let rows = || found.rows(&plan.need, &service);
        let mut responder = Responder::default();
        let rng = SmallRng::from_rng(&mut rand::rng());
        let mut out = Vec::new();
        let context = Context {
            policy: &config.policy,
            transport,
            now: self.unix_now(),
            hosts: None,
        };
        let wanted =
            match responder.respond(question, plan, rows(), &context, &mut rng.clone(), &mut out) {
                Ok(()) => return out,
                Err(wanted) => wanted,
            };
        let mut hosts = Hosts::default();
        for host in wanted {
            let records = self
                .follow(host, question.edns.clone(), config, level)
                .await;
            hosts.push(host, records);
        }
        let context = Context {
            hosts: Some(&hosts),
            ..context
        };
        // With the hosts given there is nothing left to ask for.
        let _ = responder.respond(question, plan, rows(), &context, &mut rng.clone(), &mut out);
        out
    }

    /// The records a host name leads to: by ourselves inside the served domains, else by the recursors.
    fn follow<'a>(
        &'a self,
        host: Name,
        edns: Option<Edns>,
        config: &'a Config,
        level: u8,
    ) -> Pin<Box<dyn Future<Output = Vec<Record>> + Send + 'a>> {
        Box::pin(async move {
            if !config.policy.serves(&host) {
                return self.follow_outside(host, config).await;
            }
            if level >= HOST_LEVELS_MAX {
                tracing::error!(name = %host, "Infinite recursion detected for name, won't perform any CNAME resolution.");
                return Vec::new();
            }
            let mut question = Question::internal(host, rtype::ANY);
            question.edns = edns;
            let plan = Plan::new(&question, &config.policy);
            let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
            let found = self.find(&plan.need, &question, config, nowhere).await;
            let reply = self
                .write(&question, &plan, &found, config, Transport::Tcp, level + 1)
                .await;
            dns::read_chain(&reply, &host)
        })
    }

    async fn follow_outside(&self, host: Name, config: &Config) -> Vec<Record> {
        let Ok(_permit) = self.recursions.try_acquire() else {
            return Vec::new();
        };
        if config.recursors.is_empty() {
            return Vec::new();
        }
        let question = Question::internal(host, rtype::A);
        let packet = question.packet();
        let reply = recursors::ask(
            config,
            self.own(),
            &self.time,
            &question,
            &packet,
            Transport::Udp,
            |_| true,
        )
        .await;
        reply
            .map(|reply| dns::read_chain(&reply, &host))
            .unwrap_or_default()
    }

    /// Hands a packet on and its reply back.
    async fn forward(
        &self,
        config: &Config,
        question: &Question,
        packet: &[u8],
        transport: Transport,
    ) -> Vec<u8> {
        let reply = match self.recursions.try_acquire() {
            Ok(_permit) => {
                recursors::ask(
                    config,
                    self.own(),
                    &self.time,
                    question,
                    packet,
                    transport,
                    |reply| reply.done,
                )
                .await
            }
            Err(_) => {
                self.counters.refused_busy.fetch_add(1, Ordering::Relaxed);
                None
            }
        };
        match reply {
            Some(mut reply) => {
                recursors::set_id(&mut reply, question.id);
                if transport == Transport::Udp {
                    dns::fit_forwarded(&mut reply, question, &config.policy);
                }
                reply
            }
            None => {
                let mut out = Vec::new();
                dns::fail_forwarding(question, &mut out);
                out
            }
        }
    }

    fn own(&self) -> &[SocketAddr] {
        self.own.get().map_or(&[], Vec::as_slice)
    }

    fn note_age(&self, result: &Result<ports::Answered, ports::RpcError>) {
        if let (Some(observer), Ok(answered)) = (&self.observer, result)
            && answered.last_contact > STALE_COUNTED
        {
            observer.stale();
        }
    }

    fn note(
        &self,
        question: &Question,
        plan: &Plan<'_>,
        transport: Transport,
        remote: SocketAddr,
        started: Option<rt::Instant>,
    ) {
        let took = started.map(|started| self.time.now().since(started));
        if let (Some(observer), Some(took)) = (&self.observer, took) {
            observer.answered(plan.reverse(), question.qtype, took);
        }
        if plan.bad_name() {
            tracing::warn!(target: "agent.dns", qname = %question.name, "QName invalid");
        }
        if tracing::enabled!(target: "agent.dns", tracing::Level::DEBUG) {
            let network = if transport == Transport::Udp {
                "udp"
            } else {
                "tcp"
            };
            let latency = took.unwrap_or_default();
            tracing::debug!(
                target: "agent.dns",
                name = %question.name,
                r#type = %rtype::text(question.qtype),
                class = "IN",
                ?latency,
                client = %remote,
                client_network = network,
                "request served from client"
            );
        }
    }

    /// The name metrics are labelled with.
    pub fn node_name(&self) -> String {
        self.config.load().node_name.clone()
    }
}
