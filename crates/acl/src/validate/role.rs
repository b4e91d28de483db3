//! Roles (spec/acl.md §8.3).

use model::{AclPolicyLink, AclRole};

use super::identities::{self, Owner};
use super::names::{is_uuid, role_name};
use super::{Invalid, Links, quoted, refuse};

/// Checks a role that is to be written. `stored` is the role of that ID, `namesake` the one of that name in any case. Without an
/// ID it is a new one, whose ID the caller draws afterwards. Links become IDs, doubles vanish; sets the hash.
///
/// # Errors
/// Name, ID, namesake, links by name, identities. Links by ID are the state's to check.
pub fn role(
    role: &mut AclRole,
    stored: Option<&AclRole>,
    namesake: Option<&AclRole>,
    links: &dyn Links,
) -> Result<(), Invalid> {
    role_name(&role.name)?;
    let name = quoted(&role.name);
    if role.id.is_empty() {
        if namesake.is_some() {
            return refuse(format!(
                "Invalid Role: A Role with Name {name} already exists"
            ));
        }
    } else {
        if !is_uuid(&role.id) {
            return refuse("Role ID invalid UUID");
        }
        let Some(stored) = stored else {
            return refuse(format!("cannot find role {}", role.id));
        };
        if stored.name != role.name && namesake.is_some() {
            return refuse(format!(
                "Invalid Role: A role with name {name} already exists"
            ));
        }
    }
    let mut policies: Vec<AclPolicyLink> = Vec::new();
    for link in std::mem::take(&mut role.policies) {
        let id = match link.id.as_str() {
            "" => by_name(links.policy_named(&link.name), "policy", &link.name)?,
            _ => link.id,
        };
        if policies.iter().all(|known| known.id != id) {
            policies.push(AclPolicyLink {
                id,
                name: String::new(),
            });
        }
    }
    if !policies.is_empty() {
        role.policies = policies.into();
    }
    identities::services(&mut role.service_identities, Owner::Role)?;
    identities::nodes(&mut role.node_identities, Owner::Role)?;
    identities::templated(&mut role.templated_policies, Owner::Role)?;
    role.set_hash();
    Ok(())
}

/// The ID behind a name.
pub(super) fn by_name(found: Option<String>, what: &str, name: &str) -> Result<String, Invalid> {
    found.ok_or_else(|| format!("No such ACL {what} with name {}", quoted(name)).into())
}
