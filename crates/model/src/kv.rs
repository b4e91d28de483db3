//! Key/value entries.

use crate::RaftIndex;
use dialect::{Bytes, Text, record};

record! {
    /// A key with its value (spec/server.md §3.4). Keys are any bytes, values at most `kv_max_value_size` (512 KiB unless configured).
    pub struct KvEntry {
        /// How often the key was locked.
        lock_index: u64 = "LockIndex",
        key: Text = "Key",
        /// Opaque to the server.
        flags: u64 = "Flags",
        /// `None` is the JSON `null` of an entry without a value.
        value: Option<Bytes> = "Value",
        /// The session that holds the lock, or "".
        session: String = "Session" [omit],
        #flatten indexes: RaftIndex,
    }
}
