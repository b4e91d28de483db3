//! What must hold of an object before it is stored (spec/acl.md §4, §8), as pure functions: what is stored already is an
//! argument. Each also puts the object into the form that is stored. The texts are the reference's.

mod expiry;
mod identities;
mod method;
mod names;
mod policy;
mod role;
mod token;

pub use expiry::{TTL_MAX, TTL_MIN, ttl_within};
pub use method::{METHOD_TYPES, auth_method};
pub use names::{is_identity_name, is_policy_name, is_role_name, is_uuid};
pub use policy::policy;
pub use role::role;
pub use token::{new_token, token_links, updated_token};

/// Why an object is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl From<String> for Invalid {
    fn from(text: String) -> Self {
        Invalid(text)
    }
}

impl From<&str> for Invalid {
    fn from(text: &str) -> Self {
        Invalid(text.to_owned())
    }
}

impl From<crate::RuleError> for Invalid {
    fn from(error: crate::RuleError) -> Self {
        Invalid(error.to_string())
    }
}

fn refuse<T>(text: impl Into<Invalid>) -> Result<T, Invalid> {
    Err(text.into())
}

/// The stored objects that links may lead to.
pub trait Links {
    /// The ID of the policy of that name, in any case.
    fn policy_named(&self, name: &str) -> Option<String>;
    /// Whether there is a policy of that ID.
    fn has_policy(&self, id: &str) -> bool;
    /// The ID of the role of that name, in any case.
    fn role_named(&self, name: &str) -> Option<String>;
    /// Whether there is a role of that ID.
    fn has_role(&self, id: &str) -> bool;
}

/// A text in Go's quotes.
fn quoted(text: &str) -> String {
    dialect::url::quote(text.as_bytes())
}
