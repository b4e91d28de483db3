//! Records of archives whose types this version does not interpret: kept byte for byte and written back.

use crate::key::Key;
use crate::table::Table;
use dialect::Bytes;

/// Bodies (one msgpack value each) by type byte and order of arrival.
#[derive(Clone, Default)]
pub(crate) struct Opaque(Table<Bytes>);

impl Opaque {
    pub(crate) fn push(&mut self, kind: u8, body: Bytes) {
        // Rows are never removed, so the count gives each a place of its own.
        let mut key = [0u8; 9];
        key[0] = kind;
        key[1..].copy_from_slice(&(self.0.len() as u64).to_be_bytes());
        self.0.insert(Key::from(&key[..]), body);
    }

    /// The bodies of one type in order of arrival.
    pub(crate) fn of(&self, kind: u8) -> impl Iterator<Item = &Bytes> {
        self.0
            .iter()
            .filter(move |(key, _)| key.first() == Some(&kind))
            .map(|(_, body)| body)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Bytes)> {
        self.0
            .iter()
            .filter_map(|(key, body)| Some((*key.first()?, body)))
    }
}
