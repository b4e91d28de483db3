//! A disk that keeps only what was synced. A power failure may keep any of the sectors written since (torn
//! writes) and the first few of the directory changes since; it can strike between any two operations. The
//! death of the process alone loses nothing: the cache stays. It can be full for a time: what makes a file larger, and some writes into
//! what is reserved (not every file system reserves), then find no space. Errors are injected: a write is then done in
//! part, and a sync leaves some sectors written and the others **clean**, as an operating system does: they
//! read as new, no later sync writes them, and a power failure brings the old ones back. Sizes and names
//! stand in a journal: a failed sync leaves those changes for the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consensus::disk::{Disk, DiskFile};

use crate::random::Random;

const SECTOR: usize = 512;
/// Of 100 writes to a full disk so many find no space although it was reserved.
const FULL_WRITES: u64 = 20;
/// What an injected error says that is no lack of space.
pub const INJECTED: &str = "the medium failed";

#[derive(Default, Clone)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    /// Sectors that were cut off: zeros once the change of size is durable.
    zeroed: BTreeSet<usize>,
    resized: bool,
}

enum DirChange {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

struct State {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    changes: Vec<DirChange>,
    random: Random,
    /// Operations until power fails, or the process dies.
    until_crash: Option<u32>,
    dead: bool,
    /// Chance in 10,000 that a write or a sync reports an error.
    errors: u64,
    /// There is no space.
    full: bool,
    operations: u64,
}

/// The disk of one server; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

fn apply(names: &mut BTreeMap<String, usize>, change: &DirChange) {
    match change {
        DirChange::Create(name, file) => {
            names.insert(name.clone(), *file);
        }
        DirChange::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        DirChange::Remove(name) => {
            names.remove(name);
        }
    }
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(State {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changes: Vec::new(),
            random: Random::new(seed),
            until_crash: None,
            dead: false,
            errors: 0,
            full: false,
            operations: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Power fails, or the process dies, after so many more operations.
    pub fn crash_after(&self, operations: u32) {
        self.state().until_crash = Some(operations);
    }

    /// Whether that has happened.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Chance in 10,000 that a write or a sync fails.
    pub fn set_errors(&self, chance: u64) {
        self.state().errors = chance;
    }

    /// Nothing more fits on it, or something does again.
    pub fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// Operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Power fails now (if it has not yet) and comes back: only what survived is there.
    pub fn crash(&self) {
        let state = &mut *self.state();
        let kept = state.random.below(state.changes.len() as u64 + 1) as usize;
        for change in state.changes.drain(..).take(kept) {
            apply(&mut state.durable_names, &change);
        }
        state.names = state.durable_names.clone();
        for file in &mut state.files {
            let style = state.random.below(4);
            if file.resized && state.random.chance(50) {
                file.durable.resize(file.now.len(), 0);
            }
            let kept = |random: &mut Random| match style {
                0 => false,
                1 => true,
                _ => random.chance(50),
            };
            for sector in std::mem::take(&mut file.zeroed) {
                if kept(&mut state.random) {
                    zero_sector(file, sector);
                }
            }
            for sector in std::mem::take(&mut file.dirty) {
                if kept(&mut state.random) {
                    keep_sector(file, sector);
                }
            }
            file.resized = false;
            file.now = file.durable.clone();
        }
        state.dead = false;
        state.until_crash = None;
    }

    /// The process dies (if it has not yet) and the system lives on: everything reads as it was written, and nothing of it
    /// became durable by that.
    pub fn kill(&self) {
        let state = &mut *self.state();
        state.dead = false;
        state.until_crash = None;
    }
}

fn zero_sector(file: &mut Content, sector: usize) {
    let start = (sector * SECTOR).min(file.durable.len());
    let end = (start + SECTOR).min(file.durable.len());
    file.durable[start..end].fill(0);
}

/// What is durable of a file's size, and of what was cut off it.
fn keep_size(file: &mut Content) {
    if file.resized {
        file.durable.resize(file.now.len(), 0);
        file.resized = false;
    }
    for sector in std::mem::take(&mut file.zeroed) {
        zero_sector(file, sector);
    }
}

fn keep_sector(file: &mut Content, sector: usize) {
    let start = sector * SECTOR;
    let end = (start + SECTOR).min(file.now.len());
    if start >= end {
        return;
    }
    if file.durable.len() < end {
        file.durable.resize(end, 0);
    }
    file.durable[start..end].copy_from_slice(&file.now[start..end]);
}

impl State {
    /// Counts an operation. `Ok(true)`: do it. `Ok(false)`: do it in part and report an error.
    fn operation(&mut self, can_fail: bool) -> io::Result<bool> {
        self.operations += 1;
        if self.dead {
            return Err(io::Error::other("power is off"));
        }
        if let Some(left) = &mut self.until_crash {
            if *left == 0 {
                self.dead = true;
                return Ok(false);
            }
            *left -= 1;
        }
        if can_fail && self.errors > 0 && self.random.below(10_000) < self.errors {
            return Ok(false);
        }
        Ok(true)
    }

    fn error(&mut self) -> io::Error {
        if self.dead {
            io::Error::other("power is off")
        } else if self.random.chance(50) {
            io::ErrorKind::StorageFull.into()
        } else {
            io::Error::other(INJECTED)
        }
    }

    /// Whether there is no space for something that may need some.
    fn refuses(&mut self, percent: u64) -> bool {
        self.full && !self.dead && self.random.chance(percent)
    }

    fn change(&mut self, change: DirChange) -> io::Result<()> {
        if !self.operation(false)? {
            return Err(self.error());
        }
        apply(&mut self.names, &change);
        self.changes.push(change);
        Ok(())
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn create(&self, name: &str, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let state = &mut *self.state();
        let file = state.files.len();
        state.change(DirChange::Create(name.to_owned(), file))?;
        let fits = len == 0 || !state.refuses(100);
        state.files.push(Content {
            now: vec![0; if fits { len as usize } else { 0 }],
            resized: true,
            ..Content::default()
        });
        if !fits {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Box::new(SimFile(self.clone(), file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = *self
            .state()
            .names
            .get(name)
            .ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile(self.clone(), file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let change = DirChange::Rename(from.to_owned(), to.to_owned());
        self.state().change(change)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let state = &mut *self.state();
        if state.errors > 0 && !state.dead && state.random.below(10_000) < state.errors {
            return Err(io::Error::other(INJECTED));
        }
        state.change(DirChange::Remove(name.to_owned()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let state = &mut *self.state();
        if !state.operation(true)? {
            return Err(state.error());
        }
        state.changes.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }
}

struct SimFile(SimDisk, usize);

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.state().files[self.1].now.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.0.state();
        let rest = state.files[self.1]
            .now
            .get(offset as usize..)
            .unwrap_or(&[]);
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.0.state();
        let fits = !state.refuses(FULL_WRITES);
        let whole = state.operation(true)? && fits;
        let written = if whole {
            bytes.len()
        } else {
            // A medium stops between sectors, never within one.
            let reached = offset as usize + state.random.below(bytes.len() as u64 + 1) as usize;
            (reached / SECTOR * SECTOR).saturating_sub(offset as usize)
        };
        let (start, end) = (offset as usize, offset as usize + written);
        let file = &mut state.files[self.1];
        if file.now.len() < end {
            file.now.resize(end, 0);
            file.resized = true;
        }
        file.now[start..end].copy_from_slice(&bytes[..written]);
        if written > 0 {
            file.dirty.extend(start / SECTOR..=(end - 1) / SECTOR);
        }
        match whole {
            true => Ok(()),
            false if !fits && !state.dead => Err(io::ErrorKind::StorageFull.into()),
            false => Err(state.error()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let state = &mut *self.0.state();
        if !state.operation(true)? {
            if !state.dead {
                let (file, random) = (&mut state.files[self.1], &mut state.random);
                for sector in std::mem::take(&mut file.dirty) {
                    if random.chance(50) {
                        keep_sector(file, sector);
                    }
                }
            }
            return Err(state.error());
        }
        let file = &mut state.files[self.1];
        keep_size(file);
        for sector in std::mem::take(&mut file.dirty) {
            keep_sector(file, sector);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let state = &mut *self.0.state();
        if !state.operation(false)? {
            return Err(state.error());
        }
        let file = &mut state.files[self.1];
        let old = file.now.len();
        file.now.resize(len as usize, 0);
        file.resized = true;
        // What is cut and grown back reads as zero: whole sectors with the size, the one at the border by a write.
        let cut = old.min(len as usize);
        let whole = cut.div_ceil(SECTOR);
        drop(file.dirty.split_off(&whole));
        file.zeroed.extend(whole..old.div_ceil(SECTOR));
        if cut < old && !cut.is_multiple_of(SECTOR) {
            file.dirty.insert(cut / SECTOR);
        }
        Ok(())
    }
}
