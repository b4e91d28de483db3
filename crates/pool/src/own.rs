//! What an agent says of itself (spec/wire.md §2.7).

use serf::tags::Tags;

/// The versions of Consul's own protocol: spoken, lowest and highest understood.
const PROTOCOL: [(&str, &str); 3] = [("vsn", "2"), ("vsn_min", "2"), ("vsn_max", "3")];
/// Version of the raft protocol that servers announce.
const RAFT_PROTOCOL: &str = "3";
/// Features that servers announce.
const FEATURES: [&str; 2] = ["ft_fs", "ft_si"];

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its datacenter.
    pub datacenter: String,
    /// Its ID, in lower case.
    pub id: String,
    /// Version and revision, `1.21.4:abcdef12`.
    pub build: String,
    /// What it is.
    pub role: Role,
}

/// What an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A client agent.
    Client {
        /// After which time it is forgotten when it failed, as a Go duration; empty for the pool's.
        reconnect_timeout: String,
    },
    /// A server.
    Server(ServerSettings),
}

/// What a server says of itself. Ports are 0 where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ServerSettings {
    pub port: u16,
    pub grpc_port: u16,
    pub grpc_tls_port: u16,
    /// Where it is in the pool of all datacenters; told in the LAN pool alone.
    pub wan_join_port: u16,
    pub bootstrap: bool,
    /// `bootstrap_expect`; 0 where it is not set.
    pub expect: u32,
    pub read_replica: bool,
    /// Whether a CA for internal calls is configured.
    pub use_tls: bool,
    pub acls: bool,
}

impl Own {
    /// Its tags in the pool of its datacenter.
    pub fn lan_tags(&self) -> Tags {
        let mut tags = self.common();
        match &self.role {
            Role::Client { reconnect_timeout } => {
                put(&mut tags, "role", "node");
                if !reconnect_timeout.is_empty() {
                    put(&mut tags, "rc_tm", reconnect_timeout);
                }
            }
            Role::Server(server) => {
                server.tags(&mut tags);
                port(&mut tags, "wan_join_port", server.wan_join_port);
            }
        }
        tags
    }

    /// Its tags in the pool of all datacenters; `None` for a client agent, which is not in it.
    pub fn wan_tags(&self) -> Option<Tags> {
        let Role::Server(server) = &self.role else {
            return None;
        };
        let mut tags = self.common();
        server.tags(&mut tags);
        Some(tags)
    }

    fn common(&self) -> Tags {
        let mut tags =
            Tags::from(PROTOCOL.map(|(name, value)| (name.to_owned(), value.to_owned())));
        put(&mut tags, "dc", &self.datacenter);
        put(&mut tags, "segment", "");
        put(&mut tags, "id", &self.id);
        put(&mut tags, "build", &self.build);
        tags
    }
}

impl ServerSettings {
    fn tags(&self, tags: &mut Tags) {
        put(tags, "role", "consul");
        put(tags, "raft_vsn", RAFT_PROTOCOL);
        put(tags, "port", &self.port.to_string());
        put(tags, "acls", if self.acls { "1" } else { "0" });
        for feature in FEATURES {
            put(tags, feature, "1");
        }
        port(tags, "grpc_port", self.grpc_port);
        port(tags, "grpc_tls_port", self.grpc_tls_port);
        if self.expect > 0 {
            put(tags, "expect", &self.expect.to_string());
        }
        for (name, is) in [
            ("bootstrap", self.bootstrap),
            ("read_replica", self.read_replica),
            ("nonvoter", self.read_replica),
            ("use_tls", self.use_tls),
        ] {
            if is {
                put(tags, name, "1");
            }
        }
    }
}

fn put(tags: &mut Tags, name: &str, value: &str) {
    tags.insert(name.to_owned(), value.to_owned());
}

fn port(tags: &mut Tags, name: &str, number: u16) {
    if number > 0 {
        put(tags, name, &number.to_string());
    }
}
