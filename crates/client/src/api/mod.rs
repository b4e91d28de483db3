//! One method per endpoint, by area.

mod acl;
mod agent;
mod catalog;
mod kv;
mod operator;
mod session;
