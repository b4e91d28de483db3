//! The door before a port of its own.

mod agent;
mod bodies;
mod changes;
mod fake;
mod fake_agent;
mod frame;
mod http2;
mod socket;
mod telemetry;
mod web;
