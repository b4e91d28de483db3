//! Auth methods (spec/acl.md §8.5). Their configuration is checked by who contacts the other side.

use model::AclAuthMethod;

use super::names::method_name;
use super::{Invalid, refuse, ttl_within};

/// The kinds of methods, as the error text lists them.
pub const METHOD_TYPES: [&str; 3] = ["aws-iam", "jwt", "kubernetes"];

/// Checks an auth method that is to be written. `stored` is the one of that name in any case; `primary` whether this is the
/// primary datacenter.
///
/// # Errors
/// Name, type, longest life, locality.
pub fn auth_method(
    method: &AclAuthMethod,
    stored: Option<&AclAuthMethod>,
    primary: bool,
) -> Result<(), Invalid> {
    method_name(&method.name)?;
    if stored.is_some_and(|stored| stored.method_type != method.method_type) {
        return refuse("the Type field of an Auth Method is immutable");
    }
    if !METHOD_TYPES.contains(&method.method_type.as_str()) {
        let known = METHOD_TYPES.join(" ");
        return refuse(format!(
            "Invalid Auth Method: Type should be one of: [{known}]"
        ));
    }
    ttl_within(method.max_token_ttl.0)?;
    match method.token_locality.as_str() {
        "" | "local" => Ok(()),
        "global" if primary => Ok(()),
        "global" => refuse(
            "Invalid Auth Method: TokenLocality 'global' can only be used in the primary datacenter",
        ),
        _ => refuse("Invalid Auth Method: TokenLocality should be one of 'local' or 'global'"),
    }
}
