//! Random calls within a bounded set of names.

use super::dice::Dice;
use crate::bench::http::{Answer, Client};
use anyhow::{Context, Result, ensure};
use std::net::UdpSocket;
use std::time::Duration;

/// Sessions that a caller holds at most.
const SESSIONS: usize = 20;
/// Prepared queries that a caller holds at most.
const QUERIES: usize = 10;

/// One caller: its connection and what it has made.
pub(super) struct Calls {
    client: Client,
    dns: UdpSocket,
    dice: Dice,
    caller: u64,
    sessions: Vec<String>,
    queries: Vec<String>,
    named: u64,
}

impl Calls {
    /// `caller` names what is bound to this one alone.
    pub(super) fn new(client: Client, host: &str, seed: u64, caller: u64) -> Result<Self> {
        let dns = UdpSocket::bind((host, 0))?;
        dns.connect((host, 8600))?;
        dns.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Self {
            client,
            dns,
            dice: Dice::new(seed, caller),
            caller,
            sessions: Vec::new(),
            queries: Vec::new(),
            named: 0,
        })
    }

    /// One call of some kind.
    ///
    /// # Errors
    /// The agent is gone, or an answer is none that the call may give.
    pub(super) fn one(&mut self) -> Result<()> {
        match self.dice.below(100) {
            0..25 => self.kv(),
            25..40 => self.catalog(),
            40..60 => self.read(),
            60..68 => self.session(),
            68..74 => self.transaction(),
            74..80 => self.agent(),
            80..83 => self.query(),
            83..96 => self.dns(),
            96..98 => self.event(),
            _ => self.rare(),
        }
    }

    /// 404 says that there is nothing of that name, which is no failure here; nor is a refusal of a lock or a missing check.
    fn ask(&mut self, method: &str, target: &str, body: &str) -> Result<Answer> {
        let answer = self.client.ask(method, target, body.as_bytes())?;
        ensure!(
            answer.status == 200 || answer.status == 404 || answer.status == 409,
            "{method} {target} {body}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(answer)
    }

    fn get(&mut self, target: &str) -> Result<()> {
        self.ask("GET", target, "").map(drop)
    }

    fn put(&mut self, target: &str, body: &str) -> Result<()> {
        self.ask("PUT", target, body).map(drop)
    }

    fn key(&mut self) -> String {
        format!("soak/{}/{}", self.dice.below(20), self.dice.below(50))
    }

    fn kv(&mut self) -> Result<()> {
        let key = self.key();
        let folder = self.dice.below(20);
        match self.dice.below(10) {
            0..4 => {
                let value = "v".repeat(self.dice.below(400) as usize);
                self.put(&format!("/v1/kv/{key}"), &value)
            }
            4 => self.put(&format!("/v1/kv/{key}?cas=0"), "created"),
            5 => self.ask("DELETE", &format!("/v1/kv/{key}"), "").map(drop),
            6 if self.dice.once_in(10) => self
                .ask("DELETE", &format!("/v1/kv/soak/{folder}/?recurse"), "")
                .map(drop),
            6 | 7 => self.get(&format!("/v1/kv/{key}?consistent")),
            8 => self.get(&format!("/v1/kv/soak/{folder}/?recurse")),
            _ => self.get("/v1/kv/soak/?keys&separator=/&stale"),
        }
    }

    fn catalog(&mut self) -> Result<()> {
        let (node, service) = (self.dice.below(80), self.dice.below(60));
        let status = self.dice.of(&["passing", "warning", "critical"]);
        let (zone, tag) = (self.dice.below(3), self.dice.below(4));
        match self.dice.below(10) {
            0 => self.put(
                "/v1/catalog/deregister",
                &format!(r#"{{"Node":"node-{node}","ServiceID":"service-{service}"}}"#),
            ),
            1 if self.dice.once_in(8) => {
                self.put("/v1/catalog/deregister", &format!(r#"{{"Node":"node-{node}"}}"#))
            }
            _ => self.put(
                "/v1/catalog/register",
                &format!(
                    r#"{{"Node":"node-{node}","Address":"10.0.0.{node}","NodeMeta":{{"zone":"{zone}"}},"Service":{{"ID":"service-{service}","Service":"service-{service}","Port":80,"Tags":["t{tag}"]}},"Check":{{"CheckID":"check-{service}","Name":"alive","ServiceID":"service-{service}","Status":"{status}"}}}}"#
                ),
            ),
        }
    }

    fn read(&mut self) -> Result<()> {
        let (node, service) = (self.dice.below(80), self.dice.below(60));
        let target = match self.dice.below(12) {
            0 => format!("/v1/health/service/service-{service}"),
            1 => format!("/v1/health/service/service-{service}?passing&near=node-{node}"),
            2 => format!("/v1/health/service/service-{service}?filter=Node.Meta.zone==1"),
            3 => format!("/v1/catalog/service/service-{service}?tag=t1"),
            4 => format!("/v1/catalog/node/node-{node}"),
            5 => format!("/v1/health/node/node-{node}"),
            6 => format!("/v1/health/checks/service-{service}"),
            7 => "/v1/catalog/services?pretty".to_owned(),
            8 => format!("/v1/catalog/nodes?node-meta=zone:{}", self.dice.below(3)),
            9 => "/v1/health/state/critical".to_owned(),
            10 => "/v1/internal/ui/services".to_owned(),
            _ => format!("/v1/health/service/service-{service}?cached"),
        };
        self.get(&target)
    }

    fn session(&mut self) -> Result<()> {
        let held = self.sessions.len();
        if held == 0 || (held < SESSIONS && self.dice.once_in(4)) {
            let node = format!("own-{}", self.caller);
            self.put(
                "/v1/catalog/register",
                &format!(r#"{{"Node":"{node}","Address":"10.1.0.1"}}"#),
            )?;
            let behavior = self.dice.of(&["release", "delete"]);
            let ttl = self.dice.of(&["", "10s", "3600s"]);
            let answer = self.ask(
                "PUT",
                "/v1/session/create",
                &format!(
                    r#"{{"Node":"{node}","Behavior":"{behavior}","TTL":"{ttl}","LockDelay":"0s","NodeChecks":[]}}"#
                ),
            )?;
            self.sessions.push(id(&answer)?);
            return Ok(());
        }
        let at = self.dice.below(held as u64) as usize;
        let session = self.sessions.get(at).cloned().unwrap_or_default();
        let key = self.key();
        match self.dice.below(6) {
            0 => {
                self.sessions.swap_remove(at);
                self.put(&format!("/v1/session/destroy/{session}"), "")
            }
            1 => self.put(&format!("/v1/session/renew/{session}"), ""),
            2 => self.get(&format!("/v1/session/info/{session}")),
            3 => self.get("/v1/session/list"),
            what => {
                let verb = if what == 4 { "acquire" } else { "release" };
                // The session may have expired, which is refused with 500.
                let target = format!("/v1/kv/{key}?{verb}={session}");
                let answer = self.client.ask("PUT", &target, b"lock")?;
                if answer.status != 200 {
                    self.sessions.swap_remove(at);
                }
                Ok(())
            }
        }
    }

    fn transaction(&mut self) -> Result<()> {
        let ops: Vec<String> = (0..1 + self.dice.below(20))
            .map(|_| {
                let key = self.key();
                match self.dice.below(4) {
                    0 => format!(r#"{{"KV":{{"Verb":"get-or-empty","Key":"{key}"}}}}"#),
                    1 => format!(r#"{{"KV":{{"Verb":"delete","Key":"{key}"}}}}"#),
                    _ => format!(r#"{{"KV":{{"Verb":"set","Key":"{key}","Value":"dmFsdWU="}}}}"#),
                }
            })
            .collect();
        self.put("/v1/txn", &format!("[{}]", ops.join(",")))
    }

    /// Services of the agent itself, named by the caller so that nobody else takes them away.
    fn agent(&mut self) -> Result<()> {
        let id = format!("agent-{}-{}", self.caller, self.dice.below(8));
        let check = format!("service:{id}");
        match self.dice.below(6) {
            0 => self.put(&format!("/v1/agent/service/deregister/{id}"), ""),
            1 => self.put(&format!("/v1/agent/check/warn/{check}"), ""),
            2 => self
                .get(&format!("/v1/agent/health/service/id/{id}"))
                .or(Ok(())),
            3 => self.get("/v1/agent/services"),
            _ => {
                self.put(
                    "/v1/agent/service/register",
                    &format!(
                        r#"{{"ID":"{id}","Name":"soaked","Port":81,"Check":{{"TTL":"30s","Status":"passing"}}}}"#
                    ),
                )?;
                self.put(&format!("/v1/agent/check/pass/{check}?note=well"), "")
            }
        }
    }

    fn query(&mut self) -> Result<()> {
        if self.queries.is_empty() || (self.queries.len() < QUERIES && self.dice.once_in(3)) {
            let service = self.dice.below(60);
            let name = format!("soak-{}-{}", self.caller, self.named);
            self.named += 1;
            let answer = self.ask(
                "POST",
                "/v1/query",
                &format!(r#"{{"Name":"{name}","Service":{{"Service":"service-{service}","OnlyPassing":true}}}}"#),
            )?;
            self.queries.push(id(&answer)?);
            return Ok(());
        }
        let at = self.dice.below(self.queries.len() as u64) as usize;
        let query = self.queries.get(at).cloned().unwrap_or_default();
        if self.dice.once_in(4) {
            self.queries.swap_remove(at);
            self.ask("DELETE", &format!("/v1/query/{query}"), "")
                .map(drop)
        } else {
            self.get(&format!("/v1/query/{query}/execute"))
        }
    }

    fn dns(&mut self) -> Result<()> {
        let service = self.dice.below(70);
        let labels = [
            format!("service-{service}"),
            "service".to_owned(),
            "consul".to_owned(),
        ];
        let kind = if self.dice.once_in(2) { 1 } else { 33 };
        let id = self.dice.below(65536) as u16;
        let mut packet = id.to_be_bytes().to_vec();
        packet.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in &labels {
            packet.push(label.len() as u8);
            packet.extend_from_slice(label.as_bytes());
        }
        packet.extend_from_slice(&[0, 0, kind, 0, 1]);
        self.dns.send(&packet)?;
        let mut answer = [0; 4096];
        // A late answer to an earlier question is read away.
        loop {
            let len = self
                .dns
                .recv(&mut answer)
                .context("no answer to a DNS question")?;
            if len > 2 && answer.starts_with(&id.to_be_bytes()) {
                return Ok(());
            }
        }
    }

    fn event(&mut self) -> Result<()> {
        if self.dice.once_in(2) {
            self.get("/v1/event/list")
        } else {
            let name = self.dice.below(5);
            self.put(&format!("/v1/event/fire/soak-{name}"), "payload")
        }
    }

    fn rare(&mut self) -> Result<()> {
        match self.dice.below(12) {
            0 => self.get("/v1/snapshot"),
            1 => self.get("/v1/agent/metrics"),
            2 => self.get("/v1/agent/metrics?format=prometheus"),
            3 => self.get("/v1/operator/autopilot/health"),
            4 => self.get("/v1/operator/raft/configuration"),
            5 => self.get("/v1/coordinate/nodes"),
            6 => self.get("/v1/agent/members"),
            7 => self.get("/v1/internal/ui/nodes"),
            8 => self.get("/v1/status/leader"),
            // Refusals have paths of their own.
            9 => {
                self.client.ask("PUT", "/v1/txn", b"[{")?;
                Ok(())
            }
            10 => {
                self.client
                    .ask("GET", "/v1/health/service/x?filter=a==", b"")?;
                Ok(())
            }
            _ => {
                self.client.ask("PUT", "/v1/snapshot", b"no archive")?;
                Ok(())
            }
        }
    }
}

/// `{"ID": …}`.
fn id(answer: &Answer) -> Result<String> {
    let value: serde_json::Value = serde_json::from_slice(&answer.body)?;
    Ok(value["ID"].as_str().context("an ID")?.to_owned())
}
