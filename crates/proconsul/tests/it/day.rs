//! A day in a minute: a hundred services whose checks flip at random, with registrations, maintenance, files that change,
//! reloads, clean restarts and kills between. At the end the agent, the catalog and DNS agree with a model, and what never
//! changed was never shown otherwise.
//!
//! By hand: `PROCONSUL_DAY_STEPS=5000 cargo test --profile ci -p proconsul day -- --nocapture`

use crate::agent::Agent;
use crate::http::Client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SERVICES: usize = 100;
const STEPS: usize = 600;
/// Services that nothing happens to, but that they are registered again.
const STEADY: usize = 5;
/// How long everything may take to settle at the end: probes run once a second, comparisons are retried.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for a change before the next look.
const LOOK: &str = "50ms";
const STATUSES: [&str; 3] = ["passing", "warning", "critical"];

/// A generator whose every run is the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (below as u64)).unwrap()
    }
}

/// What should be true.
#[derive(Default)]
struct Model {
    /// Status of each TTL check.
    ttls: BTreeMap<usize, &'static str>,
    /// Status that each script finds.
    scripts: BTreeMap<usize, &'static str>,
    maintained: BTreeSet<usize>,
    /// Ports of the services in files.
    files: BTreeMap<usize, u16>,
}

fn has_script(number: usize) -> bool {
    number % 10 == 3
}

fn has_alias(number: usize) -> bool {
    number % 10 == 7
}

fn may_leave(number: usize) -> bool {
    number % 10 < 3
}

impl Model {
    fn own_status(&self, number: usize) -> &'static str {
        let of = [self.ttls.get(&number), self.scripts.get(&number)];
        of.into_iter()
            .flatten()
            .copied()
            .max_by_key(|s| rank(s))
            .unwrap_or("passing")
    }

    /// What an alias of the service sees: its maintenance too.
    fn seen_status(&self, number: usize) -> &'static str {
        if self.maintained.contains(&number) {
            "critical"
        } else {
            self.own_status(number)
        }
    }

    /// Every check with its status.
    fn checks(&self) -> BTreeMap<String, &'static str> {
        let mut all = BTreeMap::new();
        for (number, status) in &self.ttls {
            all.insert(format!("t{number}"), *status);
            if has_alias(*number) {
                all.insert(format!("a{number}"), self.seen_status(number - 1));
            }
        }
        for (number, status) in &self.scripts {
            all.insert(format!("x{number}"), *status);
        }
        for number in &self.maintained {
            all.insert(format!("_service_maintenance:s{number}-id"), "critical");
        }
        for number in 0..STEADY {
            all.insert(format!("steady{number}"), "passing");
        }
        all
    }

    /// Names that DNS answers.
    fn answering(&self) -> BTreeSet<String> {
        let alive = self.ttls.keys().filter(|number| {
            let aliased = has_alias(**number) && self.seen_status(**number - 1) == "critical";
            self.own_status(**number) != "critical" && !aliased && !self.maintained.contains(number)
        });
        let mut names: BTreeSet<String> = alive.map(|number| format!("s{number}")).collect();
        names.extend(self.files.keys().map(|number| format!("f{number}")));
        names
    }
}

fn rank(status: &str) -> usize {
    STATUSES.iter().position(|s| *s == status).unwrap()
}

/// Ends the watching thread also when the test fails.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Day<'a> {
    home: &'a Path,
    agent: Agent,
    client: Client,
    model: Model,
    /// Where the agent answers, for who watches; `None` while it is down.
    address: &'a Mutex<Option<SocketAddr>>,
}

impl Day<'_> {
    fn put(&mut self, target: &str, body: &Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.client.ask("PUT", target, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    }

    fn get(&mut self, target: &str) -> Value {
        let answer = self.client.ask("GET", target, b"").unwrap();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn register(&mut self, number: usize) {
        let mut checks = vec![json!({"CheckID": format!("t{number}"), "TTL": "1h"})];
        if has_script(number) {
            let flag = self.flag(number);
            let line = format!("exit $(cat {})", flag.display());
            checks.push(json!({"CheckID": format!("x{number}"), "Args": ["/bin/sh", "-c", line], "Interval": "1s"}));
        }
        if has_alias(number) {
            let target = format!("s{}-id", number - 1);
            checks.push(json!({"CheckID": format!("a{number}"), "AliasService": target}));
        }
        let body = json!({"ID": format!("s{number}-id"), "Name": format!("s{number}"), "Port": 1000 + number, "Checks": checks});
        self.put("/v1/agent/service/register", &body);
        self.model.ttls.entry(number).or_insert("critical");
    }

    fn flag(&self, number: usize) -> std::path::PathBuf {
        self.home.join(format!("flag{number}"))
    }

    fn set_flag(&mut self, number: usize, to: usize) {
        // Replaced at once: a script must not read an empty file.
        let temporary = self.home.join("flag.tmp");
        std::fs::write(&temporary, to.to_string()).unwrap();
        std::fs::rename(&temporary, self.flag(number)).unwrap();
        self.model.scripts.insert(number, STATUSES[to]);
    }

    fn beat(&mut self, number: usize, status: usize) {
        let verb = ["pass", "warn", "fail"][status];
        self.put(
            &format!("/v1/agent/check/{verb}/t{number}?note=n"),
            &Value::Null,
        );
        self.model.ttls.insert(number, STATUSES[status]);
    }

    fn steady(&mut self, number: usize) {
        let body = json!({"Name": format!("steady{number}"), "Check": {"CheckID": format!("steady{number}"), "TTL": "1h"}});
        self.put("/v1/agent/service/register", &body);
    }

    fn reload(&mut self) {
        let services: Vec<Value> = self
            .model
            .files
            .iter()
            .map(|(number, port)| json!({"name": format!("f{number}"), "port": port}))
            .collect();
        let text = json!({ "services": services }).to_string();
        std::fs::write(self.home.join("config.d/services.json"), text).unwrap();
        self.put("/v1/agent/reload", &Value::Null);
    }

    fn restart(&mut self, clean: bool) {
        *self.address.lock().unwrap() = None;
        if clean {
            self.agent.stop();
        } else {
            self.agent.kill();
        }
        self.agent = Agent::start(self.home, &[]);
        self.client = self.agent.client();
        *self.address.lock().unwrap() = Some(self.agent.address);
    }

    fn step(&mut self, dice: &mut Dice) {
        let number = dice.roll(SERVICES);
        let known = self.model.ttls.contains_key(&number);
        match dice.roll(100) {
            0..60 if known => self.beat(number, dice.roll(3)),
            60..72 => self.register(number),
            72..78 if known && may_leave(number) => {
                self.put(
                    &format!("/v1/agent/service/deregister/s{number}-id"),
                    &Value::Null,
                );
                self.model.ttls.remove(&number);
                self.model.maintained.remove(&number);
            }
            78..84 if known => {
                let enable = !self.model.maintained.remove(&number);
                if enable {
                    self.model.maintained.insert(number);
                }
                let target = format!("/v1/agent/service/maintenance/s{number}-id?enable={enable}");
                self.put(&target, &Value::Null);
            }
            84..90 => self.set_flag(number / 10 * 10 + 3, dice.roll(3)),
            90..95 => self.steady(number % STEADY),
            95..99 => {
                let file = number % 10;
                if self.model.files.remove(&file).is_none() {
                    let port = u16::try_from(2000 + dice.roll(50)).unwrap();
                    self.model.files.insert(file, port);
                }
                self.reload();
            }
            _ => {}
        }
    }

    /// What differs from the model now; empty when nothing does.
    fn differences(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        let want = self.model.checks();
        let shown = self.get("/v1/agent/checks");
        let agent: BTreeMap<String, String> = shown
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, row)| (id.clone(), row["Status"].as_str().unwrap().to_owned()))
            .collect();
        let rows = self.get("/v1/health/state/any");
        let mut catalog: BTreeMap<String, String> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row["CheckID"].as_str().unwrap().to_owned(),
                    row["Status"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        catalog.remove("serfHealth");
        for (what, found) in [("agent", &agent), ("catalog", &catalog)] {
            for id in found.keys().chain(want.keys()).collect::<BTreeSet<_>>() {
                let (is, should) = (found.get(id).map(String::as_str), want.get(id).copied());
                if is != should {
                    wrong.push(format!("{what}: {id} is {is:?} and should be {should:?}"));
                }
            }
        }
        let names: BTreeSet<String> = (0..SERVICES)
            .map(|n| format!("s{n}"))
            .chain((0..10).map(|n| format!("f{n}")))
            .collect();
        let answering = self.model.answering();
        for name in names {
            let (is, should) = (
                resolves(self.agent.address, &name),
                answering.contains(&name),
            );
            if is != should {
                wrong.push(format!("DNS: {name} answers: {is}, and should: {should}"));
            }
        }
        wrong
    }
}

/// Whether DNS has an address for a service.
fn resolves(address: SocketAddr, service: &str) -> bool {
    let socket = UdpSocket::bind((address.ip(), 0)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket.connect((address.ip(), 8600)).unwrap();
    // One question, class IN, type A.
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [service, "service", "consul"] {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 1, 0, 1]);
    socket.send(&question).unwrap();
    let mut answer = [0; 1024];
    let length = socket.recv(&mut answer).unwrap();
    assert!(length > 12, "a DNS answer has a head");
    u16::from_be_bytes([answer[6], answer[7]]) > 0
}

/// Looks at the steady services until told to stop, at every change and now and then; what was wrong with them.
fn watch_steady(address: &Mutex<Option<SocketAddr>>, stop: &AtomicBool) -> Vec<String> {
    let (mut flaps, mut index) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        // While the agent is away there is nothing to see.
        let look = || {
            if stop.load(Ordering::Relaxed) {
                return Some(None);
            }
            let mut client = Client::connect((*address.lock().unwrap())?).ok()?;
            let target = format!("/v1/health/state/critical?stale&index={index}&wait={LOOK}");
            let answer = client.ask("GET", &target, b"").ok()?;
            (answer.status == 200).then_some(Some(answer))
        };
        let Some(answer) = testkit::until(SETTLE_LIMIT, look, || "the agent is gone".into()) else {
            break;
        };
        index = answer.index;
        let text = answer.text();
        if text.contains("steady") {
            flaps.push(text);
        }
    }
    flaps
}

#[test]
fn a_day_in_a_minute() {
    let steps = std::env::var("PROCONSUL_DAY_STEPS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(STEPS);
    let home = tempfile::tempdir().unwrap();
    let agent = Agent::start(home.path(), &[]);
    let client = agent.client();
    let address = Mutex::new(None);
    let stop = AtomicBool::new(false);
    let mut day = Day {
        home: home.path(),
        agent,
        client,
        model: Model::default(),
        address: &address,
    };
    let mut dice = Dice(0x5eed_0fda_0001);
    for number in (0..SERVICES).filter(|number| has_script(*number)) {
        day.set_flag(number, 0);
    }
    for number in 0..SERVICES {
        day.register(number);
        day.beat(number, 0);
    }
    for number in 0..STEADY {
        day.steady(number);
        day.put(
            &format!("/v1/agent/check/pass/steady{number}"),
            &Value::Null,
        );
    }
    *address.lock().unwrap() = Some(day.agent.address);
    let flaps = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_steady(&address, &stop));
        let ending = StopAtEnd(&stop);
        for step in 0..steps {
            day.step(&mut dice);
            if step % 150 == 149 {
                day.restart(step % 300 == 299);
            }
        }
        let wrong = std::cell::RefCell::new(Vec::new());
        let settled = || {
            wrong.replace(day.differences());
            wrong.borrow().is_empty().then_some(())
        };
        testkit::until(SETTLE_LIMIT, settled, || wrong.borrow().join("\n"));
        drop(ending);
        watcher.join().unwrap()
    });
    assert!(flaps.is_empty(), "shown as critical: {flaps:?}");
}
