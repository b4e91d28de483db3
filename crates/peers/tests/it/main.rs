//! Servers that reach each other over loopback.

mod cluster;
mod conformance;
mod greetings;
mod support;
