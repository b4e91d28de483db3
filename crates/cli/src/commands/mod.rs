//! The table of commands. One file a command (or a small family), one line here.

mod agent;
mod catalog;
mod cluster;
mod completion;
mod debug;
mod event;
mod exec;
mod keyring;
mod kv;
mod lock;
mod maint;
mod members;
mod monitor;
mod operator;
mod rtt;
mod services;
mod snapshot;
mod tls;
mod validate;
mod version;
mod watch;
mod x;

use crate::command::Command;

/// Every command and group, parents before children. Help, dispatch, completion and the manual page read this list.
pub const COMMANDS: &[Command] = &[
    agent::COMMAND,
    catalog::GROUP,
    catalog::DATACENTERS,
    catalog::NODES,
    catalog::SERVICES,
    completion::COMMAND,
    debug::COMMAND,
    event::COMMAND,
    exec::COMMAND,
    cluster::FORCE_LEAVE,
    cluster::INFO,
    cluster::JOIN,
    keyring::KEYGEN,
    keyring::KEYRING,
    kv::GROUP,
    kv::delete::COMMAND,
    kv::transfer::EXPORT,
    kv::get::COMMAND,
    kv::transfer::IMPORT,
    kv::put::COMMAND,
    cluster::LEAVE,
    lock::COMMAND,
    maint::COMMAND,
    members::COMMAND,
    monitor::COMMAND,
    operator::GROUP,
    operator::autopilot::GROUP,
    operator::autopilot::GET_CONFIG,
    operator::autopilot::SET_CONFIG,
    operator::autopilot::STATE,
    operator::raft::GROUP,
    operator::raft::LIST_PEERS,
    operator::raft::REMOVE_PEER,
    operator::raft::TRANSFER_LEADER,
    operator::usage::GROUP,
    operator::usage::INSTANCES,
    cluster::RELOAD,
    rtt::COMMAND,
    services::GROUP,
    services::register::DEREGISTER,
    services::export::EXPORT,
    services::export::EXPORTED_SERVICES,
    services::register::REGISTER,
    snapshot::GROUP,
    snapshot::DECODE,
    snapshot::INSPECT,
    snapshot::RESTORE,
    snapshot::SAVE,
    tls::GROUP,
    tls::CA,
    tls::CA_CREATE,
    tls::CERT,
    tls::CERT_CREATE,
    validate::COMMAND,
    version::COMMAND,
    watch::COMMAND,
    x::GROUP,
    x::CHANGES,
    x::DEREGISTER,
];

/// Commands that the top-level help leaves out, because its list is compared with the reference's.
pub const UNLISTED: &[&str] = &["completion", "x"];
