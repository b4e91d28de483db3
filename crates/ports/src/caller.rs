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
    /// A caller inside this process without a token: to rules it is anonymous.
    pub fn internal() -> Self {
        Self::default()
    }

    /// A caller inside this process with a token of the agent's own.
    pub fn with_token(secret: &str) -> Self {
        Self {
            token: Token::new(secret),
            remote: None,
        }
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
/// The default one is that of who may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct AuthorizerId(pub u64);

/// Decides what a caller may do. A [`Guard`](crate::Guard) finds it before a room reaches data.
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
