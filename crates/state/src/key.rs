//! Keys of tables: bytes in the order in which rows are listed.
//!
//! A compound key is its parts joined by a zero byte, so that one range scan gives all rows that share the first parts,
//! ordered by the others. The first part of every key of the catalog is the peer the row was imported from, empty for local
//! rows. Names enter folded (spec/server.md §3), KV keys and IDs of sessions as they are.

use dialect::Text;
use model::folded;
use smallvec::SmallVec;
use std::{borrow::Borrow, borrow::Cow, fmt, ops::Deref, sync::Arc};

/// A key that tables, secondary indexes and watchers share; cloning is a reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as a KV key.
    pub fn to_text(&self) -> Text {
        Text::from(&self.0[..])
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// A key under construction, on the stack while it is short.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Path(SmallVec<[u8; 96]>);

impl Path {
    /// The key whose parts are these.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut bytes = SmallVec::new();
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                bytes.push(0);
            }
            bytes.extend_from_slice(part);
        }
        Self(bytes)
    }

    /// What all keys begin with whose first parts are these and that have more.
    pub(crate) fn under(parts: &[&[u8]]) -> Self {
        let mut path = Self::of(parts);
        path.0.push(0);
        path
    }

    /// Texts concatenated without a separator: names of index entries.
    pub(crate) fn text(parts: &[&str]) -> Self {
        let mut bytes = SmallVec::new();
        parts
            .iter()
            .for_each(|part| bytes.extend_from_slice(part.as_bytes()));
        Self(bytes)
    }

    /// The key to store.
    pub(crate) fn key(&self) -> Key {
        Key::from(&self.0[..])
    }
}

impl Deref for Path {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// A row of the catalog by its node: peer, folded node name.
pub(crate) fn node_path(peer: &str, node: &str) -> Path {
    Path::of(&[fold(peer).as_bytes(), fold(node).as_bytes()])
}

/// A row of the catalog by three parts, all but the peer as given.
pub(crate) fn path3(peer: &str, a: &str, b: &str) -> Path {
    Path::of(&[
        fold(peer).as_bytes(),
        fold(a).as_bytes(),
        fold(b).as_bytes(),
    ])
}

/// A row of the catalog by four parts.
pub(crate) fn path4(peer: &str, a: &str, b: &str, c: &str) -> Path {
    Path::of(&[
        fold(peer).as_bytes(),
        fold(a).as_bytes(),
        fold(b).as_bytes(),
        fold(c).as_bytes(),
    ])
}

/// Shorter name of [`folded`].
pub(crate) fn fold(name: &str) -> Cow<'_, str> {
    folded(name)
}
