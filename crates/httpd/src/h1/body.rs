//! Bodies of requests: framing, limits, and the slot in which a handler asks for one.

use super::Wire;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use parking_lot::Mutex;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::io::AsyncReadExt as _;

/// Bytes of a piece of a body that is taken piece by piece, if so much is there.
const PIECE: usize = 128 << 10;
/// Most bytes reserved for a body before they have come.
const MAX_RESERVE: u64 = 256 << 10;
/// Longest line with a chunk's size, extensions included.
const MAX_SIZE_LINE: usize = 4096;
/// Most bytes of trailers; they are read away.
const MAX_TRAILERS: usize = 16 << 10;

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// More than the limit.
    TooLarge,
    /// The connection failed or the framing is wrong.
    Broken(String),
}

fn broken<T>(text: &str) -> Result<T, BodyFault> {
    Err(BodyFault::Broken(text.to_owned()))
}

/// Where a handler asks for its request's body; the connection fills it.
#[derive(Default)]
pub(crate) struct Slot(Mutex<State>);

/// What a handler waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// The whole body, of at most so many bytes.
    All(u64),
    /// Its next piece; an empty one is the end.
    Piece,
}

#[derive(Default)]
struct State {
    wanted: Option<Want>,
    read: Option<Result<Bytes, BodyFault>>,
    waker: Option<Waker>,
}

impl Slot {
    /// Waits for the whole body, of at most `limit` bytes.
    pub async fn read(&self, limit: u64) -> Result<Bytes, BodyFault> {
        self.wait(Want::All(limit)).await
    }

    /// Waits for the next piece of the body; an empty one is its end.
    pub async fn next(&self) -> Result<Bytes, BodyFault> {
        self.wait(Want::Piece).await
    }

    async fn wait(&self, want: Want) -> Result<Bytes, BodyFault> {
        std::future::poll_fn(|cx| {
            let mut state = self.0.lock();
            if let Some(read) = state.read.take() {
                return Poll::Ready(read);
            }
            state.wanted = Some(want);
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// What the handler waits for.
    pub fn wanted(&self) -> Option<Want> {
        self.0.lock().wanted
    }

    pub fn fill(&self, read: Result<Bytes, BodyFault>) {
        let mut state = self.0.lock();
        state.wanted = None;
        state.read = Some(read);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

/// How much of a body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// A chunk's size line is next.
    Size,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line break after a chunk.
    Break,
    /// Trailers, so many bytes of them seen.
    Trailers(usize),
}

impl Framing {
    pub fn length(length: u64) -> Self {
        Self::Length(length)
    }

    pub fn chunked() -> Self {
        Self::Size
    }

    pub fn is_done(self) -> bool {
        self == Self::Length(0)
    }

    /// Bytes that are still to come for certain.
    pub fn declared(self) -> u64 {
        match self {
            Self::Length(left) | Self::Chunk(left) => left,
            Self::Size | Self::Break | Self::Trailers(_) => 0,
        }
    }

    /// Moves what `input` holds of the body to `body`. More input is needed unless the body is done.
    fn take(&mut self, input: &mut BytesMut, body: &mut BytesMut) -> Result<(), BodyFault> {
        loop {
            match *self {
                Self::Length(left) => {
                    *self = Self::Length(left - move_some(left, input, body));
                    return Ok(());
                }
                Self::Size => {
                    let Some(line) = line(input, MAX_SIZE_LINE)? else {
                        return Ok(());
                    };
                    *self = match chunk_size(&line)? {
                        0 => Self::Trailers(0),
                        size => Self::Chunk(size),
                    };
                }
                Self::Chunk(left) => {
                    let left = left - move_some(left, input, body);
                    if left > 0 {
                        *self = Self::Chunk(left);
                        return Ok(());
                    }
                    *self = Self::Break;
                }
                Self::Break => {
                    let Some(line) = line(input, 2)? else {
                        return Ok(());
                    };
                    if !line.is_empty() {
                        return broken("malformed chunked encoding");
                    }
                    *self = Self::Size;
                }
                Self::Trailers(seen) => {
                    let Some(line) = line(input, MAX_TRAILERS.saturating_sub(seen))? else {
                        return Ok(());
                    };
                    *self = if line.is_empty() {
                        Self::Length(0)
                    } else {
                        Self::Trailers(seen + line.len() + 2)
                    };
                }
            }
        }
    }
}

fn move_some(left: u64, input: &mut BytesMut, body: &mut BytesMut) -> u64 {
    let some = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    if body.is_empty() {
        *body = input.split_to(some);
    } else {
        body.extend_from_slice(input.get(..some).unwrap_or_default());
        input.advance(some);
    }
    some as u64
}

/// The next line without its end, if it is complete.
fn line(input: &mut BytesMut, limit: usize) -> Result<Option<BytesMut>, BodyFault> {
    match memchr::memchr(b'\n', input) {
        Some(at) if at <= limit => {
            let mut line = input.split_to(at);
            input.advance(1);
            if line.last() == Some(&b'\r') {
                line.truncate(at - 1);
            }
            Ok(Some(line))
        }
        None if input.len() <= limit => Ok(None),
        _ => broken("malformed chunked encoding"),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, BodyFault> {
    let digits = line
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let text = std::str::from_utf8(digits).unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return broken("invalid byte in chunk length");
    }
    u64::from_str_radix(text, 16).or_else(|_| broken("http chunk length too large"))
}

/// A body on its way in.
pub(super) struct Incoming {
    pub framing: Framing,
    pub broken: bool,
    body: BytesMut,
}

impl Incoming {
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            broken: false,
            body: BytesMut::new(),
        }
    }

    /// Reads what is wanted of the body.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        want: Want,
    ) -> Poll<Result<Bytes, BodyFault>> {
        let read = match want {
            Want::All(limit) => self.poll_read(cx, wire, limit, usize::MAX),
            Want::Piece => match self.poll_read(cx, wire, u64::MAX, PIECE) {
                // What is there is given, so that a slow client holds little.
                Poll::Pending if !self.body.is_empty() => {
                    Poll::Ready(Ok(self.body.split().freeze()))
                }
                read => read,
            },
        };
        if let Poll::Ready(Err(BodyFault::Broken(_))) = &read {
            self.broken = true;
        }
        read
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        limit: u64,
        enough: usize,
    ) -> Poll<Result<Bytes, BodyFault>> {
        loop {
            self.framing.take(&mut wire.input, &mut self.body)?;
            if (self.body.len() as u64).saturating_add(self.framing.declared()) > limit {
                return Poll::Ready(Err(BodyFault::TooLarge));
            }
            if self.framing.is_done() || self.body.len() >= enough {
                return Poll::Ready(Ok(self.body.split().freeze()));
            }
            let read = match self.framing.declared() {
                0 => wire.poll_more(cx),
                left => {
                    // Straight into the body, and not beyond it.
                    self.body
                        .reserve(usize::try_from(left.min(MAX_RESERVE)).unwrap_or(0));
                    let room = usize::try_from(left).unwrap_or(usize::MAX);
                    let mut room = (&mut self.body).limit(room);
                    let read = pin!(wire.stream.read_buf(&mut room)).poll(cx);
                    if let Poll::Ready(Ok(len)) = read {
                        self.framing = match self.framing {
                            Framing::Chunk(_) if len as u64 == left => Framing::Break,
                            Framing::Chunk(_) => Framing::Chunk(left - len as u64),
                            _ => Framing::Length(left - len as u64),
                        };
                    }
                    read
                }
            };
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(broken("unexpected EOF")),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(broken(&error.to_string())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dechunked(text: &[u8], piece: usize) -> Result<Option<Vec<u8>>, BodyFault> {
        let (mut framing, mut input, mut body) =
            (Framing::chunked(), BytesMut::new(), BytesMut::new());
        for part in text.chunks(piece.max(1)) {
            input.extend_from_slice(part);
            framing.take(&mut input, &mut body)?;
        }
        Ok(framing.is_done().then(|| body.to_vec()))
    }

    #[test]
    fn chunks() {
        let text = b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
        for piece in 1..text.len() {
            assert_eq!(
                dechunked(text, piece).unwrap().unwrap(),
                b"abc0123456789",
                "{piece}"
            );
        }
        for wrong in [
            "x\r\n",
            "\r\n",
            "3\r\nabcd\r\n",
            "fffffffffffffffff\r\n",
            "-1\r\n",
        ] {
            assert!(dechunked(wrong.as_bytes(), 100).is_err(), "{wrong:?}");
        }
        assert!(dechunked(&vec![b'1'; MAX_SIZE_LINE + 1], 100_000).is_err());
    }

    proptest! {
        #[test]
        fn any_chunks(text in proptest::collection::vec(any::<u8>(), 0..100), piece in 1usize..20) {
            let _ = dechunked(&text, piece);
        }

        #[test]
        fn chunks_come_back(parts in proptest::collection::vec("[a-z]{1,30}", 0..6), piece in 1usize..50) {
            let mut text = String::new();
            for part in &parts {
                text.push_str(&format!("{:x}\r\n{part}\r\n", part.len()));
            }
            text.push_str("0\r\n\r\n");
            prop_assert_eq!(dechunked(text.as_bytes(), piece).unwrap().unwrap(), parts.concat().into_bytes());
        }
    }
}
