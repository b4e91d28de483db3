//! Messages on a stream: length and bytes. Three lengths mean something else.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::limits::{MESSAGE_MAX, PIECE, SMALL};

/// A question for a sign of life.
const PING: u32 = 0;
/// An orderly end: nothing more is sent over this connection.
const GOODBYE: u32 = u32::MAX;
const HEAD: usize = 4;

/// What a stream brings.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Bytes),
    /// The other side wants a sign of life: one byte.
    Ping,
    /// Nothing more follows.
    Goodbye,
}

/// Appends the head of a message of `len` bytes.
pub fn put_head(out: &mut BytesMut, len: usize) {
    out.put_u32_le(len as u32);
}

/// Appends a question for a sign of life.
pub fn put_ping(out: &mut BytesMut) {
    out.put_u32_le(PING);
}

/// The bytes of an orderly end.
pub fn goodbye() -> [u8; HEAD] {
    GOODBYE.to_le_bytes()
}

/// What was read of a stream.
#[derive(Default)]
pub struct Frames {
    read: BytesMut,
}

impl Frames {
    /// The next frame that is whole, without reading.
    ///
    /// # Errors
    /// `InvalidData` for a length beyond [`MESSAGE_MAX`].
    pub fn take(&mut self) -> io::Result<Option<Frame>> {
        let Some(head) = self.read.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let len = match u32::from_le_bytes(*head) {
            PING => {
                self.read.advance(HEAD);
                return Ok(Some(Frame::Ping));
            }
            GOODBYE => return Ok(Some(Frame::Goodbye)),
            len => len as usize,
        };
        if len > MESSAGE_MAX {
            let text = format!("a message of {len} bytes, at most {MESSAGE_MAX} are taken");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if self.read.len() < HEAD + len {
            return Ok(None);
        }
        self.read.advance(HEAD);
        let message = if len <= SMALL {
            let copy = Bytes::copy_from_slice(&self.read[..len]);
            self.read.advance(len);
            copy
        } else {
            self.read.split_to(len).freeze()
        };
        Ok(Some(Frame::Message(message)))
    }

    /// Reads more; how many bytes, 0 at the end of the stream. Memory grows with what arrives, not with what is promised.
    ///
    /// # Errors
    /// What the stream reports.
    pub async fn fill<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<usize> {
        self.read.reserve(PIECE);
        stream.read_buf(&mut self.read).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8]) -> Frames {
        Frames { read: bytes.into() }
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let mut out = BytesMut::new();
        for len in [1, SMALL, SMALL + 1] {
            put_head(&mut out, len);
            out.put_bytes(len as u8, len);
            put_ping(&mut out);
        }
        out.put_slice(&goodbye());
        for cut in [1, 3, 1000, out.len()] {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for piece in out.chunks(cut) {
                frames.read.extend_from_slice(piece);
                while let Some(frame) = frames.take().unwrap() {
                    let end = frame == Frame::Goodbye;
                    seen.push(frame);
                    if end {
                        break;
                    }
                }
            }
            assert_eq!(seen.len(), 7, "in pieces of {cut}");
            assert_eq!(seen[6], Frame::Goodbye);
            let Frame::Message(last) = &seen[4] else {
                panic!("{:?}", seen[4]);
            };
            assert_eq!(last.len(), SMALL + 1);
            assert!(last.iter().all(|byte| *byte == (SMALL + 1) as u8));
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_its_bytes_arrive() {
        let head = (MESSAGE_MAX as u32 + 1).to_le_bytes();
        assert!(frames(&head).take().is_err());
        let head = (MESSAGE_MAX as u32).to_le_bytes();
        assert_eq!(frames(&head).take().unwrap(), None);
    }
}
