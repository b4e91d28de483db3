//! A request as handlers see it: path and query decoded, token found, body not yet read.

use crate::config::Prepared;
use crate::door::Door;
use crate::fault::Fault;
pub(crate) use crate::h1::BodyFault;
use crate::h1::Slot;
use crate::params::Params;
use crate::reply::{Reply, Shape};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap};
use ports::{BoxFuture, Caller, Token};
use std::sync::Arc;

/// Most bytes of a body that come without a declared length, or that an endpoint without a limit of its own reads.
pub(crate) const MAX_BODY: u64 = 64 << 20;

/// A body not yet read.
pub(crate) enum RequestBody {
    /// All of it.
    Whole(Bytes),
    /// On an HTTP/1 connection.
    Socket(Arc<Slot>),
    /// On an HTTP/2 connection.
    Incoming(Incoming),
}

impl RequestBody {
    /// Reads all of it, up to `limit` bytes.
    pub async fn read(self, limit: u64) -> Result<Bytes, BodyFault> {
        let mut body = match self {
            Self::Whole(bytes) if bytes.len() as u64 > limit => return Err(BodyFault::TooLarge),
            Self::Whole(bytes) => return Ok(bytes),
            Self::Socket(slot) => return slot.read(limit).await,
            Self::Incoming(body) => body,
        };
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| BodyFault::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if all.len() as u64 + data.len() as u64 > limit {
                return Err(BodyFault::TooLarge);
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }
}

/// A body that is taken piece by piece.
pub(crate) struct BodyPieces {
    body: RequestBody,
    /// Bytes that may still come.
    left: u64,
}

impl BodyPieces {
    /// Of at most `limit` bytes in all.
    pub fn new(body: RequestBody, limit: u64) -> Self {
        Self { body, left: limit }
    }

    async fn piece(&mut self) -> std::io::Result<Bytes> {
        let piece = match &mut self.body {
            RequestBody::Whole(bytes) => std::mem::take(bytes),
            RequestBody::Socket(slot) => slot.next().await.map_err(|fault| {
                std::io::Error::other(match fault {
                    BodyFault::Broken(text) => text,
                    BodyFault::TooLarge => TOO_LARGE.to_owned(),
                })
            })?,
            RequestBody::Incoming(body) => loop {
                let Some(frame) = body.frame().await else {
                    break Bytes::new();
                };
                match frame.map_err(std::io::Error::other)?.into_data() {
                    Ok(data) if !data.is_empty() => break data,
                    _ => {}
                }
            },
        };
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| std::io::Error::other(TOO_LARGE))?;
        Ok(piece)
    }
}

/// A body beyond its limit that is taken piece by piece.
const TOO_LARGE: &str = "Request body too large";

impl ports::Pieces for BodyPieces {
    fn next(&mut self) -> BoxFuture<'_, std::io::Result<Bytes>> {
        Box::pin(self.piece())
    }
}

/// A request that has passed the checks common to all endpoints.
pub(crate) struct Request {
    pub door: Arc<Door>,
    pub settings: Arc<Prepared>,
    pub method: Method,
    /// The decoded path.
    pub path: Bytes,
    /// Where in it the part after the route's prefix begins.
    pub rest_at: usize,
    pub params: Params,
    pub headers: HeaderMap,
    pub body: RequestBody,
    pub caller: Caller,
    pub shape: Shape,
}

impl Request {
    /// The path after the route's prefix, as bytes.
    pub fn rest(&self) -> Bytes {
        self.path.slice(self.rest_at.min(self.path.len())..)
    }

    /// The same as text.
    pub fn rest_text(&self) -> String {
        String::from_utf8_lossy(&self.rest()).into_owned()
    }

    /// The same, refused with `missing` when empty.
    pub fn rest_or(&self, missing: &'static str) -> Result<String, Fault> {
        let rest = self.rest_text();
        if rest.is_empty() {
            Err(Fault::bad(missing))
        } else {
            Ok(rest)
        }
    }

    /// What `Content-Length` says; `None` without that header.
    pub fn content_length(&self) -> Option<u64> {
        self.headers
            .get(CONTENT_LENGTH)?
            .to_str()
            .ok()?
            .parse()
            .ok()
    }

    /// The datacenter asked for by `?dc=`, "" when it is this agent's own.
    pub fn datacenter(&self) -> String {
        let params = &self.params;
        let asked = match params.text("datacenter") {
            "" => params.text("dc"),
            long => long,
        };
        self.foreign(asked)
    }

    /// `datacenter`, or "" when it is this agent's own.
    pub fn foreign(&self, datacenter: &str) -> String {
        if datacenter == self.settings.config.datacenter {
            String::new()
        } else {
            datacenter.to_owned()
        }
    }
}

/// The header that brings a token.
pub(crate) const TOKEN_HEADER: &str = "x-consul-token";

/// The token that `Authorization` brings.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    rest.split_whitespace().next()
}

/// The token by precedence: query, header, bearer, the agent's own (spec/http-api.md §3.1).
pub(crate) fn token(params: &Params, headers: &HeaderMap, settings: &Prepared) -> Token {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let query = params.text("token");
    if !query.is_empty() {
        return Token::new(query);
    }
    let header = text(TOKEN_HEADER);
    if !header.is_empty() {
        return Token::new(header);
    }
    if let Some(word) = bearer(headers) {
        return Token::new(word);
    }
    settings.default_token.clone()
}

/// What a handler yields.
pub(crate) type Outcome = Result<Reply, Fault>;

/// A handler's answer, at once or later.
pub(crate) enum Handled {
    /// Ready; the hot path.
    Now(Outcome),
    /// Waits for something.
    Later(BoxFuture<'static, Outcome>),
}

impl Handled {
    /// Boxes a future.
    pub fn later(future: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Self::Later(Box::pin(future))
    }
}

impl From<Outcome> for Handled {
    fn from(outcome: Outcome) -> Self {
        Self::Now(outcome)
    }
}

impl From<Fault> for Handled {
    fn from(fault: Fault) -> Self {
        Self::Now(Err(fault))
    }
}

impl From<Reply> for Handled {
    fn from(reply: Reply) -> Self {
        Self::Now(Ok(reply))
    }
}

/// Unwraps a result inside a handler, or answers with its fault.
macro_rules! attempt {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(fault) => {
                return $crate::request::Handled::Now(Err($crate::fault::Fault::from(fault)))
            }
        }
    };
}
pub(crate) use attempt;
