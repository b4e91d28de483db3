//! The certificate authority's rows (spec/server.md §3.8, `connect-ca-*`).

use crate::table::Table;
use crate::{ReadResult, Root, WatchKey};
use model::{CaConfiguration, CaProviderState, CaRoot};
use std::sync::Arc;

/// Names of the tables in the index.
pub(crate) const CONFIG: &str = "connect-ca-config";
pub(crate) const ROOTS: &str = "connect-ca-roots";
pub(crate) const BUILTIN: &str = "connect-ca-builtin";
/// The counter of serial numbers stands among the indexes.
pub(crate) const SERIAL: &str = "connect-ca-builtin-serial";

/// What servers keep about the authority.
#[derive(Clone, Default)]
pub(crate) struct Authority {
    pub(crate) config: Option<Arc<CaConfiguration>>,
    /// By ID.
    pub(crate) roots: Table<Arc<CaRoot>>,
    /// By ID.
    pub(crate) providers: Table<Arc<CaProviderState>>,
}

impl Root {
    /// All root certificates by ID; one of them is active once the authority is initialised.
    pub fn ca_roots(&self) -> ReadResult<Vec<Arc<CaRoot>>> {
        let rows = self.authority.roots.iter();
        let rows = rows.map(|(_, row)| row.clone()).collect();
        ReadResult::new(self.index(ROOTS), rows, [WatchKey::CaRoots])
    }

    /// Which provider signs, and for which cluster.
    pub fn ca_config(&self) -> ReadResult<Option<Arc<CaConfiguration>>> {
        let index = self.index(CONFIG);
        ReadResult::new(index, self.authority.config.clone(), [WatchKey::CaConfig])
    }

    /// What the built-in provider keeps under an ID.
    pub fn ca_provider(&self, id: &str) -> Option<&Arc<CaProviderState>> {
        self.authority.providers.get(id.as_bytes())
    }
}
