//! Configuration of an agent: raw → merged → validated.
//!
//! [`load`] takes the command line and a [`Host`] and gives a [`Config`] without options, or the exact refusal. Owns: the
//! table of keys ([`schema`]), the syntaxes, merging, defaults, address templates, rules and warnings, the texts of the
//! start-up banner. Must never learn: what rooms do with a value. Opens no socket and reads no file but through `Host`.

mod address;
pub mod banner;
mod build;
mod debug;
mod decode;
mod deprecated;
mod effect;
mod error;
mod flags;
pub mod host;
mod load;
mod merge;
pub mod meta;
mod model;
mod promise;
pub mod read;
mod reload;
pub mod schema;
mod secrets;
mod sources;
mod template;
mod tree;

pub use address::Listen;
pub use effect::Idle;
pub use error::ConfigError;
pub use flags::{FlagValue, Flags};
pub use host::{Host, Interface, ThisHost};
pub use load::{Level, Loaded, load, log_level, policy_error};
pub use model::*;
pub use promise::{PROMISES, Promise, unmet};
pub use reload::{Change, Keys};
pub use template::Net;
pub use tree::Tree;
