//! Records of archives whose types this version does not interpret: kept byte for byte and written back.

use crate::key::Key;
use crate::table::Table;
use crate::tables::spec::{Archived, Native, TableSpec};
use dialect::Bytes;

/// Types of the ACL system, between sessions and keys.
const ACL: &[u8] = &[17, 19, 23, 25, 27];
/// Directly before the authority's records.
const INTENTIONS: &[u8] = &[12];
/// Between the authority and system metadata.
const MESH: &[u8] = &[22, 30];
/// Behind the indexes.
const LAST: &[u8] = &[35, 38, 40, 42];

/// Records of these types at that place of an archive. A type that becomes a table of its own leaves its list.
macro_rules! verbatim {
    ($kinds:ident at $place:literal) => {
        Archived {
            kinds: $kinds,
            place: $place,
            save: |root, out| {
                $kinds.iter().copied().try_for_each(|kind| {
                    let mut bodies = root.opaque.of(kind);
                    bodies.try_for_each(|body| out.with(kind, |w| w.verbatim(body)))
                })
            },
            load: |root, record| {
                if record.keep {
                    let body = Bytes::copy_from_slice(record.body);
                    root.opaque.push(record.kind, body);
                }
                Ok(())
            },
        }
    };
}

pub(crate) const OPAQUE: TableSpec = TableSpec {
    name: "opaque",
    record: "type byte and body, byte for byte",
    changed_by: &[],
    wakes: &[],
    reads: &[],
    native: Native {
        byte: 12,
        save: |root, out| {
            root.opaque.iter().try_for_each(|(kind, body)| {
                out.row(|w| {
                    w.array(2);
                    w.uint(u64::from(kind));
                    w.raw(body);
                })
            })
        },
        load: |root, r| {
            r.array_len()?;
            let kind = r.value::<u8>()?;
            let body = r.bytes()?.map(Bytes::copy_from_slice);
            root.opaque.push(kind, body.unwrap_or_default());
            Ok(())
        },
    },
    archive: &[
        verbatim!(ACL at 60),
        verbatim!(INTENTIONS at 110),
        verbatim!(MESH at 150),
        verbatim!(LAST at 180),
    ],
    rules: &[],
};

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
