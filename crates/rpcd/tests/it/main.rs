//! The door from outside: recorded calls, errors, long polls, snapshot connections, limits.

mod calls;
mod limits;
mod polls;
mod snapshots;
mod support;
