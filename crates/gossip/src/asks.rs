//! Answers to questions of ours, and what they say together when the question was about keys (spec/wire.md §2.6).

use base64::Engine;
use bytes::Bytes;
use std::collections::{BTreeMap, HashSet};
use tokio::sync::mpsc;

/// One member's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who answers.
    pub from: String,
    /// What it says; `None` for an acknowledgement.
    pub payload: Option<Bytes>,
}

/// Answers as they come, until the question's time is over. There are at most two per member: serf takes no more.
pub struct Answers(pub(crate) mpsc::UnboundedReceiver<Answer>);

impl Answers {
    /// The next answer; `None` when the time is over.
    pub async fn next(&mut self) -> Option<Answer> {
        self.0.recv().await
    }
}

/// What the members say of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyReport {
    /// Members that were asked.
    pub nodes: usize,
    /// Members that answered.
    pub answers: usize,
    /// Members that could not do it.
    pub failures: usize,
    /// What members said beside that, by name.
    pub messages: BTreeMap<String, String>,
    /// How many members have a key, by its base64.
    pub keys: BTreeMap<String, usize>,
    /// How many members seal with a key, by its base64.
    pub primary: BTreeMap<String, usize>,
}

impl KeyReport {
    /// Hears answers until all members gave one or the time is over.
    pub(crate) async fn gather(mut answers: Answers, nodes: usize) -> Self {
        let mut report = Self {
            nodes,
            ..Self::default()
        };
        let mut seen = HashSet::new();
        while report.answers < nodes
            && let Some(answer) = answers.next().await
        {
            let Answer {
                from,
                payload: Some(payload),
            } = answer
            else {
                continue;
            };
            if seen.insert(from.clone()) {
                report.count(from, &payload);
            }
        }
        report
    }

    fn count(&mut self, from: String, payload: &[u8]) {
        self.answers += 1;
        let Some(said) = serf::key_response(payload) else {
            self.failures += 1;
            self.messages
                .insert(from, "Invalid key query response type".to_owned());
            return;
        };
        if !said.result {
            self.failures += 1;
        }
        if !said.message.is_empty() {
            self.messages.insert(from, said.message);
        }
        for key in said.keys.iter().filter(|key| is_key(key)) {
            *self.keys.entry(key.clone()).or_default() += 1;
        }
        if is_key(&said.primary) {
            *self.primary.entry(said.primary).or_default() += 1;
        }
    }

    /// What went wrong, if not all could do it: the reference's text.
    pub fn error(&self) -> Option<String> {
        if self.failures > 0 {
            Some(format!(
                "{}/{} nodes reported failure",
                self.failures, self.nodes
            ))
        } else if self.answers != self.nodes {
            Some(format!(
                "{}/{} nodes reported success",
                self.answers, self.nodes
            ))
        } else {
            None
        }
    }
}

/// A member may answer anything; only what could be a key is passed on.
fn is_key(text: &str) -> bool {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    bytes.is_ok_and(|bytes| swim::KEY_SIZES.contains(&bytes.len()))
}
