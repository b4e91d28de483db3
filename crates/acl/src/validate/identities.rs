//! Identities and templated policies of tokens and roles.

use dialect::List;
use model::{AclNodeIdentity, AclServiceIdentity, AclTemplatedPolicy};

use super::{Invalid, is_identity_name, quoted, refuse};
use crate::synthetic::{unite_nodes, unite_services, unite_templated};
use crate::templates::Template;

/// Whose identities they are: the texts differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Token { local: bool },
    Role,
}

impl Owner {
    fn word(self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::Role => "role",
        }
    }
}

/// Changes a list in place; nil stays nil, and an empty result is nil.
fn within<T>(list: &mut List<T>, change: impl FnOnce(&mut Vec<T>)) {
    let mut items = std::mem::take(list).into_vec();
    change(&mut items);
    if !items.is_empty() {
        *list = items.into();
    }
}

pub(super) fn services(list: &mut List<AclServiceIdentity>, owner: Owner) -> Result<(), Invalid> {
    for identity in list.iter() {
        let name = &identity.service_name;
        if name.is_empty() {
            let who = owner.word();
            return refuse(format!(
                "Service identity is missing the service name field on this {who}"
            ));
        }
        if owner == (Owner::Token { local: true }) && !identity.datacenters.is_empty() {
            return refuse(format!(
                "Service identity {} cannot specify a list of datacenters on a local token",
                quoted(name)
            ));
        }
        if !is_identity_name(name) {
            return refuse(format!(
                "Service identity {} has an invalid name. Only lowercase alphanumeric characters, '-' and '_' are allowed",
                quoted(name)
            ));
        }
    }
    within(list, unite_services);
    Ok(())
}

pub(super) fn nodes(list: &mut List<AclNodeIdentity>, owner: Owner) -> Result<(), Invalid> {
    let who = owner.word();
    for identity in list.iter() {
        if identity.node_name.is_empty() {
            return refuse(format!(
                "Node identity is missing the node name field on this {who}"
            ));
        }
        if identity.datacenter.is_empty() {
            return refuse(format!(
                "Node identity is missing the datacenter field on this {who}"
            ));
        }
        if !is_identity_name(&identity.node_name) {
            return refuse(
                "Node identity has an invalid name. Only lowercase alphanumeric characters, '-' and '_' are allowed",
            );
        }
    }
    within(list, unite_nodes);
    Ok(())
}

pub(super) fn templated(list: &mut List<AclTemplatedPolicy>, owner: Owner) -> Result<(), Invalid> {
    let mut policies = std::mem::take(list).into_vec();
    for policy in &mut policies {
        let name = &policy.template_name;
        if name.is_empty() {
            let who = owner.word();
            return refuse(format!(
                "templated policy is missing the template name field on this {who}"
            ));
        }
        let Some(template) = Template::by_name(name) else {
            return refuse(match owner {
                Owner::Token { .. } => {
                    format!("no such ACL templated policy with Name {}", quoted(name))
                }
                Owner::Role => {
                    format!("templated policy with an invalid templated name: {name} for this role")
                }
            });
        };
        if let Err(error) = template.check(policy.template_variables.as_ref()) {
            return refuse(match owner {
                Owner::Token { .. } => {
                    let name = quoted(name);
                    format!("validation error for templated policy {name}: {error}")
                }
                Owner::Role => format!("encountered role with invalid templated policy: {error}"),
            });
        }
        // A role keeps the ID that it was given, a token does not.
        if owner != Owner::Role || policy.template_id.is_empty() {
            policy.template_id = template.id.to_owned();
        }
    }
    unite_templated(&mut policies);
    if !policies.is_empty() {
        *list = policies.into();
    }
    Ok(())
}
