//! Snapshot connections (first byte 5): one request, which a client ends by closing its side of the connection; the answer goes on
//! until we close ours (spec/wire.md §3.6).

use crate::inside::Inside;
use crate::limits::{PIECE, SNAPSHOT_REQUEST_MAX};
use crate::port::{Archive, SnapshotRequest};
use bytes::{Bytes, BytesMut};
use dialect::msgpack::{self, Scan};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::rpc::SnapshotResponse;

const SAVE: i64 = 0;
const RESTORE: i64 = 1;

pub(crate) async fn serve(
    stream: net::Stream,
    peer: SocketAddr,
    inside: &Inside,
) -> io::Result<()> {
    let (mut input, mut output) = tokio::io::split(stream);
    let until = inside.time.sleep(inside.limits.handshake_timeout);
    let asked = tokio::select! {
        asked = request(&mut input) => asked?,
        () = until => return Ok(()),
    };
    let Some((request, rest)) = asked else {
        return Ok(());
    };
    let outcome = match request.op {
        SAVE => inside
            .snapshots
            .save(request, peer)
            .await
            .map(|(meta, archive)| (meta, Some(archive))),
        RESTORE if request.allow_stale => Err("stale not allowed for restore".to_owned()),
        RESTORE => {
            // What came behind the request is the beginning of the archive.
            let archive: Archive = Box::new(io::Cursor::new(rest).chain(input));
            let restored = inside.snapshots.restore(request, peer, archive).await;
            restored.map(|meta| (meta, None))
        }
        op => Err(format!("unrecognized snapshot op \"{op}\"")),
    };
    let (response, archive) = match outcome {
        Ok((meta, archive)) => (
            SnapshotResponse {
                meta,
                ..SnapshotResponse::default()
            },
            archive,
        ),
        Err(error) => (
            SnapshotResponse {
                error,
                ..SnapshotResponse::default()
            },
            None,
        ),
    };
    output.write_all(&msgpack::to_vec(&response)).await?;
    if let Some(mut archive) = archive {
        tokio::io::copy(&mut archive, &mut output).await?;
    }
    output.shutdown().await
}

/// The request and what came behind it; `None` when the peer sends something else.
async fn request(
    input: &mut tokio::io::ReadHalf<net::Stream>,
) -> io::Result<Option<(SnapshotRequest, Bytes)>> {
    let (mut read, mut scan) = (BytesMut::new(), Scan::default());
    loop {
        read.reserve(PIECE);
        if input.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
        match scan.advance(&read) {
            Ok(Some(end)) => {
                let head = read.split_to(end);
                let request = msgpack::from_slice(&head).ok();
                return Ok(request.map(|request| (request, read.freeze())));
            }
            Ok(None) if read.len() <= SNAPSHOT_REQUEST_MAX => {}
            _ => return Ok(None),
        }
    }
}
