//! The table of commands. One file a command (or a small family), one line here.

mod acl;
mod agent;
mod catalog;
mod cluster;
pub(crate) mod completion;
mod container;
mod debug;
mod event;
mod exec;
mod keyring;
mod kv;
mod lock;
mod login;
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

use crate::command::{Command, Table};

/// Every command and group, parents before children. Help, dispatch, completion and the manual page read this list.
pub const COMMANDS: &[Command] = &[
    acl::GROUP,
    acl::auth_method::GROUP,
    acl::auth_method::CREATE,
    acl::auth_method::DELETE,
    acl::auth_method::LIST,
    acl::auth_method::READ,
    acl::auth_method::UPDATE,
    acl::binding_rule::GROUP,
    acl::binding_rule::CREATE,
    acl::binding_rule::DELETE,
    acl::binding_rule::LIST,
    acl::binding_rule::READ,
    acl::binding_rule::UPDATE,
    acl::bootstrap::COMMAND,
    acl::policy::GROUP,
    acl::policy::CREATE,
    acl::policy::DELETE,
    acl::policy::LIST,
    acl::policy::READ,
    acl::policy::UPDATE,
    acl::role::GROUP,
    acl::role::CREATE,
    acl::role::DELETE,
    acl::role::LIST,
    acl::role::READ,
    acl::role_update::COMMAND,
    acl::agent_token::COMMAND,
    acl::templated_policy::GROUP,
    acl::templated_policy::LIST,
    acl::templated_policy::PREVIEW,
    acl::templated_policy::READ,
    acl::token::GROUP,
    acl::token::CLONE,
    acl::token::CREATE,
    acl::token::DELETE,
    acl::token::LIST,
    acl::token::READ,
    acl::token_update::COMMAND,
    agent::COMMAND,
    catalog::GROUP,
    catalog::DATACENTERS,
    catalog::NODES,
    catalog::SERVICES,
    completion::COMMAND,
    container::COMMAND,
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
    login::LOGIN,
    login::LOGOUT,
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

/// Commands that the reference does not know: the top-level help names them apart from its own.
pub const UNLISTED: &[&str] = &["completion", "container", "x"];

/// The commands of this program.
pub static TABLE: Table = Table {
    commands: COMMANDS,
    beyond: UNLISTED,
};
