//! Policies (spec/acl.md §8.2).

use model::AclPolicy;

use super::names::{is_uuid, policy_name};
use super::{Invalid, quoted, refuse};
use crate::{Builtin, Policy};

/// Checks a policy that is to be written, and reads its rules. `stored` is the policy of that ID, `namesake` the one of that
/// name in any case. Without an ID it is a new one, whose ID the caller draws afterwards. Sets the hash.
///
/// # Errors
/// Name, ID, namesake, what may not be changed of built-in policies, then the rules.
pub fn policy(
    policy: &mut AclPolicy,
    stored: Option<&AclPolicy>,
    namesake: Option<&AclPolicy>,
) -> Result<Policy, Invalid> {
    policy_name(&policy.name)?;
    let name = quoted(&policy.name);
    if policy.id.is_empty() {
        if namesake.is_some() {
            return refuse(format!(
                "Invalid Policy: A Policy with Name {name} already exists"
            ));
        }
    } else {
        if !is_uuid(&policy.id) {
            return refuse("Policy ID invalid UUID");
        }
        let Some(stored) = stored else {
            return refuse(format!("cannot find policy {}", policy.id));
        };
        if stored.name != policy.name && namesake.is_some() {
            return refuse(format!(
                "Invalid Policy: A policy with name {name} already exists"
            ));
        }
        builtin(policy)?;
    }
    let rules = Policy::parse(&policy.rules)?;
    policy.set_hash();
    Ok(rules)
}

/// An empty list of datacenters is a change too.
fn builtin(policy: &AclPolicy) -> Result<(), Invalid> {
    let Some(builtin) = Builtin::by_id(&policy.id) else {
        return Ok(());
    };
    let name = builtin.name;
    if !policy.datacenters.is_nil() {
        return refuse(format!(
            "Changing the Datacenters of the {name} policy is not permitted"
        ));
    }
    if policy.rules != builtin.rules() {
        return refuse(format!(
            "Changing the Rules for the builtin {name} policy is not permitted"
        ));
    }
    Ok(())
}
