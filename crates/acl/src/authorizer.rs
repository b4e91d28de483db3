//! Policies compiled once into what decides.

use std::fmt;

use blake2::{Blake2b, Digest, digest::consts::U16};

use crate::merge::{self, Merged};
use crate::table::Table;
use crate::{Access, Context, Decision, Fallback, Level, Policy, Resource, Right};

/// Names an authorizer by what it allows: equal sets of rules over the same default have equal IDs, whatever the policies are
/// called and whoever has them. Answers and groups of watchers are keyed by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorizerId([u8; 16]);

impl AuthorizerId {
    /// The ID that [`Authorizer::compile`] would give, without compiling.
    pub fn of(policies: &[&Policy], fallback: Fallback) -> Self {
        let mut prints: Vec<_> = policies.iter().map(|policy| policy.fingerprint).collect();
        prints.sort_unstable();
        prints.dedup();
        let mut hasher = Blake2b::<U16>::new();
        hasher.update([fallback as u8]);
        for print in prints {
            hasher.update(print);
        }
        AuthorizerId(hasher.finalize().into())
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for AuthorizerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What a token may do. Immutable, shared by all tokens with the same rules; deciding takes no lock and no memory.
pub struct Authorizer {
    id: AuthorizerId,
    fallback: Fallback,
    plain: [Option<Level>; Resource::ALL.len()],
    tables: [Table; Resource::NAMED],
}

impl Authorizer {
    /// Compiles all policies of a token: its own, those of its roles, and synthetic ones. Policies of other datacenters are the
    /// caller's to leave out.
    pub fn compile(policies: &[&Policy], fallback: Fallback) -> Self {
        let merged = merge::merge(policies);
        let mut plain = [None; Resource::ALL.len()];
        for (resource, contest) in &merged.plain {
            plain[*resource as usize] = contest.winner.map(|claim| claim.level);
        }
        let operator = plain[Resource::Operator as usize];
        for resource in [Resource::Mesh, Resource::Peering] {
            plain[resource as usize] = plain[resource as usize].or(operator);
        }
        Authorizer {
            id: AuthorizerId::of(policies, fallback),
            fallback,
            plain,
            tables: std::array::from_fn(|at| table(&merged, Resource::ALL[at])),
        }
    }

    /// The authorizer of who has no policy at all: while ACLs are off, or of a server's own token.
    pub fn without_rules(fallback: Fallback) -> Self {
        Self::compile(&[], fallback)
    }

    /// Its name.
    pub const fn id(&self) -> AuthorizerId {
        self.id
    }

    /// What counts where no rule says anything.
    pub const fn fallback(&self) -> Fallback {
        self.fallback
    }

    /// Whether connections that no intention is about are allowed, unless `default_intention_policy` says (spec/acl.md §15).
    pub const fn intention_default(&self) -> Decision {
        Decision::from_bool(!matches!(self.fallback, Fallback::Deny))
    }

    /// Whether an access to a resource is allowed; `name` counts for nothing where the resource has no names.
    pub fn allows(
        &self,
        resource: Resource,
        name: impl AsRef<[u8]>,
        access: Access,
        context: Context<'_>,
    ) -> Decision {
        self.decide(Right::new(resource, &name, access), context)
    }

    /// Whether a right is granted.
    pub fn decide(&self, right: Right<'_>, context: Context<'_>) -> Decision {
        match self.by_rule(right, context) {
            Some(allowed) => Decision::from_bool(allowed),
            None => self.fallback.decide(right),
        }
    }

    /// What the rules say, if they say anything.
    fn by_rule(&self, right: Right<'_>, context: Context<'_>) -> Option<bool> {
        let needs = right.access.needs();
        let Some(table) = self.tables.get(right.resource as usize) else {
            return self.plain[right.resource as usize].map(|level| level >= needs);
        };
        match (right.resource, right.access) {
            (_, Access::ReadAll) => table.all(needs),
            (_, Access::WriteAny) => table.any(needs),
            (_, Access::ReadPrefix | Access::WritePrefix) => table.below(right.name, needs),
            (Resource::Node | Resource::Service, Access::Read) if !context.peer.is_empty() => self
                .tables[Resource::Service as usize]
                .any(Level::Write)
                .filter(|allowed| *allowed)
                .or_else(|| table.all(needs)),
            (Resource::Intention, Access::Read) if right.name == b"*" => table.any(needs),
            (Resource::Intention, Access::Write) if right.name == b"*" => table.all(needs),
            _ => table.level(right.name).map(|level| level >= needs),
        }
    }
}

fn table(merged: &Merged<'_>, resource: Resource) -> Table {
    Table::build(merged.named.iter().filter_map(|(key, contest)| {
        let claim = contest.winner.filter(|_| key.resource == resource)?;
        Some((key.name, key.prefix, claim.level))
    }))
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorizer({:?}, {:?})", self.id, self.fallback)
    }
}
