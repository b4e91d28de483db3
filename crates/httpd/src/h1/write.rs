//! Answers onto the connection.

use super::{MAX_AHEAD, Wire};
use crate::Body;
use crate::door::Door;
use bytes::{Buf as _, Bytes};
use hyper::body::Body as _;
use hyper::header::DATE;
use hyper::{Response, StatusCode};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::AsyncWriteExt as _;

/// Bodies up to this size are copied behind their head, so that both leave in one write.
const COPY_BELOW: usize = 16 << 10;
/// Room for the head of a usual answer.
const HEAD_ROOM: usize = 512;

/// How an answer ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// The connection goes on.
    pub keep: bool,
    pub http10: bool,
    /// The request was `HEAD`: no body.
    pub is_head: bool,
}

impl Wire {
    pub(super) async fn write(
        &mut self,
        door: &Arc<Door>,
        response: Response<Body>,
        manner: Manner,
    ) -> io::Result<()> {
        let (parts, body) = response.into_parts();
        let mut out = Vec::with_capacity(HEAD_ROOM);
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(parts.status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(reason(parts.status).as_bytes());
        for (name, value) in &parts.headers {
            out.extend_from_slice(b"\r\n");
            push_name(&mut out, name.as_str());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
        }
        if !parts.headers.contains_key(DATE) {
            door.dates.push(&mut out, door.ports.time.wall());
        }
        if !manner.keep {
            out.extend_from_slice(b"\r\nConnection: close");
        } else if manner.http10 {
            out.extend_from_slice(b"\r\nConnection: keep-alive");
        }
        match body.into_whole() {
            Ok(body) => self.whole(out, body, manner).await,
            Err(body) => self.streamed(out, body, manner).await,
        }
    }

    async fn whole(&mut self, mut out: Vec<u8>, body: Bytes, manner: Manner) -> io::Result<()> {
        use std::io::Write as _;
        write!(out, "\r\nContent-Length: {}\r\n\r\n", body.len())?;
        if manner.is_head {
            self.stream.write_all(&out).await?;
        } else if body.len() <= COPY_BELOW {
            out.extend_from_slice(&body);
            self.stream.write_all(&out).await?;
        } else {
            self.stream
                .write_all_buf(&mut Bytes::from(out).chain(body))
                .await?;
        }
        self.stream.flush().await
    }

    /// A body of unknown length: in chunks, or up to the end of the connection for old clients.
    async fn streamed(&mut self, mut out: Vec<u8>, body: Body, manner: Manner) -> io::Result<()> {
        let chunked = !manner.http10;
        out.extend_from_slice(if chunked {
            b"\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice()
        } else {
            b"\r\n\r\n"
        });
        self.stream.write_all(&out).await?;
        self.stream.flush().await?;
        if manner.is_head {
            return Ok(());
        }
        let mut body = pin!(body);
        loop {
            // A client that left must end a stream that may never send anything.
            let frame = std::future::poll_fn(|cx| {
                if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
                    return Poll::Ready(Ok(frame));
                }
                loop {
                    match self.poll_more(cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Ok(0)) => {
                            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                        }
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        // Reading on would be without bounds, and not reading would not show that the client left.
                        Poll::Ready(Ok(_)) if self.input.len() > MAX_AHEAD => {
                            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                        }
                        Poll::Ready(Ok(_)) => {}
                    }
                }
            });
            let Some(frame) = frame.await? else { break };
            let Ok(data) = frame.map_err(io::Error::other)?.into_data() else {
                continue;
            };
            if data.is_empty() {
                continue;
            }
            if chunked {
                let head = Bytes::from(format!("{:x}\r\n", data.len()));
                let tail = Bytes::from_static(b"\r\n");
                self.stream
                    .write_all_buf(&mut head.chain(data).chain(tail))
                    .await?;
            } else {
                self.stream.write_all(&data).await?;
            }
            self.stream.flush().await?;
        }
        if !chunked {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.stream.write_all(b"0\r\n\r\n").await?;
        self.stream.flush().await
    }
}

/// The words of a status as Go's server has them, which are those of an older RFC here and there.
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        413 => "Request Entity Too Large",
        414 => "Request URI Too Long",
        416 => "Requested Range Not Satisfiable",
        _ => status.canonical_reason().unwrap_or_default(),
    }
}

/// A header's name the way Go writes it: a capital at the start and after each hyphen.
fn push_name(out: &mut Vec<u8>, name: &str) {
    let mut start = true;
    for byte in name.bytes() {
        out.push(if start {
            byte.to_ascii_uppercase()
        } else {
            byte
        });
        start = byte == b'-';
    }
}
