//! The pretty forms of what the family prints (spec: cli.md §8).

use proconsul_client::{
    AclLink, AclNodeIdentity, AclPolicy, AclServiceIdentity, AclTemplatedPolicy, AclToken, Bytes64,
};
use std::fmt::Write;

/// What stands for no list of datacenters.
const EVERYWHERE: &str = "all";
/// Go's zero time, for objects without one.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// A moment of RFC 3339 as Go prints it.
pub(super) fn time(text: &str) -> String {
    let text = if text.is_empty() { ZERO_TIME } else { text };
    let Some((date, rest)) = text.split_once('T') else {
        return text.to_owned();
    };
    let at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(at);
    let clock = match clock.split_once('.') {
        Some((whole, fraction)) => match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        },
        None => clock.to_owned(),
    };
    let zone = zone.replace(':', "");
    match zone.as_str() {
        "" | "Z" | "+0000" | "-0000" => format!("{date} {clock} +0000 UTC"),
        zone => format!("{date} {clock} {zone} {zone}"),
    }
}

/// A hash in hexadecimal digits.
pub(super) fn hex(hash: Option<&Bytes64>) -> String {
    let mut out = String::new();
    for byte in hash.into_iter().flat_map(|h| &h.0) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

pub(super) fn datacenters(list: &[String]) -> String {
    if list.is_empty() {
        EVERYWHERE.to_owned()
    } else {
        list.join(", ")
    }
}

/// Hash and indexes, each label `width` wide.
pub(super) fn meta(
    out: &mut String,
    indent: &str,
    width: usize,
    hash: Option<Option<&Bytes64>>,
    indexes: [u64; 2],
) {
    if let Some(hash) = hash {
        let _ = writeln!(out, "{indent}{:width$}{}", "Hash:", hex(hash));
    }
    for (label, index) in ["Create Index:", "Modify Index:"].into_iter().zip(indexes) {
        let _ = writeln!(out, "{indent}{label:width$}{index}");
    }
}

/// What tokens and roles have in common.
pub(super) struct Links<'a> {
    pub(super) policies: &'a [AclLink],
    pub(super) roles: &'a [AclLink],
    pub(super) services: &'a [AclServiceIdentity],
    pub(super) nodes: &'a [AclNodeIdentity],
    pub(super) templates: &'a [AclTemplatedPolicy],
}

impl Links<'_> {
    /// Sections without entries are left out.
    pub(super) fn write(&self, out: &mut String, indent: &str) {
        for (title, links) in [("Policies:", self.policies), ("Roles:", self.roles)] {
            if !links.is_empty() {
                let _ = writeln!(out, "{indent}{title}");
            }
            for link in links {
                let _ = writeln!(out, "{indent}   {} - {}", link.id, link.name);
            }
        }
        if !self.services.is_empty() {
            let _ = writeln!(out, "{indent}Service Identities:");
        }
        for service in self.services {
            let (name, dcs) = (&service.service_name, datacenters(&service.datacenters));
            let _ = writeln!(out, "{indent}   {name} (Datacenters: {dcs})");
        }
        if !self.nodes.is_empty() {
            let _ = writeln!(out, "{indent}Node Identities:");
        }
        for node in self.nodes {
            let (name, dc) = (&node.node_name, &node.datacenter);
            let _ = writeln!(out, "{indent}   {name} (Datacenter: {dc})");
        }
        if !self.templates.is_empty() {
            let _ = writeln!(out, "{indent}Templated Policies:");
        }
        for template in self.templates {
            let _ = writeln!(out, "{indent}   {}", template.template_name);
            let name = template.template_variables.as_ref().map(|v| &v.name);
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                let _ = writeln!(out, "{indent}      Name: {name}");
            }
            let dcs = datacenters(&template.datacenters);
            let _ = writeln!(out, "{indent}      Datacenters: {dcs}");
        }
    }
}

/// Width of the labels of a token.
const TOKEN_WIDTH: usize = 18;

/// The lines of a token before its sections.
pub(super) fn token_head(out: &mut String, token: &AclToken, with_meta: bool) {
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(out, "{label:TOKEN_WIDTH$}{value}");
    };
    line("AccessorID:", &token.accessor_id);
    line("SecretID:", &token.secret_id);
    if !token.partition.is_empty() {
        line("Partition:", &token.partition);
    }
    if !token.namespace.is_empty() {
        line("Namespace:", &token.namespace);
    }
    line("Description:", &token.description);
    line("Local:", if token.local { "true" } else { "false" });
    if !token.auth_method.is_empty() {
        let namespace = &token.auth_method_namespace;
        let value = format!("{} (Namespace: {namespace})", token.auth_method);
        line("Auth Method:", &value);
    }
    line("Create Time:", &time(&token.create_time));
    if let Some(end) = &token.expiration_time {
        line("Expiration Time:", &time(end));
    }
    if with_meta {
        let indexes = [token.create_index, token.modify_index];
        meta(out, "", TOKEN_WIDTH, Some(token.hash.as_ref()), indexes);
    }
}

pub(super) fn token(token: &AclToken, with_meta: bool) -> String {
    let mut out = String::new();
    token_head(&mut out, token, with_meta);
    let links = Links {
        policies: &token.policies,
        roles: &token.roles,
        services: &token.service_identities,
        nodes: &token.node_identities,
        templates: &token.templated_policies,
    };
    links.write(&mut out, "");
    out
}

/// Width of the labels of policies, roles and binding rules.
pub(super) const WIDTH: usize = 14;

pub(super) fn policy(policy: &AclPolicy, with_meta: bool) -> String {
    let mut out = String::new();
    let dcs = policy.datacenters.as_deref().unwrap_or_default().join(", ");
    for (label, value) in [
        ("ID:", policy.id.as_str()),
        ("Name:", &policy.name),
        ("Description:", &policy.description),
        ("Datacenters:", &dcs),
    ] {
        let _ = writeln!(out, "{label:WIDTH$}{value}");
    }
    if with_meta {
        let indexes = [policy.create_index, policy.modify_index];
        meta(&mut out, "", WIDTH, Some(policy.hash.as_ref()), indexes);
    }
    let _ = write!(out, "Rules:\n{}", policy.rules);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_go_prints_them() {
        for (text, expected) in [
            (
                "2031-02-03T04:05:06.21Z",
                "2031-02-03 04:05:06.21 +0000 UTC",
            ),
            (
                "2031-02-03T04:05:06.500000Z",
                "2031-02-03 04:05:06.5 +0000 UTC",
            ),
            ("2031-02-03T04:05:06Z", "2031-02-03 04:05:06 +0000 UTC"),
            (
                "2031-02-03T04:05:06.000+00:00",
                "2031-02-03 04:05:06 +0000 UTC",
            ),
            (
                "2031-02-03T04:05:06-03:30",
                "2031-02-03 04:05:06 -0330 -0330",
            ),
            ("", "0001-01-01 00:00:00 +0000 UTC"),
            ("soon", "soon"),
        ] {
            assert_eq!(time(text), expected);
        }
    }

    #[test]
    fn an_enterprise_token() {
        let token = token(
            &AclToken {
                namespace: "ns".into(),
                partition: "ap".into(),
                hash: Some(Bytes64(vec![0, 171])),
                modify_index: 7,
                ..AclToken::default()
            },
            true,
        );
        let expected = "AccessorID:       \nSecretID:         \nPartition:        ap\nNamespace:        ns\nDescription:      \n\
            Local:            false\nCreate Time:      0001-01-01 00:00:00 +0000 UTC\nHash:             00ab\n\
            Create Index:     0\nModify Index:     7\n";
        assert_eq!(token, expected);
    }
}
