//! The door before a port of its own.

mod agent;
mod changes;
mod fake;
mod fake_agent;
mod frame;
mod socket;
mod telemetry;
