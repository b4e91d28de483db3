//! Logical clocks, and the windows that tell what was seen before (spec/wire.md §2.3, §2.5, §2.6).

use crate::messages::{EventOfTime, EventsOfTime};
use dialect::List;

/// A Lamport clock. Nothing a peer says takes it to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(u64);

/// A clock never honestly goes this far; a time beyond is nobody's.
const TIME_MAX: u64 = u64::MAX / 2;

impl Clock {
    pub(crate) const START: Self = Self(1);

    pub(crate) fn time(self) -> u64 {
        self.0
    }

    /// The time of something that happens here.
    pub(crate) fn step(&mut self) -> u64 {
        let time = self.0;
        self.0 += 1;
        time
    }

    /// Something of that time was heard of; whether it makes sense.
    pub(crate) fn witness(&mut self, time: u64) -> bool {
        if time >= TIME_MAX {
            return false;
        }
        self.0 = self.0.max(time + 1);
        true
    }
}

/// Times that are remembered.
pub(crate) const WINDOW: usize = 512;
/// Events, and queries, of one time that are remembered; honest nodes rarely have two.
const SLOT_MAX: usize = 128;

/// Whether a time is too old to know what was seen of it.
fn too_old(now: u64, time: u64) -> bool {
    now > WINDOW as u64 && time < now - WINDOW as u64
}

/// What was seen of user events.
pub(crate) struct Events {
    slots: Vec<Option<EventsOfTime>>,
    /// Older ones are not wanted.
    pub(crate) from: u64,
}

impl Events {
    pub(crate) fn new(from: u64) -> Self {
        Self {
            slots: vec![None; WINDOW],
            from,
        }
    }

    /// Notes an event; whether it is new.
    pub(crate) fn put(&mut self, clock: Clock, time: u64, event: EventOfTime) -> bool {
        if time < self.from || too_old(clock.time(), time) {
            return false;
        }
        let slot = &mut self.slots[(time % WINDOW as u64) as usize];
        match slot {
            Some(seen) if seen.time == time => {
                if seen.events.len() >= SLOT_MAX || seen.events.contains(&event) {
                    return false;
                }
                seen.events.push(event);
            }
            _ => {
                let events = List::from(vec![event]);
                *slot = Some(EventsOfTime { time, events });
            }
        }
        true
    }

    pub(crate) fn slots(&self) -> List<Option<EventsOfTime>> {
        List::from(self.slots.clone())
    }
}

/// What was seen of queries.
pub(crate) struct Queries {
    slots: Vec<(u64, Vec<u32>)>,
    pub(crate) from: u64,
}

impl Queries {
    pub(crate) fn new(from: u64) -> Self {
        Self {
            slots: vec![(0, Vec::new()); WINDOW],
            from,
        }
    }

    /// Notes a query; whether it is new.
    pub(crate) fn put(&mut self, clock: Clock, time: u64, id: u32) -> bool {
        if time < self.from || too_old(clock.time(), time) {
            return false;
        }
        let slot = &mut self.slots[(time % WINDOW as u64) as usize];
        if slot.0 != time {
            *slot = (time, Vec::new());
        }
        if slot.1.len() >= SLOT_MAX || slot.1.contains(&id) {
            return false;
        }
        slot.1.push(id);
        true
    }
}
