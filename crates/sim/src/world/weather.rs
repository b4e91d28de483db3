//! How bad a run gets.

use crate::random::Random;
use crate::world::{MS, Time};

/// How bad a run gets.
pub(super) struct Weather {
    pub(super) loss: u64,
    pub(super) duplicates: u64,
    pub(super) delay: Time,
    pub(super) stray: u64,
    pub(super) slow_disk: u64,
    pub(super) disk_errors: u64,
    pub(super) mishap_every: Time,
    pub(super) quick_restarts: bool,
    pub(super) changes: bool,
}

impl Weather {
    pub(super) fn draw(random: &mut Random) -> Weather {
        Weather {
            loss: *random.pick(&[0, 0, 1, 5, 20]).unwrap_or(&0),
            duplicates: *random.pick(&[0, 1, 5, 20]).unwrap_or(&0),
            delay: MS * *random.pick(&[1, 3, 10, 40, 150]).unwrap_or(&1),
            stray: *random.pick(&[0, 0, 2, 10]).unwrap_or(&0),
            slow_disk: *random.pick(&[0, 1, 10]).unwrap_or(&0),
            disk_errors: *random.pick(&[0, 0, 0, 5, 40]).unwrap_or(&0),
            mishap_every: MS * *random.pick(&[80, 200, 500, 1500]).unwrap_or(&500),
            quick_restarts: random.chance(50),
            changes: random.chance(40),
        }
    }

    pub(super) const CALM: Weather = Weather {
        loss: 0,
        duplicates: 0,
        delay: MS,
        stray: 0,
        slow_disk: 0,
        disk_errors: 0,
        mishap_every: 0,
        quick_restarts: false,
        changes: false,
    };
}
