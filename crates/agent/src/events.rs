//! User events of an agent that does not gossip yet: what it fires, it receives (spec/server.md §13).

use crate::agent::Agent;
use dialect::{Bytes, record};
use parking_lot::Mutex;
use ports::filter::regexp::{self, Regex};
use ports::{BoxFuture, Caller, Events, RpcError, UserEvent};
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

/// The filters of one event, compiled.
struct Filters {
    node: Option<Regex>,
    service: Option<Regex>,
    tag: Option<Regex>,
}

impl Filters {
    fn of(event: &UserEvent) -> Result<Self, RpcError> {
        let mut budget = regexp::Budget::default();
        let mut filter = |what: &str, text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            budget
                .compile(text.as_bytes())
                .map(Some)
                .map_err(|why| RpcError::refused(format!("Invalid {what} filter: {why}")))
        };
        Ok(Self {
            node: filter("node", &event.node_filter)?,
            service: filter("service", &event.service_filter)?,
            tag: filter("tag", &event.tag_filter)?,
        })
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

    fn concerns(&self, filters: &Filters) -> bool {
        let matches = |filter: &Regex, text: &str| filter.is_match(text.as_bytes());
        if let Some(node) = &filters.node
            && !matches(node, &self.agent.config.read().identity.name)
        {
            return false;
        }
        let Some(service) = &filters.service else {
            return true;
        };
        let local = self.agent.local.lock();
        let mut matching = local
            .visible_services()
            .filter(|known| matches(service, &known.row.id));
        matching.any(|known| {
            filters
                .tag
                .as_ref()
                .is_none_or(|tag| known.row.tags.iter().any(|one| matches(tag, one)))
        })
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
        let filters = rt::aside(|| Filters::of(&event))?;
        let concerns = self.concerns(&filters);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(event: UserEvent) -> String {
        match Filters::of(&event) {
            Err(RpcError::Refused(text)) => text,
            _ => panic!("taken"),
        }
    }

    #[test]
    fn filters_are_read_as_go_reads_patterns() {
        for (pattern, why) in [
            ("[9-0]", "invalid character class range: `9-0`"),
            ("a**", "invalid nested repetition operator: `**`"),
            (r"\y", r"invalid escape sequence: `\y`"),
            ("(?<n", "invalid named capture: `(?<n`"),
            ("(a{40}){40}", "invalid repeat count: `{40}`"),
        ] {
            let text = refusal(UserEvent {
                node_filter: pattern.to_owned(),
                ..UserEvent::default()
            });
            assert_eq!(
                text,
                format!("Invalid node filter: error parsing regexp: {why}")
            );
        }
    }

    #[test]
    fn the_filters_of_an_event_share_a_budget() {
        let large = "[^a]{1000}".to_owned();
        let text = refusal(UserEvent {
            node_filter: large.clone(),
            service_filter: large,
            tag_filter: "b".to_owned(),
            ..UserEvent::default()
        });
        assert!(
            text.starts_with("Invalid service filter: error parsing regexp: expression too large")
        );
    }
}
