//! What operators search the log for: the parts of the reference's recorded life that exist are played, and the lines of
//! `logs.txt` compared by level, logger, message and keys.

use crate::agent::Agent;
use crate::http::{Answer, Client};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::time::Duration;

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);
const LIST: &str = include_str!("logs.txt");
/// Stands for a token in requests; it must not be in the log.
const SECRET: &str = "5ec4e7ab-0000-4000-8000-000000000000";

/// A line without time and values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    level: String,
    logger: String,
    message: String,
    keys: Vec<String>,
}

impl Shape {
    fn listed(line: &str) -> Shape {
        let (level, rest) = line.split_once(' ').expect("a level");
        let (logger, rest) = rest.split_once(": ").expect("a logger");
        let (message, keys) = match rest.rsplit_once(": ") {
            Some((message, keys)) if !rest.ends_with('*') => (message, keys),
            _ => (rest, ""),
        };
        Shape {
            level: level.into(),
            logger: logger.into(),
            message: message.into(),
            keys: keys.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// `«time» [LEVEL] logger: message: key=value key="value"`; `None` for lines that are no entry, the banner's for instance.
    fn logged(line: &str) -> Option<Shape> {
        let (_, rest) = line.split_once(" [")?;
        let (level, rest) = rest.split_once(']')?;
        let (logger, rest) = rest.trim_start().split_once(": ")?;
        let (mut message, mut keys) = (rest, Vec::new());
        // The first `: ` that only pairs follow ends the message; a line without pairs is all message.
        for (at, _) in rest.match_indices(':') {
            if let Some(found) = pairs(&rest[at + 1..]) {
                (message, keys) = (&rest[..at], found);
                break;
            }
        }
        Some(Shape {
            level: level.trim().into(),
            logger: logger.into(),
            message: message.into(),
            keys,
        })
    }

    fn is_message(&self, other: &Shape) -> bool {
        match self.message.strip_suffix('*') {
            Some(beginning) => other.message.starts_with(beginning),
            None => self.message == other.message,
        }
    }

    /// Whether a logged line is the one that is listed.
    fn is(&self, other: &Shape) -> bool {
        self.is_message(other)
            && (&self.level, &self.logger, &self.keys) == (&other.level, &other.logger, &other.keys)
    }
}

/// The keys of ` key=value key="a value"`; `None` if there is anything else.
fn pairs(mut text: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    while !text.is_empty() {
        let (key, rest) = text.strip_prefix(' ')?.split_once('=')?;
        if key.is_empty() || key.contains([' ', '"', ':']) {
            return None;
        }
        keys.push(key.to_owned());
        let end = match rest.strip_prefix('"') {
            Some(quoted) => 2 + closing_quote(quoted)?,
            // Lists are shown as they are, with quoted members.
            None if rest.starts_with('[') => rest.find(']')? + 1,
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        text = rest.get(end..)?;
    }
    (!keys.is_empty()).then_some(keys)
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn list() -> Vec<Shape> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.map(Shape::listed).collect()
}

fn put(client: &mut Client, target: &str, body: &str) -> Answer {
    client.ask("PUT", target, body.as_bytes()).unwrap()
}

/// A service with a TTL check that fails, warns and passes, and one whose HTTP check finds nobody.
fn services(agent: &Agent, client: &mut Client) {
    let web = r#"{"ID": "web-1", "Name": "web", "Check": {"TTL": "1h"}}"#;
    assert_eq!(put(client, "/v1/agent/service/register", web).status, 200);
    for status in ["fail", "warn", "pass"] {
        let target = format!("/v1/agent/check/{status}/service:web-1?note=said");
        assert_eq!(put(client, &target, "").status, 200);
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let down = format!(
        r#"{{"ID": "h", "Name": "h", "Check": {{"HTTP": "http://{address}/", "Interval": "1s"}}}}"#
    );
    assert_eq!(put(client, "/v1/agent/service/register", &down).status, 200);
    for line in [
        "Synced service: service=web-1",
        "Synced check: check=service:web-1",
        "Check is now critical: check=service:h",
    ] {
        logged(agent, line);
    }
}

fn refusals(client: &mut Client) {
    let body = r#"{"Name": 1}"#;
    assert_eq!(put(client, "/v1/agent/service/register", body).status, 400);
    assert_eq!(put(client, "/v1/kv/a?cas=x", "1").status, 500);
    let nowhere = client.ask("GET", "/v1/catalog/nodes?dc=nowhere", b"");
    assert_eq!(nowhere.unwrap().status, 500);
    let odd = format!("/v1/health/state/odd?token={SECRET}");
    assert_eq!(client.ask("GET", &odd, b"").unwrap().status, 200);
    assert_eq!(
        put(client, "/v1/session/create", r#"{"TTL": "1s"}"#).status,
        500
    );
    let post = client.ask("POST", "/v1/catalog/nodes", b"").unwrap();
    assert_eq!(post.status, 405);
}

/// Waits for a line.
fn logged(agent: &Agent, what: &str) {
    let there = || agent.log().contains(what).then_some(());
    testkit::until(LIMIT, there, || format!("no {what:?} in\n{}", agent.log()));
}

#[test]
fn the_lines_that_operators_search_for_are_those_of_the_reference() {
    let home = tempfile::tempdir().unwrap();
    let more = home.path().join("config.d");
    std::fs::create_dir_all(&more).unwrap();
    let file = more.join("more.json");
    std::fs::write(&file, "{}").unwrap();
    let mut agent = Agent::with_arguments(home.path(), |address| {
        vec![format!("-retry-join={address}")]
    });
    let mut client = agent.client();
    services(&agent, &mut client);
    refusals(&mut client);
    assert_eq!(put(&mut client, "/v1/agent/reload", "").status, 200);
    std::fs::write(&file, "{}}").unwrap();
    assert_eq!(put(&mut client, "/v1/agent/reload", "").status, 500);
    put(&mut client, "/v1/agent/service/deregister/web-1", "");
    put(&mut client, "/v1/agent/maintenance?enable=true", "");
    logged(&agent, "Synced check: check=_node_maintenance");
    put(&mut client, "/v1/agent/maintenance?enable=false", "");
    put(&mut client, "/v1/event/fire/deploy", "");
    logged(&agent, "Deregistered service: service=web-1");
    logged(&agent, "Deregistered check: check=_node_maintenance");
    logged(&agent, "initialized primary datacenter CA");
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait(), Some(1));

    let log = agent.log();
    let shown: Vec<Shape> = log.lines().filter_map(Shape::logged).collect();
    for listed in list() {
        assert!(
            shown.iter().any(|line| listed.is(line)),
            "{listed:?} is not in\n{log}"
        );
        // The same words never come from somewhere else or with other keys.
        let others = shown
            .iter()
            .filter(|line| listed.is_message(line) && !listed.is(line));
        let known = |line: &&Shape| !list().iter().any(|listed| listed.is(line));
        let others: Vec<_> = others.filter(known).collect();
        assert!(others.is_empty(), "{listed:?} is also told as {others:?}");
    }
    assert!(!log.contains(SECRET), "{log}");
    for error in [
        r#"url=/v1/kv/a?cas=x from="#,
        r#"error="strconv.ParseUint: parsing \"x\": invalid syntax""#,
        "method=POST url=/v1/catalog/nodes from=",
        "method=PUT url=/v1/agent/reload from=",
        "error=\"No path to datacenter\"",
        "logUrl=/v1/health/state/odd?token=<hidden>",
    ] {
        assert!(log.contains(error), "{error} is not in\n{log}");
    }
}

/// Whoever has the recordings sees that the list tells the truth.
#[test]
fn the_list_is_what_was_recorded() {
    let lines = list();
    let distinct: BTreeSet<&Shape> = lines.iter().collect();
    assert_eq!(distinct.len(), lines.len(), "a line stands twice");
    let Some(shared) = std::env::var_os("PROCONSUL_SHARED") else {
        return;
    };
    let folder = std::path::Path::new(&shared).join("conformance/logs");
    let recorded: Vec<Shape> = ["s1", "s2", "s3", "c1"]
        .iter()
        .map(|name| std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap())
        .flat_map(|text| text.lines().filter_map(Shape::logged).collect::<Vec<_>>())
        .collect();
    for listed in lines {
        assert!(recorded.iter().any(|line| listed.is(line)), "{listed:?}");
    }
}
