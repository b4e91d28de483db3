//! Rooms (task trees), clock, timers, shutdown: the only crate that spawns, sleeps or reads a clock.
