//! Rooms (task trees), time, signals and child processes: the only crate that spawns tasks, sleeps or reads a clock.
//!
//! Everything above receives a [`Room`] to put tasks in and a [`Time`] to ask for the hour; tests hand in a manual [`Time`]
//! and turn it by hand. This crate must never learn what the tasks do.

mod aside;
mod children;
mod clock;
mod room;
mod signal;
mod timers;
mod wheel;

pub use aside::aside;
pub use children::{Child, reap_orphans};
pub use clock::{Clock, Instant, ManualClock, RealClock};
pub use room::{Room, Stragglers};
pub use signal::{Signal, Signals};
pub use timers::{Call, Sleep, Time};
pub use wheel::{Key, Wheel};
