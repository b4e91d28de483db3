//! One authorizer for all tokens that may do the same.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::{Authorizer, AuthorizerId, Fallback, Policy};

/// Authorizers in use, by what they allow. Holds none alive: one goes with the last token, answer or watch that has it, and its
/// entry (some 60 bytes) with the next clearing. So its memory is bounded by who holds authorizers.
#[derive(Debug, Default)]
pub struct Authorizers {
    known: HashMap<AuthorizerId, Weak<Authorizer>>,
    /// Number of entries at which those of dead authorizers are cleared away.
    clear_at: usize,
}

/// Entries below which nothing is cleared away.
const CLEAR_AT_LEAST: usize = 64;

impl Authorizers {
    /// The authorizer of these policies: the one that somebody has already, or a new one.
    pub fn get(&mut self, policies: &[&Policy], fallback: Fallback) -> Arc<Authorizer> {
        let id = AuthorizerId::of(policies, fallback);
        if let Some(known) = self.known.get(&id).and_then(Weak::upgrade) {
            return known;
        }
        if self.known.len() >= self.clear_at.max(CLEAR_AT_LEAST) {
            self.known.retain(|_, known| known.strong_count() > 0);
            self.clear_at = self.known.len() * 2;
        }
        let made = Arc::new(Authorizer::compile(policies, fallback));
        self.known.insert(id, Arc::downgrade(&made));
        made
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}
