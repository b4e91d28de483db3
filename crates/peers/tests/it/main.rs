//! Servers that reach each other over loopback.

mod conformance;
mod greetings;
mod support;
