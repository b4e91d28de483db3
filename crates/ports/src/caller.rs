//! Who asks, and the proof that it may.

use std::net::SocketAddr;
use std::sync::Arc;

/// The origin of a request, as a door knows it.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The secret token sent, after the door's precedence rules; "" is anonymous. Never printed.
    pub token: Token,
    /// The peer's address; `None` for unix sockets and internal callers.
    pub remote: Option<SocketAddr>,
}

impl Caller {
    /// A caller inside this process, with the agent's own rights.
    pub fn internal() -> Self {
        Self::default()
    }
}

/// A secret token whose `Debug` form shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Token(Arc<str>);

impl Token {
    /// Wraps a secret.
    pub fn new(secret: &str) -> Self {
        Self(secret.into())
    }

    /// The secret itself; for comparing and forwarding only.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether no token was sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() {
            "Token(none)"
        } else {
            "Token(hidden)"
        })
    }
}

/// Identity of an authorizer: two callers with the same identity see the same rows, so answers and groups are keyed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct AuthorizerId(pub u64);

/// Decides what a caller may do. Every handler obtains one before it reaches data.
pub trait Authorizer: Send + Sync {
    /// Key of everything shared between callers.
    fn id(&self) -> AuthorizerId;
    /// Whether rows must be filtered at all; `true` lets reads skip the per-row question.
    fn allows_all(&self) -> bool;
    /// Whether `access` to `name` of `resource` is granted.
    fn allows(&self, resource: Resource, access: Access, name: &[u8]) -> bool;
}

/// What a rule speaks of (spec/http-api.md §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Resource {
    Acl,
    Agent,
    Event,
    Intention,
    Key,
    Keyring,
    Node,
    Operator,
    Mesh,
    Query,
    Service,
    Session,
    Peering,
}

/// How it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Access {
    Read,
    List,
    Write,
}

/// Grants everything: the authorizer of a system without ACLs.
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn id(&self) -> AuthorizerId {
        AuthorizerId(0)
    }
    fn allows_all(&self) -> bool {
        true
    }
    fn allows(&self, _: Resource, _: Access, _: &[u8]) -> bool {
        true
    }
}
