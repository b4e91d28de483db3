//! One file per kind of check; [`run`] is the list.

pub(crate) mod docker;
mod grpc;
mod h2ping;
mod http;
mod script;
mod tcp;
mod udp;

use crate::{Kind, NETWORK_TIMEOUT, Observation, Probe, ProberConfig, SCRIPT_TIMEOUT};
use std::time::Duration;

/// Makes one probe; it ends within the probe's timeout.
pub(crate) async fn run(
    probe: &Probe,
    config: &ProberConfig,
    room: &rt::Room,
    time: &rt::Time,
) -> Observation {
    let or = |default: Duration| {
        if probe.timeout.is_zero() {
            default
        } else {
            probe.timeout
        }
    };
    let limit = or(NETWORK_TIMEOUT);
    match &probe.kind {
        Kind::Script { args } => {
            script::run(args, or(SCRIPT_TIMEOUT), probe.output_max, room, time).await
        }
        Kind::Http { .. } => http::run(&probe.kind, limit, probe.output_max, room, time).await,
        Kind::Tcp { address, tls } => tcp::run(address, tls.as_ref(), limit, time).await,
        Kind::Udp { address } => udp::run(address, limit, time).await,
        Kind::Grpc { target, tls } => grpc::run(target, tls.as_ref(), limit, room, time).await,
        Kind::H2Ping { address, tls } => {
            h2ping::run(address, tls.as_ref(), limit, room, time).await
        }
        Kind::Docker { container, args } => {
            docker::run(
                &config.docker,
                container,
                args,
                or(SCRIPT_TIMEOUT),
                probe.output_max,
                room,
                time,
            )
            .await
        }
    }
}

/// `future` within `limit`; `None` when time ran out.
pub(crate) async fn within<T>(
    time: &rt::Time,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        done = future => Some(done),
        () = time.sleep(limit) => None,
    }
}

/// A duration as Go prints it.
pub(crate) fn go_duration(limit: Duration) -> String {
    dialect::duration::format(i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX))
}
