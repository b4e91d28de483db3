//! From a request to its handler: path rules, route, the checks common to all endpoints, and back with common headers.

use crate::budget::Budget;
use crate::cache::Account;
use crate::config::{Config, Prepared};
use crate::date::Dates;
use crate::ending::Ending;
use crate::fault::Fault;
use crate::guard;
use crate::gzip;
use crate::h1::Head;
use crate::params::Params;
use crate::path;
use crate::reply::{Body, JSON, OCTETS, Reply, Shape, TEXT};
use crate::request::{Handled, Outcome, Request, RequestBody, token};
use crate::said::{self, Said};
use crate::serve::Connections;
use crate::table::{Entry, Found, Handler, Tenancy, find};
use crate::web;
use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::header::{
    ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use net::Peer;
use ports::{BoxFuture, Caller, Events, LocalAgent, Members, Operator, Process, Rpc};
use rt::{Instant, Time};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use telemetry::{Metrics, names};

/// What the door calls.
pub struct Ports {
    /// The clock of waits that the door itself makes.
    pub time: Time,
    /// The replicated state.
    pub rpc: Arc<dyn Rpc>,
    /// The cluster's own affairs; only servers have them.
    pub operator: Option<Arc<dyn Operator>>,
    /// User events; `None` without gossip.
    pub events: Option<Arc<dyn Events>>,
    /// This agent's own services and checks.
    pub agent: Arc<dyn LocalAgent>,
    /// Whom it knows by gossip.
    pub members: Arc<dyn Members>,
    /// The process around it.
    pub process: Arc<dyn Process>,
    /// What is counted, and what the metrics endpoints show.
    pub metrics: Metrics,
}

/// The HTTP door, shared by all its listeners.
pub struct Door {
    pub(crate) ports: Ports,
    settings: ArcSwap<Prepared>,
    pub(crate) connections: Connections,
    pub(crate) dates: Dates,
    /// For what requests keep while they are read.
    pub(crate) budget: Arc<Budget>,
    pub(crate) ending: Ending,
    /// What was asked with `?cached`.
    pub(crate) cached: Account,
}

impl Door {
    /// A door with these settings before these ports.
    pub fn new(config: Config, ports: Ports) -> Arc<Self> {
        Arc::new(Self {
            ports,
            settings: ArcSwap::from_pointee(Prepared::new(config)),
            connections: Connections::default(),
            dates: Dates::default(),
            budget: Arc::default(),
            ending: Ending::default(),
            cached: Account::default(),
        })
    }

    /// Takes other settings; requests in flight finish with theirs.
    pub fn reload(&self, config: Config) {
        self.settings.store(Arc::new(Prepared::new(config)));
    }

    /// The process ends in order: waits of the door itself and bodies without an end are over, now and from now on. What
    /// waits behind a port is ended there.
    pub fn end_waits(&self) {
        self.ending.begin();
    }

    /// Resolves after that time, or when the end has begun.
    pub(crate) fn over(&self, wait: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (timeout, ending) = (self.ports.time.sleep(wait), self.ending.begun());
        async move {
            tokio::select! {
                () = timeout => {}
                () = ending => {}
            }
        }
    }

    pub(crate) fn settings(&self) -> Arc<Prepared> {
        self.settings.load_full()
    }

    /// Serves one request.
    pub(crate) fn handle(
        self: &Arc<Self>,
        head: Head,
        body: RequestBody,
        remote: &Remote,
    ) -> Respond {
        let settings = self.settings();
        let raw = head.path();
        if raw == "*" {
            // Of the server as a whole; only `OPTIONS` may be asked of it.
            let options = head.method == Method::OPTIONS;
            return Respond::bare(Reply::status(if options { 200 } else { 400 }));
        }
        let Some(decoded) = path::decode(raw) else {
            return Respond::bare(
                Reply::typed(TEXT, Bytes::from_static(b"400 Bad Request")).with_status(400),
            );
        };
        if !settings.config.allow_unprintable && !path::printable(&decoded) {
            return Respond::bare(Reply::status(400));
        }
        let query = head.query();
        if let Some(clean) = path::cleaned(raw) {
            return Respond::bare(moved(&head.method, &clean, query));
        }
        let form = if memchr::memchr(b'%', raw.as_bytes()).is_some() {
            path::for_matching(raw)
        } else {
            None
        };
        let found = find(form.as_deref().unwrap_or(raw.as_bytes()));
        let decoded = Bytes::copy_from_slice(&decoded);
        match found {
            Found::Route(entry, rest_at) => {
                let arrival = Arrival {
                    head,
                    body,
                    remote,
                    decoded,
                    rest_at,
                };
                self.routed(settings, entry, arrival)
            }
            Found::NeedsSlash => Respond::bare(moved(&head.method, &format!("{raw}/"), query)),
            Found::Nothing => {
                let page = of_the_ui(&settings, &head, &decoded);
                let reply = page.unwrap_or_else(|| unrouted(&settings, &head.method, &decoded));
                Respond::ready(reply, &settings.response_headers)
            }
        }
    }

    fn routed(
        self: &Arc<Self>,
        settings: Arc<Prepared>,
        entry: &'static Entry,
        arrival: Arrival<'_>,
    ) -> Respond {
        let untyped = nothing_type(&arrival.head, &arrival.decoded);
        let method = method_name(&arrival.head.method);
        let started = self.ports.time.now();
        let (from, hidden) = (
            arrival.remote.peer.address(),
            Said::secrets_of_headers(&arrival.head),
        );
        let (handled, head) = self.checked(&settings, entry, arrival);
        let finish = Finish {
            untyped,
            settings,
            door: self.clone(),
            entry,
            method,
            said: Said::new(hidden, head, from),
            started,
        };
        match handled {
            Handled::Now(outcome) => Respond::Ready(Some(finish.response(outcome))),
            Handled::Later(future) => Respond::Waiting(future, finish),
        }
    }

    /// What the request comes to, and what is left of its head.
    fn checked(
        self: &Arc<Self>,
        settings: &Arc<Prepared>,
        entry: &'static Entry,
        mut arrival: Arrival<'_>,
    ) -> (Handled, Head) {
        let handled = match self.admitted(settings, entry, &arrival) {
            Err(refusal) => *refusal,
            Ok((handler, params)) => {
                let headers = std::mem::take(&mut arrival.head.headers);
                let pretty = params.has("pretty");
                let shape = Shape {
                    indent: pretty || settings.config.dev_mode,
                    newline: pretty,
                    gzip: gzip::accepted(&headers),
                };
                let caller = Caller {
                    token: token(&params, &headers, settings),
                    remote: arrival.remote.peer.address(),
                };
                handler(Request {
                    door: self.clone(),
                    settings: settings.clone(),
                    method: arrival.head.method.clone(),
                    path: arrival.decoded,
                    rest_at: arrival.rest_at,
                    params,
                    headers,
                    body: arrival.body,
                    caller,
                    shape,
                })
            }
        };
        (handled, arrival.head)
    }

    /// The checks common to all endpoints: who serves the request, or why nobody does.
    fn admitted(
        &self,
        settings: &Prepared,
        entry: &'static Entry,
        arrival: &Arrival<'_>,
    ) -> Result<(Handler, Params), Box<Handled>> {
        let (head, config) = (&arrival.head, &settings.config);
        let params = Params::parse(head.query().unwrap_or_default());
        let params = params.ok_or_else(|| Fault::internal(""))?;
        if params.has("token") {
            said::token_in_query(head);
        }
        let blocked = |prefix: &String| arrival.decoded.starts_with(prefix.as_bytes());
        if config.block_endpoints.iter().any(blocked) {
            return Err(Fault::new(
                403,
                "Endpoint is blocked by agent configuration",
            ))?;
        }
        let own = matches!(entry.route.methods, crate::table::Methods::Own(_));
        if head.method == Method::OPTIONS && !own {
            let empty = Reply::typed(JSON, Bytes::new());
            return Err(Box::new(empty.with(ALLOW, entry.allow.clone()).into()));
        }
        let Some(handler) = entry.handler(&head.method) else {
            return Err(Fault::method(&head.method, entry.allow.clone()))?;
        };
        may_write(config, &head.method, &arrival.remote.peer)?;
        guard::check(
            settings,
            &head.method,
            &head.headers,
            arrival.remote.loopback,
        )?;
        tenancy(entry.route.tenancy, &params, &head.headers)?;
        Ok((handler, params))
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remote {
    pub peer: Peer,
    /// By a plain listener of a loopback address.
    pub loopback: bool,
}

/// A request whose route is known.
struct Arrival<'a> {
    head: Head,
    body: RequestBody,
    remote: &'a Remote,
    decoded: Bytes,
    rest_at: usize,
}

/// Enterprise parameters and headers are refused, with a non-empty value (spec/http-api.md §3.6).
pub(crate) fn tenancy(rule: Tenancy, params: &Params, headers: &HeaderMap) -> Result<(), Fault> {
    let check = |header: &str, param: &str, what: &str| {
        if headers.get(header).is_some_and(|value| !value.is_empty()) {
            let shown = if param == "ns" {
                "X-Consul-Namespace"
            } else {
                "X-Consul-Partition"
            };
            return Err(Fault::bad(format!(
                "Invalid header: \"{shown}\" - {what} are a Consul Enterprise feature"
            )));
        }
        if !params.text(param).is_empty() {
            return Err(Fault::bad(format!(
                "Invalid query parameter: \"{param}\" - {what} are a Consul Enterprise feature"
            )));
        }
        Ok(())
    };
    let both = matches!(rule, Tenancy::Both);
    if both {
        check("x-consul-namespace", "ns", "Namespaces")?;
    }
    if both || rule == Tenancy::Partition {
        check("x-consul-partition", "partition", "Partitions")?;
    }
    Ok(())
}

fn may_write(config: &Config, method: &Method, remote: &Peer) -> Result<(), Fault> {
    if config.allow_write_from.is_empty()
        || matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
    {
        return Ok(());
    }
    match remote.address() {
        None => Err(Fault::internal(
            "unable to parse remote addr: address @: missing port in address",
        )),
        Some(address)
            if config
                .allow_write_from
                .iter()
                .any(|block| block.contains(address.ip())) =>
        {
            Ok(())
        }
        Some(_) => Err(Fault::new(403, "Access is restricted")),
    }
}

/// 301 to another spelling of the path.
fn moved(method: &Method, path: &str, query: Option<&str>) -> Reply {
    // Browsers read a backslash as a slash, and what begins with two of them as another host.
    let path = path.replace('\\', "%5C");
    let target = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
    let Ok(location) = HeaderValue::from_str(&target) else {
        return Reply::status(400);
    };
    let reply = if matches!(*method, Method::GET | Method::HEAD) {
        let shown = target
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;");
        let body = format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n");
        Reply::typed(
            HeaderValue::from_static("text/html; charset=utf-8"),
            body.into(),
        )
    } else {
        Reply::status(301)
    };
    reply.with_status(301).with(LOCATION, location)
}

/// The process's arguments, separated by NUL as Go's profiler shows them. Secrets do not stand there: they come from files
/// and the environment.
fn command_line() -> Bytes {
    let args: Vec<String> = std::env::args_os()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    Bytes::from(args.join("\0"))
}

/// What paths without a route answer.
fn unrouted(settings: &Prepared, method: &Method, path: &[u8]) -> Reply {
    let text = |status, text: &'static str| {
        let mut reply = Reply::typed(TEXT, Bytes::from_static(text.as_bytes())).with_status(status);
        // A configured content type wins here.
        if settings
            .response_headers
            .iter()
            .any(|(name, _)| name == CONTENT_TYPE)
        {
            reply.headers.remove(CONTENT_TYPE);
        }
        reply
    };
    if path == b"/debug/pprof/cmdline" && settings.config.enable_debug {
        return Reply::typed(TEXT, command_line());
    }
    // Profiles in Go's formats do not exist here.
    if path.starts_with(b"/debug/pprof/") {
        return Reply::status(404).with(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if path == b"/" {
        return match &settings.config.ui {
            Some(ui) => moved(method, &ui.content_path, None),
            None => text(
                200,
                "Consul Agent: UI disabled. To enable, set ui_config.enabled=true in the agent configuration and restart.",
            ),
        };
    }
    if let Some(ui) = &settings.config.ui
        && ui
            .content_path
            .strip_suffix('/')
            .is_some_and(|bare| bare.as_bytes() == path)
    {
        return moved(method, &ui.content_path, None);
    }
    if memchr::memmem::find(path, b"/v1/").is_some() {
        text(
            404,
            "Invalid URL path: not a recognized HTTP API endpoint\n",
        )
    } else {
        text(
            404,
            "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n",
        )
    }
}

/// What the web UI answers, if it is on and the path is its.
fn of_the_ui(settings: &Prepared, head: &Head, decoded: &[u8]) -> Option<Reply> {
    let site = web::Site {
        content_path: &settings.config.ui.as_ref()?.content_path,
        datacenter: &settings.config.datacenter,
        agent: &settings.config.node_name,
        acls_enabled: settings.config.acls_enabled,
        own: &settings.response_headers,
    };
    let asking = web::Asking {
        method: &head.method,
        headers: &head.headers,
        path: head.path(),
        decoded,
    };
    let served = web::answer(&site, &asking)?;
    Some(Reply {
        status: served.status,
        headers: served.headers,
        body: Body::whole(served.body),
        nothing: false,
    })
}

/// The content type of an answer for which the handler writes nothing (spec/http-api.md §1.4).
fn nothing_type(head: &Head, path: &[u8]) -> HeaderValue {
    let put_kv = head.method == Method::PUT && path.starts_with(b"/v1/kv");
    if put_kv || path.starts_with(b"/v1/event/fire/") || path.starts_with(b"/v1/snapshot") {
        return OCTETS;
    }
    let reading =
        matches!(head.method, Method::GET | Method::DELETE) || path.starts_with(b"/v1/internal");
    match head.headers.get(CONTENT_TYPE) {
        Some(sent) if reading => sent.clone(),
        _ => JSON,
    }
}

/// What is left of a request while its answer is waited for.
pub(crate) struct Finish {
    untyped: HeaderValue,
    settings: Arc<Prepared>,
    door: Arc<Door>,
    entry: &'static Entry,
    method: &'static str,
    said: Said,
    started: Instant,
}

/// A method as metrics name it: what clients invent must not make series.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "OTHER",
    }
}

impl Finish {
    fn response(&self, outcome: Outcome) -> Response<Body> {
        let ports = &self.door.ports;
        let took = ports.time.now().since(self.started);
        let values = [self.method, self.entry.label.as_str()];
        ports.metrics.time_with(names::API_HTTP, &values, took);
        let node = &self.settings.config.node_name;
        crate::counts::count(&ports.metrics, values[1], node, &outcome);
        if let Err(fault) = &outcome {
            self.said.failed(self.method, &fault.text);
        }
        self.said.finished(self.method, took);
        let mut reply = outcome.unwrap_or_else(Reply::of_fault);
        if reply.nothing {
            reply.headers.insert(CONTENT_TYPE, self.untyped.clone());
        }
        into_response(reply, &self.settings.common)
    }
}

fn into_response(
    reply: Reply,
    common: &[(hyper::header::HeaderName, HeaderValue)],
) -> Response<Body> {
    let Reply {
        status,
        mut headers,
        body,
        ..
    } = reply;
    for (name, value) in common {
        if *name == VARY {
            headers.append(name, value.clone());
        } else if !headers.contains_key(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    // JSON is no page for any browser; whatever else has a body might be taken for one.
    let is_json = headers.get(CONTENT_TYPE).is_some_and(|kind| *kind == JSON);
    if !is_json && !hyper::body::Body::is_end_stream(&body) {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

/// The answer, ready or awaited.
pub(crate) enum Respond {
    Ready(Option<Response<Body>>),
    Waiting(BoxFuture<'static, Outcome>, Finish),
}

impl Respond {
    fn bare(reply: Reply) -> Self {
        Self::ready(reply, &[])
    }

    fn ready(reply: Reply, headers: &[(hyper::header::HeaderName, HeaderValue)]) -> Self {
        Self::Ready(Some(into_response(reply, headers)))
    }
}

impl Future for Respond {
    type Output = Result<Response<Body>, std::convert::Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(response) => Poll::Ready(Ok(response
                .take()
                .unwrap_or_else(|| into_response(Reply::status(500), &[])))),
            Self::Waiting(future, finish) => future
                .as_mut()
                .poll(cx)
                .map(|outcome| Ok(finish.response(outcome))),
        }
    }
}
