//! UDP: sends an empty datagram; only a refusal is a failure.

use super::within;
use crate::{Health, Observation, dial};
use std::time::Duration;
use tokio::net::UdpSocket;

pub(super) async fn run(address: &str, limit: Duration, time: &rt::Time) -> Observation {
    match within(time, limit, probe(address)).await {
        // Nobody answered and nobody refused: the documented result is passing.
        None | Some(Ok(())) => {
            Observation::new(Health::Passing, format!("UDP connect {address}: Success"))
        }
        Some(Err(error)) => Observation::critical(error),
    }
}

async fn probe(address: &str) -> Result<(), String> {
    let list = dial::resolve("udp", address)
        .await
        .map_err(|text| text.replace("dial tcp:", "dial udp:"))?;
    let target = list
        .iter()
        .find(|a| a.is_ipv4())
        .or(list.first())
        .copied()
        .ok_or("dial udp: no addresses")?;
    let local = if target.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(local)
        .await
        .map_err(|e| format!("dial udp {target}: {}", dial::syscall("bind", &e)))?;
    socket
        .connect(target)
        .await
        .map_err(|e| format!("dial udp {target}: {}", dial::syscall("connect", &e)))?;
    let route = socket
        .local_addr()
        .map(|from| format!("{from}->{target}"))
        .unwrap_or_default();
    socket
        .send(&[])
        .await
        .map_err(|e| format!("write udp {route}: {}", dial::syscall("write", &e)))?;
    let mut byte = [0];
    socket
        .recv(&mut byte)
        .await
        .map_err(|e| format!("read udp {route}: {}", dial::syscall("read", &e)))?;
    Ok(())
}
