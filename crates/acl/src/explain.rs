//! Why: the rule that decides, and those that would have decided otherwise without it.
//!
//! Slow beside [`Authorizer::decide`](crate::Authorizer::decide) and meant for people; a test holds both to the same answer.

use std::fmt;

use crate::merge::{self, Claim, Contest, Merged, RuleKey};
use crate::{Access, Context, Decision, Fallback, Level, Policy, Resource, Right};

/// A policy with the names that people know it by.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its ID.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its rules.
    pub policy: &'a Policy,
}

/// A rule of a policy. Shows itself in the language of rules: `key_prefix "config/" { policy = "read" }`.
#[derive(Clone, Copy, Debug)]
pub struct RuleRef<'a> {
    /// The policy it stands in.
    pub source: Source<'a>,
    /// What it is about. Intentions are a member of the rules of services.
    pub resource: Resource,
    /// The name; empty for resources without.
    pub name: &'a str,
    /// Whether it is about all names that start so.
    pub prefix: bool,
    /// What it grants.
    pub level: Level,
    /// Whether the rule says nothing of intentions and this follows from what it says of the service.
    pub derived: bool,
}

impl fmt::Display for RuleRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.word();
        if !self.resource.has_names() {
            return write!(f, "{} = \"{level}\"", self.resource.word());
        }
        let (word, member) = match self.resource {
            Resource::Intention => ("service", "intentions"),
            other => (other.word(), "policy"),
        };
        let prefix = if self.prefix { "_prefix" } else { "" };
        let name = dialect::url::quote(self.name.as_bytes());
        write!(f, "{word}{prefix} {name} {{ {member} = \"{level}\" }}")
    }
}

/// What decided.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A rule.
    Rule(RuleRef<'a>),
    /// No rule: the default policy.
    Fallback(Fallback),
}

/// A decision with its reason.
#[derive(Clone, Debug)]
pub struct Why<'a> {
    /// The decision.
    pub decision: Decision,
    /// What decided.
    pub by: By<'a>,
    /// Rules that apply too and lost: first those of the same key in other policies, then less and less specific ones.
    pub lost: Vec<RuleRef<'a>>,
}

/// Decides as an authorizer compiled from the same policies would, and says why.
pub fn explain<'a>(
    sources: &[Source<'a>],
    fallback: Fallback,
    right: Right<'_>,
    context: Context<'_>,
) -> Why<'a> {
    let policies: Vec<&'a Policy> = sources.iter().map(|source| source.policy).collect();
    let case = Case {
        sources,
        merged: merge::merge(&policies),
        needs: right.access.needs(),
    };
    let mut rules = case.rules(right, context);
    match rules.is_empty() {
        true => Why {
            decision: fallback.decide(right),
            by: By::Fallback(fallback),
            lost: rules,
        },
        false => {
            let first = rules.remove(0);
            Why {
                decision: Decision::from_bool(first.level >= case.needs),
                by: By::Rule(first),
                lost: rules,
            }
        }
    }
}

/// What all policies come to together: for every key the level that won, by resource and name. A service's rule comes twice, as
/// service and as intentions.
pub fn merged_rules<'a>(sources: &[Source<'a>]) -> Vec<RuleRef<'a>> {
    let policies: Vec<&'a Policy> = sources.iter().map(|source| source.policy).collect();
    let case = Case {
        sources,
        merged: merge::merge(&policies),
        needs: Level::Read,
    };
    let named = Resource::ALL.into_iter().filter(|one| one.has_names());
    let named = named.flat_map(|resource| case.winners(resource));
    let plain = case.merged.plain.iter().filter_map(|(resource, contest)| {
        let key = RuleKey {
            resource: *resource,
            name: "",
            prefix: false,
        };
        Some(case.rule(key, contest.winner?))
    });
    named.chain(plain).collect()
}

struct Case<'s, 'a> {
    sources: &'s [Source<'a>],
    merged: Merged<'a>,
    needs: Level,
}

impl<'a> Case<'_, 'a> {
    /// The rules that apply, the deciding one first; none if the default decides.
    fn rules(&self, right: Right<'_>, context: Context<'_>) -> Vec<RuleRef<'a>> {
        let Right {
            resource,
            name,
            access,
        } = right;
        if !resource.has_names() {
            return self.plain(resource);
        }
        let wildcard = resource == Resource::Intention && name == b"*";
        match access {
            Access::ReadAll => self.all(resource),
            Access::WriteAny => self.any(resource, self.needs),
            Access::ReadPrefix | Access::WritePrefix => self.below(resource, name),
            Access::Read
                if matches!(resource, Resource::Node | Resource::Service)
                    && !context.peer.is_empty() =>
            {
                self.imported(resource)
            }
            Access::Read if wildcard => self.any(resource, self.needs),
            Access::Write if wildcard => self.all(resource),
            _ => self.matching(resource, name),
        }
    }

    fn plain(&self, resource: Resource) -> Vec<RuleRef<'a>> {
        let mut rules = Vec::new();
        let falls_back = matches!(resource, Resource::Mesh | Resource::Peering);
        for resource in [Some(resource), falls_back.then_some(Resource::Operator)]
            .into_iter()
            .flatten()
        {
            let key = RuleKey {
                resource,
                name: "",
                prefix: false,
            };
            if let Some(contest) = self.merged.plain.get(&resource) {
                rules.extend(self.contest(key, contest));
            }
        }
        rules
    }

    /// The rule of that name and those of its prefixes, the longest first.
    fn matching(&self, resource: Resource, name: &[u8]) -> Vec<RuleRef<'a>> {
        let mut found: Vec<_> = self
            .of(resource)
            .filter(|(key, _)| match key.prefix {
                true => name.starts_with(key.name.as_bytes()),
                false => name == key.name.as_bytes(),
            })
            .collect();
        found.sort_by_key(|(key, _)| (key.prefix, std::cmp::Reverse(key.name.len())));
        found
            .into_iter()
            .flat_map(|(key, contest)| self.contest(key, contest))
            .collect()
    }

    /// A rule that refuses, else that of the empty prefix.
    fn all(&self, resource: Resource) -> Vec<RuleRef<'a>> {
        let refusing = self.winners(resource).find(|rule| rule.level < self.needs);
        refusing.into_iter().chain(self.root(resource)).collect()
    }

    /// A rule that grants, else that of the empty prefix.
    fn any(&self, resource: Resource, needs: Level) -> Vec<RuleRef<'a>> {
        let granting = self.winners(resource).find(|rule| rule.level >= needs);
        granting.into_iter().chain(self.root(resource)).collect()
    }

    /// Whoever writes some service sees all that peers send, else whoever reads everything.
    fn imported(&self, resource: Resource) -> Vec<RuleRef<'a>> {
        let mut writer = self.any(Resource::Service, Level::Write);
        writer.truncate(1);
        writer.retain(|rule| rule.level == Level::Write);
        writer.extend(self.all(resource));
        writer
    }

    /// The prefix rule above if it refuses, else a rule below that does, else the one above again.
    fn below(&self, resource: Resource, name: &[u8]) -> Vec<RuleRef<'a>> {
        let above = self
            .winners(resource)
            .filter(|rule| rule.prefix && name.starts_with(rule.name.as_bytes()))
            .max_by_key(|rule| rule.name.len());
        if above.is_some_and(|rule| rule.level < self.needs) {
            return above.into_iter().collect();
        }
        let refusing = self
            .winners(resource)
            .find(|rule| rule.name.as_bytes().starts_with(name) && rule.level < self.needs);
        refusing.into_iter().chain(above).collect()
    }

    fn of(&self, resource: Resource) -> impl Iterator<Item = (RuleKey<'a>, &Contest)> {
        self.merged
            .named
            .iter()
            .filter(move |(key, _)| key.resource == resource)
            .map(|(key, contest)| (*key, contest))
    }

    fn winners(&self, resource: Resource) -> impl Iterator<Item = RuleRef<'a>> {
        self.of(resource)
            .filter_map(|(key, contest)| Some(self.rule(key, contest.winner?)))
    }

    fn root(&self, resource: Resource) -> Option<RuleRef<'a>> {
        self.winners(resource)
            .find(|rule| rule.prefix && rule.name.is_empty())
    }

    /// Winner and losers; nothing if nobody won.
    fn contest(&self, key: RuleKey<'a>, contest: &Contest) -> Vec<RuleRef<'a>> {
        let losers = contest.losers.iter().copied();
        let all = contest.winner.into_iter().chain(losers);
        match contest.winner {
            Some(_) => all.map(|claim| self.rule(key, claim)).collect(),
            None => Vec::new(),
        }
    }

    fn rule(&self, key: RuleKey<'a>, claim: Claim) -> RuleRef<'a> {
        RuleRef {
            source: self.sources[claim.policy],
            resource: key.resource,
            name: key.name,
            prefix: key.prefix,
            level: claim.level,
            derived: claim.derived,
        }
    }
}
