//! The DNS door: UDP and TCP listeners that answer from [`ports::Rpc`], and the recursors for everything else.
//!
//! Owns: sockets, in-flight limits, forwarding. What names mean and what replies look like is `dns`'s; where rows come from is
//! the port's. Must never learn how configuration is written nor how the port is implemented.

mod config;
mod door;
mod lookup;
mod rate;
mod recursors;
mod reverse;
mod serve;

pub use config::{Config, ConfigError, Settings, Strategy};
pub use dns::Soa;
pub use door::{Counters, Door, Observer};
pub use serve::{Listeners, bind};
