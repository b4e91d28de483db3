//! The agent room: what this machine offers, whether it works, and that the catalog knows.
//!
//! Registrations come from files and from the HTTP API, are expanded ([`expand`]), kept in a [`local::Local`], persisted
//! ([`persist`]), checked ([`checks`]) and synchronised ([`sync`]). This crate must never learn HTTP, nor how the catalog is
//! replicated: it reaches the servers through [`ports::Rpc`].

mod agent;
mod alias;
mod beats;
mod checks;
mod events;
mod expand;
mod exposed;
mod files;
mod host;
mod maintenance;
mod persist;
mod port;
mod sync;
mod upstreams;
mod watch;

pub use agent::{Agent, Config, Definitions};
pub use events::OwnEvents;
pub use files::{check_from_file, service_from_file};
pub use port::AgentPort;
pub use watch::Endpoint;
