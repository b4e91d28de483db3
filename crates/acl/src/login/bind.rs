//! What a login is bound to: the rules whose selectors match, with names filled in.

use dialect::hil::{Program, Scope, Text};
use dialect::{Dict, json};
use model::{
    AclBindingRule, AclNodeIdentity, AclServiceIdentity, AclTemplateVariables, AclTemplatedPolicy,
};

use super::claims::{Claims, Method};
use crate::templates::Template;
use crate::validate::{Invalid, is_identity_name, is_policy_name, is_role_name};

/// What a login grants. Roles and policies by name: those that do not exist are left out by who looks them up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bindings {
    /// Service identities.
    pub services: Vec<AclServiceIdentity>,
    /// Node identities.
    pub nodes: Vec<AclNodeIdentity>,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Names of policies.
    pub policies: Vec<String>,
    /// Filled templates.
    pub templated: Vec<AclTemplatedPolicy>,
}

impl Bindings {
    /// Whether nothing is granted: the login is refused with a bare `Permission denied`.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which rules of names hold: those of a login, or those of the writing of a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Login,
    Writing,
}

/// What one rule grants.
pub(super) enum Bound {
    Service(String),
    Node(String),
    Role(String),
    Policy(String),
    Templated(AclTemplatedPolicy),
    /// No such type.
    Unknown,
}

/// Applies the rules of a method to somebody's claims. A selector that is no filter matches nobody. Node identities are for
/// `datacenter`, the server's own.
///
/// # Errors
/// A name that cannot be filled in or is none: the whole login fails.
pub fn bind<'a>(
    rules: impl IntoIterator<Item = &'a AclBindingRule>,
    method: &Method,
    claims: &Claims,
    datacenter: &str,
) -> Result<Bindings, Invalid> {
    let mut bindings = Bindings::default();
    for rule in rules {
        let selected = match method.selector(&rule.selector) {
            Ok(Some(filter)) => filter.matches(claims),
            Ok(None) => true,
            Err(_) => false,
        };
        if !selected {
            continue;
        }
        match bound(rule, &method.variables(claims), When::Login)? {
            Bound::Service(service_name) => bindings.services.push(AclServiceIdentity {
                service_name,
                ..AclServiceIdentity::default()
            }),
            Bound::Node(node_name) => bindings.nodes.push(AclNodeIdentity {
                node_name,
                datacenter: datacenter.to_owned(),
            }),
            Bound::Role(name) => bindings.roles.push(name),
            Bound::Policy(name) => bindings.policies.push(name),
            Bound::Templated(policy) => bindings.templated.push(policy),
            Bound::Unknown => {}
        }
    }
    Ok(bindings)
}

/// Fills in the names of one rule and checks them.
pub(super) fn bound(
    rule: &AclBindingRule,
    variables: &dyn Scope,
    when: When,
) -> Result<Bound, Invalid> {
    type Check = fn(&str) -> bool;
    let (check, bound): (Check, fn(String) -> Bound) = match rule.bind_type.as_str() {
        "service" => (is_identity_name, Bound::Service),
        "node" => (is_identity_name, Bound::Node),
        "role" => (is_role_name, Bound::Role),
        "policy" if when == When::Writing => (is_policy_name, Bound::Policy),
        "policy" => (is_role_name, Bound::Policy),
        "templated-policy" => return templated(rule, variables),
        _ => return Ok(Bound::Unknown),
    };
    let name = filled(&rule.bind_name, variables)
        .map_err(|error| format!("error interpreting template: {error}"))?;
    match check(&name) {
        true => Ok(bound(name)),
        false => {
            let name = dialect::url::quote(name.as_bytes());
            Err(format!("invalid bind name: {name}").into())
        }
    }
}

fn templated(rule: &AclBindingRule, variables: &dyn Scope) -> Result<Bound, Invalid> {
    let name = &rule.bind_name;
    let Some(template) = Template::by_name(name) else {
        return Err(format!(
            "Bind name for templated-policy bind type does not match existing template name: {name}"
        )
        .into());
    };
    let template_variables = match &rule.bind_vars {
        Some(wanted) => {
            let name = filled(&wanted.name, variables).map_err(|error| {
                format!("failed to interpret templated policy variables: {error}")
            })?;
            Some(AclTemplateVariables { name })
        }
        None => None,
    };
    template
        .check(template_variables.as_ref())
        .map_err(|error| format!("templated policy failed validation: {error}"))?;
    Ok(Bound::Templated(AclTemplatedPolicy {
        template_id: template.id.to_owned(),
        template_name: template.name.to_owned(),
        template_variables,
        ..AclTemplatedPolicy::default()
    }))
}

/// Puts variables in; a text without `${` stays as it is.
fn filled(text: &str, variables: &dyn Scope) -> Result<String, String> {
    if !text.contains("${") {
        return Ok(text.to_owned());
    }
    Program::of(&Text::parse(text)?, variables)?.render(variables)
}

/// What is written on a token that a login makes.
pub fn description(meta: &Dict<String>) -> String {
    match meta.is_empty() {
        true => "token created via login".to_owned(),
        false => format!("token created via login: {}", json::to_string(meta)),
    }
}
