//! The configuration as `/v1/agent/self` shows it under `DebugConfig` (http-api.md §10.1): one member an option under its
//! internal name, durations and addresses as texts, secrets hidden.

use crate::address::Listen;
use crate::model::*;
use serde_json::{Map as JsonMap, Value as Json, json};
use std::fmt::Display;
use std::time::Duration;

fn dur(d: Duration) -> Json {
    Json::from(dialect::duration::format(
        i64::try_from(d.as_nanos()).unwrap_or(i64::MAX),
    ))
}

fn listeners(list: &[Listen]) -> Json {
    list.iter()
        .map(|l| match l {
            Listen::Tcp(a) => format!("tcp://{a}"),
            Listen::Unix(p) => format!("unix://{}", p.display()),
        })
        .map(Json::from)
        .collect()
}

fn texts<T: Display>(list: &[T]) -> Json {
    list.iter().map(|x| Json::from(x.to_string())).collect()
}

fn tcp(a: impl Display) -> Json {
    Json::from(format!("tcp://{a}"))
}

impl Config {
    /// `DebugConfig` of `/v1/agent/self`. `version` and `revision` are those of the build.
    pub fn debug_config(&self, version: &str, revision: &str) -> Json {
        let mut out = JsonMap::new();
        for part in [
            self.debug_node(version, revision),
            self.debug_network(),
            self.debug_dns(),
            self.debug_http(),
            self.debug_cluster(),
            self.debug_security(),
            self.debug_rest(),
        ] {
            if let Json::Object(map) = part {
                out.extend(map);
            }
        }
        let mut out = Json::Object(out);
        crate::secrets::hide(&mut out);
        out
    }

    fn debug_node(&self, version: &str, revision: &str) -> Json {
        let n = &self.node;
        json!({
            "Bootstrap": n.bootstrap, "BootstrapExpect": n.bootstrap_expect,
            "DataDir": n.data_dir.as_ref().map(|d| d.display().to_string()).unwrap_or_default(),
            "Datacenter": n.datacenter, "PrimaryDatacenter": n.primary_datacenter, "DevMode": n.dev,
            "DisableAnonymousSignature": n.disable_anonymous_signature, "DisableCoordinates": n.disable_coordinates,
            "DisableHostNodeID": n.disable_host_node_id, "DisableRemoteExec": n.disable_remote_exec,
            "DisableUpdateCheck": n.disable_update_check, "Experiments": n.experiments,
            "AutoReloadConfig": n.auto_reload_config, "NodeID": n.id.clone().unwrap_or_default(),
            "NodeMeta": n.meta, "NodeName": n.name, "PeeringEnabled": n.peering_enabled,
            "RPCProtocol": n.protocol, "RaftProtocol": n.raft_protocol, "ReadReplica": n.read_replica,
            "Revision": revision, "Version": version, "VersionPrerelease": "", "VersionMetadata": "",
            "SegmentLimit": n.segment_limit, "SegmentName": "", "Segments": [],
            "ServerMode": n.server, "ServerName": n.server_name, "ServerRejoinAgeMax": dur(n.server_rejoin_age_max),
            "PartitionName": n.partition, "TranslateWANAddrs": n.translate_wan_addrs,
            "UseStreamingBackend": n.use_streaming_backend,
            "Locality": n.locality.as_ref().map(|l| json!({"Region": l.region, "Zone": l.zone})),
            "XDSUpdateRateLimit": n.xds_update_max_per_second,
            "RPCConfig": {"EnableStreaming": n.rpc_enable_streaming},
        })
    }

    fn debug_network(&self) -> Json {
        let (n, p) = (&self.net, &self.ports);
        let dns: Vec<String> = n
            .dns
            .iter()
            .flat_map(|a| [format!("tcp://{a}"), format!("udp://{a}")])
            .collect();
        json!({
            "AdvertiseAddrLAN": n.advertise_lan.to_string(), "AdvertiseAddrWAN": n.advertise_wan.to_string(),
            "BindAddr": n.bind.to_string(), "ClientAddrs": texts(&n.client), "TaggedAddresses": n.tagged_addresses,
            "DNSAddrs": dns, "HTTPAddrs": listeners(&n.http), "HTTPSAddrs": listeners(&n.https),
            "GRPCAddrs": listeners(&n.grpc), "GRPCTLSAddrs": listeners(&n.grpc_tls),
            "DNSPort": p.dns, "HTTPPort": p.http, "HTTPSPort": p.https, "GRPCPort": p.grpc, "GRPCTLSPort": p.grpc_tls,
            "SerfPortLAN": p.serf_lan, "SerfPortWAN": p.serf_wan, "ServerPort": p.server,
            "ConnectSidecarMinPort": p.sidecar.0, "ConnectSidecarMaxPort": p.sidecar.1,
            "ExposeMinPort": p.expose.0, "ExposeMaxPort": p.expose.1,
            "RPCAdvertiseAddr": tcp(n.rpc_advertise), "RPCBindAddr": tcp(n.rpc_bind),
            "SerfAdvertiseAddrLAN": tcp(n.serf_lan_advertise), "SerfBindAddrLAN": tcp(n.serf_lan_bind),
            "SerfAdvertiseAddrWAN": n.serf_wan_advertise.map(tcp), "SerfBindAddrWAN": n.serf_wan_bind.map(tcp),
            "SerfAllowedCIDRsLAN": n.serf_lan_allowed.as_deref().map(texts).unwrap_or(json!([])),
            "SerfAllowedCIDRsWAN": n.serf_wan_allowed.as_deref().map(texts).unwrap_or(json!([])),
            "UnixSocketUser": n.unix_user, "UnixSocketGroup": n.unix_group, "UnixSocketMode": n.unix_mode,
        })
    }

    fn debug_dns(&self) -> Json {
        let d = &self.dns;
        let ttl: JsonMap<String, Json> = d
            .service_ttl
            .iter()
            .map(|(k, v)| (k.clone(), dur(*v)))
            .collect();
        let strategy = match d.recursor_strategy {
            RecursorStrategy::Sequential => "sequential",
            RecursorStrategy::Random => "random",
        };
        json!({
            "DNSARecordLimit": d.a_record_limit, "DNSAllowStale": d.allow_stale, "DNSAltDomain": d.alt_domain,
            "DNSCacheMaxAge": dur(d.cache_max_age), "DNSDisableCompression": d.disable_compression,
            "DNSDomain": d.domain, "DNSEnableTruncate": d.enable_truncate, "DNSMaxStale": dur(d.max_stale),
            "DNSNodeMetaTXT": d.node_meta_txt, "DNSNodeTTL": dur(d.node_ttl), "DNSOnlyPassing": d.only_passing,
            "DNSRecursorStrategy": strategy, "DNSRecursorTimeout": dur(d.recursor_timeout), "DNSRecursors": d.recursors,
            "DNSSOA": {"Refresh": d.soa.refresh, "Retry": d.soa.retry, "Expire": d.soa.expire, "Minttl": d.soa.min_ttl},
            "DNSServiceTTL": ttl, "DNSUDPAnswerLimit": d.udp_answer_limit, "DNSUseCache": d.use_cache,
        })
    }

    fn debug_http(&self) -> Json {
        let (h, u, l) = (&self.http, &self.ui, &self.limits);
        let mode = match l.requests.mode {
            LimitMode::Disabled => "disabled",
            LimitMode::Permissive => "permissive",
            LimitMode::Enforcing => "enforcing",
        };
        let headers: Vec<Json> = u
            .metrics_proxy_add_headers
            .iter()
            .map(|(name, _)| json!({"Name": name, "Value": "hidden"}))
            .collect();
        json!({
            "AllowWriteHTTPFrom": texts(&h.allow_write_from), "HTTPBlockEndpoints": h.block_endpoints,
            "HTTPResponseHeaders": h.response_headers, "HTTPUseCache": h.use_cache,
            "HTTPMaxHeaderBytes": h.max_header_bytes, "DefaultQueryTime": dur(h.default_query_time),
            "MaxQueryTime": dur(h.max_query_time), "DiscoveryMaxStale": dur(h.discovery_max_stale),
            "EnableDebug": h.enable_debug,
            "DisableHTTPUnprintableCharFilter": h.disable_unprintable_char_filter,
            "HTTPMaxConnsPerClient": l.http_max_conns_per_client,
            "HTTPSHandshakeTimeout": dur(l.https_handshake_timeout), "RPCHandshakeTimeout": dur(l.rpc_handshake_timeout),
            "RPCClientTimeout": dur(l.rpc_client_timeout), "RPCRateLimit": l.rpc_rate, "RPCMaxBurst": l.rpc_max_burst,
            "RPCMaxConnsPerClient": l.rpc_max_conns_per_client, "KVMaxValueSize": l.kv_max_value_size,
            "TxnMaxReqLen": l.txn_max_req_len, "SessionTTLMin": dur(l.session_ttl_min),
            "RequestLimitsMode": mode, "RequestLimitsReadRate": l.requests.read_rate,
            "RequestLimitsWriteRate": l.requests.write_rate,
            "UIConfig": {
                "Enabled": u.enabled, "Dir": u.dir, "ContentPath": u.content_path,
                "MetricsProvider": u.metrics_provider, "MetricsProviderFiles": u.metrics_provider_files,
                "MetricsProviderOptionsJSON": u.metrics_provider_options_json,
                "MetricsProxy": {"BaseURL": u.metrics_proxy_base_url, "AddHeaders": headers,
                    "PathAllowlist": u.metrics_proxy_path_allowlist},
                "DashboardURLTemplates": u.dashboard_url_templates, "HCPEnabled": false,
            },
        })
    }

    fn debug_cluster(&self) -> Json {
        let (j, g, r, p, a) = (
            &self.join,
            &self.gossip,
            &self.raft,
            &self.performance,
            &self.autopilot,
        );
        let pool = |name: &str, t: &GossipTiming| {
            [
                (
                    format!("Gossip{name}GossipInterval"),
                    dur(t.gossip_interval),
                ),
                (format!("Gossip{name}GossipNodes"), json!(t.gossip_nodes)),
                (format!("Gossip{name}ProbeInterval"), dur(t.probe_interval)),
                (format!("Gossip{name}ProbeTimeout"), dur(t.probe_timeout)),
                (
                    format!("Gossip{name}RetransmitMult"),
                    json!(t.retransmit_mult),
                ),
                (
                    format!("Gossip{name}SuspicionMult"),
                    json!(t.suspicion_mult),
                ),
            ]
        };
        let mut out = json!({
            "RetryJoinLAN": j.lan, "RetryJoinWAN": j.wan, "RetryJoinIntervalLAN": dur(j.interval_lan),
            "RetryJoinIntervalWAN": dur(j.interval_wan), "RetryJoinMaxAttemptsLAN": j.max_lan,
            "RetryJoinMaxAttemptsWAN": j.max_wan, "RejoinAfterLeave": j.rejoin_after_leave,
            "LeaveOnTerm": j.leave_on_terminate, "SkipLeaveOnInt": j.skip_leave_on_interrupt,
            "PrimaryGateways": j.primary_gateways, "PrimaryGatewaysInterval": dur(j.primary_gateways_interval),
            "AdvertiseReconnectTimeout": dur(j.advertise_reconnect_timeout),
            "ReconnectTimeoutLAN": dur(j.reconnect_timeout_lan), "ReconnectTimeoutWAN": dur(j.reconnect_timeout_wan),
            "EncryptKey": g.encrypt.clone().unwrap_or_default(), "EncryptVerifyIncoming": g.verify_incoming,
            "EncryptVerifyOutgoing": g.verify_outgoing, "DisableKeyringFile": g.disable_keyring_file,
            "RaftSnapshotInterval": dur(r.snapshot_interval), "RaftSnapshotThreshold": r.snapshot_threshold,
            "RaftTrailingLogs": r.trailing_logs, "RaftPreVoteDisabled": r.prevote_disabled,
            "RaftLogStoreConfig": {
                "Backend": r.logstore_backend, "DisableLogCache": r.logstore_disable_log_cache,
                "Verification": {"Enabled": r.logstore_verification.0, "Interval": dur(r.logstore_verification.1)},
                "BoltDB": {"NoFreelistSync": r.logstore_no_freelist_sync},
                "WAL": {"SegmentSize": r.logstore_wal_segment_size_mb.saturating_mul(1 << 20)},
            },
            "ConsulRaftElectionTimeout": dur(Duration::from_millis(1000) * r.multiplier),
            "ConsulRaftHeartbeatTimeout": dur(Duration::from_millis(1000) * r.multiplier),
            "ConsulRaftLeaderLeaseTimeout": dur(Duration::from_millis(500) * r.multiplier),
            "LeaveDrainTime": dur(p.leave_drain_time), "RPCHoldTimeout": dur(p.rpc_hold_timeout),
            "GRPCKeepaliveInterval": dur(p.grpc_keepalive_interval),
            "GRPCKeepaliveTimeout": dur(p.grpc_keepalive_timeout),
            "EnableXDSLoadBalancing": p.enable_xds_load_balancing,
            "AutopilotCleanupDeadServers": a.cleanup_dead_servers,
            "AutopilotLastContactThreshold": dur(a.last_contact_threshold),
            "AutopilotMaxTrailingLogs": a.max_trailing_logs, "AutopilotMinQuorum": a.min_quorum,
            "AutopilotServerStabilizationTime": dur(a.server_stabilization_time),
            "AutopilotRedundancyZoneTag": a.redundancy_zone_tag,
            "AutopilotDisableUpgradeMigration": a.disable_upgrade_migration,
            "AutopilotUpgradeVersionTag": a.upgrade_version_tag,
        });
        if let Json::Object(map) = &mut out {
            map.extend(pool("LAN", &g.lan));
            map.extend(pool("WAN", &g.wan));
        }
        out
    }

    fn debug_security(&self) -> Json {
        let (a, c, e) = (&self.acl, &self.connect, &self.auto_encrypt);
        let tls = |t: &TlsInterface| {
            json!({
                "CAFile": t.ca_file, "CAPath": t.ca_path, "CertFile": t.cert_file, "KeyFile": "hidden",
                "CipherSuites": t.cipher_suites, "TLSMinVersion": t.min_version.name(),
                "VerifyIncoming": t.verify_incoming, "VerifyOutgoing": t.verify_outgoing,
                "VerifyServerHostname": t.verify_server_hostname, "UseAutoCert": t.use_auto_cert,
            })
        };
        json!({
            "ACLsEnabled": a.enabled, "ACLDefaultPolicy": a.default_policy, "ACLDownPolicy": a.down_policy,
            "ACLEnableKeyListPolicy": a.enable_key_list_policy, "ACLTokenReplication": a.enable_token_replication,
            "ACLInitialManagementToken": "hidden", "ACLMSPDisableBootstrap": false,
            "ACLResolverSettings": {
                "ACLsEnabled": a.enabled, "Datacenter": self.node.datacenter, "NodeName": self.node.name,
                "ACLDefaultPolicy": a.default_policy, "ACLDownPolicy": a.down_policy,
                "ACLTokenTTL": dur(a.token_ttl), "ACLPolicyTTL": dur(a.policy_ttl), "ACLRoleTTL": dur(a.role_ttl),
                "EnterpriseMeta": {},
            },
            "ACLTokens": {"EnablePersistence": a.enable_token_persistence, "ACLAgentToken": "hidden",
                "ACLDefaultToken": "hidden", "ACLReplicationToken": "hidden", "ACLAgentRecoveryToken": "hidden",
                "ACLConfigFileRegistrationToken": "hidden", "ACLDNSToken": "hidden", "DataDir": "",
                "EnterpriseConfig": {}},
            "DefaultIntentionPolicy": a.default_intention_policy,
            "ConnectEnabled": c.enabled, "ConnectCAProvider": c.ca_provider, "ConnectCAConfig": c.ca_config,
            "ConnectMeshGatewayWANFederationEnabled": c.mesh_gateway_wan_federation,
            "AutoEncryptTLS": e.tls, "AutoEncryptAllowTLS": e.allow_tls, "AutoEncryptDNSSAN": e.dns_san,
            "AutoEncryptIPSAN": texts(&e.ip_san),
            "AutoConfig": {"Enabled": self.auto_config.enabled, "DNSSANs": self.auto_config.dns_sans,
                "IPSANs": texts(&self.auto_config.ip_sans), "IntroToken": "hidden", "IntroTokenFile": "hidden",
                "ServerAddresses": self.auto_config.server_addresses,
                "Authorizer": {"Enabled": self.auto_config.authorization_enabled}},
            "TLS": {"AutoTLS": e.tls || self.auto_config.enabled, "Domain": self.dns.domain,
                "EnableAgentTLSForChecks": self.checks.agent_tls, "NodeName": self.node.name,
                "ServerMode": self.node.server, "ServerName": self.node.server_name,
                "InternalRPC": tls(&self.tls.internal_rpc), "HTTPS": tls(&self.tls.https), "GRPC": tls(&self.tls.grpc)},
        })
    }

    fn debug_rest(&self) -> Json {
        let (k, l, t) = (&self.checks, &self.logging, &self.telemetry);
        let services: Vec<String> = vec!["hidden".to_string(); self.definitions.services.len()];
        let checks: Vec<String> = vec!["hidden".to_string(); self.definitions.checks.len()];
        json!({
            "EnableRemoteScriptChecks": k.enable_script, "EnableLocalScriptChecks": k.enable_local_script,
            "CheckUpdateInterval": dur(k.update_interval), "CheckOutputMaxSize": k.output_max_size,
            "DiscardCheckOutput": k.discard_output, "EnableCentralServiceConfig": k.central_service_config,
            "CheckDeregisterIntervalMin": "1m0s", "CheckReapInterval": "30s", "AEInterval": "1m0s",
            "SyncCoordinateRateTarget": 64, "SyncCoordinateIntervalMin": "15s", "SegmentNameLimit": 64,
            "Services": services, "Checks": checks, "Watches": self.definitions.watches,
            "ConfigEntryBootstrap": self.definitions.config_entries,
            "Cache": {
                "EntryFetchRate": if self.cache.entry_fetch_rate.is_finite() { self.cache.entry_fetch_rate } else { f64::MAX },
                "EntryFetchMaxBurst": self.cache.entry_fetch_max_burst,
            },
            "Logging": {"LogLevel": l.level, "LogJSON": l.json, "LogFilePath": l.file, "Name": "agent",
                "LogRotateDuration": dur(l.rotate_duration), "LogRotateBytes": l.rotate_bytes,
                "LogRotateMaxFiles": l.rotate_max_files, "EnableSyslog": l.syslog, "SyslogFacility": l.syslog_facility},
            "PidFile": l.pid_file,
            "Telemetry": {
                "MetricsPrefix": t.metrics_prefix, "FilterDefault": t.filter_default,
                "AllowedPrefixes": t.allowed_prefixes, "BlockedPrefixes": t.blocked_prefixes,
                "DisableHostname": t.disable_hostname, "EnableHostMetrics": t.enable_host_metrics,
                "RetryFailedConfiguration": t.retry_failed_connection, "StatsdAddr": t.statsd_address,
                "StatsiteAddr": t.statsite_address, "DogstatsdAddr": t.dogstatsd_addr, "DogstatsdTags": t.dogstatsd_tags,
                "PrometheusOpts": {"Expiration": dur(t.prometheus_retention)},
            },
            "Cloud": {"ResourceID": self.cloud.resource_id, "ClientID": self.cloud.client_id, "ClientSecret": "hidden",
                "Hostname": self.cloud.hostname, "AuthURL": self.cloud.auth_url, "ScadaAddress": self.cloud.scada_address},
            "StaticRuntimeConfig": {"EncryptVerifyIncoming": self.gossip.verify_incoming,
                "EncryptVerifyOutgoing": self.gossip.verify_outgoing},
        })
    }
}
