//! Calls as recorded, byte for byte, on both kinds of connections; and what is said of those that cannot be made.

use crate::support::{door, reply, request, soon};
use bytes::Bytes;
use parking_lot::Mutex;
use rpcd::{Call, Failure, Limits, Table};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn unhex(value: &serde_json::Value) -> Vec<u8> {
    let text = value.as_str().expect("hex").as_bytes();
    text.chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16).expect("hex"))
        .collect()
}

/// A recorded call: its method, what was sent, what was answered (head, body), how it failed.
#[derive(Clone)]
struct Recorded {
    method: String,
    request: Vec<u8>,
    body: Bytes,
    reply: Vec<u8>,
    reply_body: Bytes,
    error: String,
}

fn recorded() -> Vec<Recorded> {
    let shared = std::env::var("PROCONSUL_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let mut all = Vec::new();
    for file in ["rpc.json", "rpc-acl.json"] {
        let path = format!("{shared}/conformance/wire/{file}");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let recorded: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for call in recorded["calls"].as_array().expect("calls") {
            let (asked, said) = (&call["request"], &call["reply"]);
            if asked["header_hex"].is_null() || said.is_null() {
                continue;
            }
            let (body, reply_body) = (unhex(&asked["body_hex"]), unhex(&said["body_hex"]));
            all.push(Recorded {
                method: call["method"].as_str().expect("a method").to_owned(),
                request: [unhex(&asked["header_hex"]), body.clone()].concat(),
                body: body.into(),
                reply: [unhex(&said["header_hex"]), reply_body.clone()].concat(),
                reply_body: reply_body.into(),
                error: said["header"]["Error"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            });
        }
    }
    assert!(all.len() > 80, "{}", all.len());
    all
}

/// Calls that are to come, in their order.
type Expected = Arc<Mutex<VecDeque<Recorded>>>;

/// Methods that answer what was recorded, for just the call that is to come next.
fn as_recorded(expected: &Expected) -> Table {
    let mut table = Table::default();
    for call in recorded() {
        let expected = expected.clone();
        table = table.with(&call.method, move |call: Call| {
            let known = expected
                .lock()
                .pop_front()
                .expect("a call more than were made");
            async move {
                assert_eq!((&call.method, &call.body), (&known.method, &known.body));
                match known.error.as_str() {
                    "" => Ok(known.reply_body),
                    why => Err(Failure::Method(why.to_owned())),
                }
            }
        });
    }
    table
}

#[tokio::test]
async fn recorded_calls_are_answered_with_the_recorded_bytes() {
    let expected = Expected::default();
    let door = door(as_recorded(&expected), Limits::default());
    let (mut plain, mut client) = (door.connect(0).await, door.multiplexed().await);
    let stream = client.open();
    for call in recorded() {
        // In pieces, the first of which may be cut anywhere.
        let cut = call.request.len() / 3;
        expected.lock().extend([call.clone(), call.clone()]);
        plain.write_all(&call.request[..cut]).await.unwrap();
        plain.write_all(&call.request[cut..]).await.unwrap();
        let mut answer = vec![0; call.reply.len()];
        soon(plain.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, call.reply, "{}", call.method);
        client.send(stream, &call.request[..cut]).await;
        let answer = client
            .call(stream, &call.request[cut..], call.reply.len())
            .await;
        assert_eq!(answer, call.reply, "{}", call.method);
    }
    assert!(client.over.is_empty());
}

#[tokio::test]
async fn calls_on_one_stream_may_be_sent_at_once_and_are_answered_in_order() {
    let expected = Expected::default();
    expected.lock().extend(recorded());
    let door = door(as_recorded(&expected), Limits::default());
    let mut client = door.multiplexed().await;
    let stream = client.open();
    let mut wanted = Vec::new();
    for call in recorded().into_iter().take(40) {
        client.send(stream, &call.request).await;
        wanted.extend(call.reply);
    }
    let whole = wanted.len();
    client
        .until(|client| {
            client
                .got
                .get(&stream)
                .is_some_and(|got| got.len() >= whole)
        })
        .await;
    assert_eq!(client.got[&stream], wanted);
    // The client ends its side: so do we.
    let now = std::time::Duration::from_nanos(door.time.now().nanos());
    client.session.end(stream, now);
    client.flush().await;
    client.until(|client| client.over.contains(&stream)).await;
}

fn picky() -> Table {
    Table::default()
        .with("Status.Ping", |_| async { Ok(Bytes::from_static(&[0x80])) })
        .with("KVS.Apply", |_| async {
            Err(Failure::Method("No cluster leader".to_owned()))
        })
        .with("KVS.Get", |_| async {
            Err(Failure::Body("msgpack decode error".to_owned()))
        })
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_and_closed() {
    let door = door(picky(), Limits::default());
    for (method, why) in [
        ("Nothing.Here", "rpc: can't find service Nothing.Here"),
        ("Status.Nothing", "rpc: can't find method Status.Nothing"),
        ("Statu.Ping", "rpc: can't find service Statu.Ping"),
        (
            "StatusPing",
            "rpc: service/method request ill-formed: StatusPing",
        ),
        ("", "rpc: service/method request ill-formed: "),
        (
            "KVS.Get",
            "rpc: server cannot decode request: msgpack decode error",
        ),
    ] {
        let wanted = reply(9, method, why);
        let mut plain = door.connect(0).await;
        plain.write_all(&request(9, method)).await.unwrap();
        let mut answer = Vec::new();
        // Closed with bytes unread, a connection may also be reset behind the answer.
        let _ = soon(plain.read_to_end(&mut answer)).await;
        assert_eq!(answer, wanted, "{method}");
        let mut client = door.multiplexed().await;
        let stream = client.open();
        let answer = client.call(stream, &request(9, method), wanted.len()).await;
        assert_eq!(answer, wanted, "{method}");
        client.until(|client| client.over.contains(&stream)).await;
        // The connection goes on.
        let other = client.open();
        let pong = reply(1, "Status.Ping", "");
        assert_eq!(
            client
                .call(other, &request(1, "Status.Ping"), pong.len())
                .await,
            pong
        );
    }
}

#[tokio::test]
async fn an_error_of_the_method_keeps_the_stream() {
    let door = door(picky(), Limits::default());
    let mut client = door.multiplexed().await;
    let stream = client.open();
    for seq in 1..4 {
        // Composed in spec/wire.md §3.5.
        let wanted = reply(seq, "KVS.Apply", "No cluster leader");
        assert_eq!(
            client
                .call(stream, &request(seq, "KVS.Apply"), wanted.len())
                .await,
            wanted
        );
    }
    assert!(client.over.is_empty());
}

#[tokio::test]
async fn garbage_is_refused() {
    let limits = Limits {
        body_max: 1000,
        ..Limits::default()
    };
    let door = door(picky(), limits);
    let long = |claims: u32| {
        let mut bytes = request(1, "Status.Ping");
        bytes.pop();
        bytes.push(0xdb);
        bytes.extend(claims.to_be_bytes());
        bytes.extend([0; 100]);
        bytes
    };
    for sent in [
        vec![0xc1],
        vec![0x06],
        [&[0xdb, 0xff, 0xff, 0xff, 0xff][..], &[0; 5000]].concat(),
        vec![0x93, 1, 2, 3],
        long(2000).repeat(20),
    ] {
        let mut plain = door.connect(0).await;
        // It may be closed before all is written.
        let _ = plain.write_all(&sent).await;
        let mut answer = Vec::new();
        let _ = soon(plain.read_to_end(&mut answer)).await;
        let mut client = door.multiplexed().await;
        let stream = client.open();
        client.send(stream, &sent).await;
        client.until(|client| client.over.contains(&stream)).await;
        let text = String::from_utf8_lossy(&client.got[&stream]).into_owned();
        assert!(text.contains("rpc: "), "{text}");
    }
}
