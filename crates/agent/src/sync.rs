//! Anti-entropy: the loop that keeps the catalog's picture of this agent true (spec/agent-config.md §17).

use crate::agent::Agent;
use local::{CatalogView, Step, Verdict};
use ports::{Caller, Consistency, Data, Query, Read, ReadOptions, RpcError, Write};
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;

/// Pause between two full comparisons, before scale and jitter.
const FULL_INTERVAL: Duration = Duration::from_secs(60);
/// Pause after a failed comparison, before jitter.
const RETRY_INTERVAL: Duration = Duration::from_secs(15);
/// Pause before a partial sync that failed is tried again.
const PARTIAL_RETRY: Duration = Duration::from_secs(2);
/// Pause between two looks for a leader after the start.
const LEADER_POLL: Duration = Duration::from_millis(50);
/// How far behind a server may be that tells what the catalog has.
const MAX_STALE: Duration = Duration::from_secs(2);
/// Clusters up to this size sync at the plain interval.
const SCALE_THRESHOLD: usize = 128;

/// The comparison after the first, when servers are surely there, comes after this and as much jitter.
const SERVER_UP: Duration = Duration::from_millis(1_500);

/// Which comparison with the catalog it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Right after the start: it asks the leader, because what a server holds of the log may be old, and it shows nothing
    /// new to clients.
    First,
    /// Any other: servers' decisions are taken over.
    Later,
}

/// By what large clusters stretch the jitter: 1 up to 128 nodes, one more for each doubling.
fn scale(nodes: usize) -> u32 {
    if nodes <= SCALE_THRESHOLD {
        return 1;
    }
    let over = (nodes as f64).log2() - (SCALE_THRESHOLD as f64).log2();
    over.ceil() as u32 + 1
}

impl Agent {
    pub(crate) async fn keep_in_sync(self: Arc<Self>) {
        tracing::info!("started state syncer");
        self.leader_known().await;
        let mut pass = Pass::First;
        loop {
            let next = match self.full_sync(pass).await {
                Ok(nodes) => {
                    let next = match pass {
                        Pass::First => SERVER_UP + jitter(SERVER_UP * scale(nodes)),
                        Pass::Later => FULL_INTERVAL + jitter(FULL_INTERVAL * scale(nodes)),
                    };
                    pass = Pass::Later;
                    next
                }
                Err(error) => {
                    tracing::error!(target: "agent.anti_entropy", %error, "failed to sync remote state");
                    RETRY_INTERVAL + jitter(RETRY_INTERVAL)
                }
            };
            self.partial_until(self.now() + next).await;
        }
    }

    /// Waits until there is a leader to ask, though not for ever.
    async fn leader_known(&self) {
        let end = self.now() + RETRY_INTERVAL;
        while self.rpc.status().leader.is_empty() && self.now() < end {
            self.time.sleep(LEADER_POLL).await;
        }
    }

    /// Sends changes as they come until it is time to compare everything again.
    async fn partial_until(self: &Arc<Self>, end: Duration) {
        let mut retry: Option<Duration> = None;
        loop {
            let deferred = self.local.lock().next_deferred();
            let until = [Some(end), deferred, retry]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(end);
            tokio::select! {
                () = self.wake_sync.notified() => {}
                () = self.time.sleep(until.saturating_sub(self.now())) => {}
            }
            let now = self.now();
            if now >= end {
                return;
            }
            self.local.lock().release_deferred(now);
            retry = (!self.push().await).then(|| self.now() + PARTIAL_RETRY);
        }
    }

    /// Compares with the catalog and sends what differs; the number of nodes in the cluster.
    pub(crate) async fn full_sync(self: &Arc<Self>, pass: Pass) -> Result<usize, RpcError> {
        let consistency = match pass {
            Pass::First => Consistency::Default,
            Pass::Later => Consistency::Stale,
        };
        let info = self.config.read().info.clone();
        let view = self.catalog_view(&info.name, consistency).await?;
        {
            let _one = self.syncing.lock().await;
            let mut local = self.local.lock();
            local.compare(&info, &view);
            if pass == Pass::Later {
                local.adopt(&view);
            }
        }
        // Comparing may have brought tags and virtual addresses from the catalog.
        self.changed_now();
        self.push().await;
        let nodes = self.ask(Read::Nodes, Consistency::Stale).await?;
        Ok(match &nodes.data {
            Data::Nodes(list) => list.len(),
            _ => 1,
        })
    }

    async fn ask(
        &self,
        read: Read,
        consistency: Consistency,
    ) -> Result<Arc<ports::Answer>, RpcError> {
        let options = ReadOptions {
            consistency,
            max_stale: MAX_STALE,
            ..ReadOptions::default()
        };
        let caller = Caller::with_token(self.config.read().tokens.node());
        Ok(self
            .rpc
            .read(&caller, Query::new(read), options)
            .await?
            .answer)
    }

    async fn catalog_view(
        &self,
        node: &str,
        consistency: Consistency,
    ) -> Result<CatalogView, RpcError> {
        let node = node.to_owned();
        let of_node = Read::NodeServices { node: node.clone() };
        let services = self.ask(of_node, consistency).await?;
        let checks = self.ask(Read::NodeChecks { node }, consistency).await?;
        let mut view = CatalogView::default();
        if let Data::NodeServices(Some((row, list))) = &services.data {
            view.node = Some(row.clone());
            view.services.clone_from(list);
        }
        if let Data::Checks(list) = &checks.data {
            view.checks.clone_from(list);
        }
        Ok(view)
    }

    /// Sends everything that the catalog does not have yet; whether all of it arrived.
    pub(crate) async fn push(self: &Arc<Self>) -> bool {
        let _one = self.syncing.lock().await;
        let info = self.config.read().info.clone();
        let steps = self.local.lock().plan(&info);
        let mut all = true;
        for step in steps {
            let verdict = self.carry_out(&info.datacenter, &step).await;
            all &= verdict != Verdict::Failed;
            self.local.lock().done(&step, verdict);
        }
        all
    }

    async fn carry_out(&self, datacenter: &str, step: &Step) -> Verdict {
        let write = match step {
            Step::DeregisterService { request, .. } | Step::DeregisterCheck { request, .. } => {
                Write::Deregister(request.clone())
            }
            Step::Service { request, .. }
            | Step::Check { request, .. }
            | Step::Node { request, .. } => Write::Register(request.clone()),
        };
        let caller = Caller::with_token(step.token());
        let result = self.rpc.write(&caller, datacenter, write).await;
        match result {
            Ok(wire::Outcome::Error(error)) => failed(step, &error),
            Ok(_) => {
                log_done(step);
                Verdict::Done
            }
            Err(RpcError::Denied(_)) => {
                log_blocked(step);
                Verdict::Blocked
            }
            Err(error) => failed(step, &error.to_string()),
        }
    }
}

fn jitter(most: Duration) -> Duration {
    most.mul_f64(rand::rng().random::<f64>())
}

fn log_done(step: &Step) {
    match step {
        Step::DeregisterService { id, .. } => tracing::info!(service = %id, "Deregistered service"),
        Step::DeregisterCheck { id, .. } => tracing::info!(check = %id, "Deregistered check"),
        Step::Service { id, .. } => tracing::info!(service = %id.0, "Synced service"),
        Step::Check { id, .. } => tracing::info!(check = %id.0, "Synced check"),
        Step::Node { .. } => tracing::info!("Synced node info"),
    }
}

fn log_blocked(step: &Step) {
    match step {
        Step::DeregisterService { id, .. } => {
            tracing::warn!(service = %id, "Service deregistration blocked by ACLs")
        }
        Step::DeregisterCheck { id, .. } => {
            tracing::warn!(check = %id, "Check deregistration blocked by ACLs")
        }
        Step::Service { id, .. } => {
            tracing::warn!(service = %id.0, "Service registration blocked by ACLs")
        }
        Step::Check { id, .. } => {
            tracing::warn!(check = %id.0, "Check registration blocked by ACLs")
        }
        Step::Node { .. } => tracing::warn!("Node info update blocked by ACLs"),
    }
}

fn failed(step: &Step, error: &str) -> Verdict {
    match step {
        Step::DeregisterService { id, .. } => {
            tracing::warn!(service = %id, error, "Deregistering service failed.")
        }
        Step::DeregisterCheck { id, .. } => {
            tracing::warn!(check = %id, error, "Deregistering check failed.")
        }
        Step::Service { id, .. } => {
            tracing::warn!(service = %id.0, error, "Syncing service failed.")
        }
        Step::Check { id, .. } => tracing::warn!(check = %id.0, error, "Syncing check failed."),
        Step::Node { .. } => tracing::warn!(error, "Syncing node info failed."),
    }
    Verdict::Failed
}

#[cfg(test)]
mod tests {
    use super::scale;

    #[test]
    fn large_clusters_sync_less_often() {
        assert_eq!([1, 128, 129, 256, 512, 1024].map(scale), [1, 1, 2, 2, 3, 4]);
    }
}
