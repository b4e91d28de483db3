//! From the beginning of an ID, or a name, to the whole ID (spec: cli.md §8, "Partial IDs").

use super::Acl;
use proconsul_client::Error;

/// Length of a whole ID, characters.
const ID_LENGTH: usize = 36;
/// Accessor of the token of requests without one.
const ANONYMOUS: &str = "00000000-0000-0000-0000-000000000002";
/// Policies that every cluster has, with their IDs.
const BUILT_IN_POLICIES: &[(&str, &str)] = &[
    ("global-management", "00000000-0000-0000-0000-000000000001"),
    (
        "builtin/global-read-only",
        "00000000-0000-0000-0000-000000000002",
    ),
];

/// Why there is no whole ID.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdError {
    /// The list could not be read.
    #[error(transparent)]
    List(#[from] Error),
    /// Several begin so, or none.
    #[error("{0}")]
    Text(String),
}

/// The one ID that begins with `prefix`. `word` names the kind of object.
fn single<'a>(
    word: &str,
    none: &str,
    prefix: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<String, IdError> {
    let mut found: Option<&str> = None;
    for id in ids.filter(|id| id.starts_with(prefix)) {
        if found.is_some() {
            let text = format!("Partial {word} ID is not unique");
            return Err(IdError::Text(text));
        }
        found = Some(id);
    }
    let missing = || IdError::Text(format!("{none} with prefix: {prefix}"));
    found.map(str::to_owned).ok_or_else(missing)
}

fn is_whole(id: &str) -> bool {
    id.len() == ID_LENGTH
}

pub(super) fn token(acl: &Acl, part: &str) -> Result<String, IdError> {
    if part == "anonymous" {
        return Ok(ANONYMOUS.to_owned());
    }
    if is_whole(part) {
        return Ok(part.to_owned());
    }
    let all = acl.wait(acl.client.acl_tokens(&acl.options))?;
    let ids = all.iter().map(|token| token.accessor_id.as_str());
    single("token", "No such token ID", part, ids)
}

pub(super) fn policy(acl: &Acl, part: &str) -> Result<String, IdError> {
    if let Some((_, id)) = BUILT_IN_POLICIES.iter().find(|(name, _)| *name == part) {
        return Ok((*id).to_owned());
    }
    if is_whole(part) {
        return Ok(part.to_owned());
    }
    let all = acl.wait(acl.client.acl_policies(&acl.options))?;
    let ids = all.iter().map(|policy| policy.id.as_str());
    single("policy", "No such policy ID", part, ids)
}

pub(super) fn policy_by_name(acl: &Acl, name: &str) -> Result<String, IdError> {
    match acl.wait(acl.client.acl_policy_by_name(name, &acl.options)) {
        Ok(Some(policy)) => Ok(policy.id),
        Ok(None) => Err(IdError::Text(format!("No such policy with name: {name}"))),
        Err(e) => Err(IdError::Text(format!(
            "Failed to find policy with name {name}: {e}"
        ))),
    }
}

pub(super) fn role(acl: &Acl, part: &str) -> Result<String, IdError> {
    if is_whole(part) {
        return Ok(part.to_owned());
    }
    let all = acl.wait(acl.client.acl_roles(&acl.options))?;
    let ids = all.iter().map(|role| role.id.as_str());
    single("role", "No such role ID", part, ids)
}

pub(super) fn role_by_name(acl: &Acl, name: &str) -> Result<String, IdError> {
    match acl.wait(acl.client.acl_role_by_name(name, &acl.options)) {
        Ok(Some(role)) => Ok(role.id),
        Ok(None) => Err(IdError::Text(format!("No such role with name {name}"))),
        Err(e) => Err(e.into()),
    }
}

pub(super) fn binding_rule(acl: &Acl, part: &str) -> Result<String, IdError> {
    if is_whole(part) {
        return Ok(part.to_owned());
    }
    let all = acl.wait(acl.client.acl_binding_rules("", &acl.options))?;
    let ids = all.iter().map(|rule| rule.id.as_str());
    match single("rule", "no such rule ID", part, ids) {
        Err(IdError::Text(text)) if text.starts_with("no such") => {
            Err(IdError::Text(format!("{text}: ACL not found")))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_may_begin_so() {
        let ids = ["1111", "1122", "3333"];
        let find = |prefix| {
            single("token", "No such token ID", prefix, ids.into_iter()).map_err(|e| e.to_string())
        };
        assert_eq!(find("33").as_deref(), Ok("3333"));
        assert_eq!(find("112").as_deref(), Ok("1122"));
        let several = Err("Partial token ID is not unique".to_owned());
        assert_eq!(find("11"), several);
        assert_eq!(find(""), several);
        let none = Err("No such token ID with prefix: 4".to_owned());
        assert_eq!(find("4"), none);
    }
}
