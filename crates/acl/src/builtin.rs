//! The policies that every cluster has (spec/acl.md §3).

use model::AclPolicy;

/// IDs that begin so belong to the system: drawn ones are drawn again, given ones are refused.
pub const RESERVED_PREFIX: &str = "00000000-0000-0000-0000-0000000000";

/// A built-in policy. Its name and description may be changed, its rules and datacenters may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Its ID.
    pub id: &'static str,
    /// Its name, unless somebody renamed it.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    level: &'static str,
}

/// Grants everything.
pub const GLOBAL_MANAGEMENT: Builtin = Builtin {
    id: "00000000-0000-0000-0000-000000000001",
    name: "global-management",
    description: "A built-in policy that grants read and write access to all Consul features",
    level: "write",
};

/// Shows everything.
pub const GLOBAL_READ_ONLY: Builtin = Builtin {
    id: "00000000-0000-0000-0000-000000000002",
    name: "builtin/global-read-only",
    description: "A built-in policy that grants read-only access to all Consul features",
    level: "read",
};

/// The rules, with `%` for the level.
const RULES: &str = "\nacl = \"%\"\nagent_prefix \"\" {\n\tpolicy = \"%\"\n}\nevent_prefix \"\" {\n\tpolicy = \"%\"\n}\nkey_prefix \"\" {\n\tpolicy = \"%\"\n}\nkeyring = \"%\"\nnode_prefix \"\" {\n\tpolicy = \"%\"\n}\noperator = \"%\"\nmesh = \"%\"\npeering = \"%\"\nquery_prefix \"\" {\n\tpolicy = \"%\"\n}\nservice_prefix \"\" {\n\tpolicy = \"%\"\n\tintentions = \"%\"\n}\nsession_prefix \"\" {\n\tpolicy = \"%\"\n}";

impl Builtin {
    /// Both of them.
    pub const ALL: [Builtin; 2] = [GLOBAL_MANAGEMENT, GLOBAL_READ_ONLY];

    /// The one with that ID.
    pub fn by_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.id == id)
    }

    /// Its rules, byte for byte as the reference stores them: a leader rewrites what differs.
    pub fn rules(&self) -> String {
        RULES.replace('%', self.level)
    }

    /// The record, with its hash.
    pub fn policy(&self) -> AclPolicy {
        let mut policy = AclPolicy {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            rules: self.rules(),
            ..AclPolicy::default()
        };
        policy.set_hash();
        policy
    }
}

/// The rules of the agent recovery token, for the agent of one node (spec/acl.md §6), as JSON: a node may be called anything.
pub fn recovery_rules(node: &str) -> String {
    let name = dialect::json::to_string(node);
    format!(
        "{{\"agent\":{{{name}:{{\"policy\":\"write\"}}}},\"node_prefix\":{{\"\":{{\"policy\":\"read\"}}}}}}"
    )
}
