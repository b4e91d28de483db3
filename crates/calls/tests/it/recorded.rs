//! Every recorded call of a method whose tables exist.

use crate::fake::Fake;
use crate::vectors::{Recorded, calls, difference, sorted};
use calls::{CALLS, Failure, find};
use dialect::msgpack::{self, Value};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The server calls these for its own sake, or asks for the same in another form.
const NOT_OURS: [&str; 2] = ["Catalog.NodeServiceList", "Operator.ServerHealth"];

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(pairs) = value else {
        return None;
    };
    pairs
        .iter()
        .find(|(key, _)| key.as_str() == Some(name))
        .map(|(_, value)| value)
}

/// The client's address that the request's source names.
fn ip(body: &Value) -> Option<IpAddr> {
    member(member(body, "Source")?, "Ip")?
        .as_str()?
        .parse()
        .ok()
}

fn same(ours: &[u8], recorded: &[u8], method: &str) {
    let found = difference(&sorted(ours), &sorted(recorded));
    assert_eq!(found, None, "{method}");
}

async fn replay(call: &Recorded, body: bytes::Bytes, error: &str) -> Fake {
    let request = sorted(&call.body);
    let reply = if error.is_empty() {
        Ok(body.clone())
    } else {
        Err(error.to_owned())
    };
    let fake = Fake::new(reply, ip(&request));
    let peer = "127.0.0.1:1".parse().unwrap();
    let method = find(&call.method).expect("served");
    let served = method.serve(fake.served(), call.body.clone(), peer).await;
    match served {
        Ok(reply) => same(&reply, &body, &call.method),
        Err(failure) => assert_eq!(
            failure,
            Failure::Method(error.to_owned()),
            "{}",
            call.method
        ),
    }
    std::sync::Arc::into_inner(fake).expect("nobody keeps the ports")
}

#[tokio::test]
async fn replies_and_requests_are_the_recorded_ones() {
    let mut replies = BTreeSet::new();
    let mut requests = BTreeSet::new();
    for call in calls("rpc.json").into_iter().chain(calls("rpc-acl.json")) {
        let own = CALLS.iter().any(|known| known.name == call.method);
        let later = [
            "ConfigEntry.",
            "Intention.",
            "Catalog.GatewayServices",
            "Status.RaftStats",
        ];
        if !own || later.iter().any(|prefix| call.method.starts_with(prefix)) {
            continue;
        }
        let Some(reply) = &call.reply else {
            continue;
        };
        let fake = replay(&call, reply.body.clone(), &reply.error).await;
        replies.insert(call.method.clone());
        let cached = member(&sorted(&call.body), "UseCache") == Some(&Value::Bool(true));
        let Some(asked) = fake.asked.into_inner().unwrap() else {
            continue;
        };
        if NOT_OURS.contains(&&*call.method) || cached {
            continue;
        }
        assert_eq!(asked.method, call.method);
        same(&asked.body, &call.body, &call.method);
        // Nothing but the order of plain maps may differ.
        assert_eq!(asked.body.len(), call.body.len(), "{}", call.method);
        requests.insert(call.method);
    }
    assert!(replies.len() >= 42, "{}: {replies:?}", replies.len());
    assert!(requests.len() >= 35, "{}: {requests:?}", requests.len());
}

#[test]
fn the_document_is_current() {
    let mut page = "# Calls\n\nPrinted from `CALLS` of `crates/calls/src/table.rs` by its test: what the server port answers, in \
        net/rpc's form, beside the ACL service, which says `ACL support disabled`.\n\n| method | counts as |\n|---|---|\n"
        .to_owned();
    for call in CALLS {
        let counts = match call.charge {
            calls::Charge::Exempt => "nothing",
            calls::Charge::Read => "a read",
            calls::Charge::Write => "a write",
        };
        page.push_str(&format!("| `{}` | {counts} |\n", call.name));
    }
    expect_test::expect_file!["../../../../docs/calls.md"].assert_eq(&page);
}

#[tokio::test]
async fn garbage_is_refused_by_every_method_that_reads_its_body() {
    let peer = "127.0.0.1:1".parse().unwrap();
    // An array where a map is wanted, with a length that is not there.
    let body = bytes::Bytes::from_static(&[0xdd, 0xff, 0xff, 0xff, 0xff]);
    let unread = [
        "Status.Ping",
        "Status.Leader",
        "Status.Peers",
        "Status.RaftStats",
    ];
    for call in CALLS {
        let fake = Fake::new(Err("not reached".to_owned()), None);
        let served = call.serve(fake.served(), body.clone(), peer).await;
        if unread.contains(&call.name) || call.name == "Coordinate.ListDatacenters" {
            assert!(served.is_ok(), "{}", call.name);
        } else {
            let refused = matches!(served, Err(Failure::Body(_)));
            assert!(refused, "{}: {served:?}", call.name);
        }
    }
}

#[test]
fn names_are_unique_and_every_method_of_the_ports_is_called() {
    let names: BTreeSet<_> = CALLS.iter().map(|call| call.name).collect();
    assert_eq!(names.len(), CALLS.len());
    // Those have a protocol of their own, or two names.
    let other = [
        "Operator.RaftRemovePeer",
        "Operator.TransferLeader",
        "Snapshot.Save",
        "Snapshot.Restore",
        "Changes.Open",
    ];
    for method in ports::METHODS {
        assert!(
            names.contains(method.name) || other.contains(&method.name),
            "{} has no call",
            method.name
        );
    }
    assert!(calls::has_service("Catalog") && calls::has_service("ACL"));
    assert!(!calls::has_service("Catalo") && find("Catalog.Nothing").is_none());
}

#[test]
fn leader_and_peers_are_asked_for_as_recorded() {
    let origin = calls::client::Origin {
        token: "",
        datacenter: "dc1",
        node: "c1",
        ip: None,
    };
    for asked in [
        calls::client::leader(&origin),
        calls::client::peers(&origin),
    ] {
        let recorded = calls("rpc.json");
        let call = recorded.iter().find(|call| call.method == asked.method);
        assert_eq!(asked.body, call.unwrap().body, "{}", asked.method);
    }
}

#[tokio::test]
async fn how_far_raft_is_has_a_text_for_the_leader_and_for_who_never_heard_one() {
    let peer = "127.0.0.1:1".parse().unwrap();
    let call = find("Status.RaftStats").unwrap();
    let recorded = calls("rpc.json");
    let recorded = recorded
        .iter()
        .filter(|call| call.method == "Status.RaftStats");
    for (call_recorded, leads) in recorded.zip([false, true]) {
        let reply = call_recorded.reply.as_ref().unwrap();
        let wanted: wire::rpc::RaftStats = msgpack::from_slice(&reply.body).unwrap();
        let mut fake = std::sync::Arc::into_inner(Fake::new(Err(String::new()), None)).unwrap();
        fake.status.term = wanted.last_term;
        fake.status.last_log_index = wanted.last_index;
        fake.status.is_leader = leads;
        let fake = std::sync::Arc::new(fake);
        let served = call
            .serve(fake.served(), bytes::Bytes::from_static(&[0x80]), peer)
            .await;
        assert_eq!(served.unwrap(), reply.body);
    }
}
