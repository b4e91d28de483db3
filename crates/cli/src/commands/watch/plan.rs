//! What is watched: parameters by type, the request, the shape of the result.

use super::render;
use crate::api;
use crate::command::Call;
use proconsul_client::{Client, Error, Method, QueryOptions, Request};
use serde_json::Value;
use std::collections::BTreeMap;

/// Types with their own parameters.
const TYPES: &[(&str, &[&str])] = &[
    ("key", &["key"]),
    ("keyprefix", &["prefix"]),
    ("services", &["filter"]),
    ("nodes", &["filter"]),
    ("service", &["service", "tag", "passingonly", "filter"]),
    ("checks", &["service", "state", "filter"]),
    ("event", &["name"]),
];

/// A checked watch.
pub(super) struct Plan {
    kind: String,
    params: BTreeMap<&'static str, String>,
    tags: Vec<String>,
    passing: bool,
    options: QueryOptions,
}

impl Plan {
    pub(super) fn from_flags(call: &Call<'_>) -> Result<Self, String> {
        let flags = &call.flags;
        let mut params = BTreeMap::new();
        for name in [
            "key",
            "prefix",
            "service",
            "passingonly",
            "state",
            "name",
            "filter",
        ] {
            if !flags.string(name).is_empty() {
                params.insert(name, flags.string(name).to_owned());
            }
        }
        let tags = flags.list("tag").to_vec();
        if !tags.is_empty() {
            params.insert("tag", String::new());
        }
        let passing = match params.get("passingonly") {
            None => false,
            Some(text) => crate::number::parse_bool(text).ok_or_else(|| {
                let text = crate::text::quote(text);
                format!(
                    "Failed to parse passingonly flag: strconv.ParseBool: parsing {text}: invalid syntax"
                )
            })?,
        };
        let kind = flags.string("type").to_owned();
        let Some((_, own)) = TYPES.iter().find(|(name, _)| *name == kind) else {
            return Err(format!("Unsupported watch type: {kind}"));
        };
        let has = |name: &str| params.contains_key(name);
        match kind.as_str() {
            "key" if !has("key") => return Err("Must specify a single key to watch".to_owned()),
            "keyprefix" if !has("prefix") => {
                return Err("Must specify a single prefix to watch".to_owned());
            }
            "service" if !has("service") => {
                return Err("Must specify a single service to watch".to_owned());
            }
            "checks" if has("service") && has("state") => {
                return Err("Cannot specify service and state".to_owned());
            }
            _ => {}
        }
        let foreign: Vec<_> = params.keys().filter(|name| !own.contains(name)).collect();
        if !foreign.is_empty() {
            let names: Vec<_> = foreign.iter().map(|n| **n).collect();
            return Err(format!("Invalid parameters: [{}]", names.join(" ")));
        }
        let mut options = api::options(call);
        options.filter = params.get("filter").cloned().unwrap_or_default();
        Ok(Self {
            kind,
            params,
            tags,
            passing,
            options,
        })
    }

    fn param(&self, name: &str) -> &str {
        self.params
            .get(name)
            .map(String::as_str)
            .unwrap_or_default()
    }

    fn request(&self, client: &Client, index: u64) -> Request {
        let options = QueryOptions {
            index,
            ..self.options.clone()
        };
        let read = |path: String| client.read(&path, &options);
        match self.kind.as_str() {
            "key" => read(format!(
                "/v1/kv/{}",
                self.param("key").trim_start_matches('/')
            )),
            "keyprefix" => {
                let prefix = self.param("prefix").trim_start_matches('/');
                read(format!("/v1/kv/{prefix}")).param("recurse", "")
            }
            "services" => read("/v1/catalog/services".to_owned()),
            "nodes" => read("/v1/catalog/nodes".to_owned()),
            "service" => {
                let mut request = read(format!("/v1/health/service/{}", self.param("service")));
                if self.passing {
                    request = request.param("passing", "1");
                }
                for tag in &self.tags {
                    request = request.param("tag", tag);
                }
                request
            }
            "checks" => match (self.param("service"), self.param("state")) {
                ("", "") => read("/v1/health/state/any".to_owned()),
                ("", state) => read(format!("/v1/health/state/{state}")),
                (service, _) => read(format!("/v1/health/checks/{service}")),
            },
            _ => {
                let request = Request::new(Method::GET, "/v1/event/list");
                let request = request.param_some("name", self.param("name"));
                match index {
                    0 => request,
                    index => request.param("index", index.to_string()),
                }
            }
        }
    }

    /// One blocking read: the body and the index to wait on. A missing key or prefix is `null`.
    pub(super) async fn ask(&self, client: &Client, index: u64) -> Result<(Value, u64), Error> {
        let answer = client.send(self.request(client, index)).await?;
        let absent = answer.status() == 404 && self.kind.starts_with("key");
        let answer = if absent { answer } else { answer.ok().await? };
        let next = answer.index().max(1);
        if absent {
            answer.bytes().await?;
            return Ok((Value::Null, next));
        }
        Ok((answer.json().await?, next))
    }

    /// The result in the shape that is printed. Of events only those after `index` are new.
    pub(super) fn shape(&self, answer: Value, index: u64) -> Value {
        match self.kind.as_str() {
            "key" => match answer {
                Value::Array(rows) => rows.first().map_or(Value::Null, render::pair),
                _ => Value::Null,
            },
            "keyprefix" => match answer {
                Value::Array(rows) => rows.iter().map(render::pair).collect(),
                _ => Value::Null,
            },
            "services" => render::sorted(&answer),
            "nodes" => render::rows(&answer, render::node),
            "service" => render::rows(&answer, render::entry),
            "checks" => render::rows(&answer, render::check),
            _ => render::rows(&fresh(answer, index), render::event),
        }
    }
}

/// Drops events up to the one whose index was seen before.
fn fresh(events: Value, index: u64) -> Value {
    let Value::Array(mut rows) = events else {
        return events;
    };
    let seen = rows
        .iter()
        .position(|e| index != 0 && event_index(e["ID"].as_str().unwrap_or_default()) == index);
    if let Some(at) = seen {
        rows.drain(..=at);
    }
    Value::Array(rows)
}

/// The index that stands for an event ID: the two halves of the UUID, exclusive or.
fn event_index(id: &str) -> u64 {
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |part: Option<&str>| part.and_then(|p| u64::from_str_radix(p, 16).ok());
    match (half(digits.get(..16)), half(digits.get(16..32))) {
        (Some(a), Some(b)) => a ^ b,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_new_once() {
        let id = |n: u8| format!("00000000-0000-0000-0000-0000000000{n:02x}");
        assert_eq!(event_index(&id(5)), 5);
        let events = json!([{"ID": id(1)}, {"ID": id(2)}, {"ID": id(3)}]);
        assert_eq!(fresh(events.clone(), 2), json!([{"ID": id(3)}]));
        assert_eq!(fresh(events.clone(), 0), events);
    }
}
