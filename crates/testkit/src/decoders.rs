//! Every decoder that reads bytes from outside, as one function each: it must not panic, must not take memory out of
//! proportion, and what it takes must survive its own encoder.
//!
//! The fuzz targets (`fuzz/`) call nothing but these, and so do the tests here, with the seeds and with broken copies of them.

use bytes::Bytes;
use dialect::{Any, hcl, json, msgpack};
use std::io;
use wire::command::{KvsRequest, RegisterRequest, TxnRequest};

/// Bytes of decompressed state that an archive may have here; a bomb ends with an error.
const ARCHIVE_MAX: usize = 1 << 20;

/// A decoder under its name.
pub type Decoder = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: &[Decoder] = &[
    #[cfg(feature = "http")]
    ("http_head", http_head),
    ("json_body", json_body),
    ("dns", dns),
    ("msgpack", msgpack),
    ("filter", filter),
    ("hcl", hcl),
    ("rules", rules),
    ("audit", audit),
    ("log_record", log_record),
    ("raft_message", raft_message),
    ("command", command),
    ("rpc_body", rpc_body),
    ("snapshot", snapshot),
    ("archive", archive),
];

/// Head of an HTTP request: request line, headers, path and query.
#[cfg(feature = "http")]
pub fn http_head(input: &[u8]) {
    let _ = httpd::reads_head(input);
}

/// A body of the server port: the first byte says of which method, and whether it is a request or a reply.
pub fn rpc_body(input: &[u8]) {
    let Some((which, body)) = input.split_first() else {
        return;
    };
    let methods = wire::rpc::METHODS;
    let method = &methods[usize::from(which >> 1) % methods.len()];
    let recode = if which & 1 == 0 {
        method.request
    } else {
        method.reply
    };
    if let Ok(written) = recode(body) {
        let again = recode(&written).expect("what was written decodes");
        assert_eq!(again, written, "{}", method.name);
    }
}

/// Bodies of writes, strict and lax.
pub fn json_body(input: &[u8]) {
    for mode in [json::Mode::Strict, json::Mode::Lax] {
        let _ = json::from_slice::<RegisterRequest>(input, mode);
        let _ = json::from_slice::<model::PreparedQuery>(input, mode);
        let _ = json::from_slice::<model::Session>(input, mode);
        let _ = json::from_slice::<model::NodeService>(input, mode);
    }
}

/// A datagram as a question, and as a recursor's answer.
pub fn dns(input: &[u8]) {
    if let dns::Request::Question(question) = dns::Request::parse(input) {
        let again = question.packet();
        assert!(
            matches!(dns::Request::parse(&again), dns::Request::Question(_)),
            "a question that is asked on is none any more"
        );
        let _ = dns::same_question(input, &question, 7);
        dns::fail_forwarding(&question, &mut Vec::new());
    }
    let _ = dns::read_answers(input);
}

/// Replicated records in the msgpack dialect.
pub fn msgpack(input: &[u8]) {
    let _ = msgpack::from_slice::<Any>(input);
    let _ = msgpack::from_slice::<RegisterRequest>(input);
    let _ = msgpack::from_slice::<KvsRequest>(input);
    let _ = msgpack::from_slice::<TxnRequest>(input);
}

/// `?filter=` over several kinds of rows.
pub fn filter(input: &[u8]) {
    use ports::filter;
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let _ = bexpr::check_syntax(text);
    let _ = filter::compile(text, &filter::CHECK_SERVICE_NODE);
    if let Ok(Some(filter)) = filter::compile(text, &filter::HEALTH_CHECK) {
        let _ = filter.matches(&model::HealthCheck::default());
    }
    if let Ok(Some(filter)) = filter::compile(text, &filter::NODE_SERVICE) {
        let _ = filter.matches(&model::NodeService::default());
    }
}

/// Rules as somebody writes them: what is taken compiles, decides, and is taken as stored rules too.
pub fn rules(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let stored = acl::Policy::parse_stored(text);
    if let Ok(policy) = acl::Policy::parse(text) {
        assert_eq!(stored.as_ref(), Ok(&policy), "taken, and not as stored");
        let authorizer = acl::Authorizer::compile(&[&policy], acl::Fallback::Deny);
        let right = acl::Right::new(acl::Resource::Key, input, acl::Access::WritePrefix);
        authorizer.decide(right, acl::Context::LOCAL);
    }
    let _ = dialect::hil::Text::parse(text);
}

/// Lines of an audit log.
pub fn audit(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = acl::audit::verify(text.lines(), None);
    }
}

/// A configuration file.
pub fn hcl(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let _ = hcl::parse(text);
    let _ = hcl::items(text, hcl::Duplicates::Refuse);
}

/// A segment of the log, record after record.
pub fn log_record(input: &[u8]) {
    use consensus::record::{ALIGN, inspect};
    for at in (0..input.len()).step_by(ALIGN) {
        let _ = inspect(0, input, at);
    }
}

/// A message between servers.
pub fn raft_message(input: &[u8]) {
    let _ = consensus::message::decode(Bytes::copy_from_slice(input));
}

/// An entry of the log as a command; what decodes encodes again.
pub fn command(input: &[u8]) {
    if let Ok(command) = wire::Command::decode(&Bytes::copy_from_slice(input)) {
        let encoded = command.encode();
        assert!(
            wire::Command::decode(&encoded).is_ok(),
            "a command that was encoded does not decode"
        );
    }
}

/// A native snapshot of the tables.
pub fn snapshot(input: &[u8]) {
    let mut rest = input;
    if let Ok(store) = state::Store::load(&mut rest) {
        assert!(store.write_to(&mut io::sink()).is_ok());
    }
}

/// An archive of `snapshot save`, compressed, and its stream of records.
pub fn archive(input: &[u8]) {
    let mut state = Limited(Vec::new());
    if wire::archive::read(input, &mut state).is_ok() {
        records(&state.0);
    }
    records(input);
}

fn records(stream: &[u8]) {
    let mut loader = state::archive::Loader::new();
    let fed = stream.chunks(1000).try_for_each(|part| loader.feed(part));
    if fed.is_ok() {
        let _ = loader.finish();
    }
}

/// Takes a limited number of bytes.
struct Limited(Vec<u8>);

impl wire::archive::Sink for Limited {
    fn announced(&mut self, _: u64) -> Result<(), String> {
        Ok(())
    }
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > ARCHIVE_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Something that each decoder understands, at least in part.
    fn seeds() -> Vec<Vec<u8>> {
        let request = RegisterRequest {
            node: "n".into(),
            address: "10.0.0.1".into(),
            ..RegisterRequest::default()
        };
        let mut snapshot = Vec::new();
        state::Store::new().write_to(&mut snapshot).unwrap();
        let mut record = bytes::BytesMut::new();
        let header = consensus::record::Header {
            len: 3,
            kind: consensus::record::Kind::Command,
            last: true,
            batch: 1,
            index: 1,
            term: 1,
        };
        consensus::record::encode(&mut record, 0, &header, b"abc");
        vec![
            b"GET /v1/kv/a%2Fb?raw&index=4&filter=a%20==%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n".to_vec(),
            br#"{"Node":"n","Address":"10.0.0.1","Service":{"Service":"s","Tags":["a"],"Weights":{"Passing":1}},"Check":{"Interval":"10s"}}"#.to_vec(),
            b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03web\x07service\x06consul\x00\x00\x21\x00\x01\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00".to_vec(),
            br#"Service.Tags contains "a" and (Node.Meta["k"] != `v` or not Checks is empty) and ID matches "^a+$""#.to_vec(),
            b"service { name = \"web\" port = 80 check { args = [\"a\", \"b\"] interval = \"1s\" } }\nkey \"k\" { policy = <<EOF\nx\nEOF\n}".to_vec(),
            wire::Command::Register(Box::new(request)).encode().to_vec(),
            snapshot,
            record.to_vec(),
            b"key_prefix \"a/\" { policy = \"list\" }\nservice \"${x}\" { policy = \"read\" intentions = \"deny\" }\noperator = \"read\"".to_vec(),
            audit_line().into_bytes(),
            rpc_request(),
        ]
    }

    /// A request of the server port, behind the byte that says which.
    fn rpc_request() -> Vec<u8> {
        let mut methods = wire::rpc::METHODS.iter();
        let at = methods.position(|method| method.name == "Catalog.Register");
        let which = u8::try_from(at.unwrap() * 2).unwrap();
        let request = RegisterRequest {
            node: "n".into(),
            checks: [model::HealthCheck::default()].into(),
            ..RegisterRequest::default()
        };
        let body = msgpack::to_vec(&request);
        super::rpc_body(&[&[which][..], &body].concat());
        [vec![which], body].concat()
    }

    fn audit_line() -> String {
        let event = acl::audit::Event {
            time: dialect::GoTime::default(),
            accessor: "a",
            source: "",
            route: "PUT /v1/kv/:key",
            names: &["k"],
            outcome: acl::audit::Outcome::Denied,
            reason: "",
        };
        acl::audit::Head::default().line(&event).0
    }

    #[test]
    fn seeds_and_everything_cut_from_them() {
        for seed in seeds() {
            for (_, decoder) in ALL {
                for end in 0..=seed.len() {
                    decoder(&seed[..end]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn seeds_with_other_bytes(which in 0..11usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let mut bytes = seeds().swap_remove(which);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            for (_, decoder) in ALL {
                decoder(&bytes);
            }
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for (_, decoder) in ALL {
                decoder(&bytes);
            }
        }
    }
}
