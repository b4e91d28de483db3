//! What a default deny would refuse while it only reports (`acl.report_only`): counted by who lacks what.
//!
//! A value: the caller keeps it and says what time it is. Its memory is bounded whatever clients ask for.

use std::collections::BTreeMap;

use dialect::GoTime;

use crate::{Access, Denied, Resource};

/// Memory that a report may take, bytes, as estimated. What comes when it is full is only counted.
pub const REPORT_BYTES_MAX: usize = 4 << 20;

/// Names that are told apart for one accessor, resource and access; the others are counted together.
pub const NAMES_MAX: usize = 64;

/// Longest name that is told apart, bytes.
pub const NAME_BYTES_MAX: usize = 512;

/// Memory of an entry of a map beside its text, bytes, estimated.
const ENTRY_BYTES: usize = 160;

/// Who lacks what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lacking {
    /// The token's accessor, or "".
    pub accessor: Box<str>,
    /// Of what.
    pub resource: Resource,
    /// How.
    pub access: Access,
}

/// How often, when, and for which names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refusals {
    /// All together.
    pub count: u64,
    /// The first.
    pub first: GoTime,
    /// The last.
    pub last: GoTime,
    /// By name, at most [`NAMES_MAX`]; resources without names have none.
    pub names: BTreeMap<Box<[u8]>, u64>,
    /// Those of further names.
    pub other_names: u64,
}

/// The report.
#[derive(Clone, Debug, Default)]
pub struct Report {
    rows: BTreeMap<Lacking, Refusals>,
    bytes: usize,
    untold: u64,
}

impl Report {
    /// Counts one refusal.
    pub fn count(&mut self, denied: &Denied<'_>, now: GoTime) {
        let key = Lacking {
            accessor: denied.accessor.into(),
            resource: denied.right.resource,
            access: denied.right.access,
        };
        let key_bytes = ENTRY_BYTES + key.accessor.len();
        let row = match self.rows.entry(key) {
            std::collections::btree_map::Entry::Occupied(row) => row.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                if self.bytes + key_bytes > REPORT_BYTES_MAX {
                    self.untold = self.untold.saturating_add(1);
                    return;
                }
                self.bytes += key_bytes;
                place.insert(Refusals {
                    first: now,
                    ..Refusals::default()
                })
            }
        };
        row.count = row.count.saturating_add(1);
        row.last = now;
        let name = denied.right.name;
        if !denied.right.resource.has_names() || name.is_empty() {
            return;
        }
        if let Some(count) = row.names.get_mut(name) {
            *count = count.saturating_add(1);
            return;
        }
        let name_bytes = ENTRY_BYTES + name.len();
        let fits = row.names.len() < NAMES_MAX
            && name.len() <= NAME_BYTES_MAX
            && self.bytes + name_bytes <= REPORT_BYTES_MAX;
        match fits {
            true => {
                self.bytes += name_bytes;
                row.names.insert(name.into(), 1);
            }
            false => row.other_names = row.other_names.saturating_add(1),
        }
    }

    /// All rows, by accessor, resource and access.
    pub fn rows(&self) -> impl Iterator<Item = (&Lacking, &Refusals)> {
        self.rows.iter()
    }

    /// Refusals that found no place.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    /// Memory that it takes, bytes, estimated.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing would have been refused.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.untold == 0
    }
}
