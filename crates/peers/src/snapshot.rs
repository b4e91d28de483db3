//! A snapshot on its way: its message, its file in pieces, an end that is told, and what became of it.

//!
//! Files are read and written where that may block, and so is the connection: a snapshot under way needs no runtime.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consensus::snapshot::SnapshotFile;
use tokio::net::TcpStream;

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
    let stream = hub.connect(to, Lane::Snapshot).await?;
    let mut stream = blocking(stream, hub.limits.patience)?;
    let placing = hub.limits.placing;
    let copied = tokio::task::spawn_blocking(move || {
        stream.write_all(&(message.len() as u32).to_le_bytes())?;
        stream.write_all(&message)?;
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
            stream.write_all(&piece[..4 + read])?;
        }
        stream.write_all(&END.to_le_bytes())?;
        stream.set_read_timeout(Some(placing))?;
        let mut answer = [NOT_TAKEN];
        stream.read_exact(&mut answer)?;
        match answer {
            [TAKEN] => Ok(()),
            _ => Err(io::Error::other("the peer did not take it")),
        }
    });
    copied.await?.map_err(timed_out)
}

/// Hands a snapshot that arrives to whoever takes it in, and answers what became of it.
///
/// # Errors
/// What the connection reports, and why it was not taken.
pub async fn receive(hub: &Arc<Hub>, stream: TcpStream, from: u64) -> io::Result<()> {
    let stream = blocking(stream, hub.limits.patience)?;
    let inbound = hub
        .inbound()
        .ok_or_else(|| io::Error::other("this server is ending"))?;
    let received = tokio::task::spawn_blocking(move || {
        let mut content = Content {
            stream,
            left: 0,
            ended: false,
        };
        let message = content.message()?;
        let taken = inbound.receive_snapshot(from, message, &mut content);
        let answer = if taken.is_ok() { TAKEN } else { NOT_TAKEN };
        content.stream.write_all(&[answer])?;
        taken
    });
    received.await?.map_err(timed_out)
}

/// The connection for a thread that may block, for `patience` at a time.
fn blocking(stream: TcpStream, patience: Duration) -> io::Result<std::net::TcpStream> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// What a socket whose time is over reports is no invitation to try again.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return io::ErrorKind::TimedOut.into();
    }
    error
}

/// The bytes of a snapshot's file as they arrive.
struct Content {
    stream: std::net::TcpStream,
    /// Bytes of the current piece that have not been read.
    left: usize,
    ended: bool,
}

impl Content {
    fn len(&mut self) -> io::Result<usize> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len).map_err(timed_out)?;
        Ok(u32::from_le_bytes(len) as usize)
    }

    /// The message before the file.
    fn message(&mut self) -> io::Result<Bytes> {
        let len = self.len()?;
        if len > MESSAGE_MAX {
            let text = format!("a snapshot's message of {len} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // Memory grows with what arrives, not with what is promised.
        let mut message = Vec::new();
        let read = (&self.stream).take(len as u64).read_to_end(&mut message)?;
        if read < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(message.into())
    }
}

impl Read for Content {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ended || buf.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            self.left = self.len()?;
            if self.left == END as usize {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = buf.len().min(self.left);
        let read = self.stream.read(&mut buf[..most]).map_err(timed_out)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}
