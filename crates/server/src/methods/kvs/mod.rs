//! `KVS.*` (spec/server.md §3.1, §4.2).

mod apply;

use super::{Found, ReadMethod, Standing};
use crate::ran::Compiled;
use bytes::Bytes;
use ports::{Data, Query, RpcError};
use state::Root;

/// `KVS.Get`
pub(super) struct Get<'a> {
    pub(super) key: &'a [u8],
}

impl ReadMethod for Get<'_> {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        let result = root.kv_get(self.key);
        let missing = result.rows.is_none();
        Ok(Found {
            result: result.map(Data::KvEntry),
            missing,
        })
    }

    /// And a million keys read once each are no cache.
    fn shared(&self) -> bool {
        false
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        !standing.ran.missing
    }
}

/// `KVS.List`
pub(super) struct List<'a> {
    pub(super) prefix: &'a [u8],
}

impl ReadMethod for List<'_> {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root.kv_list(self.prefix).map(Data::KvEntries).into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        unreaped(standing)
    }
}

/// `KVS.ListKeys`
pub(super) struct ListKeys<'a> {
    pub(super) prefix: &'a [u8],
    pub(super) separator: &'a [u8],
}

impl ReadMethod for ListKeys<'_> {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        let keys = root.kv_keys(self.prefix, self.separator);
        let own = |keys: Vec<_>| {
            let keys = keys
                .iter()
                .map(|key: &state::Key| Bytes::copy_from_slice(key));
            Data::Keys(keys.collect())
        };
        Ok(keys.map(own).into())
    }

    fn unmoved(&self, standing: &Standing<'_>) -> bool {
        unreaped(standing)
    }
}

/// Only reaping moves these without touching a key; a result without rows may tell the index of the whole table.
fn unreaped(standing: &Standing<'_>) -> bool {
    let found = match &standing.ran.answer.data {
        Data::KvEntries(rows) => !rows.is_empty(),
        Data::Keys(rows) => !rows.is_empty(),
        _ => false,
    };
    found && standing.ran.seq >= standing.reaped
}
