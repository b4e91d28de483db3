//! `KVS`: reads of keys.

use std::sync::Arc;

use dialect::{List, Text, record};
use model::KvEntry;

use super::{QueryMeta, QueryOptions};

record! {
    /// Asks for a key, or for all keys with a prefix.
    pub struct KeyRequest {
        datacenter: String = "Datacenter",
        key: Text = "Key",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Asks for the names of keys.
    pub struct KeyListRequest {
        datacenter: String = "Datacenter",
        prefix: Text = "Prefix",
        /// Names are cut after its first occurrence behind the prefix. Spelled so on the wire.
        separator: Text = "Seperator",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Entries.
    pub struct IndexedDirEntries {
        entries: List<Arc<KvEntry>> = "Entries",
        #flatten meta: QueryMeta,
    }
}

record! {
    /// Names of keys.
    pub struct IndexedKeyList {
        keys: List<Text> = "Keys",
        #flatten meta: QueryMeta,
    }
}
