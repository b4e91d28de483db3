//! What only the leader does: establishment, the catalog's view of this server, sessions and tombstones that are due,
//! coordinates (spec/server.md §7).

use crate::counters::Counters;
use crate::effects::Due;
use crate::server::{Server, leads};
use consensus::{Role, Status};
use dialect::{Dict, List};
use model::{
    HealthCheck, Node, NodeService, SERF_HEALTH, Session, SystemMetadataEntry, Weights, status,
};
use ports::Authorized;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use telemetry::names;
use tokio::sync::{mpsc, watch};
use wire::Command;
use wire::command::{
    AutopilotSetConfigRequest, RegisterRequest, SessionRequest, SystemMetadataRequest,
    TombstoneRequest,
};

/// Duties are done for nobody but the cluster.
pub(crate) static DUTY: Authorized = Authorized::system();

/// Flags that a cluster of this version sets when it is founded.
const FLAGS: [(&str, &str); 3] = [
    ("intention-format", "config-entry"),
    ("virtual-ips", "true"),
    ("virtual-ips-term-gateway", "true"),
];
/// Name and ID of the servers' own service.
const CONSUL: &str = "consul";
/// Wait after the first failed attempt to end a session whose TTL passed; doubles.
const EXPIRY_BACKOFF: Duration = Duration::from_secs(10);
/// Longest such wait: attempts go on while the session is due.
const EXPIRY_BACKOFF_MAX: Duration = Duration::from_secs(60);
/// Wait before establishment is tried again.
const ESTABLISH_RETRY: Duration = Duration::from_secs(5);

/// The term in which this server took up the leader's duties.
#[derive(Default)]
struct Duties(Option<u64>);

impl Duties {
    /// Whether the duties taken up before have ended: a leadership lost and won again between two looks is another one.
    fn ended(&mut self, leads: bool, term: u64) -> bool {
        let ended = self.0.is_some_and(|of| !leads || of != term);
        if ended {
            self.0 = None;
        }
        ended
    }
}

/// Returns when the leadership of `term` has ended; false when there is nothing to follow any more.
async fn ends(status: &mut watch::Receiver<Status>, term: u64) -> bool {
    let ended = |now: &Status| !leads(now) || now.term != term;
    status.wait_for(ended).await.is_ok()
}

impl Server {
    /// Follows who leads: takes up and lays down the leader's duties.
    pub(crate) async fn follow_leadership(self: Arc<Self>) {
        let mut status = self.consensus.watch_status();
        let mut duties = Duties::default();
        self.tell_role(Role::Follower);
        loop {
            let (lead, known, term) = {
                let now = status.borrow_and_update();
                // Before it is established, a leader does not show all that it acknowledged before its restart.
                let known = now.leader.is_some() && (leads(&now) || now.role != Role::Leader);
                (leads(&now), known, now.term)
            };
            self.known_leader.store(known, Ordering::Release);
            if duties.ended(lead, term) {
                tracing::info!("cluster leadership lost");
                self.leading.store(false, Ordering::Release);
                self.tell_role(Role::Follower);
                self.ready.send_replace(false);
                self.effects.follow();
            }
            if lead && !self.is_ready() {
                duties.0 = Some(term);
                if !self.leading.swap(true, Ordering::AcqRel) {
                    self.tell_election(term);
                    self.tell_role(Role::Leader);
                }
                self.config.metrics.incr(names::RAFT_BARRIER);
                let began = self.time.now();
                let established = tokio::select! {
                    established = self.establish() => established,
                    followed = ends(&mut status, term) => if followed { continue } else { return },
                };
                if let Err(error) = established {
                    tracing::warn!(%error, "failed to establish leadership");
                    tokio::select! {
                        () = self.time.sleep(ESTABLISH_RETRY) => continue,
                        followed = ends(&mut status, term) => if followed { continue } else { return },
                    }
                }
                self.ready.send_replace(true);
                self.note(names::LEADER_BARRIER, began);
                tracing::info!("cluster leadership acquired");
                tracing::info!(payload = self.config.node.name, "New leader elected");
                self.room
                    .spawn("certificate authority", self.clone().found_authority());
            }
            tokio::select! {
                changed = status.changed() => if changed.is_err() {
                    return;
                },
                () = self.replaced.notified() => {}
            }
        }
    }

    async fn establish(&self) -> Result<(), ports::RpcError> {
        self.abort_orphan().await?;
        self.effects.lead(|| self.root(&DUTY));
        if self.root(&DUTY).autopilot().rows.is_none() {
            self.propose(
                &DUTY,
                &Command::Autopilot(Box::new(AutopilotSetConfigRequest {
                    datacenter: self.config.datacenter.clone(),
                    config: self.config.autopilot.clone(),
                    ..AutopilotSetConfigRequest::default()
                })),
            )
            .await?;
        }
        for (key, value) in FLAGS {
            if self.root(&DUTY).metadata_flag(key) != Some(value) {
                let entry = SystemMetadataEntry {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    ..Default::default()
                };
                self.propose(
                    &DUTY,
                    &Command::SystemMetadata(Box::new(SystemMetadataRequest {
                        datacenter: self.config.datacenter.clone(),
                        op: "upsert".to_owned(),
                        entry: Some(Box::new(entry)),
                        ..SystemMetadataRequest::default()
                    })),
                )
                .await?;
            }
        }
        self.reconcile().await
    }

    /// Looks every minute whether the catalog shows this server as it is.
    pub(crate) async fn reconcile_again_and_again(self: Arc<Self>) {
        loop {
            self.time.sleep(self.config.reconcile_interval).await;
            if !self.is_ready() {
                continue;
            }
            if let Err(error) = self.reconcile().await {
                tracing::warn!(%error, "failed to reconcile this server's node");
            }
        }
    }

    /// Compares the pool, which is this server alone, with the catalog.
    async fn reconcile(&self) -> Result<(), ports::RpcError> {
        let began = self.time.now();
        let done = self.reconcile_self().await;
        self.note(names::LEADER_RECONCILE_MEMBER, began);
        self.note(names::LEADER_RECONCILE, began);
        done
    }

    /// Registers this server's node with its service and `serfHealth`, if the catalog says anything else.
    async fn reconcile_self(&self) -> Result<(), ports::RpcError> {
        let root = self.root(&DUTY);
        let own = &self.config.node;
        let node = root.node("", &own.name).rows;
        let service = self.own_service();
        let check = HealthCheck {
            node: own.name.clone(),
            check_id: SERF_HEALTH.to_owned(),
            name: "Serf Health Status".to_owned(),
            status: status::PASSING.to_owned(),
            output: "Agent alive and reachable".to_owned(),
            ..HealthCheck::default()
        };
        if node
            .as_ref()
            .is_some_and(|node| node.id == own.id && node.address == own.address)
            && root.node_services("", &own.name).rows.is_some_and(|found| {
                found
                    .services
                    .iter()
                    .any(|row| row.id == CONSUL && same_service(row, &service))
            })
            && root.node_checks("", &own.name).rows.iter().any(|row| {
                row.check_id == SERF_HEALTH
                    && row.status == check.status
                    && row.output == check.output
            })
        {
            return Ok(());
        }
        let (tagged_addresses, node_meta) = self.own_maps(node.as_deref());
        let request = RegisterRequest {
            datacenter: self.config.datacenter.clone(),
            id: own.id.clone(),
            node: own.name.clone(),
            address: own.address.clone(),
            tagged_addresses,
            node_meta,
            locality: node.as_ref().and_then(|node| node.locality.clone()),
            service: Some(Box::new(service)),
            checks: List::from(vec![check]),
            ..RegisterRequest::default()
        };
        match self
            .propose(&DUTY, &Command::Register(Box::new(request)))
            .await?
        {
            wire::Outcome::Error(text) => Err(ports::RpcError::Refused(text)),
            _ => {
                tracing::info!(
                    member = own.name,
                    partition = "default",
                    "member joined, marking health alive"
                );
                Ok(())
            }
        }
    }

    /// What stands in the catalog stays; a new row takes what this server was started with.
    fn own_maps(&self, node: Option<&Node>) -> (Dict<String>, Dict<String>) {
        if let Some(node) = node {
            return (node.tagged_addresses.clone(), node.meta.clone());
        }
        let own = &self.config.node;
        let mut meta: Dict<String> = own.meta.iter().cloned().collect();
        if meta.get("consul-version").is_none() {
            meta.insert("consul-version", self.config.version.clone());
        }
        let addresses = if own.tagged_addresses.is_empty() {
            Dict::default()
        } else {
            own.tagged_addresses.iter().cloned().collect()
        };
        (addresses, meta)
    }

    fn own_service(&self) -> NodeService {
        let port = |port: u16| {
            if port == 0 {
                String::new()
            } else {
                port.to_string()
            }
        };
        let meta = [
            ("non_voter", "false".to_owned()),
            ("read_replica", "false".to_owned()),
            ("raft_version", "3".to_owned()),
            ("serf_protocol_current", "2".to_owned()),
            ("serf_protocol_min", "1".to_owned()),
            ("serf_protocol_max", "5".to_owned()),
            ("version", self.config.version.clone()),
            ("grpc_port", port(self.config.grpc_port)),
            ("grpc_tls_port", port(self.config.grpc_tls_port)),
        ];
        NodeService {
            id: CONSUL.to_owned(),
            service: CONSUL.to_owned(),
            port: i64::from(self.config.server_port),
            weights: Some(Box::new(Weights {
                passing: 1,
                warning: 1,
            })),
            meta: meta
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            ..NodeService::default()
        }
    }

    /// Ends sessions and reaps tombstones as they fall due.
    pub(crate) async fn serve_due(self: Arc<Self>, mut due: mpsc::UnboundedReceiver<Due>) {
        while let Some(due) = due.recv().await {
            match due {
                Due::Session(id, turn) => {
                    let server = self.clone();
                    self.room.spawn("end a session", async move {
                        let began = server.time.now();
                        server.expire(id, turn).await;
                        server.note(names::SESSION_TTL_INVALIDATE, began);
                    });
                }
                Due::Tombstones(index) => {
                    let command = Command::Tombstone(TombstoneRequest {
                        datacenter: self.config.datacenter.clone(),
                        op: "reap".to_owned(),
                        reap_index: index,
                        ..TombstoneRequest::default()
                    });
                    let began = self.time.now();
                    if let Err(error) = self.propose(&DUTY, &command).await {
                        tracing::warn!(%error, index, "failed to reap tombstones");
                    }
                    self.note(names::LEADER_REAP_TOMBSTONES, began);
                }
            }
        }
    }

    /// Ends a session, unless it turns out before an attempt that it was renewed or ended, or that another server leads.
    async fn expire(&self, id: String, turn: u64) {
        let command = Command::Session(Box::new(SessionRequest {
            datacenter: self.config.datacenter.clone(),
            op: "destroy".to_owned(),
            session: Session {
                id: id.clone(),
                ..Session::default()
            },
            ..SessionRequest::default()
        }));
        let mut wait = EXPIRY_BACKOFF;
        while self.effects.is_due(&id, turn) {
            match self.propose(&DUTY, &command).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "failed to end a session whose TTL passed");
                }
            }
            self.time.sleep(wait).await;
            wait = EXPIRY_BACKOFF_MAX.min(wait * 2);
        }
    }

    /// Writes the coordinates that came in since the last time, in batches.
    pub(crate) async fn flush_coordinates(self: Arc<Self>) {
        loop {
            self.time.sleep(self.config.coordinate_update_period).await;
            let mut waiting = self.coordinates.take();
            let room =
                self.config.coordinate_batch_size.max(1) * self.config.coordinate_max_batches;
            if waiting.len() > room {
                let dropped = waiting.len() - room;
                tracing::warn!(dropped, "coordinates dropped: too many between two batches");
                self.board
                    .counters
                    .dropped_coordinates
                    .fetch_add(dropped as u64, Ordering::Relaxed);
                waiting.truncate(room);
            }
            for batch in waiting.chunks(self.config.coordinate_batch_size.max(1)) {
                let batch = Command::CoordinateBatch(List::from(batch.to_vec()));
                if let Err(error) = self.propose(&DUTY, &batch).await {
                    tracing::warn!(%error, "coordinate batch failed");
                }
            }
        }
    }

    pub(crate) fn take_coordinate(&self, coordinate: model::Coordinate) {
        if !self.coordinates.put(coordinate) {
            Counters::add(&self.board.counters.dropped_coordinates);
        }
    }
}

/// Whether the row says of the service what this server says.
fn same_service(row: &NodeService, own: &NodeService) -> bool {
    row.service == own.service && row.port == own.port && row.meta == own.meta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leadership_lost_and_won_between_two_looks_begins_its_duties_anew() {
        let mut duties = Duties(Some(3));
        assert!(!duties.ended(true, 3));
        assert!(duties.ended(true, 5));
        assert!(!duties.ended(true, 5));
        duties.0 = Some(5);
        assert!(duties.ended(false, 5));
    }
}
