//! The stream of changes of a proconsul agent, resumed by itself. The reference has no such endpoint.

use crate::{Client, Error, QueryOptions, Response};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

const PATH: &str = "/v1/x/changes";
/// A stream that tells nothing for so long is lost: the server gives a sign of life every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Longest event, bytes; a key with the largest value takes less than one MiB.
const LINE_BYTES_MAX: usize = 16 << 20;
/// Wait after a first failure; doubles with each further one.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// Longest wait after failures.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What a stream tells of. `*` as a name stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// Prefixes of keys; an empty one stands for all keys.
    pub kv: Vec<String>,
    /// Names of services, for their instances.
    pub services: Vec<String>,
    /// Names of nodes.
    pub nodes: Vec<String>,
    /// IDs of checks.
    pub checks: Vec<String>,
    /// Names of services, for the checks of their instances.
    pub service_checks: Vec<String>,
}

/// What tells a row from all others. Names are in lower case; the row has their spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowId {
    /// A key.
    Kv(String),
    /// A node by name.
    Node(String),
    /// An instance by node and ID.
    Service(String, String),
    /// A check by node and ID.
    Check(String, String),
}

/// One event of the stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Forget all rows: they are told anew. Why: `begin`, `expired`, `ahead`, `replaced`.
    Reset(String),
    /// A row was written.
    Upsert {
        /// Which.
        id: RowId,
        /// Index of the change.
        index: u64,
        /// As the API shows it (`/v1/kv`, `/v1/catalog/service`, `/v1/catalog/nodes`, `/v1/health/checks`).
        row: Value,
    },
    /// A row is gone.
    Delete {
        /// Which.
        id: RowId,
        /// Index of the change.
        index: u64,
    },
    /// The rows told are exactly those of this index.
    Mark(u64),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Event {
    event: String,
    reason: String,
    kind: String,
    key: String,
    node: String,
    #[serde(rename = "ID")]
    id: String,
    index: u64,
    row: Option<Value>,
}

impl Event {
    fn id(self) -> Option<(RowId, Option<Value>)> {
        let id = match &*self.kind {
            "kv" => RowId::Kv(self.key),
            "node" => RowId::Node(self.node),
            "service" => RowId::Service(self.node, self.id),
            "check" => RowId::Check(self.node, self.id),
            _ => return None,
        };
        Some((id, self.row))
    }
}

/// What became of a line.
enum Line {
    Change(Change),
    /// The server ends the stream for our slowness.
    End,
    /// A sign of life, or an event of a newer server.
    Nothing,
}

fn understood(line: &[u8]) -> Result<Line, Error> {
    if line.trim_ascii().is_empty() {
        return Ok(Line::Nothing);
    }
    let event: Event =
        serde_json::from_slice(line).map_err(|error| Error::Decode(error.to_string()))?;
    let index = event.index;
    Ok(match &*event.event {
        "reset" => Line::Change(Change::Reset(event.reason)),
        "mark" => Line::Change(Change::Mark(index)),
        "end" => Line::End,
        "upsert" => match event.id() {
            Some((id, Some(row))) => Line::Change(Change::Upsert { id, index, row }),
            _ => Line::Nothing,
        },
        "delete" => match event.id() {
            Some((id, _)) => Line::Change(Change::Delete { id, index }),
            None => Line::Nothing,
        },
        _ => Line::Nothing,
    })
}

/// A stream of changes. When the connection is lost it is resumed at the last mark; where the server cannot resume, a
/// [`Change::Reset`] says so. Errors are items as well; after one the next attempt waits, ever longer.
pub struct Changes {
    client: Client,
    subjects: Subjects,
    options: QueryOptions,
    /// The last mark, unless a reset came since: then the rows belong to no index yet.
    index: u64,
    answer: Option<Response>,
    input: Vec<u8>,
    line: Vec<u8>,
    failures: u32,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Changes").field(&self.subjects).finish()
    }
}

impl Client {
    /// Streams what changes about `subjects`, from all their rows on or, with `options.index`, from behind that mark.
    /// Asks nothing before the first [`Changes::next`].
    pub fn changes(&self, subjects: Subjects, options: &QueryOptions) -> Changes {
        Changes {
            client: self.clone(),
            subjects,
            options: options.clone(),
            index: options.index,
            answer: None,
            input: Vec::new(),
            line: Vec::new(),
            failures: 0,
        }
    }
}

impl Changes {
    /// The next event.
    ///
    /// # Errors
    /// The call was refused ([`Error::Status`]), or the connection failed; calling again resumes.
    pub async fn next(&mut self) -> Result<Change, Error> {
        loop {
            match self.step().await {
                Ok(Some(change)) => return Ok(change),
                Ok(None) => {}
                Err(error) => {
                    self.answer = None;
                    self.input.clear();
                    self.failures += 1;
                    return Err(error);
                }
            }
        }
    }

    /// The line of JSON that told the last event.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The index at which a stream begun now would go on; 0: from the beginning.
    pub fn index(&self) -> u64 {
        self.index
    }

    async fn step(&mut self) -> Result<Option<Change>, Error> {
        if self.answer.is_none() {
            self.connect().await?;
        }
        if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
            let rest = self.input.split_off(end + 1);
            self.line = std::mem::replace(&mut self.input, rest);
            self.line.truncate(end);
            return self.take();
        }
        if self.input.len() > LINE_BYTES_MAX {
            return Err(Error::Decode("an event is too long".to_owned()));
        }
        let Some(answer) = &mut self.answer else {
            return Ok(None);
        };
        match tokio::time::timeout(SILENCE_MAX, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => self.input.extend_from_slice(&chunk),
            Ok(Ok(None)) => return Err(Error::Decode("the stream ended".to_owned())),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(Error::Decode("the stream is silent".to_owned())),
        }
        Ok(None)
    }

    fn take(&mut self) -> Result<Option<Change>, Error> {
        match understood(&self.line)? {
            Line::Nothing => Ok(None),
            Line::End => {
                // We were too slow; what we have is not lost, and asking again tells the rest.
                self.answer = None;
                self.input.clear();
                Ok(None)
            }
            Line::Change(change) => {
                self.failures = 0;
                match &change {
                    Change::Reset(_) => self.index = 0,
                    Change::Mark(index) => self.index = *index,
                    _ => {}
                }
                Ok(Some(change))
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Error> {
        if self.failures > 0 {
            let wait = RETRY_MIN.saturating_mul(1 << (self.failures - 1).min(6));
            tokio::time::sleep(wait.min(RETRY_MAX)).await;
        }
        let mut options = self.options.clone();
        options.index = self.index;
        options.wait = None;
        let mut request = self.client.read(PATH, &options).param("format", "ndjson");
        let subjects = &self.subjects;
        for (name, values) in [
            ("kv", &subjects.kv),
            ("service", &subjects.services),
            ("node", &subjects.nodes),
            ("check", &subjects.checks),
            ("service-check", &subjects.service_checks),
        ] {
            for value in values {
                request = request.param(name, value);
            }
        }
        self.answer = Some(self.client.call(request).await?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let change = |text: &str| match understood(text.as_bytes()).unwrap() {
            Line::Change(change) => Some(change),
            _ => None,
        };
        assert_eq!(
            change(
                r#"{"Event":"upsert","Kind":"service","Node":"n","ID":"w","Index":4,"Row":{"A":1}}"#
            ),
            Some(Change::Upsert {
                id: RowId::Service("n".into(), "w".into()),
                index: 4,
                row: serde_json::json!({"A": 1})
            })
        );
        assert_eq!(
            change(r#"{"Event":"delete","Kind":"kv","Key":"a","Index":5}"#),
            Some(Change::Delete {
                id: RowId::Kv("a".into()),
                index: 5
            })
        );
        assert_eq!(change(""), None);
        assert_eq!(change(r#"{"Event":"later"}"#), None);
        assert!(understood(b"{").is_err());
    }
}
