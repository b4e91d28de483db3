//! Calls on one stream of bytes, as a value: heads and bodies are cut out of what arrives, one call at a time (spec/wire.md §3.5).

use crate::limits::HEAD_MAX;
use crate::port::{Failure, Found, Methods};
use bytes::{Bytes, BytesMut};
use dialect::msgpack::{self, Scan};
use std::net::SocketAddr;
use wire::rpc::{RequestHeader, ResponseHeader};

/// The reply's body where there is none.
const EMPTY: u8 = 0x80;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Step {
    /// Wait for more bytes, or for the call that runs.
    Wait,
    /// A whole call; nothing is read until [`Conversation::done`].
    Call(RequestHeader, Bytes),
    /// Say this, and close.
    Close(Bytes),
}

/// One stream's calls.
pub(crate) struct Conversation {
    input: BytesMut,
    scan: Scan,
    head: Option<RequestHeader>,
    busy: bool,
    body_max: usize,
}

impl Conversation {
    pub(crate) fn new(body_max: usize) -> Self {
        Self {
            input: BytesMut::new(),
            scan: Scan::default(),
            head: None,
            busy: false,
            body_max,
        }
    }

    /// Bytes that are kept.
    pub(crate) fn held(&self) -> usize {
        self.input.len()
    }

    /// Whether a call runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Takes what arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The call is over.
    pub(crate) fn done(&mut self) {
        self.busy = false;
        if self.input.is_empty() {
            // A stream that only waits costs no buffer.
            self.input = BytesMut::new();
        }
    }

    /// The next thing to do.
    pub(crate) fn step(&mut self, methods: &dyn Methods, peer: SocketAddr) -> Step {
        if self.busy {
            return Step::Wait;
        }
        if self.head.is_none() {
            let head = match self.cut(HEAD_MAX) {
                Ok(None) => return Step::Wait,
                Ok(Some(bytes)) => {
                    msgpack::from_bytes::<RequestHeader>(&bytes).map_err(|error| error.to_string())
                }
                Err(why) => Err(why),
            };
            let head = match head {
                Ok(head) => head,
                Err(why) => {
                    return Step::Close(refusal(&RequestHeader::default(), &undecodable(&why)));
                }
            };
            if let Err(why) = admitted(&head.service_method, methods, peer) {
                return Step::Close(refusal(&head, &why));
            }
            self.head = Some(head);
        }
        match self.cut(self.body_max) {
            Ok(None) => Step::Wait,
            Ok(Some(body)) => {
                self.busy = true;
                Step::Call(self.head.take().unwrap_or_default(), body)
            }
            Err(why) => {
                let head = self.head.take().unwrap_or_default();
                Step::Close(refusal(&head, &undecodable(&why)))
            }
        }
    }

    /// Cuts a whole value off the front.
    fn cut(&mut self, most: usize) -> Result<Option<Bytes>, String> {
        let end = self
            .scan
            .advance(&self.input)
            .map_err(|error| error.to_string())?;
        let least = end.map_or(self.scan.at_least(), |end| end as u64);
        if least > most as u64 || (end.is_none() && self.input.len() > most) {
            return Err(format!("more than {most} bytes"));
        }
        let Some(end) = end else {
            return Ok(None);
        };
        self.scan = Scan::default();
        Ok(Some(self.input.split_to(end).freeze()))
    }
}

/// Whether there is such a method, and it may be called.
fn admitted(name: &str, methods: &dyn Methods, peer: SocketAddr) -> Result<(), String> {
    let Some((service, method)) = name.rsplit_once('.') else {
        return Err(format!("rpc: service/method request ill-formed: {name}"));
    };
    match methods.find(service, method) {
        Found::Method => methods.admits(name, peer),
        Found::NoMethod => Err(format!("rpc: can't find method {name}")),
        Found::NoService => Err(format!("rpc: can't find service {name}")),
    }
}

fn undecodable(why: &str) -> String {
    format!("rpc: server cannot decode request: {why}")
}

/// The bytes of a reply, and whether the stream is closed behind it.
pub(crate) fn reply(head: &RequestHeader, outcome: Result<Bytes, Failure>) -> (Bytes, bool) {
    match outcome {
        Ok(body) => {
            let mut out = Vec::with_capacity(128 + body.len());
            out.extend(header(head, ""));
            out.extend_from_slice(&body);
            (out.into(), false)
        }
        Err(Failure::Method(why)) => (refusal(head, &why), false),
        Err(Failure::Body(why)) => (refusal(head, &undecodable(&why)), true),
    }
}

fn refusal(head: &RequestHeader, why: &str) -> Bytes {
    let mut out = header(head, why);
    out.push(EMPTY);
    out.into()
}

fn header(head: &RequestHeader, error: &str) -> Vec<u8> {
    msgpack::to_vec(&ResponseHeader {
        error: error.to_owned(),
        seq: head.seq,
        service_method: head.service_method.clone(),
    })
}
