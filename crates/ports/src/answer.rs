//! Answers: shared between everyone who asked the same, with their encoded bodies kept beside them.

use bytes::Bytes;
use model::{
    AutopilotConfig, CaRoot, CheckServiceNode, Coordinate, HealthCheck, KvEntry, Node, NodeDump,
    NodeService, PreparedQuery, Session,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Rows of an answer; they are shared with the state root they were read from. Order is the reference's (spec/server.md §4.2)
/// after filter and `near`.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// One key or none.
    KvEntry(Option<Arc<KvEntry>>),
    /// Entries in key order.
    KvEntries(Vec<Arc<KvEntry>>),
    /// Key names, or prefixes cut after the separator, in order, without duplicates. `found` tells an empty result
    /// that HTTP answers with 404.
    Keys(Vec<Bytes>),
    /// Sessions by ID (zero or one for a lookup).
    Sessions(Vec<Arc<Session>>),
    /// Nodes by name.
    Nodes(Vec<Arc<Node>>),
    /// Service names with their tags, each without duplicates.
    Services(BTreeMap<String, Vec<String>>),
    /// Service names.
    ServiceNames(Vec<String>),
    /// Instances with their nodes, by node and service ID.
    ServiceNodes(Vec<(Arc<Node>, Arc<NodeService>)>),
    /// A node with its services by ID, or none.
    NodeServices(Option<(Arc<Node>, Vec<Arc<NodeService>>)>),
    /// Checks by node and check ID.
    Checks(Vec<Arc<HealthCheck>>),
    /// Instances with node and checks.
    CheckServiceNodes(Vec<CheckServiceNode>),
    /// Nodes with everything on them.
    NodeDump(Vec<NodeDump>),
    /// Coordinates by node and segment.
    Coordinates(Vec<Arc<Coordinate>>),
    /// Prepared queries by ID.
    PreparedQueries(Vec<Arc<PreparedQuery>>),
    /// The stored configuration, if any.
    AutopilotConfig(Option<Arc<AutopilotConfig>>),
    /// Counter name → value: `nodes`, `services` (instances), `service_names`, `billable_services`, `kvs`,
    /// `connect_native`, and `kind:<kind>` for each kind of instance but the typical one. A missing name is zero.
    Usage(BTreeMap<String, u64>),
    /// What the mesh trusts.
    CaRoots {
        /// `<cluster ID>.consul`.
        trust_domain: String,
        /// By ID; one of them is active.
        roots: Vec<Arc<CaRoot>>,
    },
}

/// The encoded forms an answer may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Compact JSON of the HTTP API.
    Json,
    /// JSON indented by four spaces, without the final newline of `?pretty`.
    JsonIndented,
    /// Gzip of [`Form::Json`].
    JsonGzip,
    /// Gzip of [`Form::JsonIndented`].
    JsonIndentedGzip,
    /// RPC reply body.
    Msgpack,
}

/// Counts how often an answer was really encoded; tests and metrics read it.
pub static ENCODES: AtomicU64 = AtomicU64::new(0);

/// The result of one run of a query, shared by all who wait for it.
#[derive(Debug)]
pub struct Answer {
    /// Result index, at least 1.
    pub index: u64,
    /// The rows.
    pub data: Data,
    /// Whether ACLs removed rows.
    pub filtered_by_acls: bool,
    kept: Mutex<Kept>,
}

/// What stands beside the rows.
#[derive(Debug, Default)]
struct Kept {
    forms: Vec<(Form, Bytes)>,
    /// The account that bears what this answer takes, with the bytes it bears.
    account: Option<(Arc<AtomicUsize>, usize)>,
}

/// What a row is taken to weigh when an answer is charged for it, bytes. It may be shared with the tables, or be the last that
/// holds an old version.
const ROW_BYTES: usize = 256;

impl Answer {
    /// An answer without encoded forms yet.
    pub fn new(index: u64, data: Data, filtered_by_acls: bool) -> Self {
        Self {
            index: index.max(1),
            data,
            filtered_by_acls,
            kept: Mutex::default(),
        }
    }

    /// The body in `form`, encoding it at most once. Who comes second waits for the first: one encode per change.
    pub fn encoded(&self, form: Form, encode: impl FnOnce(&Data) -> Bytes) -> Bytes {
        let mut kept = self.kept.lock();
        if let Some((_, body)) = kept.forms.iter().find(|(f, _)| *f == form) {
            return body.clone();
        }
        ENCODES.fetch_add(1, Ordering::Relaxed);
        let body = encode(&self.data);
        kept.forms.push((form, body.clone()));
        if let Some((account, bytes)) = &mut kept.account {
            account.fetch_add(body.len(), Ordering::Relaxed);
            *bytes += body.len();
        }
        body
    }

    /// Lets an account bear what this answer takes, bytes: its rows, the bodies it has and those that it will have. It does
    /// until [`Answer::discharge`] or the answer's end.
    pub fn charge(&self, account: &Arc<AtomicUsize>) {
        let mut kept = self.kept.lock();
        if kept.account.is_none() {
            let bodies: usize = kept.forms.iter().map(|(_, body)| body.len()).sum();
            let bytes = bodies + self.data.bytes();
            account.fetch_add(bytes, Ordering::Relaxed);
            kept.account = Some((account.clone(), bytes));
        }
    }

    /// Nobody bears this answer any more.
    pub fn discharge(&self) {
        self.kept.lock().discharge();
    }
}

impl Kept {
    fn discharge(&mut self) {
        if let Some((account, bytes)) = self.account.take() {
            account.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.discharge();
    }
}

impl Data {
    /// Memory of the rows, bytes, estimated.
    fn bytes(&self) -> usize {
        let rows = match self {
            Self::KvEntry(row) => return row.as_ref().map_or(0, kv_bytes) + ROW_BYTES,
            Self::KvEntries(rows) => return rows.iter().map(kv_bytes).sum::<usize>() + ROW_BYTES,
            Self::Keys(rows) => return rows.iter().map(|key| key.len() + 64).sum(),
            Self::NodeServices(None) | Self::AutopilotConfig(_) => 1,
            Self::Sessions(rows) => rows.len(),
            Self::Nodes(rows) => rows.len(),
            Self::Services(rows) => rows.values().map(|tags| 1 + tags.len() / 4).sum(),
            Self::ServiceNames(rows) => rows.len(),
            Self::ServiceNodes(rows) => rows.len(),
            Self::NodeServices(Some((_, rows))) => 1 + rows.len(),
            Self::Checks(rows) => rows.len(),
            Self::CheckServiceNodes(rows) => rows.iter().map(|row| 1 + row.checks.len()).sum(),
            Self::NodeDump(rows) => rows
                .iter()
                .map(|row| 1 + row.services.len() + row.checks.len())
                .sum(),
            Self::Coordinates(rows) => rows.len(),
            Self::PreparedQueries(rows) => rows.len(),
            Self::Usage(rows) => rows.len(),
            Self::CaRoots { roots, .. } => 16 * roots.len(),
        };
        rows.max(1) * ROW_BYTES
    }
}

fn kv_bytes(row: &Arc<KvEntry>) -> usize {
    row.key.as_bytes().len() + row.value.as_deref().map_or(0, <[u8]>::len) + ROW_BYTES
}

/// An answer with what is particular to this request.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The shared part.
    pub answer: Arc<Answer>,
    /// Whether the answering server knows a leader.
    pub known_leader: bool,
    /// Time since the answering server heard from the leader; zero on the leader.
    pub last_contact: Duration,
    /// Whether rows were removed and the caller sent a token.
    pub filtered_by_acls: bool,
}
