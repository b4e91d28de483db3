//! `/v1/x/changes`: the stream of changes as lines of JSON or as server-sent events (docs/extensions.md,
//! docs/decisions/0007-change-stream.md). The reference has nothing like it.

use crate::encode::service_node;
use crate::fault::Fault;
use crate::reply::{BodyError, Reply};
use crate::request::{Handled, Request, attempt};
use bytes::Bytes;
use dialect::json::{Style, ToJson as _, Writer};
use hyper::body::{Body as HttpBody, Frame};
use hyper::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use ports::changes::{ChangeStream, Reset, Row, SUBJECTS_MAX, Step, Subject};
use rt::Time;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A stream that has nothing to tell says so this often.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are there already go out together, up to about this size.
const CHUNK: usize = 64 << 10;

const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

const NO_SUBJECT: &str =
    "Missing subject: give at least one of kv, service, node, check, service-check";

/// How events are set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One JSON object per line.
    Lines,
    /// As browsers read them.
    Events,
}

/// Begins a stream.
pub(crate) fn stream(req: Request) -> Handled {
    let subjects = attempt!(subjects(&req));
    let since = attempt!(since(&req));
    let format = attempt!(format(&req));
    let datacenter = req.datacenter();
    let Request { door, caller, .. } = req;
    Handled::later(async move {
        let ports = &door.ports;
        let stream = ports
            .rpc
            .changes(&caller, &datacenter, subjects, since)
            .await?;
        let kind = match format {
            Format::Lines => LINES,
            Format::Events => EVENTS,
        };
        let mut reply = Reply::typed(kind, Bytes::new()).with(CACHE_CONTROL, NO_CACHE);
        let told = Told::new(stream, format, ports.time.clone());
        reply.body = door.ending.cut(told);
        Ok(reply)
    })
}

/// `*` is all of them.
fn named(kind: &str, name: &str) -> Result<Option<String>, Fault> {
    match name {
        "" => Err(Fault::bad(format!(
            "Empty value of \"{kind}\": give a name, or * for all"
        ))),
        "*" => Ok(None),
        name => Ok(Some(name.to_owned())),
    }
}

fn subjects(req: &Request) -> Result<Vec<Subject>, Fault> {
    let mut subjects = Vec::new();
    for (kind, value) in req.params.pairs() {
        subjects.push(match kind {
            "kv" => Subject::Kv(Bytes::copy_from_slice(value.as_bytes())),
            "service" => Subject::Service(named(kind, value)?),
            "node" => Subject::Node(named(kind, value)?),
            "check" => Subject::Check(named(kind, value)?),
            "service-check" => match named(kind, value)? {
                Some(name) => Subject::ServiceChecks(name),
                None => Subject::Check(None),
            },
            _ => continue,
        });
    }
    match subjects.len() {
        0 => Err(Fault::bad(NO_SUBJECT)),
        len if len > SUBJECTS_MAX => Err(Fault::bad(format!(
            "Too many subjects: {len} (limit {SUBJECTS_MAX})"
        ))),
        _ => Ok(subjects),
    }
}

/// A browser that reconnects repeats its address and adds the header, so the header is the newer word.
fn since(req: &Request) -> Result<Option<u64>, Fault> {
    let number = |what: &str, text: &str| match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Fault::bad(format!(
                "Invalid {what}: \"{text}\" is not a number that a mark told"
            ))
        }),
    };
    let header = req
        .headers
        .get("last-event-id")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match header {
        Some(text) => number("Last-Event-ID", &text),
        None => number("index", req.params.text("index")),
    }
}

fn format(req: &Request) -> Result<Format, Fault> {
    match req.params.text("format") {
        "ndjson" => Ok(Format::Lines),
        "sse" => Ok(Format::Events),
        "" => {
            let accept = req.headers.get(ACCEPT).map(HeaderValue::as_bytes);
            let events = accept
                .is_some_and(|accept| memchr::memmem::find(accept, b"text/event-stream").is_some());
            Ok(if events {
                Format::Events
            } else {
                Format::Lines
            })
        }
        other => Err(Fault::bad(format!(
            "Invalid format: \"{other}\" is neither ndjson nor sse"
        ))),
    }
}

/// What is waited for: the stream's news (`true`) or the time of a heartbeat.
type Waiting = Pin<Box<dyn Future<Output = (Box<dyn ChangeStream>, bool)> + Send>>;

enum State {
    Ready(Box<dyn ChangeStream>),
    Waiting(Waiting),
    Over,
}

/// The body: pulled, so that a client that reads slowly makes nothing pile up.
struct Told {
    state: State,
    /// Rows of the last step that are not written yet.
    rows: std::vec::IntoIter<(u64, Row)>,
    format: Format,
    time: Time,
    /// Index of the last mark written.
    marked: u64,
}

impl Told {
    fn new(stream: Box<dyn ChangeStream>, format: Format, time: Time) -> Self {
        Self {
            state: State::Ready(stream),
            rows: Vec::new().into_iter(),
            format,
            time,
            marked: 0,
        }
    }

    /// Writes what there is, up to about a chunk. Gives the stream back unless it is over.
    /// With `beat`, a stream without news gives a sign of life.
    fn fill(&mut self, out: &mut Vec<u8>, mut stream: Box<dyn ChangeStream>, beat: bool) -> State {
        while out.len() < CHUNK {
            if let Some((index, row)) = self.rows.next() {
                write_row(out, self.format, index, &row);
                continue;
            }
            match stream.step() {
                Step::Rows(rows) => self.rows = rows.into_iter(),
                Step::Reset(why) => write_reset(out, self.format, why),
                Step::Mark(index) => self.mark(out, index),
                Step::Idle if beat && out.is_empty() => {
                    self.beat(out, stream.index());
                    break;
                }
                Step::Idle if out.is_empty() => {
                    return State::Waiting(wait(stream, self.time.clone()));
                }
                Step::Idle => break,
                Step::Behind(index) => {
                    write_end(out, self.format, index);
                    return State::Over;
                }
            }
        }
        State::Ready(stream)
    }

    fn mark(&mut self, out: &mut Vec<u8>, index: u64) {
        self.marked = index;
        write_mark(out, self.format, index);
    }

    /// A sign of life: a mark if the index has moved past what concerns nobody here, else an empty line or comment.
    fn beat(&mut self, out: &mut Vec<u8>, index: u64) {
        if index > self.marked {
            self.mark(out, index);
        } else {
            out.extend_from_slice(match self.format {
                Format::Lines => b"\n".as_slice(),
                Format::Events => b":\n\n",
            });
        }
    }
}

fn wait(mut stream: Box<dyn ChangeStream>, time: Time) -> Waiting {
    Box::pin(async move {
        let news = tokio::select! {
            () = stream.changed() => true,
            () = time.sleep(HEARTBEAT) => false,
        };
        (stream, news)
    })
}

impl HttpBody for Told {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let told = &mut *self;
        let mut out = Vec::new();
        loop {
            match std::mem::replace(&mut told.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Waiting(mut waiting) => match waiting.as_mut().poll(cx) {
                    Poll::Pending => {
                        told.state = State::Waiting(waiting);
                        return Poll::Pending;
                    }
                    Poll::Ready((stream, news)) => {
                        told.state = told.fill(&mut out, stream, !news);
                    }
                },
                State::Ready(stream) => told.state = told.fill(&mut out, stream, false),
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
    }
}

/// Writes one event around the members that `members` adds.
fn event(
    out: &mut Vec<u8>,
    format: Format,
    name: &str,
    id: Option<u64>,
    members: impl FnOnce(&mut Writer<'_>),
) {
    if format == Format::Events {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        if let Some(id) = id {
            out.extend_from_slice(b"\nid: ");
            out.extend_from_slice(id.to_string().as_bytes());
        }
        out.extend_from_slice(b"\ndata: ");
    }
    let mut w = Writer::new(out, Style::Compact);
    w.begin_object();
    w.member("Event", name);
    members(&mut w);
    w.end_object();
    out.extend_from_slice(match format {
        Format::Lines => b"\n".as_slice(),
        Format::Events => b"\n\n",
    });
}

fn write_mark(out: &mut Vec<u8>, format: Format, index: u64) {
    event(out, format, "mark", Some(index), |w| {
        w.member("Index", &index);
    });
}

fn write_reset(out: &mut Vec<u8>, format: Format, why: Reset) {
    let reason = match why {
        Reset::Begin => "begin",
        Reset::Expired => "expired",
        Reset::Ahead => "ahead",
        Reset::Replaced => "replaced",
    };
    // A browser cut off before the next mark must not resume at an older one: what it has since belongs to none.
    event(out, format, "reset", Some(0), |w| {
        w.member("Reason", reason);
    });
}

fn write_end(out: &mut Vec<u8>, format: Format, index: u64) {
    event(out, format, "end", None, |w| {
        w.member(
            "Reason",
            "the client reads too slowly: more has changed than is kept for it",
        );
        w.member("Index", &index);
    });
}

fn write_row(out: &mut Vec<u8>, format: Format, index: u64, row: &Row) {
    let gone = match row {
        Row::Kv { row, .. } => row.is_none(),
        Row::Node { row, .. } => row.is_none(),
        Row::Service { row, .. } => row.is_none(),
        Row::Check { row, .. } => row.is_none(),
    };
    let name = if gone { "delete" } else { "upsert" };
    event(out, format, name, None, |w| match row {
        Row::Kv { key, row } => {
            w.member("Kind", "kv");
            w.member("Key", &*String::from_utf8_lossy(key));
            w.member("Index", &index);
            if let Some(row) = row {
                w.member("Row", row.as_ref());
            }
        }
        Row::Node { node, row } => {
            w.member("Kind", "node");
            w.member("Node", node);
            w.member("Index", &index);
            if let Some(row) = row {
                w.member("Row", row.as_ref());
            }
        }
        Row::Service { node, id, row } => {
            w.member("Kind", "service");
            w.member("Node", node);
            w.member("ID", id);
            w.member("Index", &index);
            if let Some((node, service)) = row {
                w.key("Row");
                service_node(w, node, service);
            }
        }
        Row::Check { node, id, row } => {
            w.member("Kind", "check");
            w.member("Node", node);
            w.member("ID", id);
            w.member("Index", &index);
            if let Some(row) = row {
                w.key("Row");
                row.write_json(w);
            }
        }
    });
}
