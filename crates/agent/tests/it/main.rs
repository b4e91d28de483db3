//! The agent before a catalog in memory, with time turned by hand.

mod bench;
mod definitions;
mod logs;
mod registrations;
mod restarts;
mod statuses;
