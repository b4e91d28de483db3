//! The certificate authority's rows (spec/server.md §3.8, `connect-ca-*`).

use crate::apply::Change;
use crate::key::Key;
use crate::reads::read;
use crate::table::Table;
use crate::tables::spec::{Archived, Native, TableSpec, rule};
use crate::{ReadResult, Root, WatchKey};
use model::{CaConfiguration, CaProviderState, CaRoot};
use std::sync::Arc;
use wire::command::kind;

/// Types that occur only in archives.
const CA_PROVIDER: u8 = 14;
const CA_CONFIG: u8 = 15;

pub(crate) const ROOTS_TABLE: TableSpec = TableSpec {
    name: ROOTS,
    record: "CaRoot",
    changed_by: &[kind::CONNECT_CA],
    wakes: &["CaRoots"],
    reads: &[read("ca_roots", "CaRoots", "connect-ca-roots")],
    native: Native {
        byte: 16,
        save: |root, out| out.rows(&root.authority.roots),
        load: |root, r| {
            root.authority.load_root(r.value()?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::CONNECT_CA],
        place: 120,
        save: |root, out| out.rows(kind::CONNECT_CA, &root.authority.roots),
        load: |root, record| record.read(|row| root.authority.load_root(row)),
    }],
    rules: &[rule!(CONNECT_CA, ConnectCa, Change::authority)],
};

pub(crate) const PROVIDERS_TABLE: TableSpec = TableSpec {
    name: BUILTIN,
    record: "CaProviderState",
    changed_by: &[kind::CONNECT_CA],
    wakes: &[],
    reads: &[],
    native: Native {
        byte: 17,
        save: |root, out| out.rows(&root.authority.providers),
        load: |root, r| {
            root.authority.load_provider(r.value()?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[CA_PROVIDER],
        place: 130,
        save: |root, out| out.rows(CA_PROVIDER, &root.authority.providers),
        load: |root, record| record.read(|row| root.authority.load_provider(row)),
    }],
    rules: &[],
};

pub(crate) const CONFIG_TABLE: TableSpec = TableSpec {
    name: CONFIG,
    record: "CaConfiguration",
    changed_by: &[kind::CONNECT_CA],
    wakes: &["CaConfig"],
    reads: &[read("ca_config", "CaConfig", "connect-ca-config")],
    native: Native {
        byte: 18,
        save: |root, out| out.record(root.authority.config.as_deref()),
        load: |root, r| {
            root.authority.config = Some(Arc::new(r.value()?));
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[CA_CONFIG],
        place: 140,
        save: |root, out| match &root.authority.config {
            Some(row) => out.record(CA_CONFIG, &**row),
            None => Ok(()),
        },
        load: |root, record| record.read(|row| root.authority.config = Some(Arc::new(row))),
    }],
    rules: &[],
};

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

impl Authority {
    fn load_root(&mut self, row: CaRoot) {
        let key = Key::from(row.id.as_bytes());
        self.roots.insert(key, Arc::new(row));
    }

    fn load_provider(&mut self, row: CaProviderState) {
        let key = Key::from(row.id.as_bytes());
        self.providers.insert(key, Arc::new(row));
    }
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
