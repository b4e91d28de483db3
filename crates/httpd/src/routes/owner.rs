//! Entries of the catalog that an agent owns: it registers them again after they were deregistered in the catalog alone.
//! A header says so, and `/v1/x/catalog/deregister` deregisters at the owner (docs/extensions.md).

use super::catalog::{Deregistration, decoded, foreign};
use crate::door::Ports;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::request::{Handled, Request};
use hyper::header::{HeaderName, HeaderValue};
use model::{SERF_HEALTH, same_name};
use ports::{Caller, Consistency, Data, Query, Read, ReadOptions};

const OWNER: HeaderName = HeaderName::from_static("x-proconsul-owner");

/// What of this agent's a deregistration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owned {
    /// The service with this ID, as the agent spells it.
    Service(String),
    /// The check with this ID, as the agent spells it.
    Check(String),
    /// The agent's node.
    Node(String),
}

/// What this agent would register again, if anything. The agent of another node is not asked.
pub(super) fn owned(ports: &Ports, datacenter: &str, body: &Deregistration) -> Option<Owned> {
    let agent = &ports.agent;
    let node = agent.identity().name;
    if !datacenter.is_empty() || !body.peer_name.is_empty() || !same_name(&node, &body.node) {
        return None;
    }
    // A service counts before a check, as in the catalog.
    if !body.service_id.is_empty() {
        let mut services = agent.services().into_iter();
        let found = services.find(|service| same_name(&service.id, &body.service_id));
        return found.map(|service| Owned::Service(service.id.clone()));
    }
    if !body.check_id.is_empty() {
        let mut checks = agent.checks().into_iter();
        let found = checks.find(|check| same_name(&check.check_id, &body.check_id));
        return found.map(|check| Owned::Check(check.check_id.clone()));
    }
    Some(Owned::Node(node))
}

/// Adds the header; the answer stays what it is.
pub(super) fn tell(reply: Reply, owned: Option<Owned>) -> Reply {
    let text = match owned {
        None => return reply,
        Some(Owned::Service(id)) => format!(
            "this agent registers service {id:?} again; PUT /v1/x/catalog/deregister removes it at its owner"
        ),
        Some(Owned::Check(id)) => format!(
            "this agent registers check {id:?} again; PUT /v1/x/catalog/deregister removes it at its owner"
        ),
        Some(Owned::Node(name)) => {
            format!("this agent registers its node {name:?} again for as long as it runs")
        }
    };
    // Names may hold what a header may not.
    let safe: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect();
    match HeaderValue::from_str(&safe) {
        Ok(value) => reply.with(OWNER, value),
        Err(_) => reply,
    }
}

/// Whether an agent runs on a node that is not this one: then its catalog entries are that agent's.
async fn has_agent(
    ports: &Ports,
    caller: &Caller,
    datacenter: &str,
    node: &str,
) -> Result<bool, Fault> {
    let read = Read::NodeChecks {
        node: node.to_owned(),
    };
    let mut query = Query::new(read);
    datacenter.clone_into(&mut query.datacenter);
    let options = ReadOptions {
        consistency: Consistency::Default,
        ..ReadOptions::default()
    };
    let answered = ports.rpc.read(caller, query, options).await?;
    Ok(match &answered.answer.data {
        Data::Checks(rows) => rows.iter().any(|check| check.check_id == SERF_HEALTH),
        _ => false,
    })
}

/// Deregisters so that it stays gone: at the owning agent if there is one, and in the catalog.
pub(crate) fn deregister(req: Request) -> Handled {
    let Request {
        door,
        caller,
        shape,
        body,
        settings,
        ..
    } = req;
    Handled::later(async move {
        let body: Deregistration = decoded(body).await?;
        if body.node.is_empty() {
            return Err(Fault::bad("Missing node name"));
        }
        let ports = &door.ports;
        let datacenter = foreign(&body.datacenter, &settings.config.datacenter);
        match owned(ports, &datacenter, &body) {
            Some(Owned::Service(id)) => ports.agent.deregister_service(&caller, &id).await?,
            Some(Owned::Check(id)) => ports.agent.deregister_check(&caller, &id).await?,
            Some(Owned::Node(name)) => {
                return Err(Fault::bad(format!(
                    "Node {name:?} is this agent's own and stays for as long as it runs; let the agent leave instead"
                )));
            }
            None if same_name(&ports.agent.identity().name, &body.node) => {}
            None => {
                if has_agent(ports, &caller, &datacenter, &body.node).await? {
                    return Err(Fault::bad(format!(
                        "Node {:?} has an agent of its own, which cannot be reached from here; ask that agent",
                        body.node
                    )));
                }
            }
        }
        // What the agent has told the catalog already is no error there.
        ports
            .rpc
            .write(&caller, &datacenter, body.request())
            .await?;
        Ok(shape.bool(true))
    })
}
