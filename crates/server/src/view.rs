//! The current root and those who wait for the next: what the apply thread writes and every reader reads.

use crate::changes::Journal;
use crate::counters::Counters;
use crate::group::Group;
use crate::places::Held;
use crate::watch::Registry;
use arc_swap::{ArcSwap, Guard};
use ports::Authorized;
use state::{Root, RowKey, WatchKey};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::UnboundedSender;

/// Groups with up to this many waiters are woken on the apply thread itself; larger ones by a task, so that a crowd does not
/// hold up the answer of the write that woke it.
const WAKE_INLINE: usize = 32;

/// One published version of the tables.
pub(crate) struct View {
    pub(crate) root: Root,
    /// Index of the last command in it.
    pub(crate) index: u64,
    /// Number of the publication; rises by one with each.
    pub(crate) seq: u64,
    /// How often a restore has replaced everything.
    pub(crate) epoch: u64,
    /// The last publication that removed tombstones: the one change of KV indexes that touches no key.
    pub(crate) reaped: u64,
}

/// What changed with a batch, beside the root.
#[derive(Default)]
pub(crate) struct Nature {
    /// Index of its last command.
    pub(crate) index: u64,
    /// The rows it touched, if they were noted.
    pub(crate) rows: Option<Vec<RowKey>>,
    pub(crate) restored: bool,
    pub(crate) reaped: bool,
}

/// The current view with the registry of waiters.
pub(crate) struct Board {
    view: ArcSwap<View>,
    pub(crate) registry: Registry,
    pub(crate) counters: Arc<Counters>,
    pub(crate) journal: Journal,
    /// Places for streams of changes.
    pub(crate) streams: Held,
    /// A restore has begun and not ended: what it collected takes memory.
    pub(crate) restoring: AtomicBool,
    crowds: UnboundedSender<Arc<Group>>,
}

impl Board {
    /// `crowds` receives groups too large to wake in passing. It holds a group once per publication at most.
    pub(crate) fn new(counters: Arc<Counters>, crowds: UnboundedSender<Arc<Group>>) -> Self {
        Self {
            view: ArcSwap::from_pointee(View {
                root: Root::default(),
                index: 0,
                seq: 1,
                epoch: 0,
                reaped: 0,
            }),
            registry: Registry::new(),
            counters,
            journal: Journal::default(),
            streams: Held::streams(),
            restoring: AtomicBool::new(false),
            crowds,
        }
    }

    /// The rows as of now, for who was let in.
    pub(crate) fn view(&self, _: &Authorized) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// Makes `root` current, marks every group it concerns and wakes those with waiters. When this returns, every later read
    /// sees the root. Groups on `stale` keys are marked, but nobody is woken for them. Only one thread publishes.
    pub(crate) fn publish(
        &self,
        root: Root,
        keys: &[WatchKey],
        stale: &[WatchKey],
        nature: Nature,
    ) {
        let (seq, epoch, reaped) = {
            let old = self.view.load();
            let seq = old.seq + 1;
            (
                seq,
                old.epoch + u64::from(nature.restored),
                if nature.reaped || nature.restored {
                    seq
                } else {
                    old.reaped
                },
            )
        };
        let rows = nature.rows.as_deref().filter(|_| !nature.restored);
        self.journal.keep(nature.index, rows);
        self.view.store(Arc::new(View {
            root,
            index: nature.index,
            seq,
            epoch,
            reaped,
        }));
        self.journal.wake(rows);
        let woken = self.registry.touch(keys, seq);
        // Second, for a group is marked once per publication: the mark that wakes has to come first.
        self.registry.touch(stale, seq);
        for group in woken {
            self.counters
                .notified_groups
                .fetch_add(1, Ordering::Relaxed);
            if group.waiters() <= WAKE_INLINE {
                group.wake();
            } else if let Err(unsent) = self.crowds.send(group) {
                unsent.0.wake();
            }
        }
    }
}
