//! ACLs, TLS, mesh, automatic certificates and configuration (agent-config.md §4.6, §4.8–§4.10, §7).

use super::reader::Reader;
use crate::error::ConfigError;
use crate::model::{
    Acl, AutoConfig, AutoEncrypt, Cloud, Connect, Tls, TlsInterface, TlsVersion, Tokens,
};
use std::net::IpAddr;

pub(super) fn acl(r: &Reader<'_>) -> Acl {
    let token = |name: &str| r.text(&format!("acl.tokens.{name}"));
    Acl {
        enabled: r.bool("acl.enabled"),
        default_policy: r.text("acl.default_policy"),
        down_policy: r.text("acl.down_policy"),
        token_ttl: r.duration("acl.token_ttl"),
        policy_ttl: r.duration("acl.policy_ttl"),
        role_ttl: r.duration("acl.role_ttl"),
        enable_key_list_policy: r.bool("acl.enable_key_list_policy"),
        enable_token_replication: r.bool("acl.enable_token_replication"),
        enable_token_persistence: r.bool("acl.enable_token_persistence"),
        tokens: Tokens {
            initial_management: token("initial_management"),
            replication: token("replication"),
            agent_recovery: token("agent_recovery"),
            default: token("default"),
            agent: token("agent"),
            config_file_service_registration: token("config_file_service_registration"),
            dns: token("dns"),
        },
        default_intention_policy: r.text("default_intention_policy"),
    }
}

pub(super) fn connect(r: &Reader<'_>) -> Connect {
    let provider = r.text("connect.ca_provider");
    if !matches!(provider.as_str(), "" | "consul" | "vault" | "aws-pca") {
        r.error(format!("{provider} is not a valid CA provider"));
    }
    let forced = r.bool("auto_encrypt.allow_tls") || r.bool("auto_config.enabled");
    Connect {
        enabled: r.bool("connect.enabled") || forced,
        ca_provider: provider,
        ca_config: r
            .json_map("connect.ca_config")
            .into_iter()
            .map(|(k, v)| (camel(&k), v))
            .collect(),
        mesh_gateway_wan_federation: r.bool("connect.enable_mesh_gateway_wan_federation"),
    }
}

/// Parts of CA setting names that are written in capitals.
const CAPITALS: &[&str] = &["arn", "ca", "csr", "id", "pki", "tls", "ttl", "url", "acl"];

/// `leaf_cert_ttl` → `LeafCertTTL`; names that begin with a capital stay, and so does that of the cluster's ID, which is no
/// setting of a provider.
fn camel(key: &str) -> String {
    if key == "cluster_id" || key.starts_with(|c: char| c.is_ascii_uppercase()) {
        return key.to_string();
    }
    key.split('_')
        .map(|part| {
            if CAPITALS.contains(&part) {
                return part.to_ascii_uppercase();
            }
            let mut chars = part.chars();
            chars
                .next()
                .map(|c| c.to_ascii_uppercase().to_string() + chars.as_str())
                .unwrap_or_default()
        })
        .collect()
}

fn addresses(r: &Reader<'_>, path: &str, name: &str) -> Vec<IpAddr> {
    r.texts(path)
        .into_iter()
        .filter_map(|text| {
            let ip = text.parse().ok();
            if ip.is_none() {
                r.warn(format!("Cannot parse ip {text:?} from {name}"));
            }
            ip
        })
        .collect()
}

pub(super) fn auto_encrypt(r: &Reader<'_>) -> AutoEncrypt {
    AutoEncrypt {
        tls: r.bool("auto_encrypt.tls"),
        allow_tls: r.bool("auto_encrypt.allow_tls"),
        dns_san: r.texts("auto_encrypt.dns_san"),
        ip_san: addresses(r, "auto_encrypt.ip_san", "AutoEncrypt.IPSAN"),
    }
}

pub(super) fn auto_config(r: &Reader<'_>) -> AutoConfig {
    let mut intro_token = r.text("auto_config.intro_token");
    let from_env = r.host.env("CONSUL_INTRO_TOKEN").filter(|t| !t.is_empty());
    if let Some(token) = from_env {
        if !intro_token.is_empty() {
            r.warn(
                "Both auto_config.intro_token and the CONSUL_INTRO_TOKEN environment variable are set. Using the value from the environment variable",
            );
        }
        intro_token = token;
    }
    let intro_token_file = r.text("auto_config.intro_token_file");
    if !intro_token.is_empty() && !intro_token_file.is_empty() {
        r.warn(
            "Both an intro token and intro token file are set. The intro token will be used instead of the file",
        );
    }
    let mut server_addresses = Vec::new();
    for entry in r.texts("auto_config.server_addresses") {
        if entry.contains("{{") {
            server_addresses.extend(r.keep(crate::address::words(
                r.host,
                "auto_config.server_addresses",
                &entry,
            )));
        } else {
            server_addresses.push(entry);
        }
    }
    AutoConfig {
        enabled: r.bool("auto_config.enabled"),
        intro_token,
        intro_token_file,
        server_addresses,
        dns_sans: r.texts("auto_config.dns_sans"),
        ip_sans: addresses(r, "auto_config.ip_sans", "auto_config.ip_sans"),
        authorization_enabled: r.bool("auto_config.authorization.enabled"),
        authorization_static: {
            for leeway in [
                "expiration_leeway",
                "not_before_leeway",
                "clock_skew_leeway",
            ] {
                r.nanos(&format!("auto_config.authorization.static.{leeway}"));
            }
            r.json_map("auto_config.authorization.static")
        },
    }
}

pub(super) fn cloud(r: &Reader<'_>) -> Cloud {
    let value = |key: &str, vars: &[&str]| {
        vars.iter()
            .find_map(|v| r.host.env(v).filter(|s| !s.is_empty()))
            .unwrap_or_else(|| r.text(&format!("cloud.{key}")))
    };
    Cloud {
        resource_id: value("resource_id", &["HCP_RESOURCE_ID"]),
        client_id: value("client_id", &["HCP_CLIENT_ID"]),
        client_secret: value("client_secret", &["HCP_CLIENT_SECRET"]),
        hostname: value("hostname", &["HCP_API_ADDRESS", "HCP_API_HOST"])
            .trim_start_matches("https://")
            .to_string(),
        auth_url: value("auth_url", &["HCP_AUTH_URL"]),
        scada_address: value("scada_address", &["HCP_SCADA_ADDRESS"]),
    }
}

const CIPHER_SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

pub(super) fn tls(r: &Reader<'_>) -> Result<Tls, ConfigError> {
    if r.has("tls.grpc.verify_outgoing") {
        return Err(ConfigError::rule(
            "verify_outgoing is not valid in the tls.grpc stanza",
        ));
    }
    for stanza in ["https", "grpc"] {
        if r.has(&format!("tls.{stanza}.verify_server_hostname")) {
            return Err(ConfigError::rule(
                "verify_server_hostname is only valid in the tls.defaults and tls.internal_rpc stanzas",
            ));
        }
    }
    for stanza in ["defaults", "internal_rpc", "https"] {
        if r.has(&format!("tls.{stanza}.use_auto_cert")) {
            return Err(ConfigError::rule(
                "use_auto_cert is only valid in the tls.grpc stanza",
            ));
        }
    }
    version(r, "defaults");
    suites(r, "defaults", TlsVersion::Auto);
    let out = Tls {
        internal_rpc: interface(r, "internal_rpc"),
        https: interface(r, "https"),
        grpc: interface(r, "grpc"),
    };
    let grpc_uses_tls = !out.grpc.cert_file.is_empty() || out.grpc.use_auto_cert;
    if grpc_uses_tls && r.int("ports.grpc") > 0 && !r.has("ports.grpc_tls") {
        return Err(ConfigError::rule(
            "the `ports.grpc` listener no longer supports TLS. Use `ports.grpc_tls` instead. This message is appearing because GRPC is configured to use TLS, but `ports.grpc_tls` is not defined",
        ));
    }
    Ok(out)
}

fn version(r: &Reader<'_>, stanza: &str) -> Option<TlsVersion> {
    let path = format!("tls.{stanza}.tls_min_version");
    let name = r.opt_text(&path).filter(|v| !v.is_empty())?;
    let found = TlsVersion::of_name(&name);
    if found.is_none() {
        r.error(format!(
            "{path}: invalid TLS version: no matching TLS version found for {name}, please specify one of [TLS_AUTO, TLSv1_0, TLSv1_1, TLSv1_2, TLSv1_3]"
        ));
    }
    found
}

fn suites(r: &Reader<'_>, stanza: &str, version: TlsVersion) -> Option<Vec<String>> {
    let path = format!("tls.{stanza}.tls_cipher_suites");
    let text = r.opt_text(&path).filter(|v| !v.is_empty())?;
    if version == TlsVersion::V1_3 {
        r.error(format!(
            "{path}: TLS 1.3 cipher suites are not configurable"
        ));
        return None;
    }
    let list: Vec<String> = text
        .split(',')
        .map(|s| s.trim().to_string())
        .filter(|s| !s.is_empty())
        .collect();
    let unknown: Vec<&str> = list
        .iter()
        .map(String::as_str)
        .filter(|s| !CIPHER_SUITES.contains(s))
        .collect();
    if !unknown.is_empty() {
        r.error(format!(
            "{path}: invalid TLS cipher suites: no matching Consul Agent TLS cipher suite found for {}",
            unknown.join(",")
        ));
        return None;
    }
    Some(list)
}

fn interface(r: &Reader<'_>, stanza: &str) -> TlsInterface {
    let own = |key: &str| format!("tls.{stanza}.{key}");
    let base = |key: &str| format!("tls.defaults.{key}");
    let text = |key: &str| r.opt_text(&own(key)).unwrap_or_else(|| r.text(&base(key)));
    let flag = |key: &str| r.opt_bool(&own(key)).unwrap_or_else(|| r.bool(&base(key)));
    let min_version = version(r, stanza)
        .or_else(|| TlsVersion::of_name(&r.text(&base("tls_min_version"))))
        .unwrap_or_default();
    let cipher_suites = match suites(r, stanza, min_version) {
        Some(list) => list,
        // An inherited list is dropped where it cannot apply.
        None if min_version == TlsVersion::V1_3 => Vec::new(),
        None => r
            .text(&base("tls_cipher_suites"))
            .split(',')
            .map(|s| s.trim().to_string())
            .filter(|s| !s.is_empty())
            .collect(),
    };
    let rpc = stanza == "internal_rpc";
    let verify_server_hostname = rpc && flag("verify_server_hostname");
    TlsInterface {
        ca_file: text("ca_file"),
        ca_path: text("ca_path"),
        cert_file: text("cert_file"),
        key_file: text("key_file"),
        min_version,
        cipher_suites,
        verify_incoming: flag("verify_incoming"),
        verify_outgoing: (stanza != "grpc" && flag("verify_outgoing")) || verify_server_hostname,
        verify_server_hostname,
        use_auto_cert: stanza == "grpc" && r.bool(&own("use_auto_cert")),
    }
}

#[cfg(test)]
mod tests {
    use super::camel;

    #[test]
    fn ca_setting_names() {
        for (from, to) in [
            ("leaf_cert_ttl", "LeafCertTTL"),
            ("root_pki_path", "RootPKIPath"),
            ("existing_arn", "ExistingARN"),
            ("address", "Address"),
            ("LeafCertTTL", "LeafCertTTL"),
            ("csr_max_per_second", "CSRMaxPerSecond"),
            ("cluster_id", "cluster_id"),
            ("intermediate_cert_ttl", "IntermediateCertTTL"),
        ] {
            assert_eq!(camel(from), to);
        }
    }
}
