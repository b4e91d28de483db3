//! A token with the content of its policies and roles (spec: cli.md §8.3).

use super::show;
use proconsul_client::{
    AclLink, AclNodeIdentity, AclPolicy, AclRole, AclServiceIdentity, AclTemplatedPolicy,
    AclTokenExpanded,
};
use std::fmt::Write;

const SERVICE_TEMPLATE: &str = "builtin/service";
const NODE_TEMPLATE: &str = "builtin/node";

/// What a list of links is looked up in.
struct Known<'a> {
    policies: &'a [AclPolicy],
    roles: &'a [AclRole],
}

impl Known<'_> {
    /// The policy made from a template: found by its description and by the name it speaks of.
    fn made_from(&self, template: &str, name: &str) -> Option<&AclPolicy> {
        let description = format!("synthetic policy generated from templated policy: {template}");
        let named = format!("\"{name}\"");
        self.policies.iter().find(|policy| {
            policy.description == description && (name.is_empty() || policy.rules.contains(&named))
        })
    }
}

pub(super) fn token(expanded: &AclTokenExpanded, with_meta: bool) -> String {
    let (token, all) = (&expanded.token, &expanded.expansion);
    let mut out = String::new();
    show::token_head(&mut out, token, with_meta);
    let known = Known {
        policies: all.expanded_policies.as_deref().unwrap_or_default(),
        roles: all.expanded_roles.as_deref().unwrap_or_default(),
    };
    policies(&mut out, "", &known, &token.policies);
    services(&mut out, "", &known, &token.service_identities);
    nodes(&mut out, "", &known, &token.node_identities);
    templates(&mut out, "", &known, &token.templated_policies);
    roles(&mut out, &known, &token.roles);
    let _ = write!(
        out,
        "=== End of Authorizer Layer 0: Token ===\n\
         === Start of Authorizer Layer 2: Agent Configuration Defaults (Inherited) ===\n\
         Description: Defined at request-time by the agent that resolves the ACL token; other agents may have different configuration defaults\n\
         Resolved By Agent: \"{}\"\n\n\
         Default Policy: {}\n\
         \tDescription: Backstop rule used if no preceding layer has a matching rule (refer to default_policy option in agent configuration)\n\n\
         Down Policy: {}\n\
         \tDescription: Defines what to do if this Token's information cannot be read from the primary_datacenter (refer to down_policy option in agent configuration)\n\n",
        all.resolved_by, all.default_policy, all.down_policy
    );
    out
}

/// Rules two levels below `indent`, and an empty line.
fn rules(out: &mut String, indent: &str, text: &str) {
    let _ = writeln!(out, "{indent}\tRules:");
    let inner = format!("\n{indent}\t\t");
    let body = text.trim().replace('\n', &inner);
    let _ = writeln!(out, "{indent}\t\t{body}\n");
}

/// A policy made from an identity or template.
fn made(out: &mut String, indent: &str, policy: Option<&AclPolicy>) {
    if let Some(policy) = policy {
        let _ = writeln!(out, "{indent}\tDescription: {}", policy.description);
        rules(out, indent, &policy.rules);
    }
}

fn policies(out: &mut String, indent: &str, known: &Known<'_>, links: &[AclLink]) {
    if links.is_empty() {
        return;
    }
    let _ = writeln!(out, "{indent}Policies:");
    for link in links {
        let found = known.policies.iter().find(|policy| policy.id == link.id);
        let _ = writeln!(out, "{indent}\tPolicy Name: {}", link.name);
        let _ = writeln!(out, "{indent}\t\tID: {}", link.id);
        let Some(policy) = found else { continue };
        let _ = writeln!(out, "{indent}\t\tDescription: {}", policy.description);
        rules(out, &format!("{indent}\t"), &policy.rules);
    }
}

fn services(out: &mut String, indent: &str, known: &Known<'_>, list: &[AclServiceIdentity]) {
    if !list.is_empty() {
        let _ = writeln!(out, "{indent}Service Identities:");
    }
    for one in list {
        let (name, dcs) = (&one.service_name, show::datacenters(&one.datacenters));
        let _ = writeln!(out, "{indent}\tName: {name} (Datacenters: {dcs})");
        let policy = known.made_from(SERVICE_TEMPLATE, name);
        made(out, &format!("{indent}\t"), policy);
    }
}

fn nodes(out: &mut String, indent: &str, known: &Known<'_>, list: &[AclNodeIdentity]) {
    if !list.is_empty() {
        let _ = writeln!(out, "{indent}Node Identities:");
    }
    for one in list {
        let (name, dc) = (&one.node_name, &one.datacenter);
        let _ = writeln!(out, "{indent}\tName: {name} (Datacenter: {dc})");
        let policy = known.made_from(NODE_TEMPLATE, name);
        made(out, &format!("{indent}\t"), policy);
    }
}

fn templates(out: &mut String, indent: &str, known: &Known<'_>, list: &[AclTemplatedPolicy]) {
    if !list.is_empty() {
        let _ = writeln!(out, "{indent}Templated Policies:");
    }
    for one in list {
        let variables = one.template_variables.as_ref();
        let name = variables.map_or("", |v| v.name.as_str());
        let _ = writeln!(out, "{indent}\t{}", one.template_name);
        if !name.is_empty() {
            let _ = writeln!(out, "{indent}\t\tName: {name}");
        }
        let dcs = show::datacenters(&one.datacenters);
        let _ = writeln!(out, "{indent}\t\tDatacenters: {dcs}");
        let policy = known.made_from(&one.template_name, name);
        made(out, &format!("{indent}\t"), policy);
    }
}

fn roles(out: &mut String, known: &Known<'_>, links: &[AclLink]) {
    if !links.is_empty() {
        let _ = writeln!(out, "Roles:");
    }
    for link in links {
        let _ = writeln!(out, "\tRole Name: {}", link.name);
        let _ = writeln!(out, "\t\tID: {}", link.id);
        let Some(role) = known.roles.iter().find(|role| role.id == link.id) else {
            continue;
        };
        let _ = writeln!(out, "\t\tDescription: {}", role.description);
        let indent = "\t\t";
        policies(out, indent, known, &role.policies);
        services(out, indent, known, &role.service_identities);
        nodes(out, indent, known, &role.node_identities);
        templates(out, indent, known, &role.templated_policies);
    }
}
