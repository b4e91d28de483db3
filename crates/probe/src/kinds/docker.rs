//! Docker: a program inside a container through the Engine's HTTP API (`create`, `start`, `inspect` of an exec).
//!
//! Three plain requests need no client library; the decision is noted in docs/decisions/0001-dependencies.md.

use super::{go_duration, within};
use crate::output::{Tail, lossy};
use crate::{Health, Observation, dial};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use net::Stream;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::UnixStream;

/// Longest JSON or error body read from the engine.
const REPLY_MAX: usize = 64 * 1024;
/// The engine's socket when `DOCKER_HOST` says nothing.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// Where the Docker engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerHost {
    /// A unix socket.
    Unix(String),
    /// `host:port` without TLS.
    Tcp(String),
    /// What could not be understood; the text is every docker check's output.
    Invalid(String),
}

impl DockerHost {
    /// Reads the value of `DOCKER_HOST`; "" is the default socket.
    pub fn parse(text: &str) -> Self {
        let text = if text.is_empty() { DEFAULT_HOST } else { text };
        match text.split_once("://") {
            Some(("unix", path)) if !path.is_empty() => Self::Unix(path.into()),
            Some(("tcp" | "http", address)) if !address.is_empty() => {
                Self::Tcp(address.trim_end_matches('/').into())
            }
            _ => Self::Invalid(format!("unable to parse docker host `{text}`")),
        }
    }
}

pub(super) async fn run(
    host: &DockerHost,
    container: &str,
    args: &[String],
    limit: Duration,
    output_max: usize,
    room: &rt::Room,
    time: &rt::Time,
) -> Observation {
    let engine = Engine { host, room };
    match within(time, limit, engine.check(container, args, output_max)).await {
        Some(Ok(observation)) => observation,
        Some(Err(text)) => Observation::at_once(text),
        None => Observation::at_once(format!("Timed out ({}) running check", go_duration(limit))),
    }
}

struct Engine<'a> {
    host: &'a DockerHost,
    room: &'a rt::Room,
}

impl Engine<'_> {
    async fn check(
        &self,
        container: &str,
        args: &[String],
        output_max: usize,
    ) -> Result<Observation, String> {
        let exec = self.create(container, args).await?;
        let output = self.start(container, &exec, output_max).await?;
        let health = match self.inspect(container, &exec).await? {
            0 => Health::Passing,
            1 => Health::Warning,
            _ => Health::Critical,
        };
        Ok(Observation::new(health, output))
    }

    async fn create(&self, container: &str, args: &[String]) -> Result<String, String> {
        let body = json!({"AttachStdin": false, "AttachStdout": true, "AttachStderr": true, "Tty": false, "Cmd": args});
        let path = format!("/containers/{}/exec", escaped(container));
        let response = self.send(Method::POST, &path, Some(body)).await?;
        let status = response.status();
        let text = short(response).await;
        match status {
            StatusCode::CREATED => {
                let reply: Value = serde_json::from_str(&text).map_err(|error| {
                    format!(
                        "create exec response for container {container} cannot be parsed: {error}"
                    )
                })?;
                let id = reply.get("Id").and_then(Value::as_str).unwrap_or_default();
                Ok(id.to_owned())
            }
            StatusCode::NOT_FOUND => Err(format!(
                "create exec failed for unknown container {container}"
            )),
            StatusCode::CONFLICT => Err(format!(
                "create exec failed since container {container} is paused or stopped"
            )),
            other => Err(format!(
                "create exec failed for container {container} with status {}: {text}",
                other.as_u16()
            )),
        }
    }

    async fn start(
        &self,
        container: &str,
        exec: &str,
        output_max: usize,
    ) -> Result<String, String> {
        let body = json!({"Detach": false, "Tty": false});
        let response = self
            .send(
                Method::POST,
                &format!("/exec/{}/start", escaped(exec)),
                Some(body),
            )
            .await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(format!(
                    "start exec failed for container {container}: invalid exec id {exec}"
                ));
            }
            StatusCode::CONFLICT => {
                return Err(format!(
                    "start exec failed since container {container} is paused or stopped"
                ));
            }
            other => {
                let text = short(response).await;
                return Err(format!(
                    "start exec failed for container {container} with status {}: {text}",
                    other.as_u16()
                ));
            }
        }
        let mut frames = Frames::new(output_max);
        let mut stream = response.into_body();
        while let Some(frame) = stream.frame().await {
            let frame = frame
                .map_err(|error| format!("start exec failed for container {container}: {error}"))?;
            if let Some(data) = frame.data_ref() {
                frames.write(data);
            }
        }
        Ok(frames.tail.captured())
    }

    async fn inspect(&self, container: &str, exec: &str) -> Result<i64, String> {
        let response = self
            .send(Method::GET, &format!("/exec/{}/json", escaped(exec)), None)
            .await?;
        let status = response.status();
        let text = short(response).await;
        if status != StatusCode::OK {
            return Err(format!(
                "inspect exec failed for container {container} with status {}: {text}",
                status.as_u16()
            ));
        }
        let reply: Value = serde_json::from_str(&text).map_err(|error| {
            format!("inspect exec response for container {container} cannot be parsed: {error}")
        })?;
        Ok(reply.get("ExitCode").and_then(Value::as_i64).unwrap_or(-1))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Response<hyper::body::Incoming>, String> {
        let (stream, name) = match self.host {
            DockerHost::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| {
                    format!("dial unix {path}: {}", dial::syscall("connect", &error))
                })?;
                (Stream::Unix(stream), "docker")
            }
            DockerHost::Tcp(address) => (dial::stream(address, None).await?, address.as_str()),
            DockerHost::Invalid(text) => return Err(text.clone()),
        };
        let (mut requests, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| error.to_string())?;
        self.room.spawn("docker-check", async move {
            // Its error is the request's error too.
            let _ = connection.await;
        });
        let bytes = body
            .map(|value| Bytes::from(value.to_string()))
            .unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", name)
            .header("content-type", "application/json")
            .header("connection", "close")
            .body(Full::new(bytes))
            .map_err(|error| error.to_string())?;
        requests
            .send_request(request)
            .await
            .map_err(|error| error.to_string())
    }
}

/// The first [`REPLY_MAX`] bytes of a body.
async fn short(response: Response<hyper::body::Incoming>) -> String {
    let mut text = Vec::new();
    let mut body = response.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            let room = REPLY_MAX - text.len();
            text.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    lossy(&text)
}

/// A path segment: everything but unreserved characters as `%XX` (RFC 3986 §2.3).
fn escaped(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Takes the engine's multiplexed output apart: 8-byte headers `{stream, 0, 0, 0, length}` before each piece.
struct Frames {
    tail: Tail,
    header: Vec<u8>,
    left: usize,
}

impl Frames {
    fn new(output_max: usize) -> Self {
        Self {
            tail: Tail::new(output_max),
            header: Vec::with_capacity(8),
            left: 0,
        }
    }

    fn write(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.left > 0 {
                let (piece, rest) = data.split_at(self.left.min(data.len()));
                self.tail.write(piece);
                self.left -= piece.len();
                data = rest;
                continue;
            }
            let (part, rest) = data.split_at((8 - self.header.len()).min(data.len()));
            self.header.extend_from_slice(part);
            data = rest;
            if let [_, _, _, _, a, b, c, d] = self.header[..] {
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.header.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_understood() {
        assert_eq!(
            DockerHost::parse(""),
            DockerHost::Unix("/var/run/docker.sock".into())
        );
        assert_eq!(
            DockerHost::parse("tcp://127.0.0.1:2375"),
            DockerHost::Tcp("127.0.0.1:2375".into())
        );
        assert_eq!(
            DockerHost::parse("what"),
            DockerHost::Invalid("unable to parse docker host `what`".into())
        );
    }

    #[test]
    fn frames_come_in_any_pieces() {
        let bytes = b"\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x03err";
        for cut in 0..bytes.len() {
            let mut frames = Frames::new(100);
            frames.write(&bytes[..cut]);
            frames.write(&bytes[cut..]);
            assert_eq!(frames.tail.captured(), "outerr");
        }
    }
}
