//! Parameters common to reads, and the way every read takes (spec/http-api.md §3.3, §5).

use crate::cache::{self, Kind, Wish};
use crate::fault::Fault;
use crate::params::Params;
use crate::reply::{Reply, View};
use crate::request::{Handled, Outcome, Request};
use dialect::json::Writer;
use ports::{Answered, Consistency, Data, Query, Read, ReadOptions, RpcError};
use std::time::Duration;

/// What the common parameters say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// "" for the own datacenter.
    pub datacenter: String,
    pub filter: String,
    pub options: ReadOptions,
    /// Whether the agent's cache may answer.
    pub cached: bool,
}

/// Reads the common parameters in their fixed order; the first that is wrong ends the request.
pub(crate) fn reading(req: &Request) -> Result<Reading, Fault> {
    let params = &req.params;
    let mut reading = Reading {
        datacenter: req.datacenter(),
        filter: params.text("filter").to_owned(),
        ..Reading::default()
    };
    consistency(req, &mut reading)?;
    cache_control(req)?;
    match params.text("wait") {
        "" => {}
        text => {
            let wait =
                dialect::duration::parse(text).map_err(|_| Fault::bad("Invalid wait time"))?;
            reading.options.max_wait = positive(wait);
        }
    }
    match params.text("index") {
        "" => {}
        text => reading.options.min_index = uint(text).map_err(|_| Fault::bad("Invalid index"))?,
    }
    Ok(reading)
}

/// Only the consistency parameters.
pub(crate) fn consistency(req: &Request, reading: &mut Reading) -> Result<(), Fault> {
    let params = &req.params;
    let config = &req.settings.config;
    let mut stale = params.has("stale");
    let consistent = params.has("consistent");
    reading.cached = config.use_cache && params.has("cached");
    let mut defaults = !(stale || consistent || reading.cached || params.has("leader"));
    match params.text("max_stale") {
        "" => {}
        text => {
            let age = dialect::duration::parse(text)
                .map_err(|_| Fault::bad(format!("Invalid max_stale value {}", quoted(text))))?;
            reading.options.max_stale = positive(age);
            if age > 0 {
                stale = true;
                defaults = false;
            }
        }
    }
    let discovery = || req.path.starts_with(b"/v1/catalog") || req.path.starts_with(b"/v1/health");
    if defaults && !config.discovery_max_stale.is_zero() && discovery() {
        reading.options.max_stale = config.discovery_max_stale;
        stale = true;
    }
    if stale && consistent {
        return Err(Fault::bad(
            "Cannot specify ?stale with ?consistent, conflicting semantics.",
        ));
    }
    if reading.cached && consistent {
        return Err(Fault::bad(
            "Cannot specify ?cached with ?consistent, conflicting semantics.",
        ));
    }
    reading.options.consistency = match (stale, consistent) {
        (true, _) => Consistency::Stale,
        (_, true) => Consistency::Consistent,
        _ => Consistency::Default,
    };
    Ok(())
}

/// Only checks the header; who can cache reads it.
pub(crate) fn cache_control(req: &Request) -> Result<(), Fault> {
    Wish::of(req).map_or_else(
        || Err(Fault::bad("Invalid Cache-Control header.")),
        |_| Ok(()),
    )
}

fn positive(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// A decimal number; the error is Go's text.
pub(crate) fn uint(text: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let problem = if digits {
        "value out of range"
    } else {
        "invalid syntax"
    };
    let wrong = || format!("strconv.ParseUint: parsing {}: {problem}", quoted(text));
    if digits {
        text.parse().map_err(|_| wrong())
    } else {
        Err(wrong())
    }
}

/// Text in double quotes with Go's escapes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A boolean as Go's ParseBool takes it.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `?node-meta=`, sorted by key; of a repeated key the last value counts.
pub(crate) fn node_meta(params: &Params) -> Vec<(String, String)> {
    let mut pairs = std::collections::BTreeMap::new();
    for pair in params.all("node-meta") {
        let (key, value) = pair.split_once(':').unwrap_or((pair, ""));
        pairs.insert(key.to_owned(), value.to_owned());
    }
    pairs.into_iter().collect()
}

/// `?near=`, with `_agent` replaced by this agent's node.
pub(crate) fn near(req: &Request) -> String {
    match req.params.text("near") {
        "_agent" => req.settings.config.node_name.clone(),
        name => name.to_owned(),
    }
}

/// Where the metadata headers are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetaOn {
    /// On refusals too, then in their "nothing known" form.
    Always,
    /// Only on success.
    Success,
}

/// A read on its way: what to ask, how, and how the answer is shown.
pub(crate) struct Ask {
    pub req: Request,
    pub query: Query,
    pub options: ReadOptions,
    pub view: View,
    pub meta: MetaOn,
    /// A refusal with this text is 404.
    pub missing: Option<&'static str>,
}

impl Ask {
    /// The query of a plain endpoint: datacenter and filter as given, no order.
    pub fn new(req: Request, reading: Reading, read: Read, meta: MetaOn) -> Self {
        let query = Query {
            datacenter: reading.datacenter,
            filter: reading.filter,
            ..Query::new(read)
        };
        let view = View {
            shape: req.shape,
            consistency: reading.options.consistency,
            ..View::default()
        };
        Self {
            req,
            query,
            options: reading.options,
            view,
            meta,
            missing: None,
        }
    }

    /// Shows the effective consistency.
    pub fn effective(mut self) -> Self {
        self.view.effective = true;
        self
    }

    /// Answered from the agent's cache, if the client wants that.
    pub fn cacheable(mut self, cached: bool) -> Self {
        if cached {
            self.view.hit = Some(cache::ask(&self.req, Kind::Refreshed));
        }
        self
    }

    /// With `?near=`.
    pub fn near(mut self) -> Self {
        self.query.near = near(&self.req);
        self
    }

    /// With `?node-meta=`.
    pub fn node_meta(mut self) -> Self {
        self.query.node_meta = node_meta(&self.req.params);
        self
    }

    /// With `?peer=`.
    pub fn peer(mut self) -> Self {
        self.query.peer = self.req.params.text("peer").to_owned();
        self
    }

    /// Asks, and shows the shared JSON body.
    pub fn send(self, write: fn(&Data, &mut Writer<'_>)) -> Handled {
        self.then(move |view, answered| {
            Ok(view
                .shape
                .shared(&answered.answer, write)
                .with_meta(view, &answered))
        })
    }

    /// Asks; `show` renders. While the answer is waited for, nothing of the request is kept but the caller and the query.
    pub fn then(self, show: impl FnOnce(&View, Answered) -> Outcome + Send + 'static) -> Handled {
        let Self {
            req,
            query,
            options,
            view,
            meta,
            missing,
        } = self;
        let finish = move |result: Result<Answered, RpcError>| match result {
            Ok(answered) => show(&view, answered),
            Err(error) => {
                let mut fault = refusal(error, &view, meta);
                if missing.is_some_and(|text| fault.text.contains(text)) {
                    fault.status = 404;
                }
                Err(fault)
            }
        };
        let Request { door, caller, .. } = req;
        if let Some(result) = door.ports.rpc.read_now(&caller, &query, &options) {
            return Handled::Now(finish(result));
        }
        Handled::later(async move {
            let result = door.ports.rpc.read(&caller, query, options).await;
            finish(result)
        })
    }
}

/// Prefix of filter errors; streamed views show them without.
const FILTER_PREFIX: &str = "Failed to create boolean expression evaluator: ";

fn refusal(error: RpcError, view: &View, meta: MetaOn) -> Fault {
    let mut fault = Fault::from(error);
    if view.streaming
        && let Some(bare) = fault.text.strip_prefix(FILTER_PREFIX)
    {
        fault.text = bare.to_owned().into();
    }
    if meta == MetaOn::Always {
        fault.with_meta()
    } else {
        fault
    }
}

/// 404 without a body but with metadata.
pub(crate) fn not_found(view: &View, answered: &Answered) -> Reply {
    Reply::status(404).with_meta(view, answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(uint("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(
            uint("x").unwrap_err(),
            "strconv.ParseUint: parsing \"x\": invalid syntax"
        );
        assert_eq!(
            uint("+1").unwrap_err(),
            "strconv.ParseUint: parsing \"+1\": invalid syntax"
        );
        assert_eq!(
            uint("18446744073709551616").unwrap_err(),
            "strconv.ParseUint: parsing \"18446744073709551616\": value out of range"
        );
    }

    #[test]
    fn node_meta_pairs() {
        let params =
            Params::parse("node-meta=b:2&node-meta=a:1:x&node-meta=b:3&node-meta=c").unwrap();
        let want = [("a", "1:x"), ("b", "3"), ("c", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(node_meta(&params), want);
    }
}
