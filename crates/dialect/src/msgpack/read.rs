//! The reading half: [`Reader`] walks a message, [`Decode`] says how a type is read from it.
//!
//! Follows the Go reader (spec/wire.md §0.2): any integer width that fits, `nil` for every type, unknown keys skipped, structs
//! also as arrays in declaration order.

use bytes::Bytes;

/// Deepest nesting of arrays, maps and nested encodings that is read: what JSON was allowed to hold, within some levels of
/// records. Were it less, a request could become a command that no server decodes.
pub const MAX_DEPTH: usize = crate::json::MAX_DEPTH + 128;

/// Elements are reserved ahead for at most this many bytes of memory; a list longer than that grows as it is read, so
/// that a claimed length costs nothing until the bytes are there.
const MAX_RESERVE: usize = 64 * 1024;

/// Why a message does not decode. Offsets are in bytes from the start of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The message ends inside a value, or claims more than it holds.
    #[error("EOF")]
    Eof,
    /// A value of another type than the record wants.
    #[error("msgpack decode error [pos {at}]: cannot decode {found} into {wanted}")]
    Type {
        /// Where.
        at: usize,
        /// What stands there.
        found: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// A number outside of the wanted type.
    #[error("msgpack decode error [pos {at}]: number overflows {wanted}")]
    Overflow {
        /// Where.
        at: usize,
        /// What was wanted.
        wanted: &'static str,
    },
    /// Nesting beyond [`MAX_DEPTH`].
    #[error("msgpack decode error [pos {at}]: nested too deeply")]
    Depth {
        /// Where.
        at: usize,
    },
    /// The elements take more memory than the reader was given ([`from_slice_within`]).
    #[error("msgpack decode error [pos {at}]: too many elements")]
    Memory {
        /// Where.
        at: usize,
    },
    /// Bytes that no value starts with, or a value that its type refuses.
    #[error("msgpack decode error [pos {at}]: invalid {what}")]
    Invalid {
        /// Where.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// What one value is, as far as its first bytes tell. Strings and byte strings borrow from the message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// `c0`.
    Nil,
    /// `c2`, `c3`.
    Bool(bool),
    /// Positive fixint or a signed form.
    Int(i64),
    /// `cc`–`cf`.
    Uint(u64),
    /// `ca`.
    F32(f32),
    /// `cb`.
    F64(f64),
    /// The raw family (and `d9`).
    Raw(&'a [u8]),
    /// `c4`–`c6`.
    Bin(&'a [u8]),
    /// The number of elements that follow.
    Array(usize),
    /// The number of pairs that follow.
    Map(usize),
    /// `c7`–`c9`, `d4`–`d8`: extension type and content.
    Ext(i8, &'a [u8]),
}

impl Token<'_> {
    fn name(&self) -> &'static str {
        match self {
            Token::Nil => "nil",
            Token::Bool(_) => "bool",
            Token::Int(_) | Token::Uint(_) => "integer",
            Token::F32(_) | Token::F64(_) => "float",
            Token::Raw(_) => "string",
            Token::Bin(_) => "bytes",
            Token::Array(_) => "array",
            Token::Map(_) => "map",
            Token::Ext(..) => "extension",
        }
    }
}

/// A position in a message.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    depth: usize,
    /// Bytes that elements of lists and maps may still take; their content is paid for by the input.
    memory: usize,
    shared: Option<&'a Bytes>,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `input`.
    pub fn new(input: &'a [u8]) -> Self {
        Reader {
            input,
            at: 0,
            depth: 0,
            memory: usize::MAX,
            shared: None,
        }
    }

    /// A reader whose byte strings share the memory of `input` instead of copying. They keep all of it alive.
    pub fn shared(input: &'a Bytes) -> Self {
        Reader {
            input,
            at: 0,
            depth: 0,
            memory: usize::MAX,
            shared: Some(input),
        }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// Reads any value.
    #[inline]
    pub fn value<T: Decode>(&mut self) -> Result<T, Error> {
        T::decode(self)
    }

    /// Consumes a nil if one is next.
    #[inline]
    pub fn take_nil(&mut self) -> bool {
        let nil = self.input.get(self.at) == Some(&0xc0);
        self.at += usize::from(nil);
        nil
    }

    /// Reads one scalar, string, or head of a collection.
    pub fn token(&mut self) -> Result<Token<'a>, Error> {
        let at = self.at;
        let marker = self.be::<1>()? as u8;
        Ok(match marker {
            0x00..=0x7f => Token::Int(i64::from(marker)),
            0x80..=0x8f => Token::Map(usize::from(marker & 0x0f)),
            0x90..=0x9f => Token::Array(usize::from(marker & 0x0f)),
            0xa0..=0xbf => Token::Raw(self.take(usize::from(marker & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => {
                return Err(Error::Invalid {
                    at,
                    what: "byte c1",
                });
            }
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4 => Token::Bin(self.counted::<1>()?),
            0xc5 => Token::Bin(self.counted::<2>()?),
            0xc6 => Token::Bin(self.counted::<4>()?),
            0xc7 => self.ext::<1>()?,
            0xc8 => self.ext::<2>()?,
            0xc9 => self.ext::<4>()?,
            0xca => Token::F32(f32::from_bits(self.be::<4>()? as u32)),
            0xcb => Token::F64(f64::from_bits(self.be::<8>()?)),
            0xcc => Token::Uint(self.be::<1>()?),
            0xcd => Token::Uint(self.be::<2>()?),
            0xce => Token::Uint(self.be::<4>()?),
            0xcf => Token::Uint(self.be::<8>()?),
            0xd0 => Token::Int(i64::from(self.be::<1>()? as i8)),
            0xd1 => Token::Int(i64::from(self.be::<2>()? as i16)),
            0xd2 => Token::Int(i64::from(self.be::<4>()? as i32)),
            0xd3 => Token::Int(self.be::<8>()? as i64),
            0xd4..=0xd8 => {
                let kind = self.be::<1>()? as i8;
                Token::Ext(kind, self.take(1 << (marker - 0xd4))?)
            }
            0xd9 => Token::Raw(self.counted::<1>()?),
            0xda => Token::Raw(self.counted::<2>()?),
            0xdb => Token::Raw(self.counted::<4>()?),
            0xdc => Token::Array(self.be::<2>()? as usize),
            0xdd => Token::Array(self.be::<4>()? as usize),
            0xde => Token::Map(self.be::<2>()? as usize),
            0xdf => Token::Map(self.be::<4>()? as usize),
            0xe0..=0xff => Token::Int(i64::from(marker as i8)),
        })
    }

    /// An integer that fits an `i64`; nil is 0.
    pub fn int(&mut self) -> Result<i64, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(0),
            Token::Int(value) => Ok(value),
            Token::Uint(value) => i64::try_from(value).map_err(|_| Error::Overflow {
                at,
                wanted: "int64",
            }),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "integer",
            }),
        }
    }

    /// An integer that fits a `u64`; nil is 0.
    pub fn uint(&mut self) -> Result<u64, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(0),
            Token::Int(value) => u64::try_from(value).map_err(|_| Error::Overflow {
                at,
                wanted: "uint64",
            }),
            Token::Uint(value) => Ok(value),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "integer",
            }),
        }
    }

    /// A bool, or an integer 0 or 1; nil is false.
    pub fn bool(&mut self) -> Result<bool, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil | Token::Int(0) | Token::Uint(0) | Token::Bool(false) => Ok(false),
            Token::Bool(true) | Token::Int(1) | Token::Uint(1) => Ok(true),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "bool",
            }),
        }
    }

    /// A float of either width, or an integer; nil is 0.
    pub fn float(&mut self) -> Result<f64, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(0.0),
            Token::F32(value) => Ok(f64::from(value)),
            Token::F64(value) => Ok(value),
            Token::Int(value) => Ok(value as f64),
            Token::Uint(value) => Ok(value as f64),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "float",
            }),
        }
    }

    /// The bytes of a string, which need not be UTF-8; nil is empty. `bin` is refused, as Go does.
    #[inline]
    pub fn str_bytes(&mut self) -> Result<&'a [u8], Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(&[]),
            Token::Raw(text) => Ok(text),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "string",
            }),
        }
    }

    /// A byte string of either family; `None` for nil.
    pub fn bytes(&mut self) -> Result<Option<&'a [u8]>, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(None),
            Token::Raw(bytes) | Token::Bin(bytes) => Ok(Some(bytes)),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "bytes",
            }),
        }
    }

    /// A byte string as [`Bytes`]: shared with the message when the reader was made with [`Reader::shared`].
    pub fn owned_bytes(&mut self) -> Result<Option<Bytes>, Error> {
        let bytes = self.bytes()?;
        Ok(bytes.map(|bytes| match self.shared {
            Some(whole) if !bytes.is_empty() => whole.slice_ref(bytes),
            _ => Bytes::copy_from_slice(bytes),
        }))
    }

    /// The number of elements of an array; `None` for nil. Each element takes at least one byte, so a count beyond the
    /// remaining input is refused at once.
    pub fn array_len(&mut self) -> Result<Option<usize>, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(None),
            Token::Array(len) if len <= self.rest().len() => Ok(Some(len)),
            Token::Array(_) => Err(Error::Eof),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "array",
            }),
        }
    }

    /// The number of pairs of a map; `None` for nil. Each pair takes at least two bytes.
    pub fn map_len(&mut self) -> Result<Option<usize>, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(None),
            Token::Map(len) if len <= self.rest().len() / 2 => Ok(Some(len)),
            Token::Map(_) => Err(Error::Eof),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "map",
            }),
        }
    }

    /// What a struct is written as: a map of so many pairs, or an array of so many elements in declaration order.
    pub(crate) fn record_head(&mut self) -> Result<RecordHead, Error> {
        let at = self.at;
        match self.token()? {
            Token::Nil => Ok(RecordHead::Nil),
            Token::Map(len) if len <= self.rest().len() / 2 => Ok(RecordHead::Map(len)),
            Token::Array(len) if len <= self.rest().len() => Ok(RecordHead::Array(len)),
            Token::Map(_) | Token::Array(_) => Err(Error::Eof),
            other => Err(Error::Type {
                at,
                found: other.name(),
                wanted: "map",
            }),
        }
    }

    /// Reads one level deeper.
    #[inline]
    pub fn deeper<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::Depth { at: self.at });
        }
        self.depth += 1;
        let result = body(self);
        self.depth -= 1;
        result
    }

    /// Skips one value of any shape.
    pub fn skip(&mut self) -> Result<(), Error> {
        // A loop with a counter: the depth of what is skipped costs nothing.
        let mut pending: u64 = 1;
        while pending > 0 {
            pending -= 1;
            match self.token()? {
                Token::Array(len) => pending += len as u64,
                Token::Map(len) => pending += 2 * len as u64,
                _ => {}
            }
            if pending > self.rest().len() as u64 {
                return Err(Error::Eof);
            }
        }
        Ok(())
    }

    /// Reads a nested encoding held in one raw string (spec/wire.md §0.5): `body` gets a reader over its content.
    pub fn nested<T>(
        &mut self,
        body: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::Depth { at: self.at });
        }
        let content = self.bytes()?.unwrap_or_default();
        let mut inner = Reader {
            input: content,
            at: 0,
            depth: self.depth + 1,
            memory: self.memory,
            shared: self.shared,
        };
        let result = body(&mut inner);
        self.memory = inner.memory;
        result
    }

    /// Pays for `len` elements of `T`: an element of one byte may become a record of hundreds.
    pub(crate) fn spend<T>(&mut self, len: usize) -> Result<(), Error> {
        let left = len
            .checked_mul(size_of::<T>())
            .and_then(|bytes| self.memory.checked_sub(bytes));
        self.memory = left.ok_or(Error::Memory { at: self.at })?;
        Ok(())
    }

    /// How many elements of `T` may be reserved for a claimed length.
    pub(crate) fn reserve_for<T>(len: usize) -> usize {
        len.min(MAX_RESERVE / size_of::<T>().max(1))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let bytes = self.rest().get(..len).ok_or(Error::Eof)?;
        self.at += len;
        Ok(bytes)
    }

    fn be<const N: usize>(&mut self) -> Result<u64, Error> {
        let bytes = self.take(N)?;
        Ok(bytes
            .iter()
            .fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
    }

    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], Error> {
        let len = self.be::<N>()? as usize;
        self.take(len)
    }

    fn ext<const N: usize>(&mut self) -> Result<Token<'a>, Error> {
        let len = self.be::<N>()? as usize;
        let kind = self.be::<1>()? as i8;
        Ok(Token::Ext(kind, self.take(len)?))
    }
}

/// Finds the end of a value that arrives in pieces, and looks at each byte once.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Where the next token begins.
    at: usize,
    /// Values that have to follow.
    pending: u64,
}

impl Default for Scan {
    fn default() -> Self {
        Scan { at: 0, pending: 1 }
    }
}

impl Scan {
    /// Goes on in `input`, which begins where the value begins and holds all that was seen before; how long the value is, once
    /// its end is there.
    ///
    /// # Errors
    /// Bytes that no value starts with. The scan is then of no more use.
    pub fn advance(&mut self, input: &[u8]) -> Result<Option<usize>, Error> {
        let mut r = Reader {
            at: self.at,
            ..Reader::new(input)
        };
        while self.pending > 0 {
            let inside = match r.token() {
                Ok(Token::Array(len)) => len as u64,
                Ok(Token::Map(len)) => 2 * len as u64,
                Ok(_) => 0,
                Err(Error::Eof) => return Ok(None),
                Err(error) => return Err(error),
            };
            self.pending = (self.pending - 1).saturating_add(inside);
            self.at = r.position();
        }
        Ok(Some(self.at))
    }

    /// The least length that the value can have, in bytes: what was seen, and one for each value that has to follow.
    pub fn at_least(&self) -> u64 {
        (self.at as u64).saturating_add(self.pending)
    }
}

/// See [`Reader::record_head`].
pub(crate) enum RecordHead {
    Nil,
    Map(usize),
    Array(usize),
}

/// A type that can be read from msgpack. nil gives the zero value.
pub trait Decode: Sized {
    /// Reads one value.
    fn decode(r: &mut Reader<'_>) -> Result<Self, Error>;
}

/// Reads one value; what follows it is ignored, as Go's decoder does.
pub fn from_slice<T: Decode>(input: &[u8]) -> Result<T, Error> {
    T::decode(&mut Reader::new(input))
}

/// As [`from_slice`], for input that nobody vouches for: the elements of its lists and maps may take `memory` bytes, beyond
/// what their texts and byte strings take.
pub fn from_slice_within<T: Decode>(input: &[u8], memory: usize) -> Result<T, Error> {
    T::decode(&mut Reader {
        memory,
        ..Reader::new(input)
    })
}

/// As [`from_slice`], but byte strings in the value share the memory of `input`.
pub fn from_bytes<T: Decode>(input: &Bytes) -> Result<T, Error> {
    T::decode(&mut Reader::shared(input))
}

/// Reads one value and says how many bytes it took.
pub fn from_prefix<T: Decode>(input: &[u8]) -> Result<(T, usize), Error> {
    let mut r = Reader::new(input);
    let value = T::decode(&mut r)?;
    Ok((value, r.position()))
}
