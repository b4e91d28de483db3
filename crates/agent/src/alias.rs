//! Alias checks: the worst of other checks (spec/agent-config.md §15).

use crate::agent::Agent;
use local::Change;
use model::{CheckType, HealthCheck, status};
use ports::{Caller, Consistency, Data, Query, Read, ReadOptions};
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;

/// Local aliases are looked at again after this time, whatever happened.
const RECHECK: Duration = Duration::from_secs(60);
/// How far behind a server may be that answers for a remote alias.
const MAX_STALE: Duration = Duration::from_secs(15);
/// How far one change travels along aliases of aliases at once; those that mirror each other go on with their next look.
const CHAIN_MAX: usize = 8;
/// Longest pause after failures.
const RETRY_MAX: Duration = Duration::from_secs(60);

impl Agent {
    pub(crate) fn start_alias(self: &Arc<Self>, id: &str, definition: &CheckType) {
        if definition.alias_node.is_empty() {
            self.keep_mirror(id, &definition.alias_service);
            self.mirror_one(id, &definition.alias_service, 0);
            self.recheck_later(id.to_owned(), definition.alias_service.clone());
            return;
        }
        let room = self.room.child("alias");
        let generation = self.keep_remote(id, room.clone());
        let (agent, id) = (self.clone(), id.to_owned());
        let (node, service) = (
            definition.alias_node.clone(),
            definition.alias_service.clone(),
        );
        room.spawn("follow", async move {
            agent.follow(&id, generation, &node, &service).await
        });
    }

    fn recheck_later(self: &Arc<Self>, id: String, service: String) {
        let agent = Arc::downgrade(self);
        self.time.call_at(self.time.now().after(RECHECK), move || {
            let Some(agent) = agent.upgrade() else { return };
            let ours = agent
                .runners
                .lock()
                .mirrors
                .get(&service)
                .is_some_and(|list| list.contains(&id));
            if ours {
                agent.mirror_one(&id, &service, 0);
                agent.recheck_later(id, service);
            }
        });
    }

    /// Looks again at all aliases of a service on this agent.
    pub(crate) fn mirror(self: &Arc<Self>, service: &str) {
        self.mirror_at(service, 0);
    }

    fn mirror_at(self: &Arc<Self>, service: &str, depth: usize) {
        if depth == CHAIN_MAX {
            return;
        }
        let aliases = self
            .runners
            .lock()
            .mirrors
            .get(service)
            .cloned()
            .unwrap_or_default();
        for id in aliases {
            self.mirror_one(&id, service, depth);
        }
    }

    fn mirror_one(self: &Arc<Self>, id: &str, service: &str, depth: usize) {
        let limit = self.config.read().output_max;
        let (change, of) = {
            let mut local = self.local.lock();
            let (to, output) = if local.service(service).is_none() {
                (status::CRITICAL.to_owned(), not_found(service, ""))
            } else {
                worst(
                    local
                        .checks_for(service)
                        .filter(|check| check.row.check_id != id)
                        .map(|check| &*check.row),
                )
            };
            let output = clipped(&output, limit);
            let change = local.set_check(id, &to, output, self.now(), rand::rng().random());
            (
                change,
                local.check(id).map(|check| check.row.service_id.clone()),
            )
        };
        // An alias may itself be mirrored, by others than itself.
        let of = of.filter(|of| of != service);
        self.tell(change);
        if change != Change::None
            && let Some(of) = of.filter(|of| !of.is_empty())
        {
            self.mirror_at(&of, depth + 1);
        }
    }

    async fn follow(self: Arc<Self>, id: &str, generation: u64, node: &str, service: &str) {
        let mut index = 0;
        let mut failures: u32 = 0;
        while self.is_current(id, generation) {
            match self.look(id, node, service, index).await {
                Ok((at, to, output)) => {
                    failures = 0;
                    index = if at < index { 0 } else { at };
                    self.set_alias(id, to, &output);
                }
                Err(error) => {
                    failures += 1;
                    index = 0;
                    if failures >= 2 {
                        self.set_alias(
                            id,
                            status::CRITICAL.into(),
                            &format!("Failure checking aliased node or service: {error}"),
                        );
                    }
                    let wait = Duration::from_secs(1)
                        .saturating_mul(1 << failures.min(6))
                        .min(RETRY_MAX);
                    self.time.sleep(wait).await;
                }
            }
        }
    }

    fn set_alias(self: &Arc<Self>, id: &str, to: String, output: &str) {
        let (change, service) = {
            let mut local = self.local.lock();
            let change = local.set_check(id, &to, output, self.now(), rand::rng().random());
            (
                change,
                local.check(id).map(|check| check.row.service_id.clone()),
            )
        };
        self.after(change, service.as_deref());
    }

    async fn look(
        &self,
        id: &str,
        node: &str,
        service: &str,
        index: u64,
    ) -> Result<(u64, String, String), ports::RpcError> {
        let options = ReadOptions {
            min_index: index,
            consistency: Consistency::Stale,
            max_stale: MAX_STALE,
            ..ReadOptions::default()
        };
        let caller = Caller::with_token(self.local.lock().check_token(id));
        let answered = self
            .rpc
            .read(
                &caller,
                Query::new(Read::NodeChecks {
                    node: node.to_owned(),
                }),
                options,
            )
            .await?;
        let Data::Checks(checks) = &answered.answer.data else {
            return Err(ports::RpcError::refused("unexpected answer"));
        };
        if !service.is_empty() {
            let query = Query::new(Read::NodeServices {
                node: node.to_owned(),
            });
            let options = ReadOptions {
                consistency: Consistency::Stale,
                max_stale: MAX_STALE,
                ..ReadOptions::default()
            };
            let services = self.rpc.read(&caller, query, options).await?;
            let there = match &services.answer.data {
                Data::NodeServices(Some((_, list))) => list.iter().any(|row| row.id == service),
                _ => false,
            };
            if !there {
                return Ok((
                    answered.answer.index,
                    status::CRITICAL.into(),
                    not_found(service, node),
                ));
            }
        }
        let counted = checks
            .iter()
            .filter(|check| check.service_id.is_empty() || check.service_id == service);
        let (to, output) = worst(counted.map(|check| &**check));
        Ok((answered.answer.index, to, output))
    }
}

/// The beginning of a text, at most that many bytes.
fn clipped(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

fn not_found(service: &str, node: &str) -> String {
    format!("Service {service} could not be found on node {node}")
}

/// The worst status of these checks and what an alias says of it.
fn worst<'a>(checks: impl Iterator<Item = &'a HealthCheck>) -> (String, String) {
    let mut any = false;
    let mut found = (status::PASSING, String::new());
    for check in checks {
        any = true;
        let failing = || format!("Aliased check {:?} failing: {}", check.name, check.output);
        if check.status == status::CRITICAL {
            return (status::CRITICAL.into(), failing());
        }
        if check.status == status::WARNING && found.0 == status::PASSING {
            found = (status::WARNING, failing());
        }
    }
    let text = match (found.0, any) {
        (status::PASSING, false) => "No checks found.".to_owned(),
        (status::PASSING, true) => "All checks passing.".to_owned(),
        _ => found.1,
    };
    (found.0.to_owned(), text)
}
