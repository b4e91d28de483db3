//! Calls to whichever server answers: rotation, tries anew, time-outs, and errors as ports tell them (spec/server.md §12.2).

use crate::driver::Lost;
use crate::limits::{FIRST_PAUSE_PART, JITTER_PART, Settings, WAIT_DEFAULT, WAIT_MAX};
use crate::link::Link;
use crate::rate::Bucket;
use crate::servers::{Place, Servers};
use bytes::Bytes;
use calls::client::Request;
use parking_lot::Mutex;
use ports::RpcError;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rt::{Instant, Room, Time};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wire::errors;

const LIMITED: &str = "RPC rate limit exceeded";
/// What a server says that another one, or the same a little later, may not say.
const PASSING: [&str; 5] = [
    errors::NO_LEADER,
    "Raft leader not found in server lookup mapping",
    "please resubmit call for rechunking",
    "rate limit exceeded, try again later or against a different server",
    "rate limit exceeded for operation that can only be performed by the leader, try again later",
];
/// Servers that are tried at once, one behind the other, and that an error names at most.
const TRIED_MAX: usize = 8;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A read that waits at most so long; zero does not wait. It may be made again whatever became of it.
    Read(Duration),
    /// A write: only made again when it is sure that nothing was done.
    Write,
}

/// A read that does not wait.
pub(crate) const NOW: Kind = Kind::Read(Duration::ZERO);

pub(crate) struct Calls {
    pub(crate) settings: Settings,
    servers: Arc<dyn Servers>,
    /// The connection to the server asked last.
    link: tokio::sync::Mutex<Option<(SocketAddr, Arc<Link>)>>,
    bucket: Mutex<Bucket>,
    rng: Mutex<StdRng>,
    pub(crate) time: Time,
    room: Room,
}

/// Why a try failed.
enum Failed {
    /// No connection.
    Dial(String),
    /// The connection broke under the call.
    Lost(String),
    /// It took too long.
    Late,
    /// The server said so.
    Said(String),
}

impl Failed {
    /// What the caller is told.
    fn text(&self) -> String {
        match self {
            Self::Dial(why) => format!("rpc error getting client: failed to get conn: {why}"),
            Self::Lost(why) | Self::Said(why) => format!("rpc error making call: {why}"),
            Self::Late => "rpc error making call: i/o deadline reached".to_owned(),
        }
    }

    fn may_pass(&self, kind: Kind) -> bool {
        match self {
            Self::Dial(_) => true,
            // A write may have been made.
            Self::Lost(_) | Self::Late => kind != Kind::Write,
            Self::Said(why) => PASSING.iter().any(|passing| why.contains(passing)),
        }
    }
}

impl Calls {
    pub(crate) fn new(
        settings: Settings,
        servers: Arc<dyn Servers>,
        seed: u64,
        time: Time,
        room: Room,
    ) -> Self {
        let bucket = Bucket::new(settings.rate, settings.burst, time.now());
        Self {
            settings,
            servers,
            link: tokio::sync::Mutex::default(),
            bucket: Mutex::new(bucket),
            rng: Mutex::new(StdRng::seed_from_u64(seed)),
            time,
            room,
        }
    }

    /// The server to ask.
    pub(crate) fn first(&self) -> Option<Place> {
        self.servers.first()
    }

    /// It cannot be reached.
    pub(crate) fn failed(&self, name: &str) {
        self.servers.failed(name);
    }

    /// Another limit of calls from now on.
    pub(crate) fn limit(&self, rate: f64, burst: u32) {
        *self.bucket.lock() = Bucket::new(rate, burst, self.time.now());
    }

    /// Calls, and calls again as long as that may help and the hold time lasts. Every server is tried before it counts.
    ///
    /// # Errors
    /// What a server says; who was tried when none could be asked; no server is known; the agent's own limit.
    pub(crate) async fn call(&self, request: &Request, kind: Kind) -> Result<Bytes, RpcError> {
        self.call_within(request, kind, self.settings.hold).await
    }

    /// The same with another hold time.
    ///
    /// # Errors
    /// Those of [`Calls::call`].
    pub(crate) async fn call_within(
        &self,
        request: &Request,
        kind: Kind,
        hold: Duration,
    ) -> Result<Bytes, RpcError> {
        if !self.bucket.lock().take(self.time.now()) {
            return Err(RpcError::Limited(LIMITED.to_owned()));
        }
        let waits = match kind {
            Kind::Read(wait) => wait,
            Kind::Write => Duration::ZERO,
        };
        let until = self.time.now() + hold + waits;
        let mut pause = self.settings.hold / FIRST_PAUSE_PART;
        let mut tried: Vec<Place> = Vec::new();
        loop {
            let Some(place) = self.servers.first() else {
                return Err(RpcError::Unavailable(errors::NO_SERVERS.to_owned()));
            };
            let failed = match self.once(&place, request, kind).await {
                Ok(body) => return Ok(body),
                Err(failed) => failed,
            };
            tracing::warn!(
                target: "agent.client",
                method = request.method,
                server = %place.address,
                error = failed.text(),
                "RPC failed to server"
            );
            if !matches!(&failed, Failed::Said(_)) || failed.may_pass(kind) {
                self.servers.failed(&place.name);
            }
            if !tried.contains(&place) && tried.len() < TRIED_MAX {
                tried.push(place);
            }
            // Another server is asked at once, unless this one spoke for all of them.
            let said = matches!(failed, Failed::Said(_));
            let next = self.servers.first();
            let untried =
                !said && tried.len() < TRIED_MAX && next.is_some_and(|next| !tried.contains(&next));
            if !failed.may_pass(kind) || (!untried && self.time.now() >= until) {
                return Err(refused(&failed, &tried));
            }
            if !untried {
                self.pause(pause, until).await;
                pause *= 2;
            }
        }
    }

    /// Between half and the whole of a pause, never beyond the end.
    async fn pause(&self, pause: Duration, until: Instant) {
        let part: f64 = self.rng.lock().random_range(0.5..1.0);
        let wake = (self.time.now() + pause.mul_f64(part)).min(until);
        self.time.sleep_until(wake).await;
    }

    async fn once(&self, place: &Place, request: &Request, kind: Kind) -> Result<Bytes, Failed> {
        let link = self.link(place.address).await.map_err(Failed::Dial)?;
        let most = match kind {
            Kind::Read(wait) if !wait.is_zero() => wait + wait / JITTER_PART + self.settings.hold,
            _ => self.settings.client_timeout,
        };
        tokio::select! {
            reply = link.call(request.method, &request.body) => match reply {
                Ok(reply) if reply.error.is_empty() => Ok(reply.body),
                Ok(reply) => Err(Failed::Said(reply.error)),
                Err(Lost(why)) => Err(Failed::Lost(why)),
            },
            () = self.time.sleep(most) => Err(Failed::Late),
        }
    }

    /// The connection to a server, dialled when there is none. One is kept: calls under way on another go on until they end.
    async fn link(&self, address: SocketAddr) -> Result<Arc<Link>, String> {
        let mut kept = self.link.lock().await;
        if let Some((known, link)) = &*kept
            && *known == address
            && !link.is_over()
        {
            return Ok(link.clone());
        }
        let link = Link::dial(address, &self.time, &self.room)
            .await
            .map_err(|error| format!("dial tcp {address}: {error}"))?;
        let link = Arc::new(link);
        *kept = Some((address, link.clone()));
        Ok(link)
    }
}

/// How long a blocking read may wait, as the server will understand it.
pub(crate) fn wait_of(options: &ports::ReadOptions) -> Duration {
    match (options.min_index, options.max_wait) {
        (0, _) => Duration::ZERO,
        (_, Duration::ZERO) => WAIT_DEFAULT,
        (_, wait) => wait.min(WAIT_MAX),
    }
}

/// What a server said, with the prefix that every hop adds.
pub(crate) fn said(why: &str) -> RpcError {
    let text = Failed::Said(why.to_owned()).text();
    if why.contains("Permission denied") || why.contains("ACL not found") {
        RpcError::Denied(text)
    } else if why.contains("rate limit exceeded") {
        RpcError::Limited(text)
    } else {
        RpcError::Refused(text)
    }
}

/// The error of a call: where no server could be asked it says which were tried.
fn refused(failed: &Failed, tried: &[Place]) -> RpcError {
    if let Failed::Said(why) = failed {
        return said(why);
    }
    let mut text = failed.text();
    let mut before = " (tried ";
    for place in tried {
        // Writing to a text cannot fail.
        let _ = write!(text, "{before}{} at {}", place.name, place.address);
        before = ", ";
    }
    text.push(')');
    RpcError::Unavailable(text)
}

/// The connection, or what came over it, is of no use.
pub(crate) fn lost(why: &str) -> RpcError {
    RpcError::Unavailable(Failed::Lost(why.to_owned()).text())
}

/// A reply that its method does not have.
pub(crate) fn undecodable(error: &dialect::msgpack::Error) -> RpcError {
    lost(&error.to_string())
}
