//! Watches: blocking queries against the agent's own HTTP API, with a handler that is told of every new result
//! (spec/agent-config.md §19).
//!
//! The HTTP API is asked rather than the port behind it, because what a handler gets is that API's JSON: filters, tokens,
//! datacenters and limits mean here what they mean there.

mod fetch;
mod handler;
mod payload;
mod plan;

pub use fetch::Endpoint;
pub(crate) use plan::{Plan, parse};

use fetch::{Answer, Fetch};
use net::TlsClients;
use rt::{Room, Time};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// First pause after a failure; it grows with the square of the failures in a row.
const RETRY: Duration = Duration::from_secs(5);
/// Longest pause after failures.
const RETRY_MAX: Duration = Duration::from_secs(180);

/// Running watches; they end when this is dropped.
pub(crate) struct Watches(Room);

impl Watches {
    /// Starts all of them.
    pub(crate) fn start(parent: &Room, time: &Time, plans: Vec<Plan>, endpoint: &Endpoint) -> Self {
        let room = parent.child("watches");
        let fetch = Arc::new(Fetch::new(endpoint.clone(), room.clone()));
        let tls = TlsClients::default();
        for plan in plans {
            let (fetch, tls) = (fetch.clone(), tls.clone());
            let (time, inner) = (time.clone(), room.clone());
            room.spawn("watch", async move {
                run(&plan, &fetch, &tls, &time, &inner).await
            });
        }
        Self(room)
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.0.begin_close();
    }
}

/// Where a watch stands.
#[derive(Default)]
struct Seen {
    /// What the next query sends: an index, or a hash.
    mark: String,
    result: Option<Value>,
}

async fn run(plan: &Plan, fetch: &Fetch, tls: &TlsClients, time: &Time, room: &Room) {
    let mut seen = Seen::default();
    let mut failures: u32 = 0;
    loop {
        match look(plan, fetch, &mut seen).await {
            Ok(None) => failures = 0,
            Ok(Some(result)) => {
                failures = 0;
                let handler = &plan.handler;
                handler::tell(handler, tls, time, room, &seen.mark, &result).await;
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let wait = RETRY
                    .saturating_mul(failures.saturating_mul(failures))
                    .min(RETRY_MAX);
                let kind = plan.kind.name();
                let retry =
                    dialect::duration::format(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
                tracing::error!("type" = kind, error, retry, "Watch errored");
                time.sleep(wait).await;
            }
        }
    }
}

/// Asks once; the result if it is news.
async fn look(plan: &Plan, fetch: &Fetch, seen: &mut Seen) -> Result<Option<Value>, String> {
    let answer = fetch.get(&plan.path(&seen.mark), &plan.token).await?;
    let Answer { status, mark, body } = answer;
    let missing = status == 404 && plan.kind.may_be_missing();
    if status != 200 && !missing {
        let text = String::from_utf8_lossy(&body).into_owned();
        return Err(format!("Unexpected response code: {status} ({text})"));
    }
    let before = std::mem::replace(&mut seen.mark, mark);
    if before == seen.mark && !before.is_empty() {
        return Ok(None);
    }
    // An index that goes back belongs to another life of the servers: everything is asked anew.
    if let (Ok(old), Ok(new)) = (before.parse::<u64>(), seen.mark.parse::<u64>())
        && new < old
        && !plan.kind.is_events()
    {
        seen.mark = "0".into();
    }
    let tree = if missing {
        Value::Null
    } else {
        serde_json::from_slice(&body).map_err(|error| error.to_string())?
    };
    let result = payload::shape(&plan.kind, tree, &before);
    if seen.result.as_ref() == Some(&result) {
        return Ok(None);
    }
    seen.result = Some(result.clone());
    Ok(Some(result))
}
