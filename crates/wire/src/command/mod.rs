//! Replicated commands: what stands in a log entry (spec/server.md §2.2, spec/wire.md §7.4).
//!
//! A new command is its record, its type byte and one line in the list below: what is decoded, known and named follows from it.
//! An entry is a stamp, one type byte and a msgpack body. Types below 64 are the reference's; [`kind::RESTORE_BEGIN`] and its
//! companions are ours and never leave our own log.

#[macro_use]
mod list;
mod codec;
mod stamp;

pub use codec::{DecodeError, MAX_RESTORE_CHUNK};
pub use stamp::Stamp;

use dialect::msgpack::{Encode, Error, Reader, Writer};
use dialect::{Bytes, Dict, List, record};
use model::{
    AutopilotConfig, CaConfiguration, CaProviderState, CaRoot, Coordinate, HealthCheck, KvEntry,
    Locality, Node, NodeService, PreparedQuery, RaftIndex, Session, SystemMetadataEntry,
};

record! {
    /// Registers a node and, with it, a service and checks. Also the snapshot record of type 0.
    pub struct RegisterRequest {
        datacenter: String = "Datacenter",
        id: String = "ID",
        node: String = "Node",
        address: String = "Address",
        tagged_addresses: Dict<String> = "TaggedAddresses",
        node_meta: Dict<String> = "NodeMeta",
        service: Option<Box<NodeService>> = "Service",
        check: Option<Box<HealthCheck>> = "Check",
        checks: List<HealthCheck> = "Checks",
        locality: Option<Box<Locality>> = "Locality",
        skip_node_update: bool = "SkipNodeUpdate",
        peer_name: String = "PeerName",
        token: String = "Token",
        #flatten indexes: RaftIndex,
    }
}

record! {
    /// Removes a check, a service or a whole node.
    pub struct DeregisterRequest {
        datacenter: String = "Datacenter",
        node: String = "Node",
        service_id: String = "ServiceID",
        check_id: String = "CheckID",
        peer_name: String = "PeerName",
        token: String = "Token",
    }
}

record! {
    /// A KV write. `op`: `set delete delete-cas delete-tree cas lock unlock`.
    pub struct KvsRequest {
        datacenter: String = "Datacenter",
        op: String = "Op",
        entry: KvEntry = "DirEnt",
        token: String = "Token",
    }
}

record! {
    /// Creates or destroys a session. `op`: `create destroy`.
    pub struct SessionRequest {
        datacenter: String = "Datacenter",
        op: String = "Op",
        session: Session = "Session",
        token: String = "Token",
    }
}

record! {
    /// Removes tombstones up to an index. `op`: `reap`.
    pub struct TombstoneRequest {
        datacenter: String = "Datacenter",
        op: String = "Op",
        reap_index: u64 = "ReapIndex",
        token: String = "Token",
    }
}

record! {
    /// Writes a prepared query. `op`: `create update delete`.
    pub struct PreparedQueryRequest {
        datacenter: String = "Datacenter",
        op: String = "Op",
        query: Option<Box<PreparedQuery>> = "Query",
        token: String = "Token",
    }
}

record! {
    /// KV operation of a transaction: the write verbs and `get get-or-empty get-tree check-session check-index check-not-exists`.
    pub struct TxnKvOp {
        verb: String = "Verb",
        entry: KvEntry = "DirEnt",
    }
}

record! {
    /// Node operation of a transaction. `verb`: `get set cas delete delete-cas`.
    pub struct TxnNodeOp {
        verb: String = "Verb",
        node: Node = "Node",
    }
}

record! {
    /// Service operation of a transaction. `verb`: `get set cas delete delete-cas`.
    pub struct TxnServiceOp {
        verb: String = "Verb",
        node: String = "Node",
        service: NodeService = "Service",
    }
}

record! {
    /// Check operation of a transaction. `verb`: `get set cas delete delete-cas`.
    pub struct TxnCheckOp {
        verb: String = "Verb",
        check: HealthCheck = "Check",
    }
}

record! {
    /// Session operation of a transaction. `verb`: `delete`.
    pub struct TxnSessionOp {
        verb: String = "Verb",
        session: Session = "Session",
    }
}

record! {
    /// One operation of a transaction: exactly one member is set.
    pub struct TxnOp {
        kv: Option<Box<TxnKvOp>> = "KV",
        node: Option<Box<TxnNodeOp>> = "Node",
        service: Option<Box<TxnServiceOp>> = "Service",
        check: Option<Box<TxnCheckOp>> = "Check",
        session: Option<Box<TxnSessionOp>> = "Session",
        /// Legacy intention operations: carried, never executed (intentions are config entries).
        intention: Option<Box<dialect::Any>> = "Intention",
    }
}

record! {
    /// A transaction of up to 128 operations.
    pub struct TxnRequest {
        datacenter: String = "Datacenter",
        ops: List<TxnOp> = "Ops",
        token: String = "Token",
    }
}

record! {
    /// Why an operation of a transaction failed.
    pub struct TxnError {
        op_index: i64 = "OpIndex",
        what: String = "What",
    }
}

record! {
    /// What an operation of a transaction yields: one member is set.
    pub struct TxnResult {
        kv: Option<Box<KvEntry>> = "KV" [omit],
        node: Option<Box<Node>> = "Node" [omit],
        service: Option<Box<NodeService>> = "Service" [omit],
        check: Option<Box<HealthCheck>> = "Check" [omit],
    }
}

record! {
    /// The answer of a transaction.
    pub struct TxnResponse {
        results: List<TxnResult> = "Results",
        errors: List<TxnError> = "Errors",
    }
}

record! {
    /// Sets the autopilot configuration; with `cas` only when its ModifyIndex still matches.
    pub struct AutopilotSetConfigRequest {
        datacenter: String = "Datacenter",
        config: AutopilotConfig = "Config",
        cas: bool = "CAS",
        token: String = "Token",
    }
}

record! {
    /// Writes a flag that servers agree on. `op`: `upsert delete`.
    pub struct SystemMetadataRequest {
        datacenter: String = "Datacenter",
        op: String = "Op",
        entry: Option<Box<SystemMetadataEntry>> = "Entry",
        token: String = "Token",
    }
}

record! {
    /// Writes what the certificate authority keeps. `op`: `set-roots set-config set-provider-state delete-provider-state
    /// set-roots-config increment-provider-serial`. `index` is what the table's index must still be for `set-roots`.
    pub struct CaRequest {
        op: String = "Op",
        datacenter: String = "Datacenter",
        index: u64 = "Index",
        roots: List<CaRoot> = "Roots",
        config: Option<Box<CaConfiguration>> = "Config",
        provider_state: Option<Box<CaProviderState>> = "ProviderState",
        token: String = "Token",
    }
}

/// Type bytes of commands.
pub mod kind {
    /// [`super::RegisterRequest`]
    pub const REGISTER: u8 = 0;
    /// [`super::DeregisterRequest`]
    pub const DEREGISTER: u8 = 1;
    /// [`super::KvsRequest`]
    pub const KVS: u8 = 2;
    /// [`super::SessionRequest`]
    pub const SESSION: u8 = 3;
    /// [`super::TombstoneRequest`]
    pub const TOMBSTONE: u8 = 5;
    /// Array of coordinates.
    pub const COORDINATE_BATCH: u8 = 6;
    /// [`super::PreparedQueryRequest`]
    pub const PREPARED_QUERY: u8 = 7;
    /// [`super::TxnRequest`]
    pub const TXN: u8 = 8;
    /// [`super::AutopilotSetConfigRequest`]
    pub const AUTOPILOT: u8 = 9;
    /// [`super::CaRequest`]
    pub const CONNECT_CA: u8 = 13;
    /// [`super::SystemMetadataRequest`]
    pub const SYSTEM_METADATA: u8 = 31;
    /// Ours: starts a restore; body: msgpack of the archive's index.
    pub const RESTORE_BEGIN: u8 = 120;
    /// Ours, of logs before pieces had a place: a piece of at most 512 KiB of the archive's state stream.
    pub const RESTORE_CHUNK: u8 = 121;
    /// The removed ACL system; answered with an error.
    pub const LEGACY_ACL: u8 = 4;
    /// Checkpoint of a log verifier: no effect.
    pub const VERIFIER: u8 = 41;
    /// Ours, of logs before pieces had a place: swaps the restored root in.
    pub const RESTORE_COMMIT: u8 = 122;
    /// Ours: a piece with its place; body: array of restore, sequence, bytes.
    pub const RESTORE_PIECE: u8 = 123;
    /// Ours: swaps the restored root in; body: array of restore, number of pieces.
    pub const RESTORE_END: u8 = 124;
    /// Ours: lets go what a restore has collected; no body.
    pub const RESTORE_ABORT: u8 = 125;
    /// Ours: a [`super::Stamp`], then the command itself from its own type byte on.
    pub const STAMPED: u8 = 126;
    /// Flag: an unknown command of this type is skipped instead of ending the process.
    pub const IGNORE_UNKNOWN: u8 = 128;
}

commands! {
    /// Node, service, checks.
    Register(Box<RegisterRequest>) of RegisterRequest = REGISTER, |body| 2048 + 1024 * body.checks.len();
    /// Removal from the catalog.
    Deregister(Box<DeregisterRequest>) of DeregisterRequest = DEREGISTER, |_| 512;
    /// KV write.
    Kvs(Box<KvsRequest>) of KvsRequest = KVS, |body| {
        256 + value_size(&body.entry) + body.entry.key.len() + body.token.len()
    };
    /// Session create or destroy.
    Session(Box<SessionRequest>) of SessionRequest = SESSION, |_| 512;
    /// Tombstone reaping.
    Tombstone(TombstoneRequest) of TombstoneRequest = TOMBSTONE, |_| 96;
    /// Coordinates of several nodes; versions that do not know them may skip them.
    CoordinateBatch(List<Coordinate>) of List<Coordinate> = COORDINATE_BATCH | IGNORE_UNKNOWN, |batch| 16 + 192 * batch.len();
    /// Prepared query write.
    PreparedQuery(Box<PreparedQueryRequest>) of PreparedQueryRequest = PREPARED_QUERY, |_| 1024;
    /// Transaction.
    Txn(Box<TxnRequest>) of TxnRequest = TXN, |body| body.ops.iter().fold(128, |size, op| {
        size + op.kv.as_ref().map_or(1280, |kv| 256 + value_size(&kv.entry))
    });
    /// Autopilot configuration.
    Autopilot(Box<AutopilotSetConfigRequest>) of AutopilotSetConfigRequest = AUTOPILOT, |_| 512;
    /// The certificate authority.
    ConnectCa(Box<CaRequest>) of CaRequest = CONNECT_CA, |_| 4096;
    /// Flags that servers agree on.
    SystemMetadata(Box<SystemMetadataRequest>) of SystemMetadataRequest = SYSTEM_METADATA, |_| 512;
}

fn value_size(entry: &KvEntry) -> usize {
    entry.value.as_ref().map_or(0, |value| value.len())
}

/// Which restore a piece belongs to, and which piece it is: those of one leader's restore may stand in the log behind the
/// begin of another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestorePlace {
    /// The index at which the restore's begin was applied.
    pub restore: u64,
    /// Pieces before this one.
    pub sequence: u64,
}

/// What applying a command yields; the RPC layer turns it into a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Success without a value.
    Nil,
    /// Compare-and-set and lock operations.
    Bool(bool),
    /// The ID of a created object.
    Id(String),
    /// An index operation.
    Index(u64),
    /// A transaction's results or errors.
    Txn(Box<TxnResponse>),
    /// The command was refused; the text is what the client sees.
    Error(String),
}
