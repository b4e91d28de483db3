//! What several policies say together: one level for every key of a rule (spec/acl.md §5.1).

use std::collections::BTreeMap;

use crate::rules::Grant;
use crate::{Level, Policy, Resource};

/// What a rule is about: resource, name, exact or prefix. Sorted by resource and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleKey<'a> {
    pub(crate) resource: Resource,
    pub(crate) name: &'a str,
    pub(crate) prefix: bool,
}

/// A level with the number of the policy that it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) level: Level,
    pub(crate) policy: usize,
    rank: u8,
    /// Of a service's rule that says nothing of intentions itself.
    pub(crate) derived: bool,
}

/// The winner among the levels of one key and those that lost to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contest {
    pub(crate) winner: Option<Claim>,
    pub(crate) losers: Vec<Claim>,
}

impl Contest {
    /// `first_any`: whether a level in capitals counts while there is no other.
    fn enter(&mut self, grant: Grant, policy: usize, first_any: bool) {
        let claim = Claim {
            level: grant.level,
            policy,
            rank: grant.rank(),
            derived: false,
        };
        let wins = match self.winner {
            Some(holder) => claim.rank > holder.rank,
            None => claim.rank > 0 || first_any,
        };
        match (wins, self.winner) {
            (true, holder) => {
                self.losers.extend(holder);
                self.winner = Some(claim);
            }
            (false, _) => self.losers.push(claim),
        }
    }
}

/// All policies of a token as one set of rules.
#[derive(Debug, Default)]
pub(crate) struct Merged<'a> {
    pub(crate) plain: BTreeMap<Resource, Contest>,
    pub(crate) named: BTreeMap<RuleKey<'a>, Contest>,
}

/// The order in which policies are merged: by what they say, so that equal sets come to the same whatever order they are given
/// in.
pub(crate) fn in_order<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Vec<usize> {
    let prints: Vec<_> = policies.into_iter().map(|p| p.fingerprint).collect();
    let mut order: Vec<usize> = (0..prints.len()).collect();
    order.sort_by_key(|&at| prints[at]);
    order
}

/// Merges policies; the numbers in the claims are places in `policies`.
pub(crate) fn merge<'a>(policies: &[&'a Policy]) -> Merged<'a> {
    let mut merged = Merged::default();
    let mut intentions: BTreeMap<RuleKey<'a>, Contest> = BTreeMap::new();
    for at in in_order(policies.iter().copied()) {
        let policy = policies[at];
        for (resource, grant) in &policy.plain {
            let contest = merged.plain.entry(*resource).or_default();
            contest.enter(*grant, at, false);
        }
        for rule in &policy.named {
            let key = RuleKey {
                resource: rule.resource,
                name: &rule.name,
                prefix: rule.prefix,
            };
            let known = merged.named.contains_key(&key);
            merged
                .named
                .entry(key)
                .or_default()
                .enter(rule.grant, at, true);
            if rule.resource == Resource::Service {
                let key = RuleKey {
                    resource: Resource::Intention,
                    ..key
                };
                let contest = intentions.entry(key).or_default();
                if let Some(grant) = rule.intentions {
                    contest.enter(grant, at, !known);
                }
            }
        }
    }
    for (key, mut contest) in intentions {
        if contest.winner.is_none() {
            contest.winner = derived(&merged, key);
        }
        merged.named.insert(key, contest);
    }
    merged
}

/// What a service's rule says of its intentions by itself: they may be read where the service may be used.
fn derived(merged: &Merged<'_>, intention: RuleKey<'_>) -> Option<Claim> {
    let service = RuleKey {
        resource: Resource::Service,
        ..intention
    };
    let claim = merged.named.get(&service)?.winner?;
    Some(Claim {
        level: match claim.level {
            Level::Deny => Level::Deny,
            _ => Level::Read,
        },
        derived: true,
        ..claim
    })
}
