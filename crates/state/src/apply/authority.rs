//! The certificate authority's commands (spec/server.md §3.8).

use super::{Applied, Change};
use crate::WatchKey;
use crate::key::Key;
use crate::tables::authority::{BUILTIN, CONFIG, ROOTS, SERIAL};
use model::{CaConfiguration, CaProviderState, CaRoot, RaftIndex};
use std::sync::Arc;
use wire::{Outcome, command::CaRequest, errors::state as text};

impl Change<'_> {
    pub(crate) fn authority(&mut self, request: &CaRequest) -> Applied<Outcome> {
        match &*request.op {
            "set-config" => {
                self.set_ca_config(request.config.as_deref())?;
                Ok(Outcome::Nil)
            }
            "set-roots" => self.set_ca_roots(request.index, &request.roots),
            "set-provider-state" => {
                let Some(state) = request.provider_state.as_deref() else {
                    return Err(text::invalid_operation("CA", &request.op).into());
                };
                self.set_ca_provider(state);
                Ok(Outcome::Bool(true))
            }
            "delete-provider-state" => {
                let id = request.provider_state.as_deref().map(|state| &*state.id);
                if let Some(id) = id
                    && self
                        .root
                        .authority
                        .providers
                        .remove(id.as_bytes())
                        .is_some()
                {
                    self.root.bump(BUILTIN, self.index);
                }
                Ok(Outcome::Bool(true))
            }
            "set-roots-config" => {
                let outcome = self.set_ca_roots(request.index, &request.roots)?;
                if outcome == Outcome::Bool(true) {
                    self.set_ca_config(request.config.as_deref())?;
                }
                Ok(outcome)
            }
            "increment-provider-serial" => {
                // Begins behind every provider's state, so that no serial number comes twice.
                let providers = self.root.authority.providers.iter();
                let highest = providers.map(|(_, row)| row.indexes.modify_index).max();
                let next = self.root.index(SERIAL).max(highest.unwrap_or(0)) + 1;
                self.root.bump(SERIAL, next);
                Ok(Outcome::Index(next))
            }
            other => Err(text::invalid_operation("CA", other).into()),
        }
    }

    /// With a ModifyIndex it has to be the stored one.
    fn set_ca_config(&mut self, config: Option<&CaConfiguration>) -> Applied<()> {
        let Some(config) = config else {
            return Err(text::invalid_operation("CA", "set-config").into());
        };
        let old = self.root.authority.config.as_ref();
        let expected = config.indexes.modify_index;
        if expected != 0 && old.is_none_or(|old| old.indexes.modify_index != expected) {
            return Err(text::CA_CONFIG_INDEX.into());
        }
        let mut row = config.clone();
        let created = old.map_or(self.index, |old| old.indexes.create_index);
        if row.cluster_id.is_empty() {
            row.cluster_id = old.map(|old| old.cluster_id.clone()).unwrap_or_default();
        }
        row.indexes = self.written(created);
        self.root.authority.config = Some(Arc::new(row));
        self.root.bump(CONFIG, self.index);
        self.touch(WatchKey::CaConfig);
        Ok(())
    }

    /// A stale index changes nothing and yet answers true, as the reference does.
    fn set_ca_roots(&mut self, index: u64, roots: &[CaRoot]) -> Applied<Outcome> {
        if self.root.index(ROOTS) != index {
            return Ok(Outcome::Bool(true));
        }
        if roots.iter().filter(|root| root.active).count() != 1 {
            return Err(text::CA_ACTIVE.into());
        }
        let old = std::mem::take(&mut self.root.authority.roots);
        for root in roots {
            let mut row = root.clone();
            let before = old.get(row.id.as_bytes());
            row.indexes = self.written(before.map_or(self.index, |row| row.indexes.create_index));
            let key = Key::from(row.id.as_bytes());
            self.root.authority.roots.insert(key, Arc::new(row));
        }
        self.root.bump(ROOTS, self.index);
        self.touch(WatchKey::CaRoots);
        Ok(Outcome::Bool(true))
    }

    fn set_ca_provider(&mut self, state: &CaProviderState) {
        let key = Key::from(state.id.as_bytes());
        let old = self.root.authority.providers.get(&key);
        let mut row = state.clone();
        let created = old.map_or(self.index, |old| old.indexes.create_index);
        row.indexes = self.written(created);
        self.root.authority.providers.insert(key, Arc::new(row));
        self.root.bump(BUILTIN, self.index);
    }

    fn written(&self, created: u64) -> RaftIndex {
        RaftIndex {
            create_index: created,
            modify_index: self.index,
        }
    }
}
