//! A snapshot on its way: its message, its file in pieces, an end that is told, and what became of it.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use consensus::snapshot::SnapshotFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::greeting::Lane;
use crate::hub::Hub;
use crate::limits::MESSAGE_MAX;

/// Bytes of one piece.
const PIECE: usize = 256 << 10;
/// The length that ends the pieces.
const END: u32 = 0;
/// The answers.
const TAKEN: u8 = 1;
const NOT_TAKEN: u8 = 0;

/// Sends a snapshot and hears what became of it.
///
/// # Errors
/// What the connection or the file reports; that the peer did not take it.
pub async fn send(
    hub: Arc<Hub>,
    to: u64,
    message: Bytes,
    mut content: SnapshotFile,
) -> io::Result<()> {
    let mut stream = hub.connect(to, Lane::Snapshot).await?;
    let handle = Handle::current();
    // The file is read where reading may block.
    let copied = tokio::task::spawn_blocking(move || {
        let patience = hub.limits.patience;
        let mut write = |bytes: &[u8]| {
            handle.block_on(async { timeout(patience, stream.write_all(bytes)).await? })
        };
        write(&(message.len() as u32).to_le_bytes())?;
        write(&message)?;
        let mut piece = vec![0; 4 + PIECE];
        loop {
            let read = match content.read(&mut piece[4..]) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if read == 0 {
                break;
            }
            piece[..4].copy_from_slice(&(read as u32).to_le_bytes());
            write(&piece[..4 + read])?;
        }
        write(&END.to_le_bytes())?;
        let answer = async { timeout(hub.limits.placing, stream.read_u8()).await? };
        match handle.block_on(answer)? {
            TAKEN => Ok(()),
            _ => Err(io::Error::other("the peer did not take it")),
        }
    });
    copied.await?
}

/// Hands a snapshot that arrives to whoever takes it in, and answers what became of it.
///
/// # Errors
/// What the connection reports, and why it was not taken.
pub async fn receive(hub: &Arc<Hub>, mut stream: TcpStream, from: u64) -> io::Result<()> {
    let patience = hub.limits.patience;
    let inbound = hub
        .inbound()
        .ok_or_else(|| io::Error::other("this server is ending"))?;
    let message = timeout(patience, async {
        let len = stream.read_u32_le().await? as usize;
        if len > MESSAGE_MAX {
            let text = format!("a snapshot's message of {len} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut message = Vec::new();
        let read = (&mut stream)
            .take(len as u64)
            .read_to_end(&mut message)
            .await?;
        if read < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Bytes::from(message))
    })
    .await??;
    let mut content = Content {
        stream,
        handle: Handle::current(),
        patience,
        left: 0,
        ended: false,
    };
    let (taken, mut stream) = tokio::task::spawn_blocking(move || {
        let taken = inbound.receive_snapshot(from, message, &mut content);
        (taken, content.stream)
    })
    .await?;
    let answer = if taken.is_ok() { TAKEN } else { NOT_TAKEN };
    timeout(patience, stream.write_u8(answer)).await??;
    taken
}

/// The bytes of a snapshot's file as they arrive.
struct Content {
    stream: TcpStream,
    handle: Handle,
    patience: std::time::Duration,
    /// Bytes of the current piece that have not been read.
    left: usize,
    ended: bool,
}

impl Content {
    fn wait<T>(
        &mut self,
        read: impl AsyncFnOnce(&mut TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        let (patience, stream) = (self.patience, &mut self.stream);
        self.handle
            .block_on(async { timeout(patience, read(stream)).await? })
    }
}

impl Read for Content {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ended || buf.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            self.left = self.wait(async |stream| stream.read_u32_le().await)? as usize;
            if self.left == END as usize {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = buf.len().min(self.left);
        let read = self.wait(async |stream| stream.read(&mut buf[..most]).await)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}
