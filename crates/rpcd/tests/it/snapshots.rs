//! Snapshot connections: a request, a half-close, an answer until the end.

use crate::support::{door, soon};
use dialect::msgpack;
use rpcd::{Limits, SnapshotRequest, Table};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn ask(
    request: SnapshotRequest,
    archive: &[u8],
    half_close_first: bool,
) -> (String, u64, Vec<u8>) {
    let door = door(Table::default(), Limits::default());
    let mut stream = door.connect(5).await;
    stream.write_all(&msgpack::to_vec(&request)).await.unwrap();
    stream.write_all(archive).await.unwrap();
    if half_close_first {
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    let mut scan = msgpack::Scan::default();
    let end = scan.advance(&answer).expect("readable").expect("whole");
    let head: msgpack::Value = msgpack::from_slice(&answer[..end]).expect("a map");
    let error = head
        .get("Error")
        .and_then(msgpack::Value::as_str)
        .expect("an error")
        .to_owned();
    let index = head
        .get("Index")
        .and_then(msgpack::Value::as_u64)
        .expect("an index");
    (error, index, answer[end..].to_vec())
}

#[tokio::test]
async fn an_archive_is_saved_and_restored() {
    let save = SnapshotRequest {
        datacenter: "dc1".into(),
        ..SnapshotRequest::default()
    };
    for half_close in [true, false] {
        let saved = ask(save.clone(), b"", half_close).await;
        assert_eq!(saved, (String::new(), 7, b"the state".to_vec()));
    }
    let restore = SnapshotRequest {
        op: 1,
        ..save.clone()
    };
    let archive = vec![3; 300_000];
    assert_eq!(
        ask(restore.clone(), &archive, true).await,
        (String::new(), 300_000, Vec::new())
    );
    let refused = |text: &str| (text.to_owned(), 0, Vec::new());
    let bad = SnapshotRequest {
        token: "bad".into(),
        ..save.clone()
    };
    assert_eq!(ask(bad, b"", true).await, refused("Permission denied"));
    let stale = SnapshotRequest {
        allow_stale: true,
        ..restore
    };
    assert_eq!(
        ask(stale, b"", true).await,
        refused("stale not allowed for restore")
    );
    let odd = SnapshotRequest { op: 9, ..save };
    assert_eq!(
        ask(odd, b"", true).await,
        refused("unrecognized snapshot op \"9\"")
    );
}

#[tokio::test]
async fn what_is_no_request_is_closed() {
    for sent in [&[0xc1][..], &[0xdb, 0x7f, 0xff, 0xff, 0xff], &[]] {
        let door = door(Table::default(), Limits::default());
        let mut stream = door.connect(5).await;
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = soon(stream.read_to_end(&mut answer)).await;
        assert!(answer.is_empty());
    }
}
