//! The guard: who asks becomes what it may see and do.
//!
//! Rows and proposals are reached with an [`Authorized`] only, and nothing but a [`Guard`] makes one from a [`Caller`]. So a
//! method that forgets to ask does not compile.

use crate::{Authorizer, AuthorizerId, Caller, RpcError, Token};
use std::fmt;
use std::sync::Arc;

/// The rules in force: which rights a token has.
pub trait Rules: Send + Sync {
    /// The rights of a token; those of the anonymous one for "".
    ///
    /// # Errors
    /// The token is not known, or what it stands for cannot be told now.
    fn authorizer(&self, token: &Token) -> Result<Arc<dyn Authorizer>, RpcError>;
}

/// Stands before everything that a room does for a caller.
#[derive(Clone, Default)]
pub struct Guard {
    rules: Option<Arc<dyn Rules>>,
}

impl Guard {
    /// A guard that grants everything: that of a system without ACLs.
    pub fn open() -> Self {
        Self::default()
    }

    /// A guard that grants what `rules` say.
    pub fn new(rules: Arc<dyn Rules>) -> Self {
        Self { rules: Some(rules) }
    }

    /// The rights of who asks. Without rules that costs a look at one pointer: nothing is counted, copied or allocated.
    ///
    /// # Errors
    /// Those of [`Rules::authorizer`].
    pub fn admit(&self, caller: &Caller) -> Result<Authorized, RpcError> {
        match &self.rules {
            None => Ok(Authorized { rights: None }),
            Some(rules) => Ok(Authorized {
                rights: Some(rules.authorizer(&caller.token)?),
            }),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rules.is_some() {
            "Guard(rules)"
        } else {
            "Guard(open)"
        })
    }
}

/// The proof that the guard was asked, with what it found.
#[derive(Clone)]
pub struct Authorized {
    /// `None`: everything.
    rights: Option<Arc<dyn Authorizer>>,
}

impl Authorized {
    /// What a room does of its own accord, for nobody: duties of the leader, gauges, wake-ups. Never for a caller.
    pub const fn system() -> Self {
        Self { rights: None }
    }

    /// Those with the same see the same: key of everything shared between callers.
    pub fn id(&self) -> AuthorizerId {
        match &self.rights {
            None => AuthorizerId::default(),
            Some(rights) => rights.id(),
        }
    }

    /// What decides by name; `None` where everything is granted, so that no row has to be asked for.
    pub fn rights(&self) -> Option<&dyn Authorizer> {
        self.rights.as_deref().filter(|rights| !rights.allows_all())
    }
}

impl fmt::Debug for Authorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(&self.id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Resource};

    /// Knows one secret, which may read keys below its own name.
    struct OneSecret;

    struct Below(&'static [u8]);

    impl Authorizer for Below {
        fn id(&self) -> AuthorizerId {
            AuthorizerId(7)
        }
        fn allows_all(&self) -> bool {
            false
        }
        fn allows(&self, resource: Resource, access: Access, name: &[u8]) -> bool {
            resource == Resource::Key && access == Access::Read && name.starts_with(self.0)
        }
    }

    impl Rules for OneSecret {
        fn authorizer(&self, token: &Token) -> Result<Arc<dyn Authorizer>, RpcError> {
            if token.secret() == "s" {
                Ok(Arc::new(Below(b"s/")))
            } else {
                Err(RpcError::Denied("ACL not found".to_owned()))
            }
        }
    }

    fn caller(secret: &str) -> Caller {
        Caller {
            token: Token::new(secret),
            remote: None,
        }
    }

    #[test]
    fn an_open_guard_grants_all_to_everyone_under_one_identity() {
        let found = Guard::open().admit(&caller("whatever")).unwrap();
        assert!(found.rights().is_none());
        assert_eq!(found.id(), Authorized::system().id());
    }

    #[test]
    fn rules_decide_and_refuse() {
        let guard = Guard::new(Arc::new(OneSecret));
        let found = guard.admit(&caller("s")).unwrap();
        assert_eq!(found.id(), AuthorizerId(7));
        let rights = found.rights().unwrap();
        assert!(rights.allows(Resource::Key, Access::Read, b"s/a"));
        assert!(!rights.allows(Resource::Key, Access::Read, b"t/a"));
        let refused = guard.admit(&caller("t")).unwrap_err();
        assert_eq!(refused, RpcError::Denied("ACL not found".to_owned()));
        // A secret is never shown.
        assert_eq!(
            format!("{guard:?} {found:?}"),
            "Guard(rules) Authorized(AuthorizerId(7))"
        );
    }
}
