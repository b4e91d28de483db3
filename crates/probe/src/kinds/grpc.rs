//! The gRPC health protocol (`grpc.health.v1.Health/Check`), one call per probe.

use super::within;
use crate::{Health, Observation, ProbeTls, dial};
use bytes::{BufMut, Bytes, BytesMut};
use hyper::{HeaderMap, Method, Request};
use std::time::Duration;

/// Longest reply read; a health reply has two bytes.
const REPLY_MAX: usize = 64 * 1024;

/// Names of `grpc.health.v1.HealthCheckResponse.ServingStatus`.
const STATUS: &[&str] = &["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// Names of gRPC status codes, by number.
const CODES: &[&str] = &[
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

pub(super) async fn run(
    target: &str,
    tls: Option<&ProbeTls>,
    limit: Duration,
    room: &rt::Room,
    time: &rt::Time,
) -> Observation {
    let (address, service) = target.split_once('/').unwrap_or((target, ""));
    match within(time, limit, call(address, service, tls, room)).await {
        Some(Ok(1)) => Observation::new(Health::Passing, format!("gRPC check {target}: success")),
        Some(Ok(status)) => {
            let name = usize::try_from(status)
                .ok()
                .and_then(|at| STATUS.get(at))
                .map_or(status.to_string(), |s| (*s).to_owned());
            Observation::critical(format!("gRPC {target} serving status: {name}"))
        }
        Some(Err(text)) => Observation::critical(text),
        None => Observation::critical(failure("DeadlineExceeded", "context deadline exceeded")),
    }
}

fn failure(code: &str, text: &str) -> String {
    format!("rpc error: code = {code} desc = {text}")
}

async fn call(
    address: &str,
    service: &str,
    tls: Option<&ProbeTls>,
    room: &rt::Room,
) -> Result<u64, String> {
    let unavailable = |text: String| failure("Unavailable", &text);
    let stream = dial::stream(address, tls).await.map_err(|e| {
        unavailable(format!(
            "connection error: desc = \"transport: Error while dialing: {e}\""
        ))
    })?;
    let (requests, connection) = h2::client::handshake(stream)
        .await
        .map_err(|e| unavailable(dial::h2_text(&e)))?;
    room.spawn("grpc-check", async move {
        // Its error is the call's error too.
        let _ = connection.await;
    });
    let scheme = if tls.is_some() { "https" } else { "http" };
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{scheme}://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "proconsul")
        .body(())
        .map_err(|e| failure("Internal", &e.to_string()))?;
    let mut requests = requests
        .ready()
        .await
        .map_err(|e| unavailable(dial::h2_text(&e)))?;
    let (reply, mut body) = requests
        .send_request(request, false)
        .map_err(|e| unavailable(dial::h2_text(&e)))?;
    body.send_data(message(service), true)
        .map_err(|e| unavailable(dial::h2_text(&e)))?;
    let reply = reply.await.map_err(|e| unavailable(dial::h2_text(&e)))?;
    if let Some(refused) = refusal(reply.headers()) {
        return Err(refused);
    }
    let mut data = BytesMut::new();
    let mut body = reply.into_body();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(|e| unavailable(dial::h2_text(&e)))?;
        if data.len() + chunk.len() > REPLY_MAX {
            return Err(failure("ResourceExhausted", "reply too large"));
        }
        // A failure to give credit back ends the stream, which the next read shows.
        let _ = body.flow_control().release_capacity(chunk.len());
        data.put(chunk);
    }
    let trailers = body
        .trailers()
        .await
        .map_err(|e| unavailable(dial::h2_text(&e)))?;
    match trailers.as_ref().and_then(refusal) {
        Some(refused) => Err(refused),
        None => status(&data).ok_or_else(|| failure("Internal", "malformed reply")),
    }
}

/// A length-prefixed `HealthCheckRequest { service = 1 }`.
fn message(service: &str) -> Bytes {
    let mut body = BytesMut::new();
    if !service.is_empty() {
        body.put_u8(0x0a);
        let mut length = service.len();
        while length > 0x7f {
            body.put_u8((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        body.put_u8(length as u8);
        body.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(body.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    framed.put(body);
    framed.freeze()
}

/// The error that headers or trailers tell, if any.
fn refusal(headers: &HeaderMap) -> Option<String> {
    let code: usize = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    if code == 0 {
        return None;
    }
    let name = CODES
        .get(code)
        .map_or_else(|| format!("Code({code})"), |name| (*name).to_owned());
    let text = headers
        .get("grpc-message")
        .map(|value| percent_decoded(value.as_bytes()))
        .unwrap_or_default();
    Some(failure(&name, &text))
}

fn percent_decoded(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok());
        match (byte, hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    crate::output::lossy(&out)
}

/// The status of a length-prefixed `HealthCheckResponse { status = 1 }`; a missing field is 0.
fn status(framed: &[u8]) -> Option<u64> {
    let length = u32::from_be_bytes(framed.get(1..5)?.try_into().ok()?) as usize;
    let mut body = framed.get(5..)?.get(..length)?;
    let mut found = 0;
    while !body.is_empty() {
        let key = varint(&mut body)?;
        match key & 7 {
            0 => {
                let value = varint(&mut body)?;
                if key >> 3 == 1 {
                    found = value;
                }
            }
            1 => body = body.get(8..)?,
            2 => {
                let skip = usize::try_from(varint(&mut body)?).ok()?;
                body = body.get(skip..)?;
            }
            5 => body = body.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn varint(body: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = body.split_first()?;
        *body = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read() {
        assert_eq!(status(&[0, 0, 0, 0, 2, 8, 2]), Some(2));
        assert_eq!(status(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(status(&[0, 0, 0, 0, 9, 8]), None);
        assert_eq!(status(&[]), None);
    }

    #[test]
    fn long_service_names_are_framed() {
        let name = "s".repeat(300);
        let framed = message(&name);
        assert_eq!(framed[5..8], [0x0a, 0xac, 0x02]);
        assert_eq!(framed.len(), 8 + 300);
    }
}
