//! When each TTL check's last beat runs out, kept so that a killed agent comes back with it (spec/agent-config.md §11).
//!
//! The reference rewrites a check's state file with every beat. Here that file is written when status or output change and
//! at a clean stop; in between a beat writes 32 bytes in place: the beginning of the SHA-256 of the check's ID and the time
//! of expiry. A record is written by one call and never torn by the process' end; after the machine's end all beats are old.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const KEY: usize = 24;
const RECORD: usize = KEY + 8;

type Key = [u8; KEY];

fn key(id: &str) -> Key {
    let mut key = [0; KEY];
    let hash = Sha256::digest(id.as_bytes());
    key.copy_from_slice(hash.get(..KEY).unwrap_or(&[0; KEY]));
    key
}

/// What the file held when the agent started: expiry in seconds of Unix time.
#[derive(Default)]
pub(crate) struct Remembered(HashMap<Key, u64>);

impl Remembered {
    /// Reads the file; without one nothing is remembered.
    pub(crate) fn load(folder: &Path) -> Self {
        let bytes = std::fs::read(path(folder)).unwrap_or_default();
        let mut found = HashMap::new();
        for record in bytes.chunks_exact(RECORD) {
            let (id, expires) = record.split_at(KEY);
            if let (Ok(id), Ok(expires)) = (Key::try_from(id), expires.try_into()) {
                found.insert(id, u64::from_le_bytes(expires));
            }
        }
        Self(found)
    }

    /// When the last beat of this check runs out.
    pub(crate) fn expires(&self, id: &str) -> Option<u64> {
        self.0.get(&key(id)).copied()
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("checks/state/beats")
}

/// The open file and its places.
#[derive(Default)]
pub(crate) struct Beats {
    file: Option<File>,
    used: u64,
    free: Vec<u64>,
}

/// Where a check's record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u64);

impl Beats {
    /// Starts a new file that holds what is still true of the old one.
    ///
    /// # Errors
    /// The file cannot be written; the old one is untouched then.
    pub(crate) fn open(folder: &Path, kept: &[(String, u64)]) -> io::Result<(Self, Vec<Slot>)> {
        let path = path(folder);
        crate::persist::make_folder(path.parent().unwrap_or(folder))?;
        let temporary = path.with_extension("tmp");
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        let mut beats = Self {
            file: Some(file),
            ..Self::default()
        };
        let mut slots = Vec::with_capacity(kept.len());
        for (id, expires) in kept {
            let mut slot = None;
            beats.note(&mut slot, id, *expires)?;
            slots.extend(slot);
        }
        std::fs::rename(&temporary, &path)?;
        Ok((beats, slots))
    }

    /// Writes when the beat of a check runs out; its first beat takes a place.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn note(
        &mut self,
        slot: &mut Option<Slot>,
        id: &str,
        expires: u64,
    ) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let (at, record) = match *slot {
            // The ID stands there already.
            Some(Slot(at)) => (
                at * RECORD as u64 + KEY as u64,
                expires.to_le_bytes().to_vec(),
            ),
            None => {
                let at = self.free.pop().unwrap_or_else(|| {
                    self.used += 1;
                    self.used - 1
                });
                *slot = Some(Slot(at));
                let mut record = key(id).to_vec();
                record.extend_from_slice(&expires.to_le_bytes());
                (at * RECORD as u64, record)
            }
        };
        file.write_all_at(&record, at)
    }

    /// The check is gone; its place is for others.
    pub(crate) fn leave(&mut self, slot: Slot) {
        self.free.push(slot.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let (mut beats, slots) = Beats::open(folder.path(), &[("a".into(), 7)]).unwrap();
        let mut b = None;
        beats.note(&mut b, "b", 8).unwrap();
        beats.note(&mut b, "b", 9).unwrap();
        let mut a = slots.first().copied();
        beats.note(&mut a, "a", 10).unwrap();
        let found = Remembered::load(folder.path());
        assert_eq!(
            [found.expires("a"), found.expires("b"), found.expires("c")],
            [Some(10), Some(9), None]
        );
        beats.leave(b.unwrap());
        let mut c = None;
        beats.note(&mut c, "c", 11).unwrap();
        assert_eq!(c, b);
        let found = Remembered::load(folder.path());
        assert_eq!([found.expires("b"), found.expires("c")], [None, Some(11)]);
    }

    #[test]
    fn a_torn_end_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        drop(Beats::open(folder.path(), &[("a".into(), 7), ("b".into(), 8)]).unwrap());
        let file = path(folder.path());
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        let found = Remembered::load(folder.path());
        assert_eq!([found.expires("a"), found.expires("b")], [Some(7), None]);
        assert_eq!(Remembered::load(Path::new("/nowhere")).expires("a"), None);
    }
}
