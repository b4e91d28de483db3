//! A server in this process, with a log in memory and a clock turned by hand.

mod bench;
mod blocking;
mod changes;
mod crowd;
mod durable;
mod guarded;
mod kept;
mod queries;
mod restores;
mod sessions;
mod writes;
