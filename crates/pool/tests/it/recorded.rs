//! What real agents say of themselves is what we say, and is read as what they are.

use bytes::Bytes;
use pool::{Own, Role, Server, ServerSettings, is_client};
use serf::tags::Tags;
use serf::{Member, Status};
use std::collections::BTreeMap;
use swim::{Message, Wrapping};

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16).expect("hex"))
        .collect()
}

/// The last thing each member said of itself in the recorded packets.
fn said() -> BTreeMap<String, Tags> {
    let shared = std::env::var("PROCONSUL_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").to_owned());
    let path = format!("{shared}/conformance/wire/gossip-plain.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let recorded: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut said = BTreeMap::new();
    for packet in recorded["packets"].as_array().expect("packets") {
        let mut messages = Vec::new();
        let wire = Bytes::from(unhex(packet["hex"].as_str().expect("hex")));
        Wrapping::default()
            .unpack(wire, &mut messages)
            .expect("readable");
        for message in messages {
            if let Message::Alive(alive) = message {
                said.insert(alive.node.clone(), serf::tags::decode(&alive.meta));
            }
        }
    }
    said
}

fn member(name: &str, tags: &Tags) -> Member {
    Member {
        name: name.to_owned(),
        addr: "127.0.0.1:8301".parse().expect("an address"),
        tags: tags.clone(),
        status: Status::Alive,
        versions: swim::Versions::speaking(4),
    }
}

#[test]
fn our_words_are_the_recorded_ones() {
    let said = said();
    let (mut servers, mut clients) = (0, 0);
    for (name, tags) in &said {
        let theirs = member(name, tags);
        let role = match Server::of(&theirs) {
            Some(server) => {
                servers += 1;
                assert_eq!(
                    (
                        server.datacenter.as_str(),
                        server.version,
                        server.raft_version
                    ),
                    ("dc1", 2, 3)
                );
                assert_eq!(
                    server.features,
                    [("fs".to_owned(), 1), ("si".to_owned(), 1)].into()
                );
                Role::Server(ServerSettings {
                    port: server.address.port(),
                    grpc_port: server.grpc_port,
                    grpc_tls_port: server.grpc_tls_port,
                    wan_join_port: server.wan_join_port,
                    bootstrap: server.bootstrap,
                    expect: server.expect,
                    read_replica: server.read_replica,
                    use_tls: server.use_tls,
                    acls: server.acls == Some(true),
                })
            }
            None => {
                clients += 1;
                assert!(is_client(&theirs), "{tags:?}");
                Role::Client {
                    reconnect_timeout: String::new(),
                }
            }
        };
        let ours = Own {
            datacenter: "dc1".into(),
            id: tags["id"].clone(),
            build: tags["build"].clone(),
            role,
        };
        assert_eq!(ours.lan_tags(), *tags, "{name}");
    }
    assert!(servers >= 1 && clients >= 1, "{said:?}");
}
