//! HTTP/2 PING.

use super::within;
use crate::{Health, Observation, ProbeTls, dial};
use std::time::Duration;

pub(super) async fn run(
    address: &str,
    tls: Option<&ProbeTls>,
    limit: Duration,
    room: &rt::Room,
    time: &rt::Time,
) -> Observation {
    match within(time, limit, ping(address, tls, room)).await {
        Some(Ok(())) => Observation::new(Health::Passing, "HTTP2 ping was successful"),
        Some(Err(text)) => Observation::critical(text),
        None => Observation::critical("HTTP2 ping failed: context deadline exceeded"),
    }
}

async fn ping(address: &str, tls: Option<&ProbeTls>, room: &rt::Room) -> Result<(), String> {
    let stream = dial::stream(address, tls)
        .await
        .map_err(|e| format!("Failed to dial to {address}: {e}"))?;
    let (_requests, mut connection) = h2::client::handshake(stream)
        .await
        .map_err(|e| format!("Failed to create client connection {}", dial::h2_text(&e)))?;
    let mut pinger = connection
        .ping_pong()
        .ok_or("HTTP2 ping failed: no ping handle")?;
    room.spawn("h2ping", async move {
        // Its error is the ping's error too.
        let _ = connection.await;
    });
    pinger
        .ping(h2::Ping::opaque())
        .await
        .map(|_| ())
        .map_err(|e| format!("HTTP2 ping failed: {}", dial::h2_text(&e)))
}
