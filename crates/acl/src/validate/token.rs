//! Tokens (spec/acl.md §8.1).

use dialect::{GoTime, Nanos};
use model::{AclPolicyLink, AclRoleLink, AclToken};

use super::identities::{self, Owner};
use super::names::is_uuid;
use super::role::by_name;
use super::{Invalid, Links, expiry, quoted, refuse};
use crate::RESERVED_PREFIX;

/// Secrets that older versions gave a meaning.
const ROOT_SECRETS: [&str; 3] = ["allow", "deny", "manage"];

/// Checks a token that is to be made at `now`. `in_use` tells whether a text is an accessor or a secret already. Accessor and
/// secret may be absent: the caller draws them afterwards. Links and identities are checked by [`token_links`].
///
/// # Errors
/// Accessor, secret, expiry, auth method.
pub fn new_token(
    token: &mut AclToken,
    now: GoTime,
    in_use: impl Fn(&str) -> bool,
) -> Result<(), Invalid> {
    let ids = [
        ("AccessorID", token.accessor_id.as_str()),
        ("SecretID", token.secret_id.reveal()),
    ];
    for (member, id) in ids.into_iter().filter(|(_, id)| !id.is_empty()) {
        if !is_uuid(id) {
            return refuse(format!("Invalid Token: {member} - not a valid UUID"));
        }
        if id.starts_with(RESERVED_PREFIX) {
            return refuse(format!(
                "Invalid Token: {member} - UUIDs with the prefix \"{RESERVED_PREFIX}\" are reserved"
            ));
        }
        if in_use(id) {
            return refuse(format!("Invalid Token: {member} is already in use"));
        }
    }
    token.create_time = now;
    expiry::settle(token)?;
    if !token.auth_method.is_empty() {
        return refuse("AuthMethod field is disallowed outside of login");
    }
    Ok(())
}

/// Checks a token that is to be written over `stored`, which has its accessor, and takes over what a request may leave out:
/// secret, auth method, expiry, the time it was made. Links and identities are checked by [`token_links`].
///
/// # Errors
/// In the order of spec/acl.md §8.1, "Update". A token that has ended is not found.
pub fn updated_token(
    token: &mut AclToken,
    stored: Option<&AclToken>,
    now: GoTime,
) -> Result<(), Invalid> {
    let accessor = &token.accessor_id;
    if !is_uuid(accessor) {
        return refuse("AccessorID is not a valid UUID");
    }
    if ROOT_SECRETS.contains(&token.secret_id.reveal()) {
        return refuse("Permission denied: Cannot modify root ACL");
    }
    let Some(stored) = stored.filter(|stored| !stored.is_expired(now)) else {
        return refuse(format!("Cannot find token {}", quoted(accessor)));
    };
    if token.secret_id.is_empty() {
        token.secret_id = stored.secret_id.clone();
    } else if token.secret_id != stored.secret_id {
        return refuse("Changing a token's SecretID is not permitted");
    }
    if token.local != stored.local {
        return refuse(format!("Cannot toggle local mode of {accessor}"));
    }
    if token.auth_method.is_empty() {
        token.auth_method = stored.auth_method.clone();
    } else if token.auth_method != stored.auth_method {
        return refuse(format!("Cannot change AuthMethod of {accessor}"));
    }
    let wished = token.expiration_time.filter(|at| !at.is_zero_time());
    let same = |at: GoTime| {
        stored
            .expiration_time
            .is_some_and(|s| at.partial_cmp(&s).is_some_and(|o| o.is_eq()))
    };
    if token.expiration_ttl != Nanos(0) || wished.is_some_and(|at| !same(at)) {
        return refuse(format!("Cannot change expiration time of {accessor}"));
    }
    token.expiration_time = stored.expiration_time;
    token.create_time = stored.create_time;
    Ok(())
}

/// Checks the links and identities of a token, new or not. Links become IDs, doubles vanish; sets the hash.
///
/// # Errors
/// Policies, roles, services, nodes, templates, in this order.
pub fn token_links(token: &mut AclToken, links: &dyn Links) -> Result<(), Invalid> {
    let mut policies: Vec<AclPolicyLink> = Vec::new();
    for link in std::mem::take(&mut token.policies) {
        let id = match link.id.as_str() {
            "" => by_name(links.policy_named(&link.name), "policy", &link.name)?,
            id => by_id(id, "policy", |id| links.has_policy(id))?,
        };
        if policies.iter().all(|known| known.id != id) {
            let name = String::new();
            policies.push(AclPolicyLink { id, name });
        }
    }
    if !policies.is_empty() {
        token.policies = policies.into();
    }
    let mut roles: Vec<AclRoleLink> = Vec::new();
    for link in std::mem::take(&mut token.roles) {
        let id = match link.id.as_str() {
            "" => by_name(links.role_named(&link.name), "role", &link.name)?,
            id => by_id(id, "role", |id| links.has_role(id))?,
        };
        if roles.iter().all(|known| known.id != id) {
            let name = String::new();
            roles.push(AclRoleLink { id, name });
        }
    }
    if !roles.is_empty() {
        token.roles = roles.into();
    }
    let owner = Owner::Token { local: token.local };
    identities::services(&mut token.service_identities, owner)?;
    identities::nodes(&mut token.node_identities, owner)?;
    identities::templated(&mut token.templated_policies, owner)?;
    token.set_hash();
    Ok(())
}

fn by_id(id: &str, what: &str, exists: impl Fn(&str) -> bool) -> Result<String, Invalid> {
    let shown = quoted(id);
    if id.len() != 36 {
        return refuse(format!(
            "Error looking up {what} for ID: {shown}: failed acl {what} lookup: index error: UUID must be 36 characters"
        ));
    }
    match exists(id) {
        true => Ok(id.to_owned()),
        false => refuse(format!("No such ACL {what} with ID {shown}")),
    }
}
