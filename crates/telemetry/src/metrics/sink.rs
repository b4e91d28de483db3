//! Sinks that every observation is pushed to: statsd and dogstatsd over UDP, statsite over TCP.

use super::cell::Cell;
use super::row::Kind;
use super::{Metrics, MetricsConfig, labels, names};
use rt::{Room, Time};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

/// Lines are sent when there is a packet of them, or after this time.
const FLUSH: Duration = Duration::from_millis(100);
/// Payload that fits a datagram on any Ethernet.
const PACKET_MAX: usize = 1400;
/// Waits between attempts to find or reach a sink, doubling.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(300);
/// Time a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Lines that one sink may have waiting; further ones are dropped and counted.
const LINES_MAX: usize = 4096;

/// One observation on its way out.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) cell: Arc<Cell>,
    pub(super) value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Statsd,
    Statsite,
    Dogstatsd,
}

/// Where lines go: a form and a `host:port`.
struct Target {
    form: Form,
    address: String,
}

fn targets(config: &MetricsConfig) -> Vec<Target> {
    [
        (Form::Statsite, &config.statsite),
        (Form::Statsd, &config.statsd),
        (Form::Dogstatsd, &config.dogstatsd),
    ]
    .into_iter()
    .filter(|(_, address)| !address.is_empty())
    .map(|(form, address)| Target {
        form,
        address: address.clone(),
    })
    .collect()
}

/// Finds the sinks' hosts and starts a task for each, and one that writes the lines.
pub(super) async fn start(
    metrics: &Metrics,
    mut events: mpsc::Receiver<Event>,
    room: &Room,
    time: &Time,
) -> Result<(), String> {
    let mut sinks = Vec::new();
    for target in targets(&metrics.0.config) {
        if let Err(error) = find(&target.address).await {
            if !metrics.0.config.retry {
                return Err(error);
            }
            tracing::warn!(target: "agent", error, "failed configure sinks");
        }
        let (lines, queue) = mpsc::channel(LINES_MAX);
        sinks.push((target.form, lines));
        let time = time.clone();
        room.spawn(
            "metric sink",
            async move { serve(target, queue, time).await },
        );
    }
    let metrics = metrics.clone();
    room.spawn("metric lines", async move {
        while let Some(event) = events.recv().await {
            for (form, lines) in &sinks {
                let line = line(&metrics, *form, &event);
                // Counting a loss is an observation itself, so it is not counted again.
                if lines.try_send(line).is_err() && !lost(&event) {
                    metrics.incr_with(names::TELEMETRY_DROPPED, &["sink"]);
                }
            }
        }
    });
    Ok(())
}

fn lost(event: &Event) -> bool {
    names::TELEMETRY_DROPPED.0 == event.cell.row
}

async fn find(address: &str) -> Result<SocketAddr, String> {
    let found = tokio::net::lookup_host(address).await;
    found
        .map_err(|error| format!("lookup {address}: {error}"))?
        .next()
        .ok_or_else(|| format!("lookup {address}: no such host"))
}

/// Parts of names must not hold what separates fields of a line.
fn clean(name: &str) -> String {
    name.chars()
        .map(|c| {
            if matches!(c, ':' | ' ' | '|' | '@' | '\n') {
                '_'
            } else {
                c
            }
        })
        .collect()
}

/// The line of an observation, with its newline.
fn line(metrics: &Metrics, form: Form, event: &Event) -> String {
    let cell = &event.cell;
    let config = &metrics.0.config;
    let mut out = if form == Form::Dogstatsd {
        // Tags tell machines apart there.
        let values: Vec<&str> = cell.values.iter().map(AsRef::as_ref).collect();
        clean(&super::name_on(&config.prefix, None, cell.row, &values))
    } else {
        let mut name = metrics.name(cell);
        for (_, value) in labels(cell) {
            name.push('.');
            name.push_str(value);
        }
        clean(&name)
    };
    let kind = match cell.kind {
        Kind::Counter => "c",
        Kind::Gauge => "g",
        Kind::Timer | Kind::Sample => "ms",
    };
    // Writing to a string cannot fail.
    let _ = write!(out, ":{:.6}|{kind}", event.value);
    if form == Form::Dogstatsd {
        let tags = config
            .dogstatsd_tags
            .iter()
            .cloned()
            .chain(labels(cell).map(|(label, value)| format!("{label}:{value}")));
        for (at, tag) in tags.enumerate() {
            out.push_str(if at == 0 { "|#" } else { "," });
            out.extend(tag.chars().map(|c| {
                if matches!(c, '|' | ',' | '\n') {
                    '_'
                } else {
                    c
                }
            }));
        }
    }
    out.push('\n');
    out
}

enum Link {
    Datagrams(UdpSocket),
    Stream(TcpStream),
}

impl Link {
    async fn open(target: &Target) -> Result<Self, String> {
        let address = find(&target.address).await?;
        if target.form == Form::Statsite {
            let opened = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
            return match opened {
                Ok(stream) => stream.map(Self::Stream).map_err(|error| error.to_string()),
                Err(_) => Err(format!("connecting to {address} took too long")),
            };
        }
        let any: SocketAddr = if address.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0u16; 8], 0).into()
        };
        let socket = UdpSocket::bind(any)
            .await
            .map_err(|error| error.to_string())?;
        socket
            .connect(address)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self::Datagrams(socket))
    }

    /// Whether the link still works. A refused datagram is nothing: the daemon may come back.
    async fn send(&mut self, packet: &str) -> bool {
        match self {
            Self::Datagrams(socket) => {
                let _ = socket.send(packet.as_bytes()).await;
                true
            }
            Self::Stream(stream) => stream.write_all(packet.as_bytes()).await.is_ok(),
        }
    }
}

/// Connects, again and again if need be, and sends what comes.
async fn serve(target: Target, mut lines: mpsc::Receiver<String>, time: Time) {
    let mut wait = RETRY_FIRST;
    loop {
        match Link::open(&target).await {
            Ok(mut link) => {
                wait = RETRY_FIRST;
                if !forward(&mut link, &mut lines, &time).await {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(target: "agent", address = target.address, error, "metrics cannot be sent")
            }
        }
        time.sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// `false` when no more lines will come, `true` when the link broke.
async fn forward(link: &mut Link, lines: &mut mpsc::Receiver<String>, time: &Time) -> bool {
    loop {
        let Some(mut packet) = lines.recv().await else {
            return false;
        };
        let flush = time.sleep(FLUSH);
        tokio::pin!(flush);
        loop {
            let next = tokio::select! {
                () = &mut flush => break,
                next = lines.recv() => next,
            };
            let Some(next) = next else { break };
            if packet.len() + next.len() > PACKET_MAX {
                if !link.send(&packet).await {
                    return true;
                }
                packet.clear();
            }
            packet.push_str(&next);
        }
        if !link.send(&packet).await {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(
        metrics: &Metrics,
        metric: super::super::Metric,
        values: &[&str],
        value: f64,
    ) -> Event {
        let cell = metrics.series(metric, values).unwrap().cell;
        Event { cell, value }
    }

    #[test]
    fn lines_have_the_forms_of_their_sinks() {
        let metrics = Metrics::new(MetricsConfig {
            hostname: Some("box".into()),
            dogstatsd_tags: vec!["env:x".into()],
            ..MetricsConfig::default()
        });
        let http = event(&metrics, names::API_HTTP, &["GET", "v1_kv_"], 1.5);
        assert_eq!(
            line(&metrics, Form::Statsd, &http),
            "consul.api.http.GET.v1_kv_:1.500000|ms\n"
        );
        assert_eq!(
            line(&metrics, Form::Dogstatsd, &http),
            "consul.api.http:1.500000|ms|#env:x,method:GET,path:v1_kv_\n"
        );
        let gauge = event(&metrics, names::SERVER_IS_LEADER, &[], 1.0);
        assert_eq!(
            line(&metrics, Form::Statsite, &gauge),
            "consul.box.server.isLeader:1.000000|g\n"
        );
        assert_eq!(
            line(&metrics, Form::Dogstatsd, &gauge),
            "consul.server.isLeader:1.000000|g|#env:x\n"
        );
    }

    #[tokio::test]
    async fn observations_reach_a_statsd() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let metrics = Metrics::new(MetricsConfig {
            statsd: socket.local_addr().unwrap().to_string(),
            ..MetricsConfig::default()
        });
        let room = Room::new("test");
        let time = Time::real(&room);
        metrics.start(&room, &time).await.unwrap();
        metrics.incr(names::RPC_REQUEST);
        let mut all = String::new();
        let mut packet = [0; 2048];
        while !all.contains("consul.rpc.request:1.000000|c\n") {
            let len = socket.recv(&mut packet).await.unwrap();
            all.push_str(std::str::from_utf8(&packet[..len]).unwrap());
        }
        room.close(Duration::from_secs(5)).await.unwrap();
    }
}
