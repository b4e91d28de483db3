//! User events of an agent that does not gossip yet: what it fires, it receives (spec/server.md §13).

use crate::agent::Agent;
use dialect::{Bytes, record};
use parking_lot::Mutex;
use ports::{BoxFuture, Caller, Events, RpcError, UserEvent};
use regex::Regex;
use std::collections::VecDeque;
use std::sync::Arc;
use telemetry::{Metrics, names};
use tokio::sync::watch;

/// Events that are kept; older ones go.
const RING_MAX: usize = 256;
/// Largest event as it travels: name and encoded payload, bytes.
const SIZE_MAX: usize = 512;
/// What the name of a user event begins with on the wire.
const PREFIX: &str = "consul:event:";
/// Name of the only pool in metrics.
const POOL: &str = "lan";
/// Asks agents to run a command; never listed.
const REMOTE_EXEC: &str = "_rexec";
/// Longest compiled filter, bytes.
const REGEX_MAX: usize = 1 << 20;

record! {
    /// An event as it travels (dialect C of spec/wire.md §0.3).
    pub struct Payload {
        id: String = "ID",
        name: String = "n",
        node_filter: String = "nf" [wire_omit],
        payload: Bytes = "p" [wire_omit],
        service_filter: String = "sf" [wire_omit],
        tag_filter: String = "tf" [wire_omit],
        version: u64 = "v",
    }
}

struct Ring {
    events: VecDeque<Arc<UserEvent>>,
    /// Lamport time of the next event.
    clock: u64,
}

/// The events that an agent fired and that concern it.
pub struct OwnEvents {
    agent: Arc<Agent>,
    datacenter: String,
    ring: Mutex<Ring>,
    count: watch::Sender<u64>,
    metrics: Metrics,
}

fn filter(what: &str, text: &str) -> Result<Option<Regex>, RpcError> {
    if text.is_empty() {
        return Ok(None);
    }
    let built = regex::RegexBuilder::new(text).size_limit(REGEX_MAX).build();
    built.map(Some).map_err(|_| {
        RpcError::refused(format!(
            "Invalid {what} filter: error parsing regexp: {}",
            complaint(text)
        ))
    })
}

/// Go's words for the commonest mistakes in a pattern.
fn complaint(text: &str) -> String {
    let open = text.matches('(').count();
    let closed = text.matches(')').count();
    if open > closed {
        format!("missing closing ): `{text}`")
    } else if closed > open {
        format!("unexpected ): `{text}`")
    } else if text.matches('[').count() > text.matches(']').count() {
        let at = text.find('[').unwrap_or(0);
        format!("missing closing ]: `{}`", text.get(at..).unwrap_or(text))
    } else if text.starts_with(['*', '+', '?']) {
        format!(
            "missing argument to repetition operator: `{}`",
            text.get(..1).unwrap_or(text)
        )
    } else {
        format!("invalid syntax: `{text}`")
    }
}

impl OwnEvents {
    /// Events for this agent, in its datacenter, counted in these metrics.
    pub fn new(agent: Arc<Agent>, datacenter: String, metrics: Metrics) -> Self {
        let ring = Mutex::new(Ring {
            events: VecDeque::new(),
            clock: 1,
        });
        Self {
            agent,
            datacenter,
            ring,
            count: watch::Sender::new(0),
            metrics,
        }
    }

    fn concerns(&self, event: &UserEvent) -> Result<bool, RpcError> {
        let node = filter("node", &event.node_filter)?;
        let service = filter("service", &event.service_filter)?;
        let tag = filter("tag", &event.tag_filter)?;
        if node.is_some_and(|node| !node.is_match(&self.agent.config.read().identity.name)) {
            return Ok(false);
        }
        let Some(service) = service else {
            return Ok(true);
        };
        let local = self.agent.local.lock();
        let mut matching = local
            .visible_services()
            .filter(|known| service.is_match(&known.row.id));
        Ok(matching.any(|known| {
            tag.as_ref()
                .is_none_or(|tag| known.row.tags.iter().any(|one| tag.is_match(one)))
        }))
    }

    fn take(&self, datacenter: &str, mut event: UserEvent) -> Result<UserEvent, RpcError> {
        if !datacenter.is_empty() && !datacenter.eq_ignore_ascii_case(&self.datacenter) {
            return Err(RpcError::NoPath);
        }
        if event.name.is_empty() {
            return Err(RpcError::refused("User event missing name"));
        }
        if event.service_filter.is_empty() && !event.tag_filter.is_empty() {
            return Err(RpcError::refused(
                "Cannot provide tag filter without service filter",
            ));
        }
        let concerns = self.concerns(&event)?;
        event.id = uuid::Uuid::new_v4().to_string();
        event.version = 1;
        event.ltime = 0;
        let payload = Payload {
            id: event.id.clone(),
            name: event.name.clone(),
            node_filter: event.node_filter.clone(),
            payload: event.payload.clone().unwrap_or_default(),
            service_filter: event.service_filter.clone(),
            tag_filter: event.tag_filter.clone(),
            version: event.version,
        };
        let size = PREFIX.len()
            + event.name.len()
            + dialect::msgpack::to_vec_in(dialect::msgpack::Dialect::C, &payload).len();
        if size > SIZE_MAX {
            return Err(RpcError::refused(format!(
                "error broadcasting event: user event exceeds configured limit of {SIZE_MAX} bytes before encoding"
            )));
        }
        let fired = event.clone();
        self.metrics.incr_with(names::SERF_EVENTS, &[POOL]);
        let wire_name = format!("{PREFIX}{}", event.name);
        self.metrics
            .incr_with(names::SERF_EVENTS_ANY, &[&wire_name, POOL]);
        if event.name == REMOTE_EXEC {
            tracing::info!(event_name = %event.name, event_id = %event.id, "ignoring remote exec event, disabled.");
        } else if concerns {
            let mut ring = self.ring.lock();
            ring.clock += 1;
            event.ltime = ring.clock;
            if ring.events.len() == RING_MAX {
                ring.events.pop_front();
            }
            ring.events.push_back(Arc::new(event));
            drop(ring);
            self.count.send_modify(|count| *count += 1);
        }
        Ok(fired)
    }
}

impl Events for OwnEvents {
    fn fire<'a>(
        &'a self,
        _: &'a Caller,
        datacenter: &'a str,
        event: UserEvent,
    ) -> BoxFuture<'a, Result<UserEvent, RpcError>> {
        Box::pin(std::future::ready(self.take(datacenter, event)))
    }

    fn received(&self, _: &Caller) -> (Vec<Arc<UserEvent>>, bool) {
        (self.ring.lock().events.iter().cloned().collect(), false)
    }

    fn count(&self) -> u64 {
        *self.count.borrow()
    }

    fn arrived<'a>(&'a self, seen: u64) -> BoxFuture<'a, ()> {
        let mut count = self.count.subscribe();
        Box::pin(async move {
            // The agent outlives who waits for it.
            let _ = count.wait_for(|count| *count != seen).await;
        })
    }
}
