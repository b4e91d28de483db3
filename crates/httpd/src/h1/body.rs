//! Bodies of requests: framing, limits, and the slot in which a handler asks for one.

use super::Wire;
use crate::budget::Meter;
use crate::fault::Fault;
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
/// Bytes of size lines that a body may have beyond what its chunks excuse: each [`CHUNK_EXCUSE`] and twice its length.
const MAX_EXCESS: u64 = 16 << 10;
/// A size line of so many bytes needs no excuse.
const CHUNK_EXCUSE: u64 = 16;

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// More than the limit.
    TooLarge,
    /// The connection failed or the framing is wrong.
    Broken(String),
    /// The client took too long to send it.
    Slow,
    /// There is no room for it while so many others are under way.
    Busy,
}

impl BodyFault {
    /// The refusal; the endpoint says how it tells of a body beyond its limit and of one that cannot be read.
    pub fn fault(
        self,
        too_large: impl FnOnce() -> Fault,
        broken: impl FnOnce(String) -> Fault,
    ) -> Fault {
        match self {
            Self::TooLarge => too_large(),
            Self::Broken(text) => broken(text),
            Self::Slow => Fault::new(408, "Request body came too slowly"),
            Self::Busy => Fault::new(
                503,
                "Too many bytes of request bodies are under way, try again later",
            ),
        }
    }
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
    /// `excess` counts what size lines have beyond their due.
    fn take(
        &mut self,
        input: &mut BytesMut,
        body: &mut BytesMut,
        excess: &mut u64,
    ) -> Result<(), BodyFault> {
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
                    let size = chunk_size(&line)?;
                    let due = size.saturating_mul(2).saturating_add(CHUNK_EXCUSE);
                    *excess = (*excess + line.len() as u64 + 2).saturating_sub(due);
                    if *excess > MAX_EXCESS {
                        return broken("chunked encoding contains too much non-data");
                    }
                    *self = match size {
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
                    } else if !is_field(&line) {
                        return broken("malformed trailer");
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
            // A line ends with CR LF and has no other control characters: whoever is more generous reads other chunks than we.
            if line.last() != Some(&b'\r') {
                return broken("malformed chunked encoding");
            }
            line.truncate(at - 1);
            if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
                return broken("malformed chunked encoding");
            }
            Ok(Some(line))
        }
        None if input.len() <= limit => Ok(None),
        _ => broken("malformed chunked encoding"),
    }
}

/// Whether a trailer has a name and a colon.
fn is_field(line: &[u8]) -> bool {
    let name = memchr::memchr(b':', line).and_then(|at| line.get(..at));
    name.is_some_and(|name| hyper::header::HeaderName::from_bytes(name).is_ok())
}

/// A size in hexadecimal, extensions behind a semicolon (RFC 9112 §7.1); blanks only before that.
fn chunk_size(line: &[u8]) -> Result<u64, BodyFault> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at_checked(digits).unwrap_or_default();
    let extension = rest.trim_ascii_start();
    let text = std::str::from_utf8(digits).unwrap_or_default();
    if text.is_empty() || !(rest.is_empty() || extension.first() == Some(&b';')) {
        return broken("invalid byte in chunk length");
    }
    u64::from_str_radix(text, 16).or_else(|_| broken("http chunk length too large"))
}

/// A body on its way in.
pub(super) struct Incoming {
    pub framing: Framing,
    /// Nothing more of it can be read: the connection ends.
    pub broken: bool,
    body: BytesMut,
    excess: u64,
    /// There is one if there is a body.
    meter: Option<Box<Meter>>,
}

impl Incoming {
    pub fn new(framing: Framing, meter: Option<Box<Meter>>) -> Self {
        Self {
            framing,
            broken: false,
            body: BytesMut::new(),
            excess: 0,
            meter,
        }
    }

    /// The handler begins to wait.
    pub fn begin(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.begin();
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
        let late = |meter: &mut Box<Meter>| meter.poll_late(cx).is_ready();
        let read = match read {
            Poll::Pending if self.meter.as_mut().is_some_and(late) => {
                Poll::Ready(Err(BodyFault::Slow))
            }
            read => read,
        };
        if let Poll::Ready(Err(fault)) = &read {
            self.broken |= *fault != BodyFault::TooLarge;
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
            let had = self.body.len();
            self.framing
                .take(&mut wire.input, &mut self.body, &mut self.excess)?;
            self.took(self.body.len() - had)?;
            if (self.body.len() as u64).saturating_add(self.framing.declared()) > limit {
                return Poll::Ready(Err(BodyFault::TooLarge));
            }
            if self.framing.is_done() || self.body.len() >= enough {
                return Poll::Ready(Ok(self.body.split().freeze()));
            }
            let (held, direct) = (self.body.len(), self.framing.declared() > 0);
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
                // What the framing is made of counts with the body when it is taken.
                Poll::Ready(Ok(_)) if direct => self.took(self.body.len() - held)?,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(broken(&error.to_string())),
            }
        }
    }
}

impl Incoming {
    /// `more` bytes of the body have come.
    fn took(&mut self, more: usize) -> Result<(), BodyFault> {
        match &mut self.meter {
            Some(meter) if more > 0 => meter.took(more as u64, self.body.len()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dechunked(text: &[u8], piece: usize) -> Result<Option<Vec<u8>>, BodyFault> {
        let (mut framing, mut input, mut body, mut excess) =
            (Framing::chunked(), BytesMut::new(), BytesMut::new(), 0);
        for part in text.chunks(piece.max(1)) {
            input.extend_from_slice(part);
            framing.take(&mut input, &mut body, &mut excess)?;
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
            "1\nx\r\n",
            "1\r\nx\n",
            "1\r\r\nx\r\n",
            "1;a\rb\r\n",
            "1\x0c\r\n",
            "1 \r\n",
            " 1\r\n",
            "0x1\r\n",
            "1;a\x0cb\r\n",
            "0\r\nno field\r\n\r\n",
            "0\r\n\n",
        ] {
            assert!(dechunked(wrong.as_bytes(), 100).is_err(), "{wrong:?}");
        }
        assert!(dechunked(&vec![b'1'; MAX_SIZE_LINE + 1], 100_000).is_err());
        assert!(dechunked(b"1 ; a=\"b\"\r\nx\r\n0\r\n\r\n", 100).is_ok());
        // Bytes in chunks of one are fine, a flood of extensions is none.
        let small = "1\r\nx\r\n".repeat(10_000) + "0\r\n\r\n";
        assert_eq!(
            dechunked(small.as_bytes(), 4096).unwrap().unwrap().len(),
            10_000
        );
        let flood = format!("1;{}\r\nx\r\n", "e".repeat(1000)).repeat(20);
        assert!(dechunked(flood.as_bytes(), 4096).is_err());
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
