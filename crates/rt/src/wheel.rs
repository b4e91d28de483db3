//! A hierarchical timer wheel: many timers, each set and cancelled in constant time. A value: it never asks for the time.

/// Ticks that one slot of a level covers are 64 times those of the level below.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 6;
/// Longest wait in ticks; longer ones end here (two years with ticks of a millisecond).
const MAX_WAIT: u64 = (1 << (SLOT_BITS * LEVELS as u32)) - 1;
const NONE: u32 = u32::MAX;

/// Names a timer that was set. A key of a timer that fired or was cancelled names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    slot: u32,
    generation: u32,
}

struct Entry<T> {
    at: u64,
    prev: u32,
    next: u32,
    generation: u32,
    /// Level and slot while set; free entries have no value.
    place: u16,
    value: Option<T>,
}

/// Timers carrying a `T` each, ordered by tick.
pub struct Wheel<T> {
    now: u64,
    heads: [[u32; SLOTS]; LEVELS],
    occupied: [u64; LEVELS],
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

impl<T> Wheel<T> {
    /// An empty wheel standing at tick `now`.
    pub fn new(now: u64) -> Self {
        Self {
            now,
            heads: [[NONE; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            entries: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    /// Timers that are set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets a timer for tick `at`; a tick not after the wheel's own fires with the next one.
    pub fn set(&mut self, at: u64, value: T) -> Key {
        let at = at.clamp(
            self.now.saturating_add(1),
            self.now.saturating_add(MAX_WAIT),
        );
        let index = if self.free == NONE {
            let index = u32::try_from(self.entries.len()).unwrap_or(NONE - 1);
            self.entries.push(Entry {
                at,
                prev: NONE,
                next: NONE,
                generation: 0,
                place: 0,
                value: Some(value),
            });
            index
        } else {
            let index = self.free;
            let entry = &mut self.entries[index as usize];
            self.free = entry.next;
            entry.at = at;
            entry.value = Some(value);
            index
        };
        self.len += 1;
        self.link(index);
        Key {
            slot: index,
            generation: self.entries[index as usize].generation,
        }
    }

    /// The value of a timer that is still set.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries
            .get_mut(key.slot as usize)
            .filter(|e| e.generation == key.generation)
            .and_then(|e| e.value.as_mut())
    }

    /// Takes a timer out. `None` when it has fired or was cancelled.
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get(key.slot as usize)?;
        if entry.generation != key.generation || entry.value.is_none() {
            return None;
        }
        self.unlink(key.slot);
        self.release(key.slot)
    }

    /// A tick not after the earliest timer's; `None` without timers. Cheap: it may be early by the coarseness of a level.
    pub fn next(&self) -> Option<u64> {
        self.next_slot().map(|(_, _, at)| at)
    }

    /// Moves the wheel to tick `now` and hands out the values that are due, in order of their ticks.
    pub fn advance(&mut self, now: u64, mut due: impl FnMut(T)) {
        while let Some((level, slot, at)) = self.next_slot() {
            if at > now {
                break;
            }
            self.now = self.now.max(at);
            let mut index = std::mem::replace(&mut self.heads[level][slot], NONE);
            self.occupied[level] &= !(1 << slot);
            while index != NONE {
                let next = self.entries[index as usize].next;
                if self.entries[index as usize].at <= self.now {
                    if let Some(value) = self.release(index) {
                        due(value);
                    }
                } else {
                    self.link(index);
                }
                index = next;
            }
        }
        self.now = self.now.max(now);
    }

    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        for level in 0..LEVELS {
            if self.occupied[level] == 0 {
                continue;
            }
            let shift = SLOT_BITS * level as u32;
            // The hand's own slot comes last: what stands there waits for the next round (at the top level only).
            let first = ((self.now >> shift) + 1) & (SLOTS as u64 - 1);
            let ahead = u64::from(
                self.occupied[level]
                    .rotate_right(first as u32)
                    .trailing_zeros(),
            );
            let slot = (first + ahead) & (SLOTS as u64 - 1);
            let round = 1u64 << (shift + SLOT_BITS);
            let mut at = (self.now & !(round - 1)) + (slot << shift);
            // Only the top level turns round: below it a timer's slot is always ahead of the hand.
            if at <= self.now {
                at += round;
            }
            return Some((level, slot as usize, at));
        }
        None
    }

    fn link(&mut self, index: u32) {
        let at = self.entries[index as usize].at;
        let differing = (self.now ^ at) | (SLOTS as u64 - 1);
        let level = (((63 - differing.leading_zeros()) / SLOT_BITS) as usize).min(LEVELS - 1);
        let slot = ((at >> (SLOT_BITS * level as u32)) & (SLOTS as u64 - 1)) as usize;
        let head = std::mem::replace(&mut self.heads[level][slot], index);
        if head != NONE {
            self.entries[head as usize].prev = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.prev = NONE;
        entry.next = head;
        entry.place = (level * SLOTS + slot) as u16;
        self.occupied[level] |= 1 << slot;
    }

    fn unlink(&mut self, index: u32) {
        let Entry {
            prev, next, place, ..
        } = self.entries[index as usize];
        let (level, slot) = (place as usize / SLOTS, place as usize % SLOTS);
        if prev == NONE {
            self.heads[level][slot] = next;
            if next == NONE {
                self.occupied[level] &= !(1 << slot);
            }
        } else {
            self.entries[prev as usize].next = next;
        }
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
    }

    fn release(&mut self, index: u32) -> Option<T> {
        let free = self.free;
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = free;
        let value = entry.value.take();
        self.free = index;
        self.len -= 1;
        value
    }
}
