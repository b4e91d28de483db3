//! Pools of real drivers on loopback addresses.

mod hostile;
mod joins;
mod keys;
mod pool;
mod restarts;
mod support;
