//! HTTP: one request a probe on a connection of its own, redirects followed as Go's client does.

use crate::http::{self, Headers, Request};
use crate::output::{Tail, cut};
use crate::{Health, Kind, Observation};
use std::time::Duration;

/// Bytes of an answer's status that are told, where an output's limit is lower.
const STATUS_MAX: usize = 512;

/// What a check says of itself unless its definition says something else.
const DEFAULTS: &[(&str, &str)] = &[
    ("User-Agent", "Consul Health Check"),
    ("Accept", "text/plain, text/*, */*"),
];

pub(super) async fn run(
    kind: &Kind,
    limit: Duration,
    output_max: usize,
    time: &rt::Time,
) -> Observation {
    let Kind::Http {
        url,
        method,
        headers,
        body,
        disable_redirects,
        tls,
    } = kind
    else {
        return Observation::critical("not an HTTP check");
    };
    let method = if method.is_empty() { "GET" } else { method };
    let mut sent = Headers::default();
    for (name, value) in headers {
        sent.add(name, value);
    }
    for (name, default) in DEFAULTS {
        if sent.get(name).is_empty() {
            sent.set(name, default);
        }
    }
    let request = Request {
        method,
        url,
        host: sent.get("Host"),
        headers: &sent,
        body: body.as_bytes(),
        follow: !disable_redirects,
    };
    let end = time.now().after(limit);
    let mut response = match http::send(&request, tls, time, end).await {
        Ok(response) => response,
        Err(text) => return Observation::critical(text),
    };
    let mut tail = Tail::new(output_max);
    let reading = async {
        while let Ok(Some(piece)) = response.body.next().await {
            tail.write(&piece);
        }
    };
    // A body that breaks off or never ends still has a status; what came so far is the output.
    tokio::select! {
        biased;
        () = reading => {}
        () = time.sleep_until(end) => {}
    }
    // The limit of an output is that of the body's end, which may be a few bytes; a status is told whole.
    let status = cut(response.status, output_max.max(STATUS_MAX));
    Observation::new(
        health(response.code),
        format!("HTTP {method} {url}: {status} Output: {}", tail.text()),
    )
}

fn health(code: u16) -> Health {
    match code {
        200..=299 => Health::Passing,
        429 => Health::Warning,
        _ => Health::Critical,
    }
}
