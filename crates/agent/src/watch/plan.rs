//! What a watch of a configuration file says.

use serde_json::{Map, Value};
use std::time::Duration;

type Params = Map<String, Value>;

/// How long an HTTP handler may take when it does not say.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// A watch that can be run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) token: String,
    pub(crate) handler: Handler,
    datacenter: String,
    stale: bool,
    filter: String,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Key(String),
    KeyPrefix(String),
    Services,
    Nodes,
    Service {
        name: String,
        tags: Vec<String>,
        passing: bool,
    },
    ChecksOf(String),
    ChecksIn(String),
    Event(String),
    AgentService(String),
}

/// Who is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Handler {
    /// A program without a shell.
    Args(Vec<String>),
    /// A line for the shell.
    Shell(String),
    /// A request.
    Http(HttpHandler),
}

/// `http_handler_config`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HttpHandler {
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) timeout: Duration,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) skip_verify: bool,
}

impl Kind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::KeyPrefix(_) => "keyprefix",
            Self::Services => "services",
            Self::Nodes => "nodes",
            Self::Service { .. } => "service",
            Self::ChecksOf(_) | Self::ChecksIn(_) => "checks",
            Self::Event(_) => "event",
            Self::AgentService(_) => "agent_service",
        }
    }

    /// Whether 404 is an answer rather than a failure.
    pub(crate) fn may_be_missing(&self) -> bool {
        matches!(self, Self::Key(_) | Self::KeyPrefix(_))
    }

    pub(crate) fn is_events(&self) -> bool {
        matches!(self, Self::Event(_))
    }
}

impl Plan {
    /// Path and query of the next question; `mark` is what the last answer gave, "" before the first.
    pub(crate) fn path(&self, mark: &str) -> String {
        let (path, mut query) = match &self.kind {
            Kind::Key(key) => (format!("/v1/kv/{}", escape_path(key)), String::new()),
            Kind::KeyPrefix(prefix) => {
                let path = format!("/v1/kv/{}", escape_path(prefix));
                (path, "recurse=".to_owned())
            }
            Kind::Services => ("/v1/catalog/services".to_owned(), String::new()),
            Kind::Nodes => ("/v1/catalog/nodes".to_owned(), String::new()),
            Kind::Service {
                name,
                tags,
                passing,
            } => {
                let mut query: Vec<String> = tags
                    .iter()
                    .map(|tag| format!("tag={}", escape(tag)))
                    .collect();
                if *passing {
                    query.push("passing=1".into());
                }
                let path = format!("/v1/health/service/{}", escape(name));
                (path, query.join("&"))
            }
            Kind::ChecksOf(service) => {
                let path = format!("/v1/health/checks/{}", escape(service));
                (path, String::new())
            }
            Kind::ChecksIn(state) => {
                let path = format!("/v1/health/state/{}", escape(state));
                (path, String::new())
            }
            Kind::Event(name) => {
                let query = format!("name={}", escape(name));
                ("/v1/event/list".to_owned(), query)
            }
            Kind::AgentService(id) => {
                let path = format!("/v1/agent/service/{}", escape(id));
                (path, String::new())
            }
        };
        let mut more = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.push_str(&escape(value));
        };
        if !mark.is_empty() && mark != "0" {
            let hashed = matches!(self.kind, Kind::AgentService(_));
            more(if hashed { "hash" } else { "index" }, mark);
        }
        if self.stale {
            more("stale", "");
        }
        if !self.datacenter.is_empty() {
            more("dc", &self.datacenter);
        }
        if !self.filter.is_empty() {
            more("filter", &self.filter);
        }
        if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        }
    }
}

fn escape_with(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn escape(text: &str) -> String {
    escape_with(text, b"")
}

fn escape_path(text: &str) -> String {
    escape_with(text, b"/")
}

/// Reads all watches of the configuration.
///
/// # Errors
/// The reference's text for the first that cannot be used.
pub(crate) fn parse(watches: &[Params]) -> Result<Vec<Plan>, String> {
    watches.iter().map(one).collect()
}

fn one(params: &Params) -> Result<Plan, String> {
    let mut left = params.clone();
    if let Some(kind) = left.get("handler_type")
        && !matches!(kind.as_str(), Some("script" | "http"))
    {
        let shown = kind
            .as_str()
            .map_or_else(|| kind.to_string(), str::to_owned);
        return Err(format!("Handler type '{shown}' not recognized"));
    }
    left.entry("handler_type")
        .or_insert_with(|| "script".into());
    if let Some(kind @ ("connect_roots" | "connect_leaf")) =
        left.get("type").and_then(Value::as_str)
    {
        return Err(format!("Watch type {kind} is not allowed in agent config"));
    }
    let mut plan = match watched(&mut left) {
        Ok(plan) => plan,
        Err(error) => {
            let shown = go_value(&Value::Object(left));
            return Err(format!("Failed to parse watch ({shown}): {error}"));
        }
    };
    let http = matches!(plan.handler, Handler::Http(_));
    let (handler, args) = (params.get("handler"), params.get("args"));
    let args = args.map(args_of).transpose()?;
    match (handler, args) {
        (Some(handler), _) if !handler.is_string() => {
            return Err("Watch handler must be a string".into());
        }
        (Some(_), Some(_)) => return Err("Only one watch handler allowed".into()),
        (Some(_), None) | (None, Some(_)) if http => {
            return Err("Only one watch handler allowed".into());
        }
        (None, None) if http => {}
        (None, None) => return Err("Must define a watch handler".into()),
        (Some(handler), None) => {
            tracing::warn!(
                "The 'handler' field in watches has been deprecated and replaced with the 'args' field. See https://www.consul.io/docs/agent/watches.html"
            );
            plan.handler = Handler::Shell(handler.as_str().unwrap_or_default().to_owned());
        }
        (None, Some(args)) => plan.handler = Handler::Args(args),
    }
    Ok(plan)
}

fn args_of(value: &Value) -> Result<Vec<String>, String> {
    let texts = match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    };
    texts.ok_or_else(|| "Watch args must be a list of strings".to_owned())
}

/// Everything but the script; what is understood is taken out of `left`.
fn watched(left: &mut Params) -> Result<Plan, String> {
    let datacenter = text(left, "datacenter")?;
    let token = text(left, "token")?;
    let kind = match text(left, "type")? {
        kind if kind.is_empty() => return Err("Watch type must be specified".into()),
        kind => kind,
    };
    let handler_type = text(left, "handler_type")?;
    let handler = if handler_type == "http" {
        Handler::Http(http_handler(left)?)
    } else {
        Handler::Args(Vec::new())
    };
    let kind = kind_of(left, &kind)?;
    let filtered = !matches!(
        kind,
        Kind::Key(_) | Kind::KeyPrefix(_) | Kind::Event(_) | Kind::AgentService(_)
    );
    let stale = if matches!(kind, Kind::Event(_) | Kind::AgentService(_)) {
        false
    } else {
        boolean(left, "stale")?
    };
    let filter = if filtered {
        text(left, "filter")?
    } else {
        String::new()
    };
    let (handler_line, args) = (left.remove("handler"), left.remove("args"));
    if !left.is_empty() {
        let mut names: Vec<&str> = left.keys().map(String::as_str).collect();
        names.sort_unstable();
        return Err(format!("Invalid parameters: [{}]", names.join(" ")));
    }
    drop((handler_line, args));
    Ok(Plan {
        kind,
        token,
        handler,
        datacenter,
        stale,
        filter,
    })
}

fn kind_of(left: &mut Params, kind: &str) -> Result<Kind, String> {
    let single = |found: String, what: &str| {
        if found.is_empty() {
            Err(format!("Must specify a single {what} to watch"))
        } else {
            Ok(found)
        }
    };
    Ok(match kind {
        "key" => Kind::Key(single(text(left, "key")?, "key")?),
        "keyprefix" => Kind::KeyPrefix(single(text(left, "prefix")?, "prefix")?),
        "services" => Kind::Services,
        "nodes" => Kind::Nodes,
        "service" => Kind::Service {
            name: single(text(left, "service")?, "service")?,
            tags: texts(left, "tag")?,
            passing: boolean(left, "passingonly")?,
        },
        "checks" => match (text(left, "service")?, text(left, "state")?) {
            (service, state) if !service.is_empty() && !state.is_empty() => {
                return Err("Cannot specify service and state".into());
            }
            (service, _) if !service.is_empty() => Kind::ChecksOf(service),
            (_, state) if state.is_empty() => Kind::ChecksIn("any".into()),
            (_, state) => Kind::ChecksIn(state),
        },
        "event" => Kind::Event(text(left, "name")?),
        "agent_service" => Kind::AgentService(single(text(left, "service_id")?, "service_id")?),
        other => return Err(format!("Unsupported watch type: {other}")),
    })
}

fn text(left: &mut Params, name: &str) -> Result<String, String> {
    match left.get(name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => {
            let text = text.clone();
            left.remove(name);
            Ok(text)
        }
        Some(_) => Err(format!("Expecting {name} to be a string")),
    }
}

fn boolean(left: &mut Params, name: &str) -> Result<bool, String> {
    match left.get(name) {
        None => Ok(false),
        Some(Value::Bool(value)) => {
            let value = *value;
            left.remove(name);
            Ok(value)
        }
        Some(_) => Err(format!("Expecting {name} to be a boolean")),
    }
}

fn texts(left: &mut Params, name: &str) -> Result<Vec<String>, String> {
    let found = match left.get(name) {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            let each = items.iter().enumerate().map(|(at, item)| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("Index {at} of {name} expected to be string"))
            });
            each.collect::<Result<_, _>>()?
        }
        Some(_) => return Err(format!("Expecting {name} to be a string or []string")),
    };
    left.remove(name);
    Ok(found)
}

fn http_handler(left: &mut Params) -> Result<HttpHandler, String> {
    let config = left
        .get("http_handler_config")
        .ok_or("Handler type 'http' requires 'http_handler_config' to be set")?;
    let handler = http_handler_of(config)
        .map_err(|error| format!("Failed to parse 'http_handler_config': {error}"))?;
    left.remove("http_handler_config");
    Ok(handler)
}

fn http_handler_of(config: &Value) -> Result<HttpHandler, String> {
    // One block of a file is a list of one.
    let config = match config {
        Value::Array(items) if items.len() == 1 => items.first().unwrap_or(config),
        config => config,
    };
    let member = |name: &str| config.get(name).filter(|value| !value.is_null());
    let words = |name: &str, default: &str| {
        member(name).map_or(Ok(default.to_owned()), |value| {
            value
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| format!("Expecting {name} to be a string"))
        })
    };
    let url = words("path", "")?;
    if url.is_empty() {
        return Err("Requires 'path' to be set".into());
    }
    let timeout = match words("timeout", "")?.as_str() {
        "" => HTTP_TIMEOUT,
        text => {
            let nanos = dialect::duration::parse(text)
                .map_err(|error| format!("Failed to parse timeout: {error}"))?;
            match u64::try_from(nanos) {
                Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos),
                _ => HTTP_TIMEOUT,
            }
        }
    };
    let mut headers = Vec::new();
    for (name, values) in member("header")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let list = match values {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            Value::String(text) => vec![text.as_str()],
            _ => Vec::new(),
        };
        headers.extend(
            list.into_iter()
                .map(|value| (name.clone(), value.to_owned())),
        );
    }
    Ok(HttpHandler {
        url,
        method: match words("method", "")? {
            method if method.is_empty() => "POST".to_owned(),
            method => method,
        },
        timeout,
        headers,
        skip_verify: member("tls_skip_verify")
            .and_then(Value::as_bool)
            .unwrap_or(false),
    })
}

/// A value as Go prints it with its types; lists of one are shown as their element, as files merge them.
fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) if items.len() == 1 => items.first().map(go_value).unwrap_or_default(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_value).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{name:?}:{}", go_value(value)))
                .collect();
            members.sort();
            format!("map[string]interface {{}}{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(params: Value) -> Result<Plan, String> {
        one(params.as_object().unwrap())
    }

    #[test]
    fn what_is_refused() {
        let wrapped = |shown: &str, error: &str| {
            format!("Failed to parse watch (map[string]interface {{}}{{{shown}}}): {error}")
        };
        for (params, want) in [
            (
                json!({}),
                wrapped(r#""handler_type":"script""#, "Watch type must be specified"),
            ),
            (
                json!({"type": "nope"}),
                wrapped("", "Unsupported watch type: nope"),
            ),
            (
                json!({"type": "key"}),
                wrapped("", "Must specify a single key to watch"),
            ),
            (
                json!({"type": "key", "key": "x"}),
                "Must define a watch handler".into(),
            ),
            (
                json!({"type": "key", "key": 5, "args": ["true"]}),
                wrapped(r#""args":"true", "key":5"#, "Expecting key to be a string"),
            ),
            (
                json!({"type": "checks", "service": "a", "state": "b", "args": ["true"]}),
                wrapped(r#""args":"true""#, "Cannot specify service and state"),
            ),
            (
                json!({"type": "key", "key": "x", "args": ["true"], "handler": "true"}),
                "Only one watch handler allowed".into(),
            ),
            (
                json!({"type": "key", "key": "x", "handler_type": "ftp"}),
                "Handler type 'ftp' not recognized".into(),
            ),
            (
                json!({"type": "key", "key": "x", "handler_type": "http"}),
                wrapped(
                    r#""key":"x""#,
                    "Handler type 'http' requires 'http_handler_config' to be set",
                ),
            ),
            (
                json!({"type": "key", "key": "x", "handler_type": "http", "http_handler_config": {}}),
                wrapped(
                    r#""http_handler_config":map[string]interface {}{}, "key":"x""#,
                    "Failed to parse 'http_handler_config': Requires 'path' to be set",
                ),
            ),
            (
                json!({"type": "key", "key": "x", "args": ["true"], "bogus": 1}),
                wrapped(r#""bogus":1"#, "Invalid parameters: [bogus]"),
            ),
            (
                json!({"type": "connect_leaf", "service": "x", "args": ["true"]}),
                "Watch type connect_leaf is not allowed in agent config".into(),
            ),
            (
                json!({"type": "service", "service": "x", "tag": 5, "args": ["true"]}),
                wrapped(
                    r#""args":"true", "tag":5"#,
                    "Expecting tag to be a string or []string",
                ),
            ),
            (
                json!({"type": "service", "service": "x", "tag": ["a", 5], "args": "x"}),
                wrapped(
                    r#""args":"x", "tag":[]interface {}{"a", 5}"#,
                    "Index 1 of tag expected to be string",
                ),
            ),
        ] {
            assert_eq!(plan(params.clone()).unwrap_err(), want, "{params}");
        }
    }

    #[test]
    fn what_is_asked() {
        let path = |mut params: Value, mark: &str| {
            params["args"] = json!("true");
            plan(params).unwrap().path(mark)
        };
        assert_eq!(
            path(json!({"type": "key", "key": "a/b c"}), ""),
            "/v1/kv/a/b%20c"
        );
        assert_eq!(
            path(
                json!({"type": "keyprefix", "prefix": "p/", "stale": true}),
                "7"
            ),
            "/v1/kv/p/?recurse=&index=7&stale="
        );
        assert_eq!(
            path(
                json!({"type": "service", "service": "web", "tag": ["a", "b"], "passingonly": true, "filter": "x==y"}),
                "0"
            ),
            "/v1/health/service/web?tag=a&tag=b&passing=1&filter=x%3D%3Dy"
        );
        assert_eq!(path(json!({"type": "checks"}), ""), "/v1/health/state/any");
        assert_eq!(
            path(json!({"type": "event", "datacenter": "dc2"}), ""),
            "/v1/event/list?name=&dc=dc2"
        );
        assert_eq!(
            path(json!({"type": "agent_service", "service_id": "x"}), "ab"),
            "/v1/agent/service/x?hash=ab"
        );
    }

    #[test]
    fn handlers() {
        let http = plan(
            json!({"type": "nodes", "handler_type": "http", "http_handler_config": {
            "path": "http://x", "timeout": "5s", "header": {"A": ["1", "2"]}}}),
        )
        .unwrap();
        let Handler::Http(http) = http.handler else {
            panic!("{:?}", http.handler)
        };
        assert_eq!((http.method.as_str(), http.timeout.as_secs()), ("POST", 5));
        assert_eq!(http.headers.len(), 2);
        let line = plan(json!({"type": "nodes", "handler": "cat"})).unwrap();
        assert_eq!(line.handler, Handler::Shell("cat".into()));
    }
}
