//! Archives through a client agent, and what only servers know.

use crate::support::{ARCHIVE, PATIENCE, agent, nobody, server, settings, soon};
use bytes::Bytes;
use dialect::msgpack;
use ports::{Caller, Operator as _, Rpc as _, RpcError};
use rpcd::Table;

#[tokio::test]
async fn an_archive_comes_and_goes() {
    let server = server(Table::default());
    let agent = agent(&[server.address], settings(PATIENCE));
    let caller = Caller::internal();
    let mut saved = soon(agent.remote.snapshot_save(&caller, "", false))
        .await
        .unwrap();
    assert_eq!((saved.index, saved.known_leader), (7, true));
    let mut bytes = Vec::new();
    loop {
        let piece = soon(saved.archive.next()).await.unwrap();
        if piece.is_empty() {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes.len(), ARCHIVE);
    let archive = Box::new(Bytes::from(bytes));
    soon(agent.remote.snapshot_restore(&caller, "", archive))
        .await
        .unwrap();
    let cut = Box::new(Bytes::from(vec![0; 10]));
    let refused = soon(agent.remote.snapshot_restore(&caller, "", cut)).await;
    let wanted = "rpc error making call: 10 bytes".to_owned();
    assert_eq!(refused, Err(RpcError::Refused(wanted)));
}

#[tokio::test]
async fn who_may_not_is_told_so_before_and_behind_an_archive() {
    let server = server(Table::default());
    let agent = agent(&[server.address], settings(PATIENCE));
    let caller = Caller::with_token("bad");
    let wanted = RpcError::Denied("rpc error making call: Permission denied".to_owned());
    let saved = soon(agent.remote.snapshot_save(&caller, "", true)).await;
    assert_eq!(saved.err(), Some(wanted.clone()));
    let archive = Box::new(Bytes::from(vec![0; 10]));
    let restored = soon(agent.remote.snapshot_restore(&caller, "", archive)).await;
    assert_eq!(restored, Err(wanted));
}

#[tokio::test]
async fn an_archive_is_asked_for_once() {
    let gone = nobody();
    let agent = agent(&[gone], settings(PATIENCE));
    let saved = soon(agent.remote.snapshot_save(&Caller::internal(), "", false)).await;
    let text = saved.err().unwrap().to_string();
    let begins = format!("rpc error getting client: failed to get conn: dial tcp {gone}: ");
    assert!(text.starts_with(&begins), "{text}");
}

#[tokio::test]
async fn leader_and_peers_are_those_the_server_knows() {
    let methods = Table::default()
        .with("Status.Leader", |_| async {
            Ok(msgpack::to_bytes("10.0.0.1:8300"))
        })
        .with("Status.Peers", |_| async {
            Ok(msgpack::to_bytes(&dialect::List::from([
                "10.0.0.1:8300".to_owned()
            ])))
        });
    let server = server(methods);
    let agent = agent(&[server.address], settings(PATIENCE));
    let status = soon(agent.remote.cluster(&Caller::internal()))
        .await
        .unwrap();
    assert_eq!(status.leader, "10.0.0.1:8300");
    assert_eq!(status.peers, ["10.0.0.1:8300"]);
}
