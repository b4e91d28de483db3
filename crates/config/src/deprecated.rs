//! Old keys, translated to their successors in each source before merging (agent-config.md §9), and the keys that only the
//! Enterprise edition gives a meaning (§22).

use crate::merge::{get, set, take};
use crate::tree::{Map, Tree};

/// Old path, new path. A new key that is given in the same source wins.
const RENAMED: &[(&str, &str)] = &[
    ("acl_agent_master_token", "acl.tokens.agent_recovery"),
    ("acl.tokens.agent_master", "acl.tokens.agent_recovery"),
    ("acl_agent_token", "acl.tokens.agent"),
    ("acl_token", "acl.tokens.default"),
    ("acl_master_token", "acl.tokens.initial_management"),
    ("acl.tokens.master", "acl.tokens.initial_management"),
    ("acl_replication_token", "acl.tokens.replication"),
    ("enable_acl_replication", "acl.enable_token_replication"),
    ("acl_datacenter", "primary_datacenter"),
    ("acl_default_policy", "acl.default_policy"),
    ("acl_down_policy", "acl.down_policy"),
    ("acl_ttl", "acl.token_ttl"),
    ("acl_enable_key_list_policy", "acl.enable_key_list_policy"),
    ("ca_file", "tls.defaults.ca_file"),
    ("ca_path", "tls.defaults.ca_path"),
    ("cert_file", "tls.defaults.cert_file"),
    ("key_file", "tls.defaults.key_file"),
    ("tls_cipher_suites", "tls.defaults.tls_cipher_suites"),
    ("tls_min_version", "tls.defaults.tls_min_version"),
    ("verify_incoming", "tls.defaults.verify_incoming"),
    ("verify_incoming_https", "tls.https.verify_incoming"),
    ("verify_incoming_rpc", "tls.internal_rpc.verify_incoming"),
    ("verify_outgoing", "tls.defaults.verify_outgoing"),
    (
        "verify_server_hostname",
        "tls.internal_rpc.verify_server_hostname",
    ),
    ("raft_boltdb", "raft_logstore.boltdb"),
];

/// Paths that CE accepts, with the name the warning gives them.
const ENTERPRISE: &[(&str, &str)] = &[
    (
        "read_replica",
        "read_replica (or the deprecated non_voting_server)",
    ),
    ("segment", "segment"),
    ("segments", "segments"),
    ("partition", "partition"),
    (
        "autopilot.redundancy_zone_tag",
        "autopilot.redundancy_zone_tag",
    ),
    (
        "autopilot.upgrade_version_tag",
        "autopilot.upgrade_version_tag",
    ),
    (
        "autopilot.disable_upgrade_migration",
        "autopilot.disable_upgrade_migration",
    ),
    ("dns_config.prefer_namespace", "dns_config.prefer_namespace"),
    ("acl.msp_disable_bootstrap", "acl.msp_disable_bootstrap"),
    (
        "acl.tokens.managed_service_provider",
        "acl.tokens.managed_service_provider",
    ),
    ("audit", "audit"),
    ("license_path", "license_path"),
    ("reporting.license.enabled", "reporting.license.enabled"),
];

/// The warning for a renamed key.
pub(crate) fn renamed(old: &str, new: &str) -> String {
    format!("The '{old}' field is deprecated. Use the '{new}' field instead.")
}

/// Translates one decoded source in place.
pub(crate) fn translate(map: &mut Map, warnings: &mut Vec<String>) {
    for (old, new) in RENAMED {
        let Some(value) = take(map, old) else {
            continue;
        };
        warnings.push(renamed(old, new));
        match *old {
            "acl_replication_token" => set(map, "acl.enable_token_replication", Tree::Bool(true)),
            "acl_datacenter" => set(map, "acl.enabled", Tree::Bool(true)),
            "verify_incoming" if get(map, "tls.grpc.verify_incoming").is_none() => {
                set(map, "tls.grpc.verify_incoming", Tree::Bool(false));
            }
            _ => {}
        }
        let value = match (*old, value) {
            ("tls_min_version", value) => tls_version(value, warnings),
            ("raft_boltdb", Tree::Map(block)) => Tree::Map(
                block
                    .into_values()
                    .map(|v| ("no_freelist_sync".to_string(), v))
                    .collect(),
            ),
            (_, value) => value,
        };
        if get(map, new).is_none() {
            set(map, new, value);
        }
    }
    if take(map, "tls_prefer_server_cipher_suites").is_some() {
        warnings.push(
            "The 'tls_prefer_server_cipher_suites' field is deprecated and will be ignored."
                .to_string(),
        );
    }
    for (old, new) in [
        ("start_join", "retry_join"),
        ("start_join_wan", "retry_join_wan"),
    ] {
        if let Some(Tree::List { items, .. }) = take(map, old) {
            warnings.push(renamed(old, new));
            match map.get_mut(new) {
                Some(Tree::List { items: list, .. }) => list.extend(items),
                _ => set(map, new, Tree::list(items)),
            }
        }
    }
}

fn tls_version(value: Tree, warnings: &mut Vec<String>) -> Tree {
    let Tree::Text(old) = &value else {
        return value;
    };
    let new = match old.as_str() {
        "" => "TLS_AUTO",
        "tls10" => "TLSv1_0",
        "tls11" => "TLSv1_1",
        "tls12" => "TLSv1_2",
        "tls13" => "TLSv1_3",
        _ => return value,
    };
    warnings.push(format!(
        "'tls_min_version' value '{old}' is deprecated, please specify '{new}' instead"
    ));
    Tree::text(new)
}

/// The user-interface keys are looked at after merging (§9).
pub(crate) fn translate_merged(map: &mut Map, warnings: &mut Vec<String>) {
    for (old, new) in [
        ("ui", "ui_config.enabled"),
        ("ui_dir", "ui_config.dir"),
        ("ui_content_path", "ui_config.content_path"),
    ] {
        if let Some(value) = take(map, old) {
            warnings.push(renamed(old, new));
            if get(map, new).is_none() {
                set(map, new, value);
            }
        }
    }
}

/// Warnings about Enterprise keys of one decoded source.
pub(crate) fn enterprise(map: &Map, warnings: &mut Vec<String>) {
    for (path, name) in ENTERPRISE {
        if get(map, path).is_some() {
            warnings.push(format!(
                "\"{name}\" is a Consul Enterprise configuration and will have no effect"
            ));
        }
    }
}
