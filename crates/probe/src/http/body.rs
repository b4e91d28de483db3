//! Bodies of answers: where they end, and unpacked.

use super::head::Head;
use bytes::{Buf, Bytes, BytesMut};
use dialect::url::quote;
use flate2::bufread::MultiGzDecoder;
use net::Stream;
use std::io::{self, BufRead, Read};
use tokio::io::AsyncReadExt;

/// Unpacked bytes after which a body counts as over: a small packed answer must not keep a worker busy.
pub const UNPACKED_MAX: u64 = 64 << 20;
/// Bytes read or unpacked at once.
const READ: usize = 16 * 1024;
/// Longest line between chunks.
const CHUNK_LINE_MAX: usize = 4096;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are left.
    Length(u64),
    /// A chunk goes on for so many bytes, its line end included.
    Chunk(u64),
    /// A line with the size of a chunk comes.
    ChunkSize,
    /// The connection's end.
    UntilEnd,
}

impl Framing {
    /// How the body of this answer is framed.
    ///
    /// # Errors
    /// Go's text for what contradicts itself.
    pub(super) fn of(head: &Head, method: &str) -> Result<Self, String> {
        let chunked = head.at_least_1_1 && chunked(head)?;
        let length = if chunked { None } else { length(head)? };
        let empty = method == "HEAD" || head.code < 200 || matches!(head.code, 204 | 304);
        Ok(match length {
            _ if empty => Self::Length(0),
            _ if chunked => Self::ChunkSize,
            Some(length) => Self::Length(length),
            None => Self::UntilEnd,
        })
    }
}

fn chunked(head: &Head) -> Result<bool, String> {
    let codings: Vec<&str> = head.all("Transfer-Encoding").collect();
    match codings[..] {
        [] => Ok(false),
        [one] if one.eq_ignore_ascii_case("chunked") => Ok(true),
        [one] => Err(format!(
            "unsupported transfer encoding: {}",
            quote(one.as_bytes())
        )),
        _ => Err(format!(
            "too many transfer encodings: {}",
            several(&codings)
        )),
    }
}

fn length(head: &Head) -> Result<Option<u64>, String> {
    let mut values: Vec<&str> = head.all("Content-Length").collect();
    values.dedup();
    match values[..] {
        [] => Ok(None),
        [one] if !one.is_empty() && one.bytes().all(|byte| byte.is_ascii_digit()) => one
            .parse::<i64>()
            .ok()
            .and_then(|length| u64::try_from(length).ok())
            .map(Some)
            .ok_or_else(|| bad_length(one)),
        [one] => Err(bad_length(one)),
        _ => Err(format!(
            "http: message cannot contain multiple Content-Length headers; got {}",
            several(&values)
        )),
    }
}

fn bad_length(text: &str) -> String {
    format!("bad Content-Length {}", quote(text.as_bytes()))
}

/// Texts as Go prints a list of them.
fn several(texts: &[&str]) -> String {
    let each: Vec<String> = texts.iter().map(|text| quote(text.as_bytes())).collect();
    format!("[{}]", each.join(" "))
}

/// A body that is read as it comes.
pub struct Body {
    stream: Stream,
    /// Read and not handed out.
    buffer: BytesMut,
    framing: Framing,
    unpacker: Option<Unpacker>,
    over: bool,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

impl Body {
    pub(super) fn new(stream: Stream, buffer: BytesMut, framing: Framing, unpack: bool) -> Self {
        Self {
            stream,
            buffer,
            framing,
            unpacker: unpack.then(Unpacker::new),
            over: false,
        }
    }

    /// The next piece, `None` at the end. Cancelling loses nothing.
    ///
    /// # Errors
    /// The connection broke, the framing or the packing is damaged. Nothing comes after an error.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let next = self.unpacked().await;
        self.over |= !matches!(next, Ok(Some(_)));
        next
    }

    async fn unpacked(&mut self) -> io::Result<Option<Bytes>> {
        if self.over {
            return Ok(None);
        }
        loop {
            if let Some(unpacker) = &mut self.unpacker
                && let Some(out) = unpacker.step()?
            {
                return Ok(Some(out).filter(|out| !out.is_empty()));
            }
            let piece = self.piece().await?;
            let Some(unpacker) = &mut self.unpacker else {
                return Ok(piece);
            };
            unpacker.feed(piece);
        }
    }

    /// The next piece as it was sent.
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let most = match self.framing {
                Framing::Length(0) => return Ok(None),
                Framing::ChunkSize => {
                    match self.chunk_size().await? {
                        0 => return Ok(None),
                        size => self.framing = Framing::Chunk(size),
                    }
                    continue;
                }
                Framing::Chunk(0) => {
                    self.line().await?;
                    self.framing = Framing::ChunkSize;
                    continue;
                }
                Framing::Length(left) | Framing::Chunk(left) => left,
                Framing::UntilEnd => u64::MAX,
            };
            if self.buffer.is_empty() && self.read().await? == 0 {
                return match self.framing {
                    Framing::UntilEnd => Ok(None),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
            let take =
                usize::try_from(most).map_or(self.buffer.len(), |most| most.min(self.buffer.len()));
            if let Framing::Length(left) | Framing::Chunk(left) = &mut self.framing {
                *left -= take as u64;
            }
            return Ok(Some(self.buffer.split_to(take).freeze()));
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ);
        self.stream.read_buf(&mut self.buffer).await
    }

    async fn chunk_size(&mut self) -> io::Result<u64> {
        let line = self.line().await?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        std::str::from_utf8(digits.trim_ascii())
            .ok()
            .filter(|digits| !digits.starts_with('+'))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or_else(|| io::Error::other("invalid byte in chunk length"))
    }

    /// A line without its end.
    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(length) = memchr::memchr(b'\n', &self.buffer) {
                let line = self.buffer.split_to(length).freeze();
                self.buffer.advance(1);
                return Ok(line);
            }
            if self.buffer.len() > CHUNK_LINE_MAX {
                return Err(io::Error::other("header line too long"));
            }
            if self.read().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Packed bytes as the decoder takes them.
#[derive(Default)]
struct Packed {
    bytes: BytesMut,
    /// No more come.
    over: bool,
}

impl io::Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.len().min(into.len());
        self.bytes.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && !self.over {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(&self.bytes)
        }
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.advance(amount);
    }
}

struct Unpacker {
    decoder: MultiGzDecoder<Packed>,
    /// Bytes that came out.
    total: u64,
}

impl Unpacker {
    fn new() -> Self {
        Self {
            decoder: MultiGzDecoder::new(Packed::default()),
            total: 0,
        }
    }

    /// Takes packed bytes; `None` is their end.
    fn feed(&mut self, piece: Option<Bytes>) {
        let packed = self.decoder.get_mut();
        match piece {
            Some(piece) => packed.bytes.extend_from_slice(&piece),
            None => packed.over = true,
        }
    }

    /// At most [`READ`] bytes, none at the end; `None` where more has to be fed first.
    fn step(&mut self) -> io::Result<Option<Bytes>> {
        if self.total >= UNPACKED_MAX {
            return Ok(Some(Bytes::new()));
        }
        let mut out = vec![0; READ];
        match self.decoder.read(&mut out) {
            Ok(length) => {
                out.truncate(length);
                self.total += length as u64;
                Ok(Some(out.into()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn framing(head: &str, method: &str) -> Result<Framing, String> {
        Framing::of(&Head::parse(head.as_bytes()).unwrap(), method)
    }

    #[test]
    fn where_bodies_end() {
        for (head, method, want) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                "GET",
                Framing::Length(5),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                "HEAD",
                Framing::Length(0),
            ),
            (
                "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n",
                "GET",
                Framing::Length(0),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5\r\n\r\n",
                "GET",
                Framing::ChunkSize,
            ),
            (
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "GET",
                Framing::UntilEnd,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
                "GET",
                Framing::Length(5),
            ),
        ] {
            assert_eq!(framing(head, method), Ok(want), "{head}");
        }
        for (head, why) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                "bad Content-Length \"x\"",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                "bad Content-Length \"-1\"",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "http: message cannot contain multiple Content-Length headers; got [\"1\" \"2\"]",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: br\r\n\r\n",
                "unsupported transfer encoding: \"br\"",
            ),
        ] {
            assert_eq!(framing(head, "GET").unwrap_err(), why);
        }
    }

    fn packed(plain: &[u8]) -> Bytes {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(plain).unwrap();
        packer.finish().unwrap().into()
    }

    #[test]
    fn packed_pieces_of_any_size() {
        let bytes = packed(b"hello");
        for cut in 0..bytes.len() {
            let mut unpacker = Unpacker::new();
            unpacker.feed(Some(bytes.slice(..cut)));
            let mut out = Vec::new();
            while let Some(piece) = unpacker.step().unwrap() {
                out.extend_from_slice(&piece);
            }
            unpacker.feed(Some(bytes.slice(cut..)));
            unpacker.feed(None);
            while let Some(piece) = unpacker.step().unwrap().filter(|piece| !piece.is_empty()) {
                out.extend_from_slice(&piece);
            }
            assert_eq!(out, b"hello", "{cut}");
        }
    }

    #[test]
    fn a_bomb_comes_out_in_small_pieces_and_ends() {
        let mut unpacker = Unpacker::new();
        // A member of 1 MiB of zeros again and again, more than is taken.
        let member = packed(&vec![0; 1 << 20]);
        for _ in 0..(UNPACKED_MAX >> 20) + 2 {
            unpacker.feed(Some(member.clone()));
        }
        unpacker.feed(None);
        let mut total = 0;
        while let Some(piece) = unpacker.step().unwrap().filter(|piece| !piece.is_empty()) {
            assert!(piece.len() <= READ);
            total += piece.len() as u64;
        }
        assert!(
            (UNPACKED_MAX..UNPACKED_MAX + READ as u64).contains(&total),
            "{total}"
        );
    }

    #[test]
    fn what_is_not_packed_is_an_error() {
        let mut unpacker = Unpacker::new();
        unpacker.feed(Some(Bytes::from_static(b"hello, not packed at all")));
        assert!(unpacker.step().is_err());
    }
}
