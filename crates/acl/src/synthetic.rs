//! Policies that identities and templates stand for (spec/acl.md §3.2).

use std::fmt::Write as _;

use dialect::List;
use model::{
    AclNodeIdentity, AclPolicy, AclServiceIdentity, AclTemplateVariables, AclTemplatedPolicy,
};

use crate::templates::{NODE, SERVICE, Template, TemplateError};

/// What ends every synthetic ID: the reference hashes nothing and appends the empty hash (FNV-1a, 128 bits) instead.
const EMPTY_HASH: &str = "6c62272e07bb014262b821756295c58d";

/// The policy of a template filled with variables, in those datacenters.
///
/// # Errors
/// The variables do not fit.
pub fn of_template(
    template: &Template,
    variables: Option<&AclTemplateVariables>,
    datacenters: &List<String>,
) -> Result<AclPolicy, TemplateError> {
    let rules = template.fill(variables)?;
    let mut id = String::with_capacity(rules.len() * 2 + EMPTY_HASH.len());
    for byte in rules.bytes() {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.push_str(EMPTY_HASH);
    let mut policy = AclPolicy {
        name: format!("synthetic-policy-{id}"),
        id,
        description: format!(
            "synthetic policy generated from templated policy: {}",
            template.name
        ),
        rules,
        datacenters: datacenters.clone(),
        ..AclPolicy::default()
    };
    policy.set_hash();
    Ok(policy)
}

fn named(name: &str) -> Option<AclTemplateVariables> {
    Some(AclTemplateVariables {
        name: name.to_owned(),
    })
}

/// All policies that the identities and templates of a token and of its roles stand for, each once: services, nodes, templates.
/// What no longer fits a template, or names one that does not exist, grants nothing.
pub fn of_identities<'a>(
    services: impl IntoIterator<Item = &'a AclServiceIdentity>,
    nodes: impl IntoIterator<Item = &'a AclNodeIdentity>,
    templated: impl IntoIterator<Item = &'a AclTemplatedPolicy>,
) -> Vec<AclPolicy> {
    let mut services: Vec<_> = services.into_iter().cloned().collect();
    let mut nodes: Vec<_> = nodes.into_iter().cloned().collect();
    let mut templated: Vec<_> = templated.into_iter().cloned().collect();
    unite_services(&mut services);
    unite_nodes(&mut nodes);
    unite_templated(&mut templated);
    let services = services.iter().map(|identity| {
        let name = named(&identity.service_name);
        of_template(&SERVICE, name.as_ref(), &identity.datacenters)
    });
    let nodes = nodes.iter().map(|identity| {
        let name = named(&identity.node_name);
        let datacenters = vec![identity.datacenter.clone()].into();
        of_template(&NODE, name.as_ref(), &datacenters)
    });
    let templated = templated.iter().filter_map(|policy| {
        let template = Template::by_name(&policy.template_name)?;
        let variables = policy.template_variables.as_ref();
        Some(of_template(template, variables, &policy.datacenters))
    });
    services.chain(nodes).chain(templated).flatten().collect()
}

/// One identity for each service: their datacenters are united and sorted; one that is for all datacenters, beside others, is
/// for theirs.
pub fn unite_services(identities: &mut Vec<AclServiceIdentity>) {
    let mut united: Vec<AclServiceIdentity> = Vec::with_capacity(identities.len());
    for identity in identities.drain(..) {
        let same = |known: &&mut AclServiceIdentity| known.service_name == identity.service_name;
        match united.iter_mut().find(same) {
            Some(known) => {
                let mut all = std::mem::take(&mut known.datacenters).into_vec();
                all.extend(identity.datacenters);
                all.sort_unstable();
                all.dedup();
                known.datacenters = listed(all);
            }
            None => {
                let mut datacenters = identity.datacenters.into_vec();
                datacenters.sort_unstable();
                united.push(AclServiceIdentity {
                    service_name: identity.service_name,
                    datacenters: listed(datacenters),
                });
            }
        }
    }
    *identities = united;
}

fn listed(texts: Vec<String>) -> List<String> {
    match texts.is_empty() {
        true => List::default(),
        false => texts.into(),
    }
}

/// One identity for each node and datacenter, in their order.
pub fn unite_nodes(identities: &mut Vec<AclNodeIdentity>) {
    let mut united: Vec<AclNodeIdentity> = Vec::with_capacity(identities.len());
    for identity in identities.drain(..) {
        if !united.contains(&identity) {
            united.push(identity);
        }
    }
    *identities = united;
}

/// One policy for each template and variables, in their order.
pub fn unite_templated(policies: &mut Vec<AclTemplatedPolicy>) {
    let mut united: Vec<AclTemplatedPolicy> = Vec::with_capacity(policies.len());
    for policy in policies.drain(..) {
        let same = |known: &AclTemplatedPolicy| {
            known.template_name == policy.template_name
                && known.template_variables == policy.template_variables
        };
        if !united.iter().any(same) {
            united.push(policy);
        }
    }
    *policies = united;
}
