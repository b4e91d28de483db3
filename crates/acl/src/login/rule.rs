//! Binding rules before they are stored (spec/acl.md §8.4).

use model::AclBindingRule;

use super::bind::{Bound, When, bound};
use super::claims::Method;
use crate::validate::{Invalid, is_uuid};

/// Checks a binding rule that is to be written. `stored` is the rule of that ID, `method` what the auth method knows, if there is
/// one of that name in any case. Without an ID it is a new rule, whose ID the caller draws afterwards.
///
/// # Errors
/// ID, auth method, selector, type, name, variables.
pub fn binding_rule(
    rule: &AclBindingRule,
    stored: Option<&AclBindingRule>,
    method: Option<&Method>,
) -> Result<(), Invalid> {
    if !rule.id.is_empty() {
        if !is_uuid(&rule.id) {
            return Err("Binding Rule ID invalid UUID".into());
        }
        let Some(stored) = stored else {
            return Err(format!("cannot find binding rule {}", rule.id).into());
        };
        if stored.auth_method != rule.auth_method {
            return Err("the AuthMethod field of an Binding Rule is immutable".into());
        }
    }
    let name = &rule.auth_method;
    if name.is_empty() {
        return Err("Invalid Binding Rule: no AuthMethod is set".into());
    }
    let Some(method) = method else {
        let name = dialect::url::quote(name.as_bytes());
        return Err(format!("cannot find auth method with name {name}").into());
    };
    if let Err(error) = method.selector(&rule.selector) {
        return Err(format!("invalid Binding Rule: Selector is invalid: {error}").into());
    }
    if rule.bind_type.is_empty() {
        return Err("Invalid Binding Rule: no BindType is set".into());
    }
    if rule.bind_name.is_empty() {
        return Err("Invalid Binding Rule: no BindName is set".into());
    }
    let bind_type = dialect::url::quote(rule.bind_type.as_bytes());
    if rule.bind_type != "templated-policy" && rule.bind_vars.is_some() {
        return Err(
            "invalid Binding Rule: BindVars cannot be set when bind type is not templated-policy."
                .into(),
        );
    }
    let detail = match bound(rule, &method.fake_variables(), When::Writing) {
        Ok(Bound::Unknown) => format!("invalid Binding Rule: unknown BindType {bind_type}"),
        Ok(_) => return Ok(()),
        Err(error) => format!("failed to validate bindType {bind_type}: {error}"),
    };
    Err(format!("Invalid Binding Rule: invalid BindName or BindVars: {detail}").into())
}
