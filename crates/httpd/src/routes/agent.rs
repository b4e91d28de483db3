//! `/v1/agent/*`: this agent's own services and checks (spec/http-api.md §10).

use super::agent_body::{BeatBody, CheckBody, ServiceBody, decode};
use super::{agent_hash, agent_view, json_body};
use crate::encode::list;
use crate::fault::Fault;
use crate::read::{boolean, quoted, uint};
use crate::reply::{PLAIN, Reply};
use crate::request::{Handled, Outcome, Request, RequestBody, attempt};
use crate::table::Tenancy;
use bytes::Bytes;
use dialect::json::ToJson as _;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use model::{HealthCheck, NodeService, status};
use ports::filter::{self, Filter, Schema};
use ports::{AgentError, Beat, LocalAgent, LocalHealth, ServiceRegistration};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

const HASH: HeaderName = HeaderName::from_static("x-consul-contenthash");
const REASON: HeaderName = HeaderName::from_static("x-consul-reason");

/// The random part of a wait is below this fraction of it.
const JITTER_FRACTION: u32 = 16;
/// Wait of who gives none, and the longest one (spec/http-api.md §5.4).
const DEFAULT_WAIT: Duration = Duration::from_secs(300);
const MAX_WAIT: Duration = Duration::from_secs(600);

impl From<AgentError> for Fault {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Invalid(text) => Self::bad(text),
            AgentError::NotFound(text) => Self::new(404, text),
            AgentError::Denied(text) => Self::new(403, text),
            AgentError::Failed(text) => Self::internal(text),
        }
    }
}

fn done(result: Result<(), AgentError>) -> Outcome {
    result?;
    Ok(Reply::nothing())
}

/// Services of this agent by ID.
pub(crate) fn services(req: Request) -> Handled {
    let filter = attempt!(compiled(&req, &filter::AGENT_SERVICE));
    let rows = req.door.ports.agent.services();
    let datacenter = &req.settings.config.datacenter;
    let write = |w: &mut dialect::json::Writer<'_>| {
        w.begin_object();
        for row in kept(&rows, filter.as_ref()) {
            w.key_escaped(&row.id);
            agent_view::service(w, row, datacenter, None);
        }
        w.end_object();
    };
    req.shape.json(write).into()
}

/// The request's filter. Patterns may take a while: the worker goes on with other requests meanwhile.
pub(super) fn compiled<T>(
    req: &Request,
    schema: &'static Schema<T>,
) -> Result<Option<Filter<T>>, Fault> {
    match req.params.text("filter") {
        "" => Ok(None),
        text => rt::aside(|| filter::compile(text, schema)).map_err(Fault::internal),
    }
}

fn kept<'a, T>(
    rows: &'a [Arc<T>],
    filter: Option<&'a Filter<T>>,
) -> impl Iterator<Item = &'a Arc<T>> {
    rows.iter()
        .filter(move |row| filter.is_none_or(|filter| filter.matches(row)))
}

/// Checks of this agent by ID. Selectors are looked at only when there is a row (spec/http-api.md §6.3).
pub(crate) fn checks(req: Request) -> Handled {
    let text = req.params.text("filter");
    let rows = req.door.ports.agent.checks();
    let filter = match text {
        "" => None,
        text => match rt::aside(|| Filter::compile(text, &filter::HEALTH_CHECK)) {
            Ok(filter) => Some(filter),
            Err(error) if error.is_syntax() => {
                let prefix = filter::FILTER_ERROR_PREFIX;
                return Fault::internal(format!("{prefix}{error}")).into();
            }
            Err(_) if rows.is_empty() => None,
            Err(error) => return Fault::internal(error.to_string()).into(),
        },
    };
    let write = |w: &mut dialect::json::Writer<'_>| {
        w.begin_object();
        for row in kept(&rows, filter.as_ref()) {
            w.key_escaped(&row.check_id);
            row.write_json(w);
        }
        w.end_object();
    };
    req.shape.json(write).into()
}

/// One service; with `?hash=` once it is another one.
pub(crate) fn service(req: Request) -> Handled {
    let wait = attempt!(wait(&req));
    let id = req.rest_text();
    let known = req.params.text("hash").to_owned();
    let (agent, door) = (req.door.ports.agent.clone(), req.door.clone());
    let (shape, settings) = (req.shape, req.settings.clone());
    let show = move |row: &NodeService, hash: &str| {
        let datacenter = &settings.config.datacenter;
        let reply = shape.json(|w| agent_view::service(w, row, datacenter, Some(hash)));
        let value = HeaderValue::from_str(hash).unwrap_or(HeaderValue::from_static(""));
        Ok(reply.with(HASH, value))
    };
    let look = move |agent: &dyn LocalAgent| -> Result<(Arc<NodeService>, String), Fault> {
        let row = agent
            .service(&id)
            .ok_or_else(|| Fault::new(404, format!("unknown service ID: {id}")))?;
        let hash = agent_hash::hash(&row);
        Ok((row, hash))
    };
    let mut seen = agent.version();
    let (row, hash) = attempt!(look(&*agent));
    if known.is_empty() || hash != known {
        return show(&row, &hash).into();
    }
    Handled::later(async move {
        let mut over = std::pin::pin!(door.over(wait));
        loop {
            let late = tokio::select! {
                () = agent.changed(seen) => false,
                () = &mut over => true,
            };
            seen = agent.version();
            let (row, hash) = look(&*agent)?;
            if late || hash != known {
                return show(&row, &hash);
            }
        }
    })
}

fn wait(req: &Request) -> Result<Duration, Fault> {
    let wait = match req.params.text("wait") {
        "" => 0,
        text => dialect::duration::parse(text).map_err(|_| Fault::bad("Invalid wait time"))?,
    };
    match req.params.text("index") {
        "" => {}
        text => drop(uint(text).map_err(|_| Fault::bad("Invalid index"))?),
    }
    Ok(spread(match u64::try_from(wait) {
        Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos).min(MAX_WAIT),
        _ => DEFAULT_WAIT,
    }))
}

/// A wait and up to a sixteenth of it, so that clients that came together do not come together again
/// (spec/http-api.md §5.2).
fn spread(wait: Duration) -> Duration {
    let most = (wait / JITTER_FRACTION).as_nanos().max(1);
    // Keys of hash maps are as random as a wait has to be.
    let random = u128::from(RandomState::new().hash_one(wait));
    wait + Duration::from_nanos(u64::try_from(random % most).unwrap_or(0))
}

/// Registers a service with its checks and sidecar.
pub(crate) fn register_service(req: Request) -> Handled {
    let replace = matches!(req.params.get("replace-existing-checks"), Some("" | "true"));
    let Request {
        door, caller, body, ..
    } = req;
    Handled::later(async move {
        let body: ServiceBody = decode(&json_body(body).await?)?;
        let registration = ServiceRegistration {
            definition: body.definition(),
            replace_existing_checks: replace,
        };
        done(
            door.ports
                .agent
                .register_service(&caller, registration)
                .await,
        )
    })
}

/// Removes a service with what belongs to it.
pub(crate) fn deregister_service(req: Request) -> Handled {
    let id = req.rest_text();
    let Request { door, caller, .. } = req;
    Handled::later(async move { done(door.ports.agent.deregister_service(&caller, &id).await) })
}

/// Registers a check.
pub(crate) fn register_check(req: Request) -> Handled {
    let Request {
        door, caller, body, ..
    } = req;
    Handled::later(async move {
        let body: CheckBody = decode(&json_body(body).await?)?;
        done(
            door.ports
                .agent
                .register_check(&caller, body.registration())
                .await,
        )
    })
}

/// Removes a check.
pub(crate) fn deregister_check(req: Request) -> Handled {
    let id = req.rest_text();
    let Request { door, caller, .. } = req;
    Handled::later(async move { done(door.ports.agent.deregister_check(&caller, &id).await) })
}

/// A TTL check passes.
pub(crate) fn pass(req: Request) -> Handled {
    beat(req, status::PASSING)
}

/// A TTL check warns.
pub(crate) fn warn(req: Request) -> Handled {
    beat(req, status::WARNING)
}

/// A TTL check fails.
pub(crate) fn fail(req: Request) -> Handled {
    beat(req, status::CRITICAL)
}

fn beat(req: Request, status: &str) -> Handled {
    let id = req.rest_text();
    let beat = Beat {
        status: status.to_owned(),
        output: req.params.text("note").to_owned(),
    };
    let Request { door, caller, .. } = req;
    Handled::later(async move { done(door.ports.agent.beat(&caller, &id, beat).await) })
}

/// A TTL check gets a status and an output. The body is looked at before the tenancy.
pub(crate) fn update(req: Request) -> Handled {
    let id = req.rest_text();
    let tenancy = crate::door::tenancy(Tenancy::Both, &req.params, &req.headers);
    let Request {
        door, caller, body, ..
    } = req;
    Handled::later(async move {
        let body: BeatBody = decode(&json_body(body).await?)?;
        let beat = body.beat()?;
        tenancy?;
        done(door.ports.agent.beat(&caller, &id, beat).await)
    })
}

/// Switches maintenance of the node.
pub(crate) fn maintenance(req: Request) -> Handled {
    set_maintenance(req, None)
}

/// Switches maintenance of a service.
pub(crate) fn service_maintenance(req: Request) -> Handled {
    let id = attempt!(req.rest_or("Missing service ID"));
    set_maintenance(req, Some(id))
}

fn set_maintenance(req: Request, service: Option<String>) -> Handled {
    let enable = attempt!(
        req.params
            .get("enable")
            .ok_or_else(|| Fault::bad("Missing value for enable"))
            .and_then(|text| boolean(text)
                .ok_or_else(|| Fault::bad(format!("Invalid value for enable: {}", quoted(text)))))
    );
    let reason = req.params.text("reason").to_owned();
    let Request { door, caller, .. } = req;
    Handled::later(async move {
        let agent = &door.ports.agent;
        done(
            agent
                .maintenance(&caller, service.as_deref(), enable, &reason)
                .await,
        )
    })
}

/// Health of one instance as this agent sees it.
pub(crate) fn health_by_id(req: Request) -> Handled {
    let id = attempt!(rest_or_internal(&req, "Missing serviceID"));
    let Some(health) = req.door.ports.agent.health(&id) else {
        return missing(&req, &format!("ServiceId {id} not found"), |w| {
            w.begin_object();
            w.member("AggregatedStatus", status::CRITICAL);
            for name in ["Service", "Checks"] {
                w.key(name);
                w.null();
            }
            w.end_object();
        })
        .into();
    };
    let found = aggregate(&health.checks);
    shown(&req, found, |w| health_member(w, &req, &health)).into()
}

/// Health of all instances of that name as this agent sees them; the worst decides.
pub(crate) fn health_by_name(req: Request) -> Handled {
    let name = attempt!(rest_or_internal(&req, "Missing service Name"));
    let agent = &req.door.ports.agent;
    let found: Vec<LocalHealth> = agent
        .services()
        .iter()
        .filter(|service| service.service == name)
        .filter_map(|service| agent.health(&service.id))
        .collect();
    if found.is_empty() {
        return missing(&req, &format!("ServiceName {name} Not Found"), |w| {
            w.begin_array();
            w.end_array();
        })
        .into();
    }
    let worst = found
        .iter()
        .map(|health| aggregate(&health.checks))
        .max()
        .unwrap_or(Aggregated::Passing);
    shown(&req, worst, |w| {
        list(w, &found, |w, health| health_member(w, &req, health))
    })
    .into()
}

fn rest_or_internal(req: &Request, missing: &'static str) -> Result<String, Fault> {
    match req.rest_text() {
        rest if rest.is_empty() => Err(Fault::internal(missing)),
        rest => Ok(rest),
    }
}

fn health_member(w: &mut dialect::json::Writer<'_>, req: &Request, health: &LocalHealth) {
    w.begin_object();
    w.member("AggregatedStatus", aggregate(&health.checks).word());
    w.key("Service");
    agent_view::service(w, &health.service, &req.settings.config.datacenter, None);
    w.key("Checks");
    list(w, &health.checks, |w, check| {
        agent_view::short_check(w, check)
    });
    w.end_object();
}

/// What several checks say together, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Aggregated {
    Passing,
    Warning,
    Critical,
    Maintenance,
}

impl Aggregated {
    fn word(self) -> &'static str {
        match self {
            Self::Passing => status::PASSING,
            Self::Warning => status::WARNING,
            Self::Critical => status::CRITICAL,
            Self::Maintenance => status::MAINTENANCE,
        }
    }

    fn http(self) -> u16 {
        match self {
            Self::Passing => 200,
            Self::Warning => 429,
            Self::Critical | Self::Maintenance => 503,
        }
    }
}

fn aggregate(checks: &[Arc<HealthCheck>]) -> Aggregated {
    let each = checks.iter().map(|check| {
        let id = check.check_id.as_str();
        if id == "_node_maintenance" || id.starts_with("_service_maintenance:") {
            return Aggregated::Maintenance;
        }
        match check.status.as_str() {
            status::CRITICAL => Aggregated::Critical,
            status::WARNING => Aggregated::Warning,
            _ => Aggregated::Passing,
        }
    });
    each.max().unwrap_or(Aggregated::Passing)
}

fn as_text(req: &Request) -> bool {
    req.params.text("format") == "text"
        || req
            .headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.starts_with("text/plain"))
}

fn shown(
    req: &Request,
    found: Aggregated,
    write: impl FnOnce(&mut dialect::json::Writer<'_>),
) -> Reply {
    let reply = if as_text(req) {
        Reply::typed(PLAIN, Bytes::from_static(found.word().as_bytes()))
    } else {
        req.shape.json(write)
    };
    reply
        .with_status(found.http())
        .with(REASON, HeaderValue::from_static(found.word()))
}

fn missing(req: &Request, text: &str, write: impl FnOnce(&mut dialect::json::Writer<'_>)) -> Reply {
    let reply = if as_text(req) {
        Reply::typed(PLAIN, Bytes::copy_from_slice(text.as_bytes()))
    } else {
        req.shape.json(write)
    };
    let reason = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("not found"));
    reply.with_status(404).with(REASON, reason)
}

/// Reads the configuration again.
pub(crate) fn reload(req: Request) -> Handled {
    let door = req.door;
    Handled::later(async move {
        door.ports.process.reload().await.map_err(Fault::internal)?;
        Ok(Reply::nothing())
    })
}

/// Leaves the cluster; the process ends.
pub(crate) fn leave(req: Request) -> Handled {
    let door = req.door;
    Handled::later(async move {
        door.ports.process.leave().await.map_err(Fault::internal)?;
        Ok(Reply::nothing())
    })
}

/// Sets a token of the agent. There are none while ACLs are off.
pub(crate) fn token(req: Request) -> Handled {
    // The body is not even read.
    let _: RequestBody = req.body;
    Fault::new(401, "ACL support disabled").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread() {
        let wait = Duration::from_secs(16);
        let waits: Vec<Duration> = (0..100).map(|_| spread(wait)).collect();
        let most = wait + Duration::from_secs(1);
        assert!(waits.iter().all(|one| (wait..most).contains(one)));
        assert!(waits.iter().any(|one| *one != waits[0]));
        assert_eq!(spread(Duration::from_nanos(3)), Duration::from_nanos(3));
    }
}
