//! The real binary on a real disk: nothing that was acknowledged is lost, nothing is half applied.
//!
//! - [`shimmed`]: under a preloaded library that records, delays, holds and fails writes and syncs.
//! - [`killed`]: `kill -9` under write load.
//! - [`metrics`]: every metric that something feeds changes.
//! - [`private`]: other users of the machine cannot read what it keeps.
//! - [`server_port`]: calls and archives over the server port.
//! - [`through_client`]: the same asked by the ports of a client agent.
//! - [`refused`]: starts that end with a reason write nothing.
//! - [`told`]: the lines of the log that operators search for.
//! - [`unread`]: nobody reads the log.
//! - [`ending`]: every answer under way is written before the process is gone.
//! - [`container`]: the entry point of a container.
//! - [`debug`]: the command that collects facts about an agent.
//! - [`day`]: services and checks through reloads, restarts and kills, compared with a model.
//!
//! What each of them proves, and what not, stands in docs/durability.md.

mod agent;
mod container;
mod day;
mod debug;
mod ending;
mod http;
mod killed;
mod load;
mod managed;
mod metrics;
mod pool;
mod private;
mod refused;
mod reload;
mod server_port;
mod shim;
mod shimmed;
mod through_client;
mod told;
mod unread;
