//! From the validated configuration to what each room and door wants to know.

use crate::retry_join::RetryJoin;
use config::{Config, LimitMode, Listen, RecursorStrategy, TlsInterface};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Shortest TTL of sessions unless configured.
const SESSION_TTL_MIN: Duration = Duration::from_secs(10);
/// Metadata that every agent adds to its node.
const SEGMENT_KEY: &str = "consul-network-segment";

/// The doors' and rooms' settings of one load of the configuration.
pub(crate) struct Settings<'a> {
    pub(crate) config: &'a Config,
    pub(crate) node_id: &'a str,
}

impl Settings<'_> {
    fn tagged_addresses(&self) -> BTreeMap<String, String> {
        self.config.net.tagged_addresses.clone()
    }

    /// What `/v1/catalog` shows of the node's metadata.
    fn meta(&self) -> BTreeMap<String, String> {
        let mut meta = self.config.node.meta.clone();
        meta.insert(SEGMENT_KEY.into(), String::new());
        meta.insert("consul-version".into(), crate::VERSION.into());
        meta
    }

    pub(crate) fn server(
        &self,
        store: Option<std::path::PathBuf>,
        metrics: telemetry::Metrics,
    ) -> server::Config {
        let c = self.config;
        let port = |number: i32| u16::try_from(number).unwrap_or(0);
        server::Config {
            datacenter: c.node.datacenter.clone(),
            node: server::NodeConfig {
                id: self.node_id.into(),
                name: c.node.name.clone(),
                address: c.net.advertise_lan.to_string(),
                tagged_addresses: self.tagged_addresses().into_iter().collect(),
                meta: self.meta().into_iter().collect(),
            },
            version: crate::VERSION.into(),
            server_port: c.net.rpc_advertise.port(),
            grpc_port: port(c.ports.grpc),
            grpc_tls_port: port(c.ports.grpc_tls),
            data_dir: store,
            bootstrap: true,
            raft_multiplier: c.raft.multiplier,
            default_query_time: c.http.default_query_time,
            max_query_time: c.http.max_query_time,
            rpc_hold_timeout: c.performance.rpc_hold_timeout,
            session_ttl_min: match c.limits.session_ttl_min {
                Duration::ZERO => SESSION_TTL_MIN,
                set => set,
            },
            authority: c.connect.enabled.then(|| server::AuthorityConfig {
                provider: c.connect.ca_provider.clone(),
                settings: c
                    .connect
                    .ca_config
                    .iter()
                    .map(|(name, value)| (name.clone(), any(value)))
                    .collect(),
            }),
            metrics,
            ..server::Config::default()
        }
    }

    /// Request rate limits of the server.
    pub(crate) fn request_limits(&self) -> server::RequestLimits {
        let from = &self.config.limits.requests;
        server::RequestLimits {
            mode: match from.mode {
                LimitMode::Disabled => server::LimitMode::Disabled,
                LimitMode::Permissive => server::LimitMode::Permissive,
                LimitMode::Enforcing => server::LimitMode::Enforcing,
            },
            read_rate: from.read_rate,
            write_rate: from.write_rate,
        }
    }

    pub(crate) fn http(&self) -> httpd::Config {
        let c = self.config;
        httpd::Config {
            node_name: c.node.name.clone(),
            datacenter: c.node.datacenter.clone(),
            dev_mode: c.node.dev,
            acls_enabled: c.acl.enabled,
            default_policy: c.acl.default_policy.clone(),
            default_token: c.acl.tokens.default.clone(),
            translate_wan_addrs: c.node.translate_wan_addrs,
            allowed_origins: c.http.allowed_origins.clone(),
            response_headers: c.http.response_headers.clone().into_iter().collect(),
            block_endpoints: c.http.block_endpoints.clone(),
            allow_write_from: c
                .http
                .allow_write_from
                .iter()
                .filter_map(|net| net.to_string().parse().ok())
                .collect(),
            max_connections_per_client: usize::try_from(c.limits.http_max_conns_per_client)
                .unwrap_or(0),
            max_header_bytes: usize::try_from(c.http.max_header_bytes).unwrap_or(0),
            allow_unprintable: c.http.disable_unprintable_char_filter,
            enable_debug: c.http.enable_debug,
            kv_max_value_size: c.limits.kv_max_value_size,
            txn_max_req_len: c.limits.txn_max_req_len,
            use_cache: c.http.use_cache,
            use_streaming: c.node.use_streaming_backend,
            discovery_max_stale: c.http.discovery_max_stale,
            disable_coordinates: c.node.disable_coordinates,
            ui: c.ui.enabled.then(|| httpd::Ui {
                content_path: c.ui.content_path.clone(),
            }),
        }
    }

    pub(crate) fn dns(&self) -> dnsd::Settings {
        let (c, d) = (self.config, &self.config.dns);
        dnsd::Settings {
            domain: d.domain.clone(),
            alt_domain: d.alt_domain.clone(),
            datacenter: c.node.datacenter.clone(),
            node_name: c.node.name.clone(),
            allow_stale: d.allow_stale,
            max_stale: d.max_stale,
            node_ttl: d.node_ttl,
            service_ttl: d.service_ttl.clone(),
            enable_truncate: d.enable_truncate,
            only_passing: d.only_passing,
            udp_answer_limit: d.udp_answer_limit,
            max_udp_size: d.max_udp_size,
            response_rate_limit: d.response_rate_limit,
            a_record_limit: d.a_record_limit,
            disable_compression: d.disable_compression,
            node_meta_txt: d.node_meta_txt,
            soa: dnsd::Soa {
                refresh: d.soa.refresh,
                retry: d.soa.retry,
                expire: d.soa.expire,
                min_ttl: d.soa.min_ttl,
            },
            translate_wan: c.node.translate_wan_addrs,
            use_cache: d.use_cache,
            cache_max_age: d.cache_max_age,
            recursors: d.recursors.clone(),
            recursor_strategy: match d.recursor_strategy {
                RecursorStrategy::Sequential => dnsd::Strategy::Sequential,
                RecursorStrategy::Random => dnsd::Strategy::Random,
            },
            recursor_timeout: d.recursor_timeout,
        }
    }

    pub(crate) fn identity(&self) -> ports::NodeIdentity {
        ports::NodeIdentity {
            name: self.config.node.name.clone(),
            id: self.node_id.into(),
            datacenter: self.config.node.datacenter.clone(),
            address: self.config.net.advertise_lan.to_string(),
        }
    }

    pub(crate) fn agent(&self, data_dir: Option<std::path::PathBuf>) -> agent::Config {
        let c = self.config;
        let identity = self.identity();
        let locality = c
            .node
            .locality
            .as_ref()
            .filter(|at| !at.region.is_empty() || !at.zone.is_empty());
        let check_tls = if c.checks.agent_tls {
            net::TlsClients::new(tls_files(&c.tls.internal_rpc))
        } else {
            net::TlsClients::default()
        };
        agent::Config {
            endpoint: self.endpoint(),
            info: local::NodeInfo {
                id: identity.id.clone(),
                name: identity.name.clone(),
                address: identity.address.clone(),
                datacenter: identity.datacenter.clone(),
                tagged_addresses: self.tagged_addresses().into(),
                meta: self.meta().into(),
                locality: locality.map(|at| {
                    Box::new(model::Locality {
                        region: at.region.clone(),
                        zone: at.zone.clone(),
                    })
                }),
            },
            identity,
            data_dir,
            scripts: c.checks.enable_script,
            local_scripts: c.checks.enable_local_script,
            check_update_interval: c.checks.update_interval,
            output_max: c.checks.output_max_size,
            discard_output: c.checks.discard_output,
            sidecar_ports: (
                u16::try_from(c.ports.sidecar.0).unwrap_or(0),
                u16::try_from(c.ports.sidecar.1).unwrap_or(0),
            ),
            expose_ports: (
                u16::try_from(c.ports.expose.0).unwrap_or(0),
                u16::try_from(c.ports.expose.1).unwrap_or(0),
            ),
            docker_host: std::env::var("DOCKER_HOST").unwrap_or_default(),
            check_tls,
            tokens: local::Tokens {
                default: c.acl.tokens.default.clone(),
                agent: c.acl.tokens.agent.clone(),
                files: c.acl.tokens.config_file_service_registration.clone(),
            },
        }
    }

    pub(crate) fn metrics(&self, started: std::time::SystemTime) -> telemetry::MetricsConfig {
        let c = self.config;
        let t = &c.telemetry;
        let folder = c.node.data_dir.as_ref().map_or_else(
            || "/".to_owned(),
            |folder| folder.to_string_lossy().into_owned(),
        );
        telemetry::MetricsConfig {
            prefix: t.metrics_prefix.clone(),
            hostname: (!t.disable_hostname).then(telemetry::hostname),
            allowed: t.allowed_prefixes.clone(),
            blocked: t.blocked_prefixes.clone(),
            filter_default: t.filter_default,
            prometheus_retention: t.prometheus_retention,
            statsd: t.statsd_address.clone(),
            statsite: t.statsite_address.clone(),
            dogstatsd: t.dogstatsd_addr.clone(),
            dogstatsd_tags: t.dogstatsd_tags.clone(),
            retry: t.retry_failed_connection,
            host_metrics: t.enable_host_metrics.then_some(folder),
            version: crate::VERSION.into(),
            started,
        }
    }

    /// What files define, decoded.
    pub(crate) fn definitions(&self) -> Result<agent::Definitions, String> {
        let from = &self.config.definitions;
        Ok(agent::Definitions {
            services: from
                .services
                .iter()
                .map(agent::service_from_file)
                .collect::<Result<_, _>>()?,
            checks: from
                .checks
                .iter()
                .map(agent::check_from_file)
                .collect::<Result<_, _>>()?,
            watches: from.watches.clone(),
        })
    }

    /// Where watches reach this agent: a Unix socket, HTTP, or HTTPS, the first there is.
    fn endpoint(&self) -> Option<agent::Endpoint> {
        let net = &self.config.net;
        let unix = net.http.iter().find_map(|listen| match listen {
            Listen::Unix(path) => Some(agent::Endpoint::Unix(path.clone())),
            Listen::Tcp(_) => None,
        });
        let tcp = |list: &[Listen]| {
            list.iter().find_map(|listen| match listen {
                Listen::Tcp(address) => Some(reachable(*address)),
                Listen::Unix(_) => None,
            })
        };
        unix.or_else(|| tcp(&net.http).map(agent::Endpoint::Http))
            .or_else(|| {
                let files = Box::new(tls_files(&self.config.tls.https));
                tcp(&net.https).map(|address| agent::Endpoint::Https(address, files))
            })
    }

    /// The pools that are joined by themselves.
    pub(crate) fn joins(&self) -> [RetryJoin; 2] {
        let (join, ports) = (&self.config.join, &self.config.ports);
        let port = |port: i32| u16::try_from(port).unwrap_or(0);
        [
            RetryJoin {
                cluster: "LAN",
                wan: false,
                addresses: join.lan.clone(),
                port: port(ports.serf_lan),
                interval: join.interval_lan,
                attempts_max: join.max_lan,
            },
            RetryJoin {
                cluster: "WAN",
                wan: true,
                addresses: join.wan.clone(),
                port: port(ports.serf_wan),
                interval: join.interval_wan,
                attempts_max: join.max_wan,
            },
        ]
    }

    /// How long a TLS handshake of a client may take.
    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.config.limits.https_handshake_timeout
    }
}

/// The address at which a listener is reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// The files of one interface's TLS.
pub(crate) fn tls_files(tls: &TlsInterface) -> net::tls::TlsFiles {
    net::tls::TlsFiles {
        ca_file: tls.ca_file.clone(),
        ca_path: tls.ca_path.clone(),
        cert_file: tls.cert_file.clone(),
        key_file: tls.key_file.clone(),
        min_version: match tls.min_version.name() {
            "TLS_AUTO" => String::new(),
            name => name.into(),
        },
        verify_incoming: tls.verify_incoming,
        cipher_suites: suites(tls),
    }
}

/// The cipher suites that may be spoken: of a list that names others too, those that exist here; of one that names only
/// others all, so that it is refused.
fn suites(tls: &TlsInterface) -> Vec<String> {
    let missing = net::tls::missing_suites(&tls.cipher_suites);
    let mut known = tls.cipher_suites.clone();
    known.retain(|suite| !missing.contains(&suite.as_str()));
    if known.is_empty() {
        tls.cipher_suites.clone()
    } else {
        known
    }
}

/// A value of the configuration as replicated records keep it.
fn any(value: &serde_json::Value) -> dialect::Any {
    dialect::json::from_slice(value.to_string().as_bytes(), dialect::json::Mode::Lax)
        .unwrap_or_default()
}
