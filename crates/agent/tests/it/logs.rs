//! What the log says of services and checks: the reference's words, levels and keys.

use super::bench::{Bench, SECOND};
use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::sync::Once;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    /// Lines such as `WARN Check is now critical: check=c`; a test and its tasks have a thread of their own.
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Starts to listen, for the whole process: whoever logs first decides for all threads whether a line is ever wanted, so that
/// a listener of one thread alone would miss what others have said before it.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Ear).unwrap());
}

/// What was logged on this thread since the last call.
fn heard() -> Vec<String> {
    HEARD.take()
}

struct Ear;

#[derive(Default)]
struct Line {
    message: String,
    pairs: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            write!(self.pairs, " {}={value:?}", field.name()).unwrap();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.pairs, " {}={value}", field.name()).unwrap();
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("agent")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let colon = if line.pairs.is_empty() { "" } else { ":" };
        let level = event.metadata().level();
        let line = format!("{level} {}{colon}{}", line.message, line.pairs);
        HEARD.with_borrow_mut(|heard| heard.push(line));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_life_of_services_and_checks() {
    heard();
    let bench = Bench::new().await;
    assert_eq!(
        heard(),
        ["INFO started state syncer", "INFO Synced node info"]
    );
    bench
        .service(r#"{"Name":"web","ID":"web-1","Check":{"TTL":"10s"}}"#)
        .await
        .unwrap();
    assert_eq!(heard(), ["INFO Synced service: service=web-1"]);
    bench.beat("service:web-1", "passing", "").await;
    assert_eq!(
        heard(),
        [
            "DEBUG Check status updated: check=service:web-1 status=passing",
            "INFO Synced check: check=service:web-1"
        ]
    );
    bench.pass(SECOND * 11).await;
    assert_eq!(
        heard(),
        [
            "WARN Check missed TTL, is now critical: check=service:web-1",
            "INFO Synced check: check=service:web-1"
        ]
    );
    bench.deregister("web-1").await.unwrap();
    assert_eq!(heard(), ["INFO Deregistered service: service=web-1"]);
    let caller = ports::Caller::internal();
    for (on, want) in [
        (
            true,
            [
                "INFO Node entered maintenance mode",
                "INFO Synced check: check=_node_maintenance",
            ],
        ),
        (
            false,
            [
                "INFO Node left maintenance mode",
                "INFO Deregistered check: check=_node_maintenance",
            ],
        ),
    ] {
        let port: &dyn ports::LocalAgent = &bench.port;
        port.maintenance(&caller, None, on, "").await.unwrap();
        assert_eq!(heard(), want);
    }
}

/// Each result of a probe is a line, whether or not it changes something.
#[tokio::test]
async fn a_probe_that_fails_says_so_each_time() {
    let mut config = super::bench::config(None);
    config.scripts = true;
    let bench = Bench::of(
        config,
        &agent::Definitions::default(),
        Default::default(),
        rt::Time::manual(),
    )
    .await;
    bench.pass(SECOND * 5).await;
    bench
        .check("c", "", r#"{"Args":["/nowhere/x"],"Interval":"10s"}"#)
        .await
        .unwrap();
    heard();
    bench.pass(SECOND * 10).await;
    bench.pass(SECOND * 10).await;
    assert_eq!(heard(), ["WARN Check is now critical: check=c"; 2]);
    let output = bench.shown("c").1;
    assert_eq!(output, "fork/exec /nowhere/x: no such file or directory");
}
