//! One file per kind of check; [`run`] is the list.

pub(crate) mod docker;
mod grpc;
mod h2ping;
mod http;
pub(crate) mod script;
mod tcp;
mod udp;

use crate::output::cut;
use crate::{Kind, NETWORK_TIMEOUT, Observation, Probe, ProberConfig, SCRIPT_TIMEOUT};
use std::time::Duration;

/// What an output may have before and around the bytes that its limit counts, besides the texts of the definition.
const PREAMBLE_MAX: usize = 512;

/// Makes one probe; it ends within the probe's timeout. Nothing that a peer sends makes its output longer than the limit and
/// a short preamble.
pub(crate) async fn run(
    probe: &Probe,
    config: &ProberConfig,
    room: &rt::Room,
    time: &rt::Time,
) -> Observation {
    let most = probe
        .output_max
        .saturating_add(own_text(&probe.kind))
        .saturating_add(PREAMBLE_MAX);
    let mut observation = observe(probe, config, room, time).await;
    observation.output = cut(observation.output, most);
    observation
}

/// Length of the definition's text that an output repeats.
fn own_text(kind: &Kind) -> usize {
    match kind {
        Kind::Script { args } => args.first().map_or(0, String::len),
        Kind::Http { url, method, .. } => url.len() + method.len(),
        Kind::Tcp { address, .. } | Kind::Udp { address } | Kind::H2Ping { address, .. } => {
            2 * address.len()
        }
        Kind::Grpc { target, .. } => 2 * target.len(),
        Kind::Docker { container, .. } => container.len(),
    }
}

async fn observe(
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
        Kind::Http { .. } => http::run(&probe.kind, limit, probe.output_max, time).await,
        Kind::Tcp { address, tls } => tcp::run(address, tls.as_ref(), limit, time).await,
        Kind::Udp { address } => udp::run(address, limit, time).await,
        // Boxed: these are large, and every probe would take their room.
        Kind::Grpc { target, tls } => {
            Box::pin(grpc::run(target, tls.as_ref(), limit, room, time)).await
        }
        Kind::H2Ping { address, tls } => {
            Box::pin(h2ping::run(address, tls.as_ref(), limit, room, time)).await
        }
        Kind::Docker { container, args } => {
            Box::pin(docker::run(
                &config.docker,
                container,
                args,
                or(SCRIPT_TIMEOUT),
                probe.output_max,
                room,
                time,
            ))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Places;

    /// Thousands of probes may be under way at once.
    #[tokio::test]
    async fn a_probe_under_way_is_small() {
        let (time, room) = (rt::Time::manual(), rt::Room::new("probe"));
        let config = ProberConfig::default();
        let address = "127.0.0.1:9".into();
        let probe = Probe {
            kind: Kind::Udp { address },
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
            output_max: 1,
        };
        let probing = run(&probe, &config, &room, &time);
        let inner = size_of_val(&probing);
        assert!(inner <= 3072, "{inner} bytes");
        let places = Places::new(1);
        let outer = size_of_val(&places.run(&probe, &time, probing));
        assert!(outer <= 768, "{outer} bytes");
    }
}
