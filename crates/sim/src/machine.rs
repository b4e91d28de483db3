//! The replicated state of a simulation: registers with compare-and-set and locks, and a hash over all that
//! was ever applied, so that two servers that differ anywhere differ here.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use bytes::Bytes;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sets a register.
    Put(u8, u32),
    /// Sets a register if it holds the first value.
    Cas(u8, u32, u32),
    /// Takes a lock for a holder.
    Lock(u8, u32),
    /// Releases a lock if the holder has it.
    Unlock(u8, u32),
    /// Reads a register, linearizably; not a command.
    Get(u8),
    /// Reads a lock's holder (0: free), linearizably; not a command.
    Holder(u8),
}

/// A number that names one operation of one client.
pub type OpId = u64;

/// A command as it stands in the log, padded to `padding` bytes more.
#[must_use]
pub fn encode(op: OpId, action: Action, padding: usize) -> Bytes {
    let (tag, key, a, b) = match action {
        Action::Put(key, value) => (1, key, value, 0),
        Action::Cas(key, old, new) => (2, key, old, new),
        Action::Lock(key, holder) => (3, key, holder, 0),
        Action::Unlock(key, holder) => (4, key, holder, 0),
        Action::Get(key) | Action::Holder(key) => (0, key, 0, 0),
    };
    let mut out = Vec::with_capacity(18 + padding);
    out.extend([tag, key]);
    out.extend(op.to_le_bytes());
    out.extend(u32::to_le_bytes(a));
    out.extend(u32::to_le_bytes(b));
    out.resize(18 + padding, 0xa5);
    out.into()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let raw = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    raw.map_or(0, u32::from_le_bytes)
}

/// Reads a command back.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<(OpId, Action)> {
    let op = u64::from(word(bytes, 2)) | u64::from(word(bytes, 6)) << 32;
    let (key, a, b) = (*bytes.get(1)?, word(bytes, 10), word(bytes, 14));
    let action = match bytes.first()? {
        1 => Action::Put(key, a),
        2 => Action::Cas(key, a, b),
        3 => Action::Lock(key, a),
        4 => Action::Unlock(key, a),
        _ => return None,
    };
    Some((op, action))
}

/// The state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    registers: BTreeMap<u8, u32>,
    locks: BTreeMap<u8, u32>,
    /// Hash of everything applied.
    pub hash: u64,
}

impl Machine {
    /// Applies a command; what it answers (1: done, 0: refused).
    pub fn apply(&mut self, index: u64, payload: &[u8]) -> u32 {
        let Some((_, action)) = decode(payload) else {
            return 0;
        };
        let done = match action {
            Action::Put(key, value) => {
                self.registers.insert(key, value);
                true
            }
            Action::Cas(key, old, new) => {
                let same = self.read(Action::Get(key)) == old;
                if same {
                    self.registers.insert(key, new);
                }
                same
            }
            Action::Lock(key, holder) => {
                let free = self.read(Action::Holder(key)) == 0;
                if free {
                    self.locks.insert(key, holder);
                }
                free
            }
            Action::Unlock(key, holder) => {
                let held = self.read(Action::Holder(key)) == holder;
                if held {
                    self.locks.remove(&key);
                }
                held
            }
            Action::Get(_) | Action::Holder(_) => false,
        };
        for word in [index, fnv(payload), u64::from(done)] {
            self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        u32::from(done)
    }

    /// Answers a read; 0 for what is not set.
    #[must_use]
    pub fn read(&self, action: Action) -> u32 {
        match action {
            Action::Get(key) => self.registers.get(&key).copied().unwrap_or(0),
            Action::Holder(key) => self.locks.get(&key).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// Writes the state.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn save(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.hash.to_le_bytes())?;
        for map in [&self.registers, &self.locks] {
            out.write_all(&(map.len() as u32).to_le_bytes())?;
            for (key, value) in map {
                out.write_all(&[*key])?;
                out.write_all(&value.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// What `input` reports, or that it ends early.
    pub fn load(input: &mut dyn Read) -> io::Result<Machine> {
        let (mut long, mut word) = ([0u8; 8], [0u8; 4]);
        let mut machine = Machine::default();
        input.read_exact(&mut long)?;
        machine.hash = u64::from_le_bytes(long);
        for map in [&mut machine.registers, &mut machine.locks] {
            input.read_exact(&mut word)?;
            for _ in 0..u32::from_le_bytes(word) {
                let mut key = [0u8; 1];
                input.read_exact(&mut key)?;
                input.read_exact(&mut word)?;
                map.insert(key[0], u32::from_le_bytes(word));
            }
        }
        Ok(machine)
    }
}

/// FNV-1a.
#[must_use]
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
