//! What readers wait for and what writes touch.
//!
//! A read says on which keys it parks, `apply` says which keys it touched; the room brings the two together. A key stands for
//! rows, never for an index entry: some entries move without a wake-up (spec/server.md §5.3). Names inside are folded.

use crate::key::{Key, fold};
use crate::rows::{Noted, RowKey};
use model::Session;
use smallvec::SmallVec;
use std::{sync::Arc, time::Duration};

/// What a reader can wait for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKey {
    /// The row of a node.
    Node(Key),
    /// Rows of any node.
    AllNodes,
    /// Rows of nodes that have, or had, a pair of metadata.
    NodeMeta(Key),
    /// Instances of a service and the rows of their nodes.
    Service(Key),
    /// As `Service`, and the checks of the instances and of their nodes.
    ServiceHealth(Key),
    /// Mesh-capable instances for a service name and the rows of their nodes.
    Connect(Key),
    /// As `Connect`, with checks.
    ConnectHealth(Key),
    /// Ingress gateways that expose a service. Nothing touches it before gateways are configured.
    IngressHealth(Key),
    /// Instances of a kind (`typical` for none), their nodes and checks.
    Kind(Key),
    /// Instances of any service.
    AllServices,
    /// A node and its instances.
    NodeServices(Key),
    /// Checks of a node.
    NodeChecks(Key),
    /// Checks of a service.
    ServiceChecks(Key),
    /// Checks with a status; the text is not folded.
    ChecksInState(Key),
    /// All checks.
    AllChecks,
    /// Registered: one KV key. Touched: that key, which concerns the prefixes of it as well.
    KvKey(Key),
    /// Registered: all keys with a prefix. Touched: any key with that prefix may be gone.
    KvPrefix(Key),
    /// One session.
    Session(Key),
    /// Sessions of a node.
    NodeSessions(Key),
    /// All sessions.
    AllSessions,
    /// Coordinates of a node.
    Coordinates(Key),
    /// All coordinates.
    AllCoordinates,
    /// One prepared query, by ID.
    PreparedQuery(Key),
    /// All prepared queries.
    AllPreparedQueries,
    /// The autopilot configuration.
    Autopilot,
    /// Root certificates of the mesh.
    CaRoots,
    /// Which provider signs them.
    CaConfig,
    /// Flags that servers agree on.
    SystemMetadata,
    /// Only ever touched: a restore replaced every row; every reader wakes and answers.
    Everything,
}

macro_rules! by_name {
    ($($(#[$doc:meta])* $ctor:ident => $variant:ident),* $(,)?) => {
        impl WatchKey {
            $($(#[$doc])* pub fn $ctor(name: &str) -> Self { Self::$variant(Key::from(&*fold(name))) })*
        }
    };
}

by_name! {
    /// [`WatchKey::Node`] of a name in any spelling.
    node => Node,
    /// [`WatchKey::Service`] of a name in any spelling.
    service => Service,
    /// [`WatchKey::ServiceHealth`] of a name in any spelling.
    service_health => ServiceHealth,
    /// [`WatchKey::Connect`] of a name in any spelling.
    connect => Connect,
    /// [`WatchKey::ConnectHealth`] of a name in any spelling.
    connect_health => ConnectHealth,
    /// [`WatchKey::IngressHealth`] of a name in any spelling.
    ingress_health => IngressHealth,
    /// [`WatchKey::Kind`].
    kind => Kind,
    /// [`WatchKey::NodeServices`] of a name in any spelling.
    node_services => NodeServices,
    /// [`WatchKey::NodeChecks`] of a name in any spelling.
    node_checks => NodeChecks,
    /// [`WatchKey::ServiceChecks`] of a name in any spelling.
    service_checks => ServiceChecks,
    /// [`WatchKey::NodeSessions`] of a name in any spelling.
    node_sessions => NodeSessions,
    /// [`WatchKey::Coordinates`] of a name in any spelling.
    coordinates => Coordinates,
}

impl WatchKey {
    /// [`WatchKey::NodeMeta`] of a pair.
    pub fn node_meta(key: &str, value: &str) -> Self {
        Self::NodeMeta(Key::from(&*[key, value].join("\0")))
    }
}

/// The keys a read parks on.
pub type WatchSet = SmallVec<[WatchKey; 2]>;

/// The answer of a read of one root.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadResult<T> {
    /// The index the rows stand at (spec/server.md §4.2), 0 where nothing was ever written; the room reports 0 as 1.
    pub index: u64,
    /// The rows.
    pub rows: T,
    /// What can change them.
    pub watch: WatchSet,
}

impl<T> ReadResult<T> {
    pub(crate) fn new(index: u64, rows: T, watch: impl IntoIterator<Item = WatchKey>) -> Self {
        Self {
            index,
            rows,
            watch: watch.into_iter().collect(),
        }
    }

    /// The same answer with other rows.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> ReadResult<U> {
        ReadResult {
            index: self.index,
            rows: f(self.rows),
            watch: self.watch,
        }
    }
}

/// What applying a command asks of the room, beside waking readers. None of it is part of the state.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A key may not be locked for a time (spec/server.md §3.6).
    LockDelay {
        /// The key.
        key: Key,
        /// From now on.
        delay: Duration,
    },
    /// A session was created: it may need a timer.
    SessionCreated(Arc<Session>),
    /// A session is gone.
    SessionDestroyed(String),
    /// Tombstones were written at this index: they will need reaping.
    Tombstones(u64),
    /// A restore replaced the root: everything derived from rows starts anew.
    Restored,
}

/// What the commands of a batch touched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// Readers parked on these are woken.
    pub keys: Vec<WatchKey>,
    /// Answers that depend on these are out of date, but who waits on them goes on waiting: an instance took another name
    /// or kind, of which the old one's index tells nothing (spec/server.md §3.2).
    pub stale: Vec<WatchKey>,
    /// What else is to be done, in order.
    pub effects: Vec<Effect>,
}

fn once(keys: &mut Vec<WatchKey>) -> Vec<WatchKey> {
    let mut keys = std::mem::take(keys);
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Collects what the commands of a batch touched.
#[derive(Debug, Default)]
pub struct Touched {
    keys: Vec<WatchKey>,
    stale: Vec<WatchKey>,
    effects: Vec<Effect>,
    /// Rows one by one, while somebody wants to know them.
    noted: Option<Noted>,
}

/// Where a collection stood.
pub(crate) struct Mark {
    keys: usize,
    stale: usize,
    effects: usize,
    rows: usize,
}

impl Touched {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether no key was touched and no effect asked for.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.stale.is_empty() && self.effects.is_empty()
    }

    /// What was touched, each key once, and the effects in order; leaves this empty for the next batch.
    pub fn take(&mut self) -> Taken {
        let keys = once(&mut self.keys);
        let mut stale = once(&mut self.stale);
        stale.retain(|key| keys.binary_search(key).is_err());
        Taken {
            keys,
            stale,
            effects: std::mem::take(&mut self.effects),
        }
    }

    /// From the next command on, whether rows are noted one by one. Forgets what was noted.
    pub fn note_rows(&mut self, wanted: bool) {
        self.noted = wanted.then(Noted::default);
    }

    /// The rows noted since the last call, a row as often as it was written; `None` if they were not noted, or were more
    /// than [`crate::rows::BATCH_ROWS_MAX`].
    pub fn take_rows(&mut self) -> Option<Vec<RowKey>> {
        let noted = std::mem::take(self.noted.as_mut()?);
        (!noted.over).then_some(noted.rows)
    }

    /// Notes a row, if rows are wanted.
    pub(crate) fn row(&mut self, row: impl FnOnce() -> RowKey) {
        if let Some(noted) = &mut self.noted {
            noted.push(row());
        }
    }

    pub(crate) fn key(&mut self, key: WatchKey) {
        self.keys.push(key);
    }

    pub(crate) fn stale(&mut self, key: WatchKey) {
        self.stale.push(key);
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            keys: self.keys.len(),
            stale: self.stale.len(),
            effects: self.effects.len(),
            rows: self.noted.as_ref().map_or(0, |noted| noted.rows.len()),
        }
    }

    pub(crate) fn rewind(&mut self, mark: &Mark) {
        self.keys.truncate(mark.keys);
        self.stale.truncate(mark.stale);
        self.effects.truncate(mark.effects);
        if let Some(noted) = &mut self.noted {
            noted.rows.truncate(mark.rows);
        }
    }
}
