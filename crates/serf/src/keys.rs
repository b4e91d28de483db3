//! Keys of the pool: questions that install, use, remove and list them (spec/wire.md §2.6, "Internal queries").

use crate::config::{QUERY_SIZE_MAX, Question};
use crate::messages::{KeyRequest, KeyResponse, Message, QueryResponse, decode, encode, kind};
use base64::Engine;
use bytes::Bytes;
use dialect::List;
use swim::Keyring;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Add a key, which then opens what others seal with it.
    Install,
    /// Seal with a key that is installed.
    Use,
    /// Take a key out.
    Remove,
    /// Tell the keys.
    List,
}

impl Operation {
    /// By the name of the question, without its prefix.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "install-key" => Self::Install,
            "use-key" => Self::Use,
            "remove-key" => Self::Remove,
            "list-keys" => Self::List,
            _ => return None,
        })
    }

    /// The name of the question.
    pub fn query(self) -> &'static str {
        match self {
            Self::Install => "_serf_install-key",
            Self::Use => "_serf_use-key",
            Self::Remove => "_serf_remove-key",
            Self::List => "_serf_list-keys",
        }
    }
}

/// A question about keys that came.
pub(crate) struct KeyTask {
    operation: Operation,
    pub(crate) question: Question,
}

/// The payload of a question about keys.
pub fn key_request(key: &[u8]) -> Bytes {
    let key = Bytes::copy_from_slice(key);
    encode(kind::KEY_REQUEST, &KeyRequest { key }).into()
}

/// A node's answer to a question about keys; `None` for what is none.
pub fn key_response(payload: &[u8]) -> Option<KeyResponse> {
    decode(kind::KEY_RESPONSE, payload)
}

impl KeyTask {
    pub(crate) fn new(operation: Operation, question: Question) -> Self {
        Self {
            operation,
            question,
        }
    }

    /// Does it; the answer's payload, and whether the keys changed.
    pub(crate) fn run(&self, name: &str, keyring: &mut Keyring) -> (Bytes, bool) {
        let mut response = KeyResponse::default();
        let mut changed = false;
        if keyring.is_empty() {
            response.message = match self.operation {
                Operation::List => "Keyring is empty (encryption not enabled)",
                _ => "No keyring to modify (encryption not enabled)",
            }
            .to_owned();
        } else if self.operation == Operation::List {
            self.list(name, keyring, &mut response);
        } else {
            let request: Option<KeyRequest> = decode(kind::KEY_REQUEST, self.question.payload());
            let key = request.unwrap_or_default().key;
            let done = match self.operation {
                Operation::Install => keyring.install(&key),
                Operation::Use => keyring.use_key(&key),
                _ => keyring.remove(&key),
            };
            match done {
                Ok(()) => (response.result, changed) = (true, true),
                Err(error) => response.message = error.to_string(),
            }
        }
        (encode(kind::KEY_RESPONSE, &response).into(), changed)
    }

    fn list(&self, name: &str, keyring: &Keyring, response: &mut KeyResponse) {
        let keys: Vec<String> = keyring
            .keys()
            .map(|key| base64::engine::general_purpose::STANDARD.encode(key))
            .collect();
        response.result = true;
        response.primary = keys.first().cloned().unwrap_or_default();
        let total = keys.len();
        for shown in (0..=total).rev() {
            response.keys = List::from(keys[..shown].to_vec());
            if shown < total {
                response.message =
                    format!("truncated key list response, showing first {shown} of {total} keys");
            }
            if self.fits(name, response) {
                return;
            }
        }
    }

    fn fits(&self, name: &str, response: &KeyResponse) -> bool {
        let whole = QueryResponse {
            time: self.question.time(),
            id: self.question.id(),
            from: name.to_owned(),
            flags: 0,
            payload: encode(kind::KEY_RESPONSE, response).into(),
        };
        Message::Response(whole).encode().len() <= QUERY_SIZE_MAX
    }
}
