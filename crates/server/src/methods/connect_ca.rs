//! `ConnectCA.*` (spec/mesh.md §8).

use super::{Found, ReadMethod, Standing};
use crate::config::Config;
use crate::ran::Compiled;
use crate::text;
use ports::{Data, Query, RpcError};
use state::Root;

/// `ConnectCA.Roots`
pub(super) struct Roots;

impl ReadMethod for Roots {
    /// The index is that of whichever changed last, configuration or roots.
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        let config = root.ca_config();
        let roots = root.ca_roots();
        // The configuration is written first: without roots the authority is still being made.
        let Some(stored) = config.rows.filter(|_| !roots.rows.is_empty()) else {
            return Err(RpcError::refused(text::CA_UNINITIALISED));
        };
        let index = roots.index.max(config.index);
        let mut result = roots.map(|roots| Data::CaRoots {
            trust_domain: format!("{}.consul", stored.cluster_id.to_lowercase()),
            roots,
        });
        result.index = index;
        result.watch.extend(config.watch);
        Ok(result.into())
    }

    /// Every change touches the answer.
    fn unmoved(&self, _: &Standing<'_>) -> bool {
        true
    }

    fn served(&self, config: &Config) -> Result<(), RpcError> {
        if config.authority.is_none() {
            return Err(RpcError::refused(text::CONNECT_DISABLED));
        }
        Ok(())
    }
}
