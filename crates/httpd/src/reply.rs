//! Answers on their way out: status, headers, body, and how JSON is laid out for this request.

use crate::cache::{self, Hit};
use crate::fault::Fault;
use crate::gzip;
use bytes::Bytes;
use dialect::json::{Style, ToJson, Writer};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ports::{Answer, Answered, Consistency, Data, Form};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(crate) const PLAIN: HeaderValue = HeaderValue::from_static("text/plain");
pub(crate) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const FALSE: HeaderValue = HeaderValue::from_static("false");

const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
const EFFECTIVE: HeaderName = HeaderName::from_static("x-consul-effective-consistency");
const BACKEND: HeaderName = HeaderName::from_static("x-consul-query-backend");
const FILTERED: HeaderName = HeaderName::from_static("x-consul-results-filtered-by-acls");

/// Headers that a usual answer has, so that the map is allocated once.
const USUAL_HEADERS: usize = 12;

/// The failure of a streamed body; the connection ends with it.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    Stream(Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>),
}

impl Body {
    /// A body that is there as a whole.
    pub fn whole(bytes: Bytes) -> Self {
        Self(Inner::Whole(bytes))
    }

    /// A body that comes piece by piece, of unknown length.
    pub fn stream(body: impl HttpBody<Data = Bytes, Error = BodyError> + Send + 'static) -> Self {
        Self(Inner::Stream(Box::pin(body)))
    }

    /// The bytes of a whole body, or a streamed one as it is.
    pub(crate) fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Whole(bytes) => Ok(bytes),
            Inner::Stream(_) => Err(self),
        }
    }

    /// The bytes, if the body is whole.
    #[cfg(test)]
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Whole(bytes) => Some(bytes),
            Inner::Stream(_) => None,
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Inner::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(body) => body.size_hint(),
        }
    }
}

/// An answer before the headers common to all are added.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
    /// Nothing was written: the content type follows from the request.
    pub nothing: bool,
}

impl Reply {
    /// 200 without a body.
    pub fn nothing() -> Self {
        Self {
            status: 200,
            headers: HeaderMap::new(),
            body: Body::whole(Bytes::new()),
            nothing: true,
        }
    }

    /// An explicit status without body and content type.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            nothing: false,
            ..Self::nothing()
        }
    }

    /// A body of that type.
    pub fn typed(kind: HeaderValue, body: Bytes) -> Self {
        let mut headers = HeaderMap::with_capacity(USUAL_HEADERS);
        headers.insert(CONTENT_TYPE, kind);
        Self {
            status: 200,
            headers,
            body: Body::whole(body),
            nothing: false,
        }
    }

    /// Another status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// One header more.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// What a refusal looks like.
    pub fn of_fault(fault: Fault) -> Self {
        let mut reply = Self::typed(TEXT, fault.text.into_owned().into()).with_status(fault.status);
        if fault.meta {
            reply.meta(1, false, 0);
        }
        if let Some(allow) = fault.allow {
            reply.headers.insert(ALLOW, allow);
        }
        reply
    }

    fn meta(&mut self, index: u64, known_leader: bool, last_contact: u64) {
        self.headers.insert(INDEX, HeaderValue::from(index));
        self.headers
            .insert(KNOWN_LEADER, if known_leader { TRUE } else { FALSE });
        self.headers
            .insert(LAST_CONTACT, HeaderValue::from(last_contact));
        self.headers
            .insert(BACKEND, HeaderValue::from_static("blocking-query"));
    }

    /// With metadata that comes without a shared answer.
    pub fn with_own_meta(
        mut self,
        view: &View,
        index: u64,
        known_leader: bool,
        contact: Duration,
    ) -> Self {
        self.meta(
            index,
            known_leader,
            u64::try_from(contact.as_millis()).unwrap_or(u64::MAX),
        );
        if view.effective {
            self.headers.insert(
                EFFECTIVE,
                HeaderValue::from_static(consistency_name(view.consistency)),
            );
        }
        self
    }

    /// Only the index, as the list of events shows it.
    pub fn with_index(mut self, index: u64) -> Self {
        self.headers.insert(INDEX, HeaderValue::from(index));
        self
    }

    /// Tells that rows were held back.
    pub fn with_filtered(mut self, filtered: bool) -> Self {
        if filtered {
            self.headers.insert(FILTERED, TRUE);
        }
        self
    }

    /// With the metadata of a query (spec/http-api.md §5.1).
    pub fn with_meta(mut self, view: &View, answered: &Answered) -> Self {
        let contact = u64::try_from(answered.last_contact.as_millis()).unwrap_or(u64::MAX);
        if view.streaming {
            // The view behind a stream knows neither.
            self.meta(answered.answer.index, false, 0);
            self.headers
                .insert(BACKEND, HeaderValue::from_static("streaming"));
        } else {
            self.meta(answered.answer.index, answered.known_leader, contact);
        }
        if view.effective {
            self.headers.insert(
                EFFECTIVE,
                HeaderValue::from_static(consistency_name(view.consistency)),
            );
        }
        cache::show(self, view.hit).with_filtered(answered.filtered_by_acls)
    }

    /// Only leader knowledge, as transactions show it.
    pub fn with_leader(mut self, answered: Option<&Answered>) -> Self {
        let known = answered.is_some_and(|a| a.known_leader);
        let contact = answered.map_or(0, |a| {
            u64::try_from(a.last_contact.as_millis()).unwrap_or(u64::MAX)
        });
        self.headers
            .insert(KNOWN_LEADER, if known { TRUE } else { FALSE });
        self.headers
            .insert(LAST_CONTACT, HeaderValue::from(contact));
        self
    }
}

/// The word for a consistency mode in headers and bodies.
pub(crate) fn consistency_name(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Default => "leader",
        Consistency::Stale => "stale",
        Consistency::Consistent => "consistent",
    }
}

/// How JSON is laid out for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Indented by four spaces (`?pretty`, or an agent in development mode).
    pub indent: bool,
    /// A line break at the end (`?pretty` only).
    pub newline: bool,
    /// The client takes gzip.
    pub gzip: bool,
}

/// What the rendering of an answer needs to know of the request; small, since it lives as long as a watch is parked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    pub shape: Shape,
    pub consistency: Consistency,
    /// Whether this endpoint shows the effective consistency.
    pub effective: bool,
    /// Whether the answer comes from a streamed view.
    pub streaming: bool,
    /// Whether the answer comes from the agent's cache, if that was asked for.
    pub hit: Option<Hit>,
}

impl Shape {
    fn style(self) -> Style {
        if self.indent {
            Style::Pretty
        } else {
            Style::Compact
        }
    }

    /// A JSON body that no other request shares.
    pub fn json(self, write: impl FnOnce(&mut Writer<'_>)) -> Reply {
        let mut body = Vec::with_capacity(128);
        write(&mut Writer::new(&mut body, self.style()));
        self.finish(body.into())
    }

    /// As [`Shape::json`], of one value.
    pub fn value<T: ToJson + ?Sized>(self, value: &T) -> Reply {
        self.json(|w| value.write_json(w))
    }

    /// `true` or `false`, the answer of most writes.
    pub fn bool(self, value: bool) -> Reply {
        self.finish(Bytes::from_static(if value { b"true" } else { b"false" }))
    }

    fn finish(self, body: Bytes) -> Reply {
        let body = if self.newline {
            with_newline(&body)
        } else {
            body
        };
        if self.gzip && body.len() >= gzip::MIN_SIZE {
            Reply::typed(JSON, gzip::compress(&body)).with(CONTENT_ENCODING, GZIP)
        } else {
            Reply::typed(JSON, body)
        }
    }

    /// The JSON body that all who got this answer share, encoded at most once per form. Each kind of data must always be
    /// written by the same `write`.
    pub fn shared(self, answer: &Answer, write: fn(&Data, &mut Writer<'_>)) -> Reply {
        let (plain, zipped) = if self.indent {
            (Form::JsonIndented, Form::JsonIndentedGzip)
        } else {
            (Form::Json, Form::JsonGzip)
        };
        let body = answer.encoded(plain, |data| {
            let mut body = Vec::with_capacity(512);
            write(data, &mut Writer::new(&mut body, self.style()));
            body.into()
        });
        if self.newline || !self.gzip || body.len() < gzip::MIN_SIZE {
            return self.finish(body);
        }
        let body = answer.encoded(zipped, |_| gzip::compress(&body));
        Reply::typed(JSON, body).with(CONTENT_ENCODING, GZIP)
    }

    /// A body that is not JSON.
    pub fn plain(self, kind: HeaderValue, body: Bytes) -> Reply {
        if self.gzip && body.len() >= gzip::MIN_SIZE {
            Reply::typed(kind, gzip::compress(&body)).with(CONTENT_ENCODING, GZIP)
        } else {
            Reply::typed(kind, body)
        }
    }
}

fn with_newline(body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(body.len() + 1);
    out.extend_from_slice(body);
    out.push(b'\n');
    out.into()
}
