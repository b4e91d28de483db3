//! `/v1/agent/metrics`, `metrics/stream`, `monitor` (spec/http-api.md §10.2, §10.3).

use super::exporter;
use crate::encode::list;
use crate::fault::Fault;
use crate::reply::{BodyError, JSON, Reply, TEXT};
use crate::request::{Handled, Request, attempt};
use ::telemetry::metrics::{Aggregate, Interval};
use bytes::{Bytes, BytesMut};
use dialect::json::{Style, Writer};
use hyper::body::{Body as HttpBody, Frame};
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{broadcast, mpsc};

/// The text format, version 0.0.4.
const EXPOSITION: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const REASON: HeaderName = HeaderName::from_static("x-consul-reason");
const DISABLED: HeaderValue =
    HeaderValue::from_static("Prometheus is not enabled since its retention time is not positive");
/// Lines that are there already go out together, up to about this size.
const CHUNK: usize = 64 << 10;

/// The last interval, or everything as Prometheus reads it.
pub(crate) fn metrics(req: Request) -> Handled {
    let metrics = &req.door.ports.metrics;
    if !wants_prometheus(&req) {
        let interval = metrics.interval();
        return req.shape.json(|w| write(w, &interval)).into();
    }
    if !metrics.prometheus_enabled() {
        // The status that was meant to be 415 never was.
        return Reply::nothing().with(REASON, DISABLED).into();
    }
    let mut out = metrics.prometheus();
    if !req.params.has("exporter") {
        return req.shape.plain(EXPOSITION, out.finish().into()).into();
    }
    let choice = match exporter::Choice::read(&req.params) {
        Ok(choice) => choice,
        Err(fault) => return fault.into(),
    };
    Handled::later(async move {
        exporter::expose(&mut out, &req.door.ports, &req.caller, &choice).await;
        Ok(req.shape.plain(EXPOSITION, out.finish().into()))
    })
}

/// By `?format=`, or by a media type that scrapers name.
fn wants_prometheus(req: &Request) -> bool {
    if req.params.text("format") == "prometheus" {
        return true;
    }
    let accept = req
        .headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.unwrap_or_default().split(',').any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        match parts.next() {
            Some("application/openmetrics-text") => true,
            Some("text/plain") => parts.next() == Some("version=0.4.0"),
            _ => false,
        }
    })
}

fn labels(w: &mut Writer<'_>, labels: &[(&'static str, String)]) {
    w.key("Labels");
    w.begin_object();
    for (name, value) in labels {
        w.key(name);
        w.str(value);
    }
    w.end_object();
}

fn aggregate(w: &mut Writer<'_>, row: &Aggregate) {
    w.begin_object();
    w.member("Name", &row.name);
    w.key("Count");
    w.uint(row.count);
    let numbers = [
        ("Rate", row.rate),
        ("Sum", row.sum),
        ("Min", row.min),
        ("Max", row.max),
        ("Mean", row.mean),
        ("Stddev", row.deviation),
    ];
    for (name, number) in numbers {
        w.key(name);
        w.f64(number);
    }
    labels(w, &row.labels);
    w.end_object();
}

fn write(w: &mut Writer<'_>, interval: &Interval) {
    w.begin_object();
    w.member("Timestamp", &interval.timestamp);
    w.key("Gauges");
    list(w, &interval.gauges, |w, gauge| {
        w.begin_object();
        w.member("Name", &gauge.name);
        w.key("Value");
        w.f64(gauge.value);
        labels(w, &gauge.labels);
        w.end_object();
    });
    w.key("Points");
    w.begin_array();
    w.end_array();
    w.key("Counters");
    list(w, &interval.counters, aggregate);
    w.key("Samples");
    list(w, &interval.samples, aggregate);
    w.end_object();
}

/// Intervals as they finish.
pub(crate) fn stream(req: Request) -> Handled {
    let body = Intervals::wait(req.door.ports.metrics.subscribe());
    let mut reply = Reply::typed(JSON, Bytes::new());
    reply.body = req.door.ending.body(body);
    reply.into()
}

type Finished = (broadcast::Receiver<Arc<Interval>>, Option<Arc<Interval>>);

/// The body of `metrics/stream`.
struct Intervals(Pin<Box<dyn Future<Output = Finished> + Send>>);

impl Intervals {
    fn wait(mut receiver: broadcast::Receiver<Arc<Interval>>) -> Self {
        Self(Box::pin(async move {
            loop {
                match receiver.recv().await {
                    Ok(interval) => return (receiver, Some(interval)),
                    // Too slow: those intervals are over, the stream goes on.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return (receiver, None),
                }
            }
        }))
    }
}

impl HttpBody for Intervals {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready((receiver, interval)) = self.0.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let Some(interval) = interval else {
            return Poll::Ready(None);
        };
        *self = Self::wait(receiver);
        let mut text = Vec::with_capacity(4096);
        write(&mut Writer::new(&mut text, Style::Pretty), &interval);
        text.push(b'\n');
        Poll::Ready(Some(Ok(Frame::data(text.into()))))
    }
}

/// Lines of the log as they are written.
pub(crate) fn monitor(req: Request) -> Handled {
    let level = match req.params.text("loglevel") {
        "" => "INFO",
        level => level,
    };
    let json = req.params.has("logjson");
    let lines = attempt!(
        req.door
            .ports
            .process
            .log_lines(level, json)
            .map_err(Fault::bad)
    );
    let mut reply = Reply::typed(TEXT, Bytes::new());
    reply.body = req.door.ending.body(Lines(lines));
    reply.into()
}

/// The body of `monitor`.
struct Lines(mpsc::Receiver<Vec<u8>>);

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let first = match self.0.poll_recv(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(line)) => line,
        };
        let mut chunk = BytesMut::from(first.as_slice());
        while chunk.len() < CHUNK
            && let Ok(line) = self.0.try_recv()
        {
            chunk.extend_from_slice(&line);
        }
        Poll::Ready(Some(Ok(Frame::data(chunk.freeze()))))
    }
}
