//! The way to whoever serves a request: which datacenter, then which server of it. A request takes it once, behind the guard.

use crate::server::{Server, leads};
use ports::{Authorized, Caller, Consistency, Method, RpcError, ServedBy};
use std::sync::atomic::Ordering;
use std::time::Instant;

impl Server {
    /// The way in of whatever is not parked: the guard, then the route, as the method's row says. What is checked before the
    /// log is checked on the leader's root. Methods without consistency take the default.
    ///
    /// # Errors
    /// The caller's token is refused; the datacenter is not known; no leader came within the hold time.
    pub(crate) async fn enter(
        &self,
        caller: &Caller,
        datacenter: &str,
        method: &Method,
        consistency: Consistency,
    ) -> Result<Authorized, RpcError> {
        let authorized = self.guard.admit(caller)?;
        self.here(datacenter)?;
        match method.served_by {
            ServedBy::Anyone => {}
            ServedBy::LeaderUnlessStale if consistency == Consistency::Stale => {}
            ServedBy::Leader => self.lead().await?,
            ServedBy::Consistency | ServedBy::LeaderUnlessStale => {
                self.consistent(consistency).await?;
            }
        }
        Ok(authorized)
    }

    /// Waits for this server to lead, at most for the hold time.
    pub(crate) async fn lead(&self) -> Result<(), RpcError> {
        if self.leading.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut status = self.consensus.watch_status();
        let led = async {
            while !leads(&status.borrow_and_update()) {
                if status.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::select! {
            led = led => if led { Ok(()) } else { Err(RpcError::NoLeader) },
            () = self.time.sleep(self.config.rpc_hold_timeout) => Err(RpcError::NoLeader),
        }
    }

    pub(crate) fn is_local(&self, datacenter: &str) -> bool {
        datacenter.is_empty() || datacenter == self.config.datacenter
    }

    /// Refuses other datacenters: there is no way to them.
    pub(crate) fn here(&self, datacenter: &str) -> Result<(), RpcError> {
        if self.is_local(datacenter) {
            Ok(())
        } else {
            Err(RpcError::NoPath)
        }
    }

    /// Whether nothing has to be waited for before a run.
    pub(crate) fn is_current(&self, consistency: Consistency) -> bool {
        match consistency {
            Consistency::Stale => self.known_leader.load(Ordering::Acquire),
            Consistency::Default => self.leading.load(Ordering::Acquire),
            // Asked before every run.
            Consistency::Consistent => true,
        }
    }

    /// What has to hold before a run.
    pub(crate) async fn consistent(&self, consistency: Consistency) -> Result<(), RpcError> {
        match consistency {
            Consistency::Stale if self.known_leader.load(Ordering::Acquire) => Ok(()),
            Consistency::Stale | Consistency::Default => self.lead().await,
            Consistency::Consistent => {
                self.lead().await?;
                if !self.is_ready() && !self.established(self.config.rpc_hold_timeout).await {
                    return Err(RpcError::NotReady);
                }
                let deadline = Instant::now() + self.config.rpc_hold_timeout;
                let began = self.time.now();
                self.config
                    .metrics
                    .incr(telemetry::names::RAFT_VERIFY_LEADER);
                let barrier = self.consensus.read_barrier(deadline).await;
                self.note(telemetry::names::RPC_CONSISTENT_READ, began);
                match barrier {
                    Ok(_) => Ok(()),
                    Err(consensus::ReadError::NotLeader { .. }) => Err(RpcError::NoLeader),
                    Err(consensus::ReadError::Full) => {
                        Err(RpcError::Limited(consensus::ReadError::Full.to_string()))
                    }
                    Err(error) => Err(RpcError::Unavailable(error.to_string())),
                }
            }
        }
    }

    /// Where a server is reached: the catalog's address of its node, and the server port.
    pub(crate) fn server_address(&self, node: &str) -> String {
        let own = &self.config.node;
        let address = if model::same_name(node, &own.name) {
            own.address.clone()
        } else {
            self.root(&Authorized::system())
                .node("", node)
                .rows
                .map(|row| row.address.clone())
                .unwrap_or_default()
        };
        let port = self.config.server_port;
        if address.contains(':') {
            format!("[{address}]:{port}")
        } else {
            format!("{address}:{port}")
        }
    }
}
