//! One method per endpoint, by area.

mod agent;
mod catalog;
mod kv;
mod operator;
mod session;
