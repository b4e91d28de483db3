//! What a table is to everything that loops over tables: both snapshot forms, `apply`, the document.

use crate::Root;
use crate::apply::{Applied, Change};
use crate::archive::{ArchiveError, Record, Records};
use crate::reads::ReadRule;
use crate::snapshot::Blocks;
use dialect::msgpack::{self, Reader};
use std::io;
use wire::{Command, Outcome};

/// One table of the state: all that is told about it outside its own file.
pub struct TableSpec {
    /// What it is called in the document.
    pub name: &'static str,
    /// The record of one row.
    pub record: &'static str,
    /// Type bytes of the commands that may change it; a restore changes every table.
    pub changed_by: &'static [u8],
    /// Names of the watch keys that a change of a row may touch.
    pub wakes: &'static [&'static str],
    /// The reads that are about its rows.
    pub reads: &'static [ReadRule],
    /// Its rows in our own snapshot.
    pub(crate) native: Native,
    /// Its records in the reference's archive; empty where another table's records carry its rows.
    pub(crate) archive: &'static [Archived],
    /// The commands that are this table's own.
    pub(crate) rules: &'static [Rule],
}

impl TableSpec {
    /// Its byte in the blocks of a native snapshot.
    pub const fn native_byte(&self) -> u8 {
        self.native.byte
    }

    /// The types of its records in an archive.
    pub fn archive_types(&self) -> impl Iterator<Item = u8> {
        self.archive.iter().flat_map(|part| part.kinds).copied()
    }
}

/// A table in a native snapshot.
pub(crate) struct Native {
    /// Never used again for another table; below 0x40.
    pub(crate) byte: u8,
    /// Writes all rows in key order.
    pub(crate) save: fn(&Root, &mut Blocks<'_>) -> io::Result<()>,
    /// Reads one row.
    pub(crate) load: fn(&mut Root, &mut Reader<'_>) -> Result<(), msgpack::Error>,
}

/// Records of a table in an archive.
pub(crate) struct Archived {
    /// Their types.
    pub(crate) kinds: &'static [u8],
    /// Their place among those of other tables, which is the reference's order.
    pub(crate) place: u8,
    pub(crate) save: fn(&Root, &mut Records<'_>) -> io::Result<()>,
    pub(crate) load: fn(&mut Root, Record<'_>) -> Result<(), ArchiveError>,
}

/// Applies a command; `Err` is an outcome that undoes it.
pub(crate) type Run = fn(&mut Change<'_>, &Command) -> Result<Outcome, Outcome>;

/// The rule by which a type of command is applied.
pub(crate) struct Rule {
    pub(crate) kind: u8,
    pub(crate) run: Run,
}

/// What a method of [`Change`] gives, as a command's outcome.
pub(crate) trait IntoOutcome {
    fn into_outcome(self) -> Result<Outcome, Outcome>;
}

impl IntoOutcome for Result<Outcome, Outcome> {
    fn into_outcome(self) -> Result<Outcome, Outcome> {
        self
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Result<Outcome, Outcome> {
        Ok(self)
    }
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<Outcome, Outcome> {
        Ok(Outcome::Nil)
    }
}

impl<T: IntoOutcome> IntoOutcome for Applied<T> {
    fn into_outcome(self) -> Result<Outcome, Outcome> {
        self.map_err(|refused| Outcome::Error(refused.0))?
            .into_outcome()
    }
}

/// `rule!(KVS, Kvs, Change::kvs)`: type byte, variant of [`Command`], method that takes the body.
macro_rules! rule {
    ($kind:ident, $variant:ident, $method:expr) => {
        $crate::tables::spec::Rule {
            kind: wire::command::kind::$kind,
            run: |change, command| match command {
                wire::Command::$variant(body) => {
                    $crate::tables::spec::IntoOutcome::into_outcome($method(change, body))
                }
                // Only commands of that type are given here.
                _ => Ok(wire::Outcome::Nil),
            },
        }
    };
}
pub(crate) use rule;
