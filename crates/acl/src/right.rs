//! Questions and answers: what somebody wants to do, and whether they may.

use std::fmt;

/// What rules are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the field's own words")]
pub enum Resource {
    Agent,
    Event,
    Intention,
    Key,
    Node,
    Query,
    Service,
    Session,
    Acl,
    Keyring,
    Mesh,
    Operator,
    Peering,
}

impl Resource {
    /// Every resource: first those whose rules have names, then those that are one thing each.
    pub const ALL: [Self; 13] = [
        Self::Agent,
        Self::Event,
        Self::Intention,
        Self::Key,
        Self::Node,
        Self::Query,
        Self::Service,
        Self::Session,
        Self::Acl,
        Self::Keyring,
        Self::Mesh,
        Self::Operator,
        Self::Peering,
    ];

    /// How many have names.
    pub(crate) const NAMED: usize = 8;

    /// The word in rules, questions and error texts.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Event => "event",
            Self::Intention => "intention",
            Self::Key => "key",
            Self::Node => "node",
            Self::Query => "query",
            Self::Service => "service",
            Self::Session => "session",
            Self::Acl => "acl",
            Self::Keyring => "keyring",
            Self::Mesh => "mesh",
            Self::Operator => "operator",
            Self::Peering => "peering",
        }
    }

    /// Whether its rules carry names.
    pub const fn has_names(self) -> bool {
        (self as usize) < Self::NAMED
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// What a rule grants. The order is that of the grants: each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing.
    Deny,
    /// Looking at one thing.
    Read,
    /// Looking at all below a prefix. Keys only.
    List,
    /// Everything.
    Write,
}

impl Level {
    /// The word in rules.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Read => "read",
            Self::List => "list",
            Self::Write => "write",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Deny, Self::Read, Self::List, Self::Write]
            .into_iter()
            .find(|level| level.word().eq_ignore_ascii_case(word))
    }
}

/// How a resource is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Looking at that name.
    Read,
    /// Looking at all that starts with the name. Only rules of keys grant it apart from `write`.
    List,
    /// Changing that name.
    Write,
    /// Looking at whatever starts with the name: no rule below it may refuse.
    ReadPrefix,
    /// Changing whatever starts with the name, as a recursive delete does: no rule below it may refuse.
    WritePrefix,
    /// Looking at all there is; the name counts for nothing.
    ReadAll,
    /// Changing something, whatever it is; the name counts for nothing.
    WriteAny,
}

impl Access {
    /// The level that a rule must grant.
    pub const fn needs(self) -> Level {
        match self {
            Self::Read | Self::ReadPrefix | Self::ReadAll => Level::Read,
            Self::List => Level::List,
            Self::Write | Self::WritePrefix | Self::WriteAny => Level::Write,
        }
    }
}

/// What somebody wants to do: an access to a resource, by name where the resource has names. Names are bytes, for keys are.
///
/// Shows itself as error texts do: `'key:write' on "config/db"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Right<'a> {
    /// Of what.
    pub resource: Resource,
    /// Which one; counts for nothing where the resource has no names.
    pub name: &'a [u8],
    /// How.
    pub access: Access,
}

impl<'a> Right<'a> {
    /// Saving and restoring snapshots: the same as managing ACLs (spec/acl.md §5.2).
    pub const SNAPSHOT: Right<'static> = Right::plain(Resource::Acl, Access::Write);
    /// Seeing every node.
    pub const NODE_READ_ALL: Right<'static> = Right::plain(Resource::Node, Access::ReadAll);
    /// Seeing every service.
    pub const SERVICE_READ_ALL: Right<'static> = Right::plain(Resource::Service, Access::ReadAll);
    /// Being allowed to register some service.
    pub const SERVICE_WRITE_ANY: Right<'static> = Right::plain(Resource::Service, Access::WriteAny);

    /// A right to a name.
    pub fn new(resource: Resource, name: &'a (impl AsRef<[u8]> + ?Sized), access: Access) -> Self {
        Right {
            resource,
            name: name.as_ref(),
            access,
        }
    }

    /// A right to a resource without names, or to all names of one.
    pub const fn plain(resource: Resource, access: Access) -> Self {
        Right {
            resource,
            name: b"",
            access,
        }
    }

    /// The question of `/v1/internal/acl/authorize`: resources are exact words, levels are told in any case.
    pub fn parse(resource: &str, segment: &'a str, access: &str) -> Result<Self, QuestionError> {
        let known = Resource::from_word(resource)
            .ok_or_else(|| QuestionError::Resource(resource.to_owned()))?;
        let is_key = known == Resource::Key;
        let access = match access.to_ascii_lowercase().as_str() {
            "read" => Access::Read,
            "write" => Access::Write,
            "list" if is_key => Access::List,
            "write-prefix" if is_key => Access::WritePrefix,
            _ => {
                return Err(QuestionError::Access {
                    resource: known.word(),
                    access: access.to_owned(),
                });
            }
        };
        Ok(Right::new(known, segment, access))
    }
}

/// Why a question cannot be answered (spec/acl.md §8; HTTP 400).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// No such resource.
    #[error("Invalid ACL resource requested: {}", dialect::url::quote(.0.as_bytes()))]
    Resource(String),
    /// No such access to that resource.
    #[error("Invalid access level for {resource} resource: {access}")]
    Access {
        /// The resource.
        resource: &'static str,
        /// What was asked for.
        access: String,
    },
}

impl fmt::Display for Right<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.resource.word();
        write!(f, "'{word}:{}'", self.access.needs().word())?;
        match self.access {
            Access::ReadAll if self.resource.has_names() => write!(f, " on \"all {word}s\""),
            Access::WriteAny if self.resource.has_names() => write!(f, " on \"any {word}\""),
            _ if self.name.is_empty() || !self.resource.has_names() => Ok(()),
            _ => write!(f, " on \"{}\"", String::from_utf8_lossy(self.name)),
        }
    }
}

/// Where the thing asked about comes from. The default is this cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Context<'a> {
    /// The peer it was imported from, or "". Rules by name are not asked about imported nodes and services.
    pub peer: &'a str,
}

impl Context<'_> {
    /// Of this cluster.
    pub const LOCAL: Context<'static> = Context { peer: "" };
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// They may.
    Allow,
    /// They may not.
    Deny,
}

impl Decision {
    /// Whether they may.
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allow)
    }

    pub(crate) const fn from_bool(allowed: bool) -> Self {
        if allowed { Self::Allow } else { Self::Deny }
    }
}

/// What counts where no rule of a token says anything (spec/acl.md §5.2, "Chain").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// `default_policy = "deny"`.
    Deny,
    /// `default_policy = "allow"`: everything but managing ACLs and snapshots.
    Allow,
    /// Everything: ACLs are off, or it is a server's own token.
    Manage,
}

impl Fallback {
    pub(crate) const fn decide(self, right: Right<'_>) -> Decision {
        Decision::from_bool(match self {
            Self::Deny => false,
            Self::Allow => !matches!(right.resource, Resource::Acl),
            Self::Manage => true,
        })
    }
}
