//! Requests and answers: parameters, options, metadata, bodies.

use crate::error::Error;
use crate::{Client, encode};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};

/// Body of a request.
pub type Body = BoxBody<Bytes, io::Error>;

/// How much of a streamed body is read at once, bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// How a read is answered. The default asks the local agent's leader view, without waiting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryOptions {
    /// Datacenter; empty for the client's.
    pub datacenter: String,
    /// Any server may answer.
    pub stale: bool,
    /// The leader confirms its leadership first.
    pub consistent: bool,
    /// Wait until the index of the answer is above this; 0 does not wait.
    pub index: u64,
    /// Wait until the content hash differs (agent endpoints).
    pub hash: String,
    /// Longest wait.
    pub wait: Option<Duration>,
    /// Sort by round-trip time from this node; `_agent` for the local one.
    pub near: String,
    /// Filter expression.
    pub filter: String,
    /// Only nodes with this metadata.
    pub node_meta: Vec<(String, String)>,
    /// Answer from the agent's cache.
    pub cached: bool,
    /// With `cached`: greatest age.
    pub max_age: Option<Duration>,
    /// With `cached`: greatest age while servers cannot be reached.
    pub stale_if_error: Option<Duration>,
    /// Merge service defaults into proxy registrations.
    pub merge_central_config: bool,
    /// Token for this call; `None` for the client's.
    pub token: Option<String>,
}

/// What the headers of an answer say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryMeta {
    /// Index to wait on next; 0 when the endpoint has none.
    pub index: u64,
    /// Age of the answering server's contact with the leader.
    pub last_contact: Duration,
    /// Whether there is a leader.
    pub known_leader: bool,
    /// Hash to wait on (agent endpoints).
    pub content_hash: String,
    /// Whether the agent's cache answered.
    pub cache_hit: bool,
    /// Age of the cached answer.
    pub cache_age: Duration,
    /// Whether rows were left out for lack of permission.
    pub filtered_by_acls: bool,
    /// `allow` or `deny`; empty when not said.
    pub default_acl_policy: String,
    /// `streaming` or `blocking-query`; empty when not said.
    pub backend: String,
}

/// A request under construction, for endpoints without a method of their own and as the base of [`crate::Watch`].
#[derive(Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) token: Option<String>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Body,
    /// The body once more, unless it is read while it is sent.
    pub(crate) again: Option<Bytes>,
    /// `path` holds prefix and query already.
    pub(crate) whole_path: bool,
}

impl Request {
    /// `path` begins with a slash and is not encoded yet.
    pub fn new(method: Method, path: &str) -> Self {
        Self::encoded(method, encode::path(path))
    }

    /// Joins `base` with one encoded segment: names that may hold slashes.
    pub(crate) fn under(method: Method, base: &str, name: &str) -> Self {
        Self::encoded(method, format!("{base}{}", encode::segment(name)))
    }

    pub(crate) fn encoded(method: Method, path: String) -> Self {
        Self {
            method,
            path,
            params: Vec::new(),
            headers: Vec::new(),
            token: None,
            content_type: None,
            body: http_body_util::Empty::new().map_err(|e| match e {}).boxed(),
            again: Some(Bytes::new()),
            whole_path: false,
        }
    }

    pub(crate) fn set_body(&mut self, body: Bytes) {
        self.again = Some(body.clone());
        self.body = full(body);
    }

    /// Adds a parameter.
    #[must_use]
    pub fn param(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a parameter unless the value is empty.
    #[must_use]
    pub fn param_some(self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.param(name, value)
        }
    }

    /// Uses this token instead of the client's; an empty one sends none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Adds query options.
    #[must_use]
    pub fn options(mut self, o: &QueryOptions) -> Self {
        let flags = [
            ("stale", o.stale),
            ("consistent", o.consistent),
            ("cached", o.cached),
            ("merge-central-config", o.merge_central_config),
        ];
        for (name, _) in flags.iter().filter(|(_, on)| *on) {
            self = self.param(name, "");
        }
        if o.index != 0 {
            self = self.param("index", o.index.to_string());
        }
        if let Some(wait) = o.wait.filter(|w| !w.is_zero()) {
            self = self.param("wait", format!("{}ms", wait.as_millis().max(1)));
        }
        for (key, value) in &o.node_meta {
            self = self.param("node-meta", format!("{key}:{value}"));
        }
        if o.cached {
            let mut control = Vec::new();
            if let Some(age) = o.max_age {
                control.push(format!("max-age={}", age.as_secs()));
            }
            if let Some(age) = o.stale_if_error {
                control.push(format!("stale-if-error={}", age.as_secs()));
            }
            if !control.is_empty() {
                self.headers
                    .push(("Cache-Control".to_owned(), control.join(", ")));
            }
        }
        if o.token.is_some() {
            self.token.clone_from(&o.token);
        }
        self.param_some("dc", &o.datacenter)
            .param_some("hash", &o.hash)
            .param_some("near", &o.near)
            .param_some("filter", &o.filter)
    }

    /// A JSON body.
    #[must_use]
    pub fn json(mut self, value: &impl serde::Serialize) -> Self {
        // Values of this crate are maps with text keys: writing them cannot fail.
        let text = serde_json::to_vec(value).unwrap_or_default();
        self.content_type = Some("application/json");
        self.set_body(text.into());
        self
    }

    /// A body of any bytes.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.content_type = Some("application/octet-stream");
        self.set_body(body.into());
        self
    }

    /// A body of any kind.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        self.content_type = Some(content_type);
        self.set_body(body.into());
        self
    }

    /// Adds a header; one that HTTP does not allow fails the call.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A body read as it is sent.
    #[must_use]
    pub fn reader(mut self, reader: impl AsyncRead + Send + Sync + Unpin + 'static) -> Self {
        self.content_type = Some("application/octet-stream");
        self.again = None;
        self.body = Reading {
            reader,
            buffer: vec![0; CHUNK_BYTES],
        }
        .boxed();
        self
    }

    /// The method as Go's client spells it in errors.
    pub(crate) fn verb(&self) -> &'static str {
        match self.method {
            Method::PUT => "Put",
            Method::POST => "Post",
            Method::DELETE => "Delete",
            _ => "Get",
        }
    }
}

fn full(bytes: Bytes) -> Body {
    http_body_util::Full::new(bytes)
        .map_err(|e| match e {})
        .boxed()
}

struct Reading<R> {
    reader: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> hyper::body::Body for Reading<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Self { reader, buffer } = self.get_mut();
        let mut space = ReadBuf::new(buffer);
        match Pin::new(reader).poll_read(cx, &mut space) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(e)) => Poll::Ready(Some(Err(e))),
            Poll::Ready(Ok(())) if space.filled().is_empty() => Poll::Ready(None),
            Poll::Ready(Ok(())) => {
                let bytes = Bytes::copy_from_slice(space.filled());
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }
}

/// An answer whose body is not read yet.
pub struct Response {
    head: hyper::http::response::Parts,
    body: Incoming,
    origin: Option<(Client, SendRequest<Body>)>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Response").field(&self.head).finish()
    }
}

impl Response {
    /// Longest body that is read into memory, bytes.
    pub const BODY_BYTES_MAX: usize = 1 << 30;

    pub(crate) fn new(
        answer: hyper::Response<Incoming>,
        client: Client,
        sender: SendRequest<Body>,
    ) -> Self {
        let (head, body) = answer.into_parts();
        Self {
            head,
            body,
            origin: Some((client, sender)),
        }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// Headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    fn header(&self, name: &str) -> &str {
        self.head
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// The connection was lost in the middle.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.body.frame().await {
                None => {
                    if let Some((client, sender)) = self.origin.take() {
                        client.give_back(sender);
                    }
                    return Ok(None);
                }
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(_)) => return Err(Error::Decode("unexpected EOF".to_owned())),
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// The connection was lost in the middle, or the body is too long.
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if all.len() + chunk.len() > Self::BODY_BYTES_MAX {
                return Err(Error::Decode("response body too large".to_owned()));
            }
            if all.is_empty() {
                all = BytesMut::from(chunk);
            } else {
                all.extend_from_slice(&chunk);
            }
        }
        Ok(all.freeze())
    }

    /// The body decoded from JSON.
    ///
    /// # Errors
    /// As [`Response::bytes`], and [`Error::Decode`] when the body does not fit the type.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|e| Error::Decode(e.to_string()))
    }

    /// Status 200 or an error with the body.
    ///
    /// # Errors
    /// [`Error::Status`].
    pub async fn ok(self) -> Result<Self, Error> {
        let code = self.status();
        if code == 200 {
            return Ok(self);
        }
        let body = self.bytes().await?;
        Err(Error::Status {
            code,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// The index to wait on next; 0 when the answer has none.
    pub fn index(&self) -> u64 {
        self.header("x-consul-index").parse().unwrap_or(0)
    }

    /// Metadata as far as it is there: some endpoints answer without it.
    pub fn meta_or_index(&self) -> QueryMeta {
        self.meta().unwrap_or_else(|_| QueryMeta {
            index: self.index(),
            ..QueryMeta::default()
        })
    }

    /// Metadata of a read.
    ///
    /// # Errors
    /// [`Error::Header`] when an index or age is no number, or the age is missing.
    pub fn meta(&self) -> Result<QueryMeta, Error> {
        let number = |name: &'static str, text: &str| {
            text.parse::<u64>().map_err(|_| Error::Header {
                name,
                reason: format!("strconv.ParseUint: parsing {text:?}: invalid syntax"),
            })
        };
        let index = match self.header("x-consul-index") {
            "" => 0,
            text => number("X-Consul-Index", text)?,
        };
        let contact = number("X-Consul-LastContact", self.header("x-consul-lastcontact"))?;
        let age = match self.header("age") {
            "" => 0,
            text => number("Age", text)?,
        };
        Ok(QueryMeta {
            index,
            last_contact: Duration::from_millis(contact),
            known_leader: self.header("x-consul-knownleader") == "true",
            content_hash: self.header("x-consul-contenthash").to_owned(),
            cache_hit: self.header("x-cache").eq_ignore_ascii_case("hit"),
            cache_age: Duration::from_secs(age),
            filtered_by_acls: self.header("x-consul-results-filtered-by-acls") == "true",
            default_acl_policy: self.header("x-consul-default-acl-policy").to_owned(),
            backend: self.header("x-consul-query-backend").to_owned(),
        })
    }
}

impl Client {
    /// A read of `path` (not encoded) with the client's defaults.
    pub fn read(&self, path: &str, options: &QueryOptions) -> Request {
        self.finish_read(Request::new(Method::GET, path), options)
    }

    pub(crate) fn read_under(&self, base: &str, name: &str, options: &QueryOptions) -> Request {
        self.finish_read(Request::under(Method::GET, base, name), options)
    }

    pub(crate) fn finish_read(&self, request: Request, options: &QueryOptions) -> Request {
        let mut request = request.options(options);
        if options.datacenter.is_empty() {
            request = request.param_some("dc", &self.0.datacenter);
        }
        if let (None, Some(wait)) = (options.wait, self.0.wait) {
            request = request.param("wait", format!("{}ms", wait.as_millis().max(1)));
        }
        self.scoped(request)
    }

    /// A request that changes something, with the client's defaults. `path` is not encoded.
    pub fn write(&self, method: Method, path: &str) -> Request {
        self.finish_write(Request::new(method, path))
    }

    pub(crate) fn write_under(&self, method: Method, base: &str, name: &str) -> Request {
        self.finish_write(Request::under(method, base, name))
    }

    fn finish_write(&self, request: Request) -> Request {
        let request = request.param_some("dc", &self.0.datacenter);
        self.scoped(request)
    }

    fn scoped(&self, request: Request) -> Request {
        request
            .param_some("ns", &self.0.namespace)
            .param_some("partition", &self.0.partition)
    }

    /// Sends a request that must be answered with status 200.
    ///
    /// # Errors
    /// [`Error::Status`], [`Error::Transport`].
    pub async fn call(&self, request: Request) -> Result<Response, Error> {
        self.send(request).await?.ok().await
    }

    /// Sends a request and decodes the answer.
    ///
    /// # Errors
    /// As [`Client::call`] and [`Response::json`].
    pub async fn call_json<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        self.call(request).await?.json().await
    }

    /// Sends a read, and decodes answer and metadata.
    ///
    /// # Errors
    /// As [`Client::call_json`] and [`Response::meta`].
    pub async fn call_meta<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<(T, QueryMeta), Error> {
        let answer = self.call(request).await?;
        let meta = answer.meta()?;
        Ok((answer.json().await?, meta))
    }

    /// Sends a request whose answer has no content of interest.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_unit(&self, request: Request) -> Result<(), Error> {
        self.call(request).await?.bytes().await.map(drop)
    }
}
