//! The gossip pool of the datacenter: the agent as a member of it, and the port through which doors see it.
//!
//! Owns: what of the configuration becomes the pool's settings and the agent's tags. The pool of all datacenters does not exist yet:
//! a server stands in it alone.

use crate::data_dir::DataDir;
use crate::settings::Settings;
use crate::told;
use config::Net;
use gossip::{Encryption, Key, Logger, Pool, Refusal};
use pool::{LanRules, Own, Role, ServerSettings};
use ports::{BoxFuture, Member, Members};
use rt::{Room, Time};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

const SNAPSHOT: &str = "local.snapshot";
const KEYRING: &str = "local.keyring";

/// This agent's pool.
pub(crate) struct Lan {
    pool: Pool,
    is_server: bool,
    /// How a server stands among all datacenters.
    wan: Option<Member>,
}

impl Lan {
    /// Opens the pool with its files in the data directory, or in memory; the agent is alone in it until it joins another, or finds those again whom it remembers.
    ///
    /// # Errors
    /// The text with which the start ends.
    pub(crate) fn open(
        settings: &Settings<'_>,
        data_dir: Option<&DataDir>,
        room: &Room,
        time: &Time,
    ) -> Result<Arc<Lan>, String> {
        let config = settings.config;
        let is_server = config.node.server;
        let rules = Admission {
            rules: LanRules {
                datacenter: config.node.datacenter.clone(),
                name: config.node.name.clone(),
                id: settings.node_id.to_owned(),
            },
            allowed: config.net.serf_lan_allowed.clone(),
        };
        let pool_settings = pool_settings(settings, data_dir.map(DataDir::gossip))?;
        let side = if is_server { "server" } else { "client" };
        let (pool, events) =
            Pool::start(pool_settings, Box::new(rules), room, time).map_err(|error| {
                format!("Failed to start Consul {side}: Failed to start LAN Serf: {error}")
            })?;
        room.spawn(
            "lan events",
            follow(events, config.node.datacenter.clone(), is_server),
        );
        let lan = Lan {
            pool,
            is_server,
            wan: settings.wan_member(),
        };
        told::wan_members(&lan);
        Ok(Arc::new(lan))
    }

    /// Leaves in order: the others hear of it, and nobody takes it for a failure.
    pub(crate) async fn leave(&self) {
        // A pool that is over has been left.
        let _ = self.pool.leave().await;
    }
}

fn pool_settings(
    settings: &Settings<'_>,
    files: Option<PathBuf>,
) -> Result<gossip::Settings, String> {
    let config = settings.config;
    let (gossip, network) = (&config.gossip, &config.net);
    let mut serf = serf::Config::lan(&config.node.name, network.serf_lan_advertise);
    serf.tags = own(settings).lan_tags();
    // 0 means the pool's own.
    if !config.join.reconnect_timeout_lan.is_zero() {
        serf.reconnect_timeout = config.join.reconnect_timeout_lan;
    }
    let timing = &mut serf.timing;
    timing.gossip_nodes = usize::try_from(gossip.lan.gossip_nodes).unwrap_or(timing.gossip_nodes);
    timing.gossip_interval = gossip.lan.gossip_interval;
    timing.probe_interval = gossip.lan.probe_interval;
    timing.probe_timeout = gossip.lan.probe_timeout;
    timing.suspicion_mult = positive(gossip.lan.suspicion_mult, timing.suspicion_mult);
    timing.retransmit_mult = positive(gossip.lan.retransmit_mult, timing.retransmit_mult);
    let key = gossip.encrypt.as_deref().map(Key::parse).transpose();
    let keyring = files.clone().filter(|_| !gossip.disable_keyring_file);
    Ok(gossip::Settings {
        serf,
        bind: network.serf_lan_bind,
        encryption: Encryption {
            key: key.map_err(|error| error.to_string())?,
            file: keyring.map(|files| files.join(KEYRING)),
            verify_incoming: gossip.verify_incoming,
            verify_outgoing: gossip.verify_outgoing,
        },
        snapshot: files.map(|files| files.join(SNAPSHOT)),
        rejoin_after_leave: config.join.rejoin_after_leave,
        logger: if config.node.server {
            Logger::ServerLan
        } else {
            Logger::Client
        },
    })
}

fn positive(value: i64, otherwise: u32) -> u32 {
    u32::try_from(value)
        .ok()
        .filter(|value| *value > 0)
        .unwrap_or(otherwise)
}

/// What this agent says of itself.
pub(crate) fn own(settings: &Settings<'_>) -> Own {
    let config = settings.config;
    let port = |port: i32| u16::try_from(port).unwrap_or(0);
    let role = if config.node.server {
        Role::Server(ServerSettings {
            port: config.net.rpc_advertise.port(),
            grpc_port: port(config.ports.grpc),
            wan_join_port: port(config.ports.serf_wan),
            bootstrap: config.node.bootstrap,
            expect: config.node.bootstrap_expect,
            acls: config.acl.enabled,
            ..ServerSettings::default()
        })
    } else {
        Role::Client {
            reconnect_timeout: match config.join.advertise_reconnect_timeout.as_nanos() {
                0 => String::new(),
                nanos => dialect::duration::format(i64::try_from(nanos).unwrap_or(i64::MAX)),
            },
        }
    };
    Own {
        datacenter: config.node.datacenter.clone(),
        id: settings.node_id.to_owned(),
        build: format!("{}:", crate::VERSION),
        role,
    }
}

/// Consul's rules, and the networks that members may be in (`serf_lan_allowed_cidrs`).
struct Admission {
    rules: LanRules,
    allowed: Option<Vec<Net>>,
}

impl Admission {
    fn is_in_a_network(&self, member: &serf::Member) -> Result<(), String> {
        let ip = member.addr.ip();
        match &self.allowed {
            Some(allowed) if !allowed.iter().any(|net| net.contains(ip)) => Err(format!(
                "Member '{}' has an address that is not allowed: {ip}",
                member.name
            )),
            _ => Ok(()),
        }
    }
}

impl serf::Rules for Admission {
    fn admits(&mut self, member: &serf::Member) -> Result<(), String> {
        self.is_in_a_network(member)?;
        self.rules.admits(member)
    }

    fn admits_all(&mut self, members: &[serf::Member]) -> Result<(), String> {
        members
            .iter()
            .try_for_each(|member| self.is_in_a_network(member))?;
        self.rules.admits_all(members)
    }
}

/// Tells the log of servers that come and go, until the pool is over.
async fn follow(mut events: gossip::Events, datacenter: String, is_server: bool) {
    while let Some(event) = events.next().await {
        let (verb, member) = match &event {
            gossip::PoolEvent::Join(member) | gossip::PoolEvent::Update(member) => {
                ("Adding", member)
            }
            gossip::PoolEvent::Leave(member)
            | gossip::PoolEvent::Failed(member)
            | gossip::PoolEvent::Reap(member) => ("Removing", member),
            _ => continue,
        };
        let Some(server) = pool::Server::of(member) else {
            continue;
        };
        let shown = format!(
            "{} (Addr: tcp/{}) (DC: {datacenter})",
            server.name, server.address
        );
        match (is_server, verb) {
            (true, "Adding") => {
                tracing::info!(target: "agent.server", server = shown, "Adding LAN server")
            }
            (true, _) => {
                tracing::info!(target: "agent.server", server = shown, "Removing LAN server")
            }
            (false, "Adding") => {
                tracing::info!(target: "agent.client", server = shown, "adding server")
            }
            (false, _) => tracing::info!(target: "agent.client", server = shown, "removing server"),
        }
    }
}

/// A member as the agent's endpoints show it.
fn shown(member: &serf::Member) -> Member {
    let address = match member.addr.ip() {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    };
    let versions = &member.versions;
    Member {
        name: member.name.clone(),
        address: address.octets().to_vec(),
        port: member.addr.port(),
        tags: member.tags.clone(),
        status: member.status.number(),
        protocol_min: versions.min,
        protocol_max: versions.max,
        protocol_cur: versions.current,
        delegate_min: versions.delegate_min,
        delegate_max: versions.delegate_max,
        delegate_cur: versions.delegate_current,
    }
}

impl Members for Lan {
    fn is_server(&self) -> bool {
        self.is_server
    }

    fn own(&self) -> Member {
        let own = self.pool.member(self.pool.name());
        own.map_or_else(Member::default, |own| shown(&own))
    }

    fn lan(&self) -> Vec<Member> {
        self.pool
            .members()
            .iter()
            .map(|member| shown(member))
            .collect()
    }

    fn wan(&self) -> Option<Vec<Member>> {
        self.wan.clone().map(|member| vec![member])
    }

    fn join<'a>(&'a self, address: &'a str, wan: bool) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if wan {
                return Err(format!(
                    "1 error occurred:\n\t* Failed to join {address}: this agent is in no pool of other datacenters yet\n\n"
                ));
            }
            let joined = self.pool.join(&[address.to_owned()], true).await;
            joined.map(drop).map_err(|error| error.to_string())
        })
    }

    fn force_leave<'a>(
        &'a self,
        node: &'a str,
        prune: bool,
        wan: bool,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if wan {
                let known = self.wan.as_ref().is_some_and(|member| member.name == node);
                return if known { Ok(()) } else { Err(no_node("")) };
            }
            if self.pool.member(node).is_none() {
                return Err(no_node(node));
            }
            let left = self.pool.force_leave(node, prune).await;
            left.map_err(|error: Refusal| error.to_string())
        })
    }
}

fn no_node(name: &str) -> String {
    format!("agent: No node found with name '{name}'")
}
