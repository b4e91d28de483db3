//! Whether the levels exist, with the texts that show a rule in Go's notation.

use dialect::url::quote;

use super::read::{ATTRIBUTES, BLOCKS, Raw, RawRule};
use super::{Grant, Rule, RuleError};
use crate::{Level, Resource};

/// Rules whose levels exist.
pub(super) struct Checked {
    pub(super) plain: Vec<(Resource, Grant)>,
    pub(super) named: Vec<Rule>,
}

/// Checks every level, in the order of [`ATTRIBUTES`]' first, [`BLOCKS`] and the other attributes.
pub(super) fn check(raw: Raw) -> Result<Checked, RuleError> {
    let mut plain = Vec::new();
    let mut attribute = |resource: Resource| {
        let Some((_, word)) = raw.plain.iter().find(|(known, _)| *known == resource) else {
            return Ok(());
        };
        match Grant::new(word) {
            _ if word.is_empty() => Ok(()),
            Some(grant) if grant.level != Level::List => {
                plain.push((resource, grant));
                Ok(())
            }
            _ => Err(RuleError::Level {
                field: resource.word().to_owned(),
                rule: quote(word.as_bytes()),
            }),
        }
    };
    attribute(Resource::Acl)?;
    let mut named = vec![None; raw.named.len()];
    for block in BLOCKS {
        let of_block = |(_, rule): &(usize, &RawRule)| rule.block == block;
        for (place, rule) in raw.named.iter().enumerate().filter(of_block) {
            named[place] = Some(checked(rule)?);
        }
    }
    for resource in ATTRIBUTES.into_iter().skip(1) {
        attribute(resource)?;
    }
    let named = named.into_iter().flatten().collect();
    Ok(Checked { plain, named })
}

fn checked(raw: &RawRule) -> Result<Rule, RuleError> {
    let with_list = raw.block.resource == Resource::Key;
    let level = |word: &str| Grant::new(word).filter(|g| with_list || g.level != Level::List);
    let refuse = |what: &str| RuleError::Level {
        field: format!("{}{what}", raw.block.word),
        rule: in_go(raw),
    };
    let grant = level(&raw.policy).ok_or_else(|| refuse(""))?;
    let intentions = match raw.intentions.as_str() {
        "" => None,
        word => Some(level(word).ok_or_else(|| refuse(" intentions"))?),
    };
    Ok(Rule {
        resource: raw.block.resource,
        name: raw.name.as_str().into(),
        prefix: raw.block.prefix,
        grant,
        intentions,
    })
}

/// The rule as Go's `%#v` shows it.
fn in_go(rule: &RawRule) -> String {
    let (name, policy) = (quote(rule.name.as_bytes()), quote(rule.policy.as_bytes()));
    let edition = "EnterpriseRule:acl.EnterpriseRule{}";
    match rule.block.resource {
        Resource::Key => format!("&acl.KeyRule{{Prefix:{name}, Policy:{policy}, {edition}}}"),
        Resource::Node => format!("&acl.NodeRule{{Name:{name}, Policy:{policy}, {edition}}}"),
        Resource::Service => {
            let intentions = quote(rule.intentions.as_bytes());
            format!(
                "&acl.ServiceRule{{Name:{name}, Policy:{policy}, Intentions:{intentions}, {edition}}}"
            )
        }
        Resource::Agent => format!("&acl.AgentRule{{Node:{name}, Policy:{policy}}}"),
        Resource::Session => format!("&acl.SessionRule{{Node:{name}, Policy:{policy}}}"),
        Resource::Event => format!("&acl.EventRule{{Event:{name}, Policy:{policy}}}"),
        _ => format!("&acl.PreparedQueryRule{{Prefix:{name}, Policy:{policy}}}"),
    }
}
