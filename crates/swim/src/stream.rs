//! Streams: one request, at most one answer, each a message within its wrappings (spec/wire.md §1.7).

use crate::compress::{DecompressError, compress, decompress};
use crate::keyring::{NONCE_LEN, OVERHEAD, SealError};
use crate::messages::{
    Ack, Compressed, ErrorReply, NodeState, Ping, PushPull, PushPullHead, UserHead, kind, with_kind,
};
use crate::packet::{PacketError, Wrapping};
use bytes::{Buf, Bytes, BytesMut};
use dialect::msgpack::{self, Token};
use thiserror::Error;

/// Bytes of a message on a stream, as it travels and as it is when decompressed.
pub const STREAM_MAX: usize = 20 * 1024 * 1024;
/// Nodes of a push/pull.
pub const NODES_MAX: usize = 100_000;
/// Type byte and length of an encrypted message.
const SEALED_HEAD: usize = 5;
/// Bytes of a record that is no compressed content: a node's state with its metadata of 512 bytes is the longest.
const RECORD_MAX: usize = 8 * 1024;
/// Fields of compressed content; honest senders write two.
const FIELDS_MAX: usize = 8;

/// Why a stream's message is refused. Texts are the reference's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamError {
    /// Another label than ours.
    #[error("discarding stream with unacceptable label {0:?}")]
    Label(String),
    /// A plain message where all are encrypted.
    #[error("Encryption is configured but remote state is not encrypted")]
    Plain,
    /// An encrypted message where none is.
    #[error("Remote state is encrypted and encryption is not configured")]
    Encrypted,
    /// It cannot be decrypted.
    #[error("{0}")]
    Sealed(#[from] SealError),
    /// Beyond [`STREAM_MAX`].
    #[error("Remote node state is larger than limit ({0})")]
    TooLarge(usize),
    /// Compressed content that cannot be read.
    #[error("{0}")]
    Compressed(#[from] DecompressError),
    /// A message that cannot be read.
    #[error("{0}")]
    Body(#[from] msgpack::Error),
    /// A type that streams do not carry.
    #[error("received invalid msgType ({0})")]
    Kind(u8),
    /// Numbers in a head that make no sense, or beyond [`NODES_MAX`].
    #[error("received a message that claims too much")]
    Claims,
}

/// A message of a stream.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum StreamMessage {
    Ping(Ping),
    Ack(Ack),
    PushPull(PushPull),
    /// What the layer above says.
    User(Bytes),
    Error(ErrorReply),
}

impl StreamMessage {
    /// The type byte.
    pub(crate) fn number(&self) -> u8 {
        match self {
            Self::Ping(_) => kind::PING,
            Self::Ack(_) => kind::ACK,
            Self::PushPull(_) => kind::PUSH_PULL,
            Self::User(_) => kind::USER,
            Self::Error(_) => kind::ERROR,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ping(body) => with_kind(kind::PING, body),
            Self::Ack(body) => with_kind(kind::ACK, body),
            Self::PushPull(body) => body.encode(),
            Self::User(body) => {
                let head = UserHead {
                    user_msg_len: body.len() as i64,
                };
                let mut out = with_kind(kind::USER, &head);
                out.extend_from_slice(body);
                out
            }
            Self::Error(body) => with_kind(kind::ERROR, body),
        }
    }
}

/// Which end of a stream writes: only the one that dialled says the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It dialled.
    Dialer,
    /// It answers.
    Listener,
}

impl Wrapping {
    /// The bytes of a message on a stream.
    pub fn frame(&self, message: &StreamMessage, side: Side, nonce: [u8; NONCE_LEN]) -> Vec<u8> {
        let mut content = message.encode();
        if self.compress {
            content = compress(&content);
        }
        if self.seals() {
            let length = (OVERHEAD + content.len()) as u32;
            let mut head = vec![kind::ENCRYPT];
            head.extend(length.to_be_bytes());
            let bound = [&head[..], &self.label].concat();
            if let Some(sealed) = self.keyring.seal(&content, &bound, nonce) {
                head.extend(sealed);
                content = head;
            }
        }
        if side == Side::Dialer && !self.label.is_empty() {
            let head = [kind::LABEL, self.label.len() as u8];
            content.splice(0..0, head.into_iter().chain(self.label.iter().copied()));
        }
        content
    }
}

/// Puts the message of one direction of a stream together from what arrives, without looking at a byte twice.
#[derive(Default)]
pub struct StreamReader {
    input: BytesMut,
    stage: Stage,
}

#[derive(Default)]
enum Stage {
    /// Before the label of a dialer.
    #[default]
    Label,
    /// Before the type byte.
    Start,
    /// An encrypted blob of that length.
    Sealed(usize),
    /// A plain message.
    Plain(Body),
}

impl StreamReader {
    /// A reader of what `side` writes.
    pub fn new(side: Side) -> Self {
        Self {
            input: BytesMut::new(),
            stage: match side {
                Side::Dialer => Stage::Label,
                Side::Listener => Stage::Start,
            },
        }
    }

    /// Bytes that are kept until the message is whole; never more than [`STREAM_MAX`] and a piece.
    pub fn buffered(&self) -> usize {
        self.input.len()
    }

    /// Takes what arrived; the message once it is whole. What follows it is ignored.
    ///
    /// # Errors
    /// See [`StreamError`]: it is what an answer of type error says, and the connection is to be closed.
    pub fn push(
        &mut self,
        wrapping: &Wrapping,
        bytes: &[u8],
    ) -> Result<Option<StreamMessage>, StreamError> {
        self.input.extend_from_slice(bytes);
        loop {
            match &mut self.stage {
                Stage::Label => match self.input.first() {
                    None => return Ok(None),
                    Some(&kind::LABEL) => {
                        let len = self.input.get(1).copied().map(usize::from);
                        match len {
                            Some(len) if self.input.len() >= 2 + len => {
                                let head = self.input.split_to(2 + len).freeze();
                                unlabel(wrapping, head)?;
                            }
                            _ => return Ok(None),
                        }
                        self.stage = Stage::Start;
                    }
                    Some(_) => {
                        unlabel(wrapping, Bytes::new())?;
                        self.stage = Stage::Start;
                    }
                },
                Stage::Start => match self.start(wrapping)? {
                    Some(stage) => self.stage = stage,
                    None => return Ok(None),
                },
                Stage::Sealed(len) => {
                    let end = SEALED_HEAD + *len;
                    if self.input.len() < end {
                        return Ok(None);
                    }
                    let blob = self.input.split_to(end);
                    let bound = [&blob[..SEALED_HEAD], &wrapping.label].concat();
                    let plain = wrapping.keyring.open(&blob[SEALED_HEAD..], &bound)?;
                    return whole(plain).map(Some);
                }
                Stage::Plain(body) => {
                    let message = body.read(&mut self.input)?;
                    if message.is_none() && self.input.len() > STREAM_MAX {
                        return Err(StreamError::TooLarge(self.input.len()));
                    }
                    return Ok(message);
                }
            }
        }
    }

    fn start(&self, wrapping: &Wrapping) -> Result<Option<Stage>, StreamError> {
        let Some(first) = self.input.first() else {
            return Ok(None);
        };
        let has_keys = !wrapping.keyring.is_empty();
        if *first != kind::ENCRYPT {
            return if has_keys && wrapping.verify_incoming {
                Err(StreamError::Plain)
            } else {
                Ok(Some(Stage::Plain(Body::default())))
            };
        }
        if !has_keys {
            return Err(StreamError::Encrypted);
        }
        let Some(mut length) = self.input.get(1..SEALED_HEAD) else {
            return Ok(None);
        };
        let length = length.get_u32() as usize;
        if length > STREAM_MAX {
            return Err(StreamError::TooLarge(length));
        }
        Ok(Some(Stage::Sealed(length)))
    }
}

fn unlabel(wrapping: &Wrapping, head: Bytes) -> Result<(), StreamError> {
    match wrapping.unlabel(head) {
        Err(PacketError::Label(label)) => Err(StreamError::Label(label)),
        _ => Ok(()),
    }
}

/// A message that is read piece by piece.
#[derive(Default)]
enum Body {
    #[default]
    Kind,
    /// A record follows: a whole message, or the head of one.
    Record(u8),
    PushPull {
        left: usize,
        state_len: usize,
        whole: PushPull,
    },
    User(usize),
}

/// A record at the front of `input`: taken off, or `None` while it is not whole. Looking at it again and again costs little, for
/// it is short.
fn record<T: msgpack::Decode>(input: &mut BytesMut) -> Result<Option<T>, StreamError> {
    match msgpack::from_prefix(input) {
        Ok((value, len)) => {
            input.advance(len);
            Ok(Some(value))
        }
        Err(msgpack::Error::Eof) if input.len() > RECORD_MAX => Err(StreamError::Claims),
        Err(msgpack::Error::Eof) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The same of compressed content, which may be long: only fields of one token are looked at, and few.
fn compressed(input: &mut BytesMut) -> Result<Option<Compressed>, StreamError> {
    let mut reader = msgpack::Reader::new(input);
    match walk(&mut reader) {
        Ok(()) => {}
        Err(StreamError::Body(msgpack::Error::Eof)) => return Ok(None),
        Err(error) => return Err(error),
    }
    let whole = input.split_to(reader.position()).freeze();
    Ok(Some(msgpack::from_bytes(&whole)?))
}

/// Steps over the fields of a record.
fn walk(reader: &mut msgpack::Reader<'_>) -> Result<(), StreamError> {
    let Token::Map(fields @ 0..=FIELDS_MAX) = reader.token()? else {
        return Err(StreamError::Claims);
    };
    for _ in 0..2 * fields {
        if matches!(reader.token()?, Token::Map(_) | Token::Array(_)) {
            return Err(StreamError::Claims);
        }
    }
    Ok(())
}

impl Body {
    fn read(&mut self, input: &mut BytesMut) -> Result<Option<StreamMessage>, StreamError> {
        loop {
            match self {
                Self::Kind => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    *self = Self::Record(input.get_u8());
                }
                Self::Record(kind::COMPRESS) => {
                    return match compressed(input)? {
                        Some(content) => unpacked(&content).map(Some),
                        None => Ok(None),
                    };
                }
                Self::Record(kind) => {
                    let kind = *kind;
                    match self.head(kind, input)? {
                        Some(message) => return Ok(Some(message)),
                        None if matches!(self, Self::Record(_)) => return Ok(None),
                        None => {}
                    }
                }
                Self::PushPull {
                    left,
                    state_len,
                    whole,
                } => {
                    while *left > 0 {
                        let Some(node) = record::<NodeState>(input)? else {
                            return Ok(None);
                        };
                        whole.nodes.push(node);
                        *left -= 1;
                    }
                    if input.len() < *state_len {
                        return Ok(None);
                    }
                    whole.user_state = input.split_to(*state_len).freeze();
                    return Ok(Some(StreamMessage::PushPull(std::mem::take(whole))));
                }
                Self::User(len) => {
                    if input.len() < *len {
                        return Ok(None);
                    }
                    let body = input.split_to(*len).freeze();
                    return Ok(Some(StreamMessage::User(body)));
                }
            }
        }
    }

    /// The record behind the type byte: a whole message, or the head of one that goes on.
    fn head(
        &mut self,
        kind: u8,
        input: &mut BytesMut,
    ) -> Result<Option<StreamMessage>, StreamError> {
        Ok(match kind {
            kind::PING => record(input)?.map(StreamMessage::Ping),
            kind::ACK => record(input)?.map(StreamMessage::Ack),
            kind::ERROR => record(input)?.map(StreamMessage::Error),
            kind::USER => {
                if let Some(head) = record::<UserHead>(input)? {
                    *self = Self::User(length(head.user_msg_len)?);
                }
                None
            }
            kind::PUSH_PULL => {
                if let Some(head) = record::<PushPullHead>(input)? {
                    let left = length(head.nodes)?;
                    if left > NODES_MAX {
                        return Err(StreamError::Claims);
                    }
                    *self = Self::PushPull {
                        left,
                        state_len: length(head.user_state_len)?,
                        whole: PushPull {
                            join: head.join,
                            ..PushPull::default()
                        },
                    };
                }
                None
            }
            other => return Err(StreamError::Kind(other)),
        })
    }
}

/// A length that a head claims.
fn length(claimed: i64) -> Result<usize, StreamError> {
    let len = usize::try_from(claimed).map_err(|_| StreamError::Claims)?;
    if len > STREAM_MAX {
        return Err(StreamError::TooLarge(len));
    }
    Ok(len)
}

/// The message that was compressed; it is not compressed twice.
fn unpacked(content: &Compressed) -> Result<StreamMessage, StreamError> {
    let plain = decompress(content, STREAM_MAX)?;
    if plain.first() == Some(&kind::COMPRESS) {
        return Err(StreamError::Kind(kind::COMPRESS));
    }
    whole(plain)
}

/// The message in `content`, which is all there is.
fn whole(content: Bytes) -> Result<StreamMessage, StreamError> {
    let message = Body::default().read(&mut BytesMut::from(content))?;
    message.ok_or(StreamError::Body(msgpack::Error::Eof))
}
