//! The writing half: [`Writer`] appends msgpack to a vector, [`Encode`] says how a type does it.

use bytes::Bytes;

/// The variants of the encoding (spec/wire.md §0.2, §0.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Old raw family only; non-negative integers unsigned. RPC, replicated log, snapshots, gossip.
    #[default]
    A,
    /// As `A`, but positive values of signed fields above 127 stay signed (`d1`, `d2`, `d3`). Raft transport.
    B,
    /// As `A`, but strings of 32–255 bytes use `d9` and byte strings `c4`–`c6`. Payload of user events.
    C,
}

/// Appends msgpack to a vector. Writing cannot fail.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    dialect: Dialect,
}

impl<'a> Writer<'a> {
    /// A writer in dialect A that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Writer {
            out,
            dialect: Dialect::A,
        }
    }

    /// A writer in the given dialect that appends to `out`.
    pub fn with_dialect(out: &'a mut Vec<u8>, dialect: Dialect) -> Self {
        Writer { out, dialect }
    }

    /// `c0`.
    #[inline]
    pub fn nil(&mut self) {
        self.out.push(0xc0);
    }

    /// `c2` or `c3`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.out.push(if value { 0xc3 } else { 0xc2 });
    }

    /// The shortest unsigned form.
    #[inline]
    pub fn uint(&mut self, value: u64) {
        match value {
            0..=0x7f => self.out.push(value as u8),
            0x80..=0xff => self.head::<1>(0xcc, value),
            0x100..=0xffff => self.head::<2>(0xcd, value),
            0x1_0000..=0xffff_ffff => self.head::<4>(0xce, value),
            _ => self.head::<8>(0xcf, value),
        }
    }

    /// A value of a signed type: negative in the shortest signed form, positive as the dialect wants it.
    #[inline]
    pub fn int(&mut self, value: i64) {
        let bits = value as u64;
        match value {
            0..=127 => self.out.push(value as u8),
            128.. if self.dialect != Dialect::B => self.uint(bits),
            -32..=-1 => self.out.push(value as u8),
            -128..=-33 => self.head::<1>(0xd0, bits),
            -32768..=32767 => self.head::<2>(0xd1, bits),
            -2_147_483_648..=2_147_483_647 => self.head::<4>(0xd2, bits),
            _ => self.head::<8>(0xd3, bits),
        }
    }

    /// `ca`.
    #[inline]
    pub fn f32(&mut self, value: f32) {
        self.head::<4>(0xca, u64::from(value.to_bits()));
    }

    /// `cb`.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        self.head::<8>(0xcb, value.to_bits());
    }

    /// A text, any bytes (Go strings need not be UTF-8).
    #[inline]
    pub fn str(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        match text.len() {
            len @ 0..=31 => self.out.push(0xa0 | len as u8),
            len @ 32..=255 if self.dialect == Dialect::C => self.head::<1>(0xd9, len as u64),
            len @ 32..=0xffff => self.head::<2>(0xda, len as u64),
            len => self.head::<4>(0xdb, len as u64),
        }
        self.out.extend_from_slice(text);
    }

    /// A byte string that is not nil.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.dialect == Dialect::C {
            self.bin(bytes);
        } else {
            self.str(bytes);
        }
    }

    /// A byte string in the newer `bin` family, whatever the dialect.
    pub fn bin(&mut self, bytes: &[u8]) {
        match bytes.len() {
            len @ 0..=0xff => self.head::<1>(0xc4, len as u64),
            len @ 0x100..=0xffff => self.head::<2>(0xc5, len as u64),
            len => self.head::<4>(0xc6, len as u64),
        }
        self.out.extend_from_slice(bytes);
    }

    /// The head of an array; `len` elements must follow.
    #[inline]
    pub fn array(&mut self, len: usize) {
        match len {
            0..=15 => self.out.push(0x90 | len as u8),
            16..=0xffff => self.head::<2>(0xdc, len as u64),
            _ => self.head::<4>(0xdd, len as u64),
        }
    }

    /// The head of a map; `len` pairs must follow.
    #[inline]
    pub fn map(&mut self, len: usize) {
        match len {
            0..=15 => self.out.push(0x80 | len as u8),
            16..=0xffff => self.head::<2>(0xde, len as u64),
            _ => self.head::<4>(0xdf, len as u64),
        }
    }

    /// Bytes that are msgpack already.
    #[inline]
    pub fn verbatim(&mut self, msgpack: &[u8]) {
        self.out.extend_from_slice(msgpack);
    }

    /// Appends any value, for chains of fields written by hand.
    #[inline]
    pub fn value<T: Encode + ?Sized>(&mut self, value: &T) {
        value.encode(self);
    }

    /// Writes what `body` writes as one raw string holding a nested encoding (spec/wire.md §0.5).
    pub fn nested(&mut self, body: impl FnOnce(&mut Writer<'_>)) {
        let mut inner = Vec::with_capacity(256);
        body(&mut Writer::with_dialect(&mut inner, self.dialect));
        self.str(&inner);
    }

    /// A marker byte and the last `N` bytes of `bits`, big-endian.
    #[inline]
    fn head<const N: usize>(&mut self, marker: u8, bits: u64) {
        let mut head = [0u8; 9];
        head[0] = marker;
        head[1..=N].copy_from_slice(&bits.to_be_bytes()[8 - N..]);
        self.out.extend_from_slice(&head[..=N]);
    }
}

/// A type with a msgpack form.
pub trait Encode {
    /// Appends the value.
    fn encode(&self, w: &mut Writer<'_>);

    /// Appends the value where a pointer to it is not nil. Differs only for types whose nil and empty are one.
    fn encode_some(&self, w: &mut Writer<'_>) {
        self.encode(w);
    }

    /// Whether a field marked `wire_omit` with this value is left out.
    fn is_zero(&self) -> bool {
        false
    }
}

/// The value in dialect A.
pub fn to_vec<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    to_vec_in(Dialect::A, value)
}

/// The value in the given dialect.
pub fn to_vec_in<T: Encode + ?Sized>(dialect: Dialect, value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    value.encode(&mut Writer::with_dialect(&mut out, dialect));
    out
}

/// The value in dialect A, as shared bytes.
pub fn to_bytes<T: Encode + ?Sized>(value: &T) -> Bytes {
    to_vec(value).into()
}
