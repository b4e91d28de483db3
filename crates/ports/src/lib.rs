//! Where doors (HTTP, DNS, gRPC) and rooms (server, agent) meet: traits, the caller, reads as values, shared answers, errors.
//!
//! A door turns a request into a [`Query`] or a [`Write`], calls [`Rpc`], and renders the [`Answer`]. It never sees a room.
//! This crate must never learn how a port is implemented, nor what HTTP or DNS look like.

mod agent;
mod answer;
mod caller;
pub mod changes;
mod error;
mod events;
mod execute;
pub mod filter;
mod guard;
mod members;
mod methods;
mod operator;
mod places;
mod query;
mod rpc;

pub use agent::*;
pub use answer::*;
pub use caller::*;
pub use error::*;
pub use events::*;
pub use execute::*;
pub use guard::*;
pub use members::*;
pub use methods::*;
pub use operator::*;
pub use places::*;
pub use query::*;
pub use rpc::*;
