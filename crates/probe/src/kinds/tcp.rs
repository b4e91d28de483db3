//! TCP: connects, and with TLS makes the handshake.

use super::within;
use crate::{Health, Observation, ProbeTls, dial};
use std::time::Duration;

pub(super) async fn run(
    address: &str,
    tls: Option<&ProbeTls>,
    limit: Duration,
    time: &rt::Time,
) -> Observation {
    let word = if tls.is_some() { "TCP+TLS" } else { "TCP" };
    match within(time, limit, dial::stream(address, tls)).await {
        Some(Ok(_)) => Observation::new(
            Health::Passing,
            format!("{word} connect {address}: Success"),
        ),
        Some(Err(error)) => Observation::critical(error),
        None => Observation::critical(format!("dial tcp {address}: i/o timeout")),
    }
}
