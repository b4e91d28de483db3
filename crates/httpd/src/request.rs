//! A request as handlers see it: path and query decoded, token found, body not yet read.

use crate::budget::Meter;
use crate::config::Prepared;
use crate::door::Door;
use crate::fault::Fault;
pub(crate) use crate::h1::BodyFault;
use crate::h1::Slot;
use crate::params::Params;
use crate::reply::{Reply, Shape};
use bytes::{Bytes, BytesMut};
use hyper::Method;
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap};
use ports::{BoxFuture, Caller, Token};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// Most bytes of a JSON body, where the endpoint has no limit of its own.
pub(crate) const JSON_MAX: u64 = 2 << 20;

/// A body not yet read.
pub(crate) enum RequestBody {
    /// All of it.
    Whole(Bytes),
    /// On an HTTP/1 connection.
    Socket(Arc<Slot>),
    /// On an HTTP/2 connection.
    Stream(BodyStream),
}

/// The body of a stream of an HTTP/2 connection.
pub(crate) struct BodyStream {
    pub incoming: Incoming,
    pub meter: Meter,
}

impl BodyStream {
    /// The next piece; `None` at the end. `held` bytes of the body are kept already.
    async fn next(&mut self, held: usize) -> Result<Option<Bytes>, BodyFault> {
        let Self { incoming, meter } = self;
        loop {
            let frame = std::future::poll_fn(|cx| match Pin::new(&mut *incoming).poll_frame(cx) {
                Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                Poll::Pending => meter.poll_late(cx).map(|()| Err(BodyFault::Slow)),
            });
            let Some(frame) = frame.await? else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| BodyFault::Broken(error.to_string()))?;
            match frame.into_data() {
                Ok(data) if !data.is_empty() => {
                    meter.took(data.len() as u64, held + data.len())?;
                    return Ok(Some(data));
                }
                _ => {}
            }
        }
    }

    async fn read(mut self, limit: u64) -> Result<Bytes, BodyFault> {
        self.meter.begin();
        if self.incoming.size_hint().lower() > limit {
            return Err(BodyFault::TooLarge);
        }
        let mut all = BytesMut::new();
        while let Some(data) = self.next(all.len()).await? {
            if (all.len() + data.len()) as u64 > limit {
                return Err(BodyFault::TooLarge);
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }
}

impl RequestBody {
    /// Reads all of it, up to `limit` bytes.
    pub async fn read(self, limit: u64) -> Result<Bytes, BodyFault> {
        match self {
            Self::Whole(bytes) if bytes.len() as u64 > limit => Err(BodyFault::TooLarge),
            Self::Whole(bytes) => Ok(bytes),
            Self::Socket(slot) => slot.read(limit).await,
            Self::Stream(stream) => stream.read(limit).await,
        }
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
            RequestBody::Socket(slot) => slot.next().await.map_err(failed)?,
            RequestBody::Stream(stream) => {
                stream.meter.begin();
                stream.next(0).await.map_err(failed)?.unwrap_or_default()
            }
        };
        self.left = self
            .left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| std::io::Error::other(TOO_LARGE))?;
        Ok(piece)
    }
}

fn failed(fault: BodyFault) -> std::io::Error {
    let internal = |text: String| Fault::internal(text);
    let fault = fault.fault(|| internal(TOO_LARGE.to_owned()), internal);
    std::io::Error::other(fault.text)
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

impl From<Fault> for Box<Handled> {
    fn from(fault: Fault) -> Self {
        Box::new(fault.into())
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
