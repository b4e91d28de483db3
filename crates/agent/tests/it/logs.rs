//! What the log says of services and checks: the reference's words, levels and keys.

use super::bench::{Bench, SECOND};
use parking_lot::Mutex;
use std::fmt::{Debug, Write};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Lines such as `WARN Check is now critical: check=c` of events on this thread.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

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

impl Subscriber for Heard {
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
        self.0
            .lock()
            .push(format!("{level} {}{colon}{}", line.message, line.pairs));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_life_of_services_and_checks() {
    let heard = Heard::default();
    let _here = tracing::subscriber::set_default(heard.clone());
    let bench = Bench::new().await;
    assert_eq!(
        heard.take(),
        ["INFO started state syncer", "INFO Synced node info"]
    );
    bench
        .service(r#"{"Name":"web","ID":"web-1","Check":{"TTL":"10s"}}"#)
        .await
        .unwrap();
    assert_eq!(heard.take(), ["INFO Synced service: service=web-1"]);
    bench.beat("service:web-1", "passing", "").await;
    assert_eq!(
        heard.take(),
        [
            "DEBUG Check status updated: check=service:web-1 status=passing",
            "INFO Synced check: check=service:web-1"
        ]
    );
    bench.pass(SECOND * 11).await;
    assert_eq!(
        heard.take(),
        [
            "WARN Check missed TTL, is now critical: check=service:web-1",
            "INFO Synced check: check=service:web-1"
        ]
    );
    bench.deregister("web-1").await.unwrap();
    assert_eq!(heard.take(), ["INFO Deregistered service: service=web-1"]);
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
        assert_eq!(heard.take(), want);
    }
}
