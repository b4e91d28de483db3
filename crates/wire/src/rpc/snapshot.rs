//! Snapshot connections: one request, one response, an archive behind one of them (spec/wire.md §3.6).

use dialect::record;

use super::QueryMeta;

record! {
    /// What a snapshot connection asks for.
    pub struct SnapshotRequest {
        datacenter: String = "Datacenter",
        token: String = "Token",
        /// Any server may save.
        allow_stale: bool = "AllowStale",
        /// 0 to save, 1 to restore.
        op: i64 = "Op",
    }
}

record! {
    /// What stands before the archive, or alone.
    pub struct SnapshotResponse {
        error: String = "Error",
        #flatten meta: QueryMeta,
    }
}
