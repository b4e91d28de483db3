//! The door on the server port: what it is given, and what a reload changes.

use crate::listeners::error_text;
use calls::{Charge, Served};
use rpcd::{Door, Limits, ServedMethods, ServedSnapshots};
use rt::{Room, Time};
use std::sync::Arc;

/// The bound server port.
pub(crate) struct Bound(Vec<net::Listener>);

/// Binds the server port, of a server: every address of the machine where the configuration says `0.0.0.0`.
///
/// # Errors
/// The text with which the process ends.
pub(crate) fn bind(config: &config::Config) -> Result<Bound, String> {
    if !config.node.server {
        return Ok(Bound(Vec::new()));
    }
    let address = config.net.rpc_bind;
    let failed = |error: std::io::Error| {
        let why = error_text(&error);
        format!(
            "Failed to start Consul server: Failed to start RPC layer: listen tcp {address}: bind: {why}"
        )
    };
    let mut listeners = vec![net::bind_tcp(address).map_err(failed)?];
    listeners.extend(net::bind_tcp_twin(address).map_err(failed)?);
    Ok(Bound(listeners))
}

/// Connections that one address may have; no number, or none, is no limit.
fn connections(config: &config::Config) -> usize {
    match usize::try_from(config.limits.rpc_max_conns_per_client) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(most) => most,
    }
}

impl Bound {
    /// Serves the server's ports until the room closes.
    pub(crate) fn serve(
        self,
        config: &config::Config,
        server: &Arc<server::Server>,
        limited: &Arc<server::RateLimited>,
        doors: &Room,
        time: &Time,
    ) -> Arc<Door> {
        let served = Arc::new(Served {
            rpc: server.clone(),
            operator: server.clone(),
            datacenter: config.node.datacenter.clone(),
            node: config.node.name.clone(),
        });
        // Counted before the body is read, so the methods take the port behind the limit.
        let limit = limited.clone();
        let admit = move |charge| match charge {
            Charge::Exempt => Ok(()),
            charge => limit
                .admit(charge == Charge::Write)
                .map_err(|error| error.to_string()),
        };
        let snapshots = ServedSnapshots::new(server.clone(), config.node.datacenter.clone());
        let door = Door::new(
            Arc::new(ServedMethods::new(served, Box::new(admit))),
            Arc::new(snapshots),
            Vec::new(),
            Limits {
                connections_per_peer: connections(config),
                handshake_timeout: config.limits.rpc_handshake_timeout,
                ..Limits::default()
            },
            time.clone(),
        );
        for listener in self.0 {
            doors.spawn("rpc door", door.clone().serve(listener, doors.clone()));
        }
        door
    }
}

/// Takes over what reloads.
pub(crate) fn reload(door: &Door, config: &config::Config) {
    door.limit_connections(connections(config));
}
