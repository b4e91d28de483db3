//! Commands become a new root.
//!
//! One function per command; each checks, writes rows, raises index entries and says what it touched. A refused command
//! leaves no trace.

mod authority;
mod catalog;
mod kv;
mod meta;
mod node;
mod queries;
mod service;
mod sessions;
mod singles;
mod txn;

use crate::archive::Loader;
use crate::tables::spec::Run;
use crate::{Effect, Root, TABLES, Touched, WatchKey};
use wire::command::{RestorePlace, Stamp, kind};
use wire::{Command, Outcome, errors::state as text};

/// A refused command; the text is what the client sees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

impl From<&str> for Refused {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self(text)
    }
}

pub(crate) type Applied<T> = Result<T, Refused>;

/// A write in progress: the root it changes, the index it happens at, and what it touches.
pub(crate) struct Change<'a> {
    pub(crate) root: &'a mut Root,
    pub(crate) index: u64,
    pub(crate) touched: &'a mut Touched,
}

impl Change<'_> {
    fn touch(&mut self, key: WatchKey) {
        self.touched.key(key);
    }
}

/// The replicated state with what a restore in progress has collected. Cloning is O(1) but for the last piece of a restore.
#[derive(Clone, Default)]
pub struct Store {
    pub(crate) root: Root,
    pub(crate) restoring: Option<Restoring>,
    /// The latest time of any command, nanoseconds since 1970; 0 before the first that tells one.
    pub(crate) clock: u64,
}

/// A restore between its begin and its end.
#[derive(Clone)]
pub(crate) struct Restoring {
    /// The place of its next piece.
    pub(crate) next: RestorePlace,
    /// The archive's own index, as the begin told it.
    pub(crate) archive_index: u64,
    pub(crate) loader: Loader,
}

impl Store {
    /// Empty tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// The current root.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Whether a restore has begun and not ended.
    pub fn is_restoring(&self) -> bool {
        self.restoring.is_some()
    }

    /// The log's own time, nanoseconds since 1970: the latest at which a leader proposed a command that was applied, 0 before
    /// the first that tells. It is the same on every server and never falls, whatever a leader's clock does; an archive
    /// neither holds nor changes it.
    pub fn clock(&self) -> u64 {
        self.clock
    }

    /// Applies one command of the log. The outcome is the same on every server; refusals are outcomes too.
    pub fn apply(
        &mut self,
        index: u64,
        stamp: &Stamp,
        command: &Command,
        touched: &mut Touched,
    ) -> Outcome {
        self.clock = self.clock.max(stamp.at);
        match command {
            Command::RestoreBegin(archive_index) => {
                self.restoring = Some(Restoring {
                    next: RestorePlace {
                        restore: index,
                        sequence: 0,
                    },
                    archive_index: *archive_index,
                    loader: Loader::new(),
                });
                Outcome::Index(index)
            }
            Command::RestoreChunk(bytes) => self.restore_piece(None, bytes),
            Command::RestorePiece(place, bytes) => self.restore_piece(Some(*place), bytes),
            Command::RestoreCommit => self.restore_end(None, touched),
            Command::RestoreEnd(place) => self.restore_end(Some(*place), touched),
            Command::RestoreAbort => {
                self.restoring = None;
                Outcome::Nil
            }
            Command::Ignored(kind::LEGACY_ACL) => Outcome::Error(text::LEGACY_ACL.to_owned()),
            Command::Ignored(_) => Outcome::Nil,
            command => self.write(index, command, touched),
        }
    }

    fn write(&mut self, index: u64, command: &Command, touched: &mut Touched) -> Outcome {
        // KV commands refuse before they write; all others may fail half-way and are undone by the old root.
        let before = (!matches!(command, Command::Kvs(_))).then(|| self.root.clone());
        let Some(run) = rule(command) else {
            return Outcome::Nil;
        };
        let mark = touched.mark();
        let mut change = Change {
            root: &mut self.root,
            index,
            touched,
        };
        match run(&mut change, command) {
            Ok(outcome) => outcome,
            Err(outcome) => {
                if let Some(before) = before {
                    self.root = before;
                }
                touched.rewind(&mark);
                outcome
            }
        }
    }

    /// The restore in progress, if what comes for it is its next; without a place (logs of before) only if none of its pieces
    /// had one.
    fn expects(&mut self, place: Option<RestorePlace>) -> Result<&mut Restoring, &'static str> {
        let restoring = self.restoring.as_mut().ok_or(text::NO_RESTORE)?;
        let fits = match place {
            Some(place) => place == restoring.next,
            None => restoring.next.sequence == 0,
        };
        fits.then_some(restoring).ok_or(text::OTHER_RESTORE)
    }

    fn restore_piece(&mut self, place: Option<RestorePlace>, bytes: &[u8]) -> Outcome {
        let restoring = match self.expects(place) {
            Ok(restoring) => restoring,
            Err(text) => return Outcome::Error(text.to_owned()),
        };
        restoring.next.sequence += u64::from(place.is_some());
        match restoring.loader.feed(bytes) {
            Ok(()) => Outcome::Nil,
            Err(error) => {
                self.restoring = None;
                Outcome::Error(error.to_string())
            }
        }
    }

    fn restore_end(&mut self, place: Option<RestorePlace>, touched: &mut Touched) -> Outcome {
        if let Err(text) = self.expects(place) {
            return Outcome::Error(text.to_owned());
        }
        let Some(restoring) = self.restoring.take() else {
            return Outcome::Error(text::NO_RESTORE.to_owned());
        };
        match restoring.loader.finish() {
            Ok(root) => {
                self.root = root;
                touched.key(WatchKey::Everything);
                touched.effect(Effect::Restored);
                Outcome::Index(restoring.archive_index)
            }
            Err(error) => Outcome::Error(error.to_string()),
        }
    }
}

/// The rule for each type of command. Two tables with one type do not compile.
static RULES: [Option<Run>; 128] = {
    let mut by_kind = [None; 128];
    let mut table = 0;
    while table < TABLES.len() {
        let rules = TABLES[table].rules;
        let mut rule = 0;
        while rule < rules.len() {
            let place = rules[rule].kind as usize;
            assert!(by_kind[place].is_none(), "a command of two tables");
            by_kind[place] = Some(rules[rule].run);
            rule += 1;
        }
        table += 1;
    }
    by_kind
};

fn rule(command: &Command) -> Option<Run> {
    let kind = command.kind() & !kind::IGNORE_UNKNOWN;
    RULES.get(usize::from(kind)).copied().flatten()
}
