//! A state machine that adds numbers, and a disk in memory that can fail.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use consensus::disk::{Disk, DiskFile};
use consensus::{Entry, SnapshotSource, StateMachine};
use std::sync::Mutex;

/// Sums the payloads' first bytes; the outcome is the sum so far.
#[derive(Default)]
pub struct Adder {
    pub sum: Arc<AtomicU64>,
    pub replayed: Arc<AtomicBool>,
}

impl Adder {
    pub fn new() -> (Adder, Arc<AtomicU64>, Arc<AtomicBool>) {
        let adder = Adder::default();
        let (sum, replayed) = (adder.sum.clone(), adder.replayed.clone());
        (adder, sum, replayed)
    }
}

impl StateMachine for Adder {
    type Outcome = u64;

    fn apply(&mut self, batch: &[Entry]) -> io::Result<Vec<u64>> {
        let apply = |entry: &Entry| {
            let add = u64::from(entry.payload[0]);
            if entry.payload[..] == *b"newer" {
                let text = consensus::not_understood(entry.index, "unknown command");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            Ok(self.sum.fetch_add(add, Ordering::SeqCst) + add)
        };
        batch.iter().map(apply).collect()
    }

    fn understands(&self, payload: &bytes::Bytes) -> Result<(), String> {
        if payload[..] == *b"newer" {
            return Err("unknown command".to_owned());
        }
        Ok(())
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Sum(self.sum.load(Ordering::SeqCst)))
    }

    fn restore(&mut self, _index: u64, input: &mut dyn Read) -> io::Result<()> {
        let mut bytes = [0u8; 8];
        input.read_exact(&mut bytes)?;
        self.sum.store(u64::from_le_bytes(bytes), Ordering::SeqCst);
        Ok(())
    }

    fn replayed(&mut self) {
        self.replayed.store(true, Ordering::SeqCst);
    }
}

struct Sum(u64);

impl SnapshotSource for Sum {
    fn write_to(self: Box<Self>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.0.to_le_bytes())
    }
}

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Files in memory. Every write fails once `full` is set.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    pub files: Arc<Mutex<BTreeMap<String, Bytes>>>,
    pub full: Arc<AtomicBool>,
    /// Every sync fails once it is set.
    pub unsynced: Arc<AtomicBool>,
    /// Longest file that can be made; 0: any.
    pub largest: Arc<AtomicU64>,
}

impl MemoryDisk {
    /// An independent copy.
    pub fn fork(&self) -> MemoryDisk {
        let files = self.files.lock().unwrap();
        let copies = files.iter().map(|(name, bytes)| {
            let copy = bytes.lock().unwrap().clone();
            (name.clone(), Arc::new(Mutex::new(copy)))
        });
        MemoryDisk {
            files: Arc::new(Mutex::new(copies.collect())),
            ..MemoryDisk::default()
        }
    }

    /// Every file's name and bytes.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let files = self.files.lock().unwrap();
        let content =
            |(name, bytes): (&String, &Bytes)| (name.clone(), bytes.lock().unwrap().clone());
        files.iter().map(content).collect()
    }

    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let file = self.files.lock().unwrap()[name].clone();
        change(&mut file.lock().unwrap());
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.lock().unwrap().keys().cloned().collect())
    }

    fn create(&self, name: &str, len: u64) -> io::Result<Box<dyn DiskFile>> {
        let largest = self.largest.load(Ordering::SeqCst);
        if largest > 0 && len > largest {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let bytes: Bytes = Arc::new(Mutex::new(vec![0; len as usize]));
        let mut files = self.files.lock().unwrap();
        files.insert(name.to_owned(), bytes.clone());
        Ok(Box::new(MemoryFile(bytes, self.clone())))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let files = self.files.lock().unwrap();
        let bytes = files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile(bytes.clone(), self.clone())))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files.lock().unwrap();
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let gone = self.files.lock().unwrap().remove(name);
        gone.map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

struct MemoryFile(Bytes, MemoryDisk);

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.lock().unwrap();
        let rest = bytes.get(offset as usize..).unwrap_or(&[]);
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, new: &[u8]) -> io::Result<()> {
        if self.1.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = self.0.lock().unwrap();
        let end = offset as usize + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(new);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.1.unsynced.load(Ordering::SeqCst) {
            return Err(io::Error::other("the medium failed"));
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
}
