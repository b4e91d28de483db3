//! The ring of touched rows and those who listen.

use super::scope::Scopes;
use parking_lot::Mutex;
use state::RowKey;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// Touched rows kept for streams that lag or come back.
const ROWS_MAX: usize = 65_536;
/// Bytes of their keys.
const BYTES_MAX: usize = 8 << 20;

/// A stream as the apply thread knows it.
pub(crate) struct Listener {
    pub(crate) scopes: Scopes,
    /// Woken and has not looked since.
    dirty: AtomicBool,
    pub(crate) news: Notify,
}

impl Listener {
    /// What is published from here on wakes again. Called before looking.
    pub(crate) fn looks(&self) {
        self.dirty.store(false, Ordering::SeqCst);
    }

    fn tell(&self) {
        if !self.dirty.swap(true, Ordering::SeqCst) {
            self.news.notify_one();
        }
    }
}

#[derive(Default)]
struct Ring {
    /// By rising index; rows of one batch bear the index of its last command.
    rows: VecDeque<(u64, RowKey)>,
    bytes: usize,
    /// Rows up to this index may be missing.
    dropped: u64,
}

/// What happened behind an index.
pub(crate) enum Since {
    /// These rows, in order.
    Rows(Vec<(u64, RowKey)>),
    /// More than is kept.
    Lost,
}

/// What batches touched, once somebody has wanted to know.
#[derive(Default)]
pub(crate) struct Journal {
    wanted: AtomicBool,
    /// What happened up to this index cannot be told row by row.
    broken: AtomicU64,
    ring: Mutex<Ring>,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

fn size(row: &RowKey) -> usize {
    match row {
        RowKey::Kv(key) | RowKey::Node(key) => key.len(),
        RowKey::Service { node, id, name } => node.len() + id.len() + name.len(),
        RowKey::Check { node, id, service } => node.len() + id.len() + service.len(),
    }
}

impl Journal {
    /// Whether batches are to note their rows. From the first stream on it stays so, for that stream may come back.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// A listener more.
    pub(crate) fn listen(&self, scopes: Scopes) -> Arc<Listener> {
        let mut listeners = self.listeners.lock();
        self.wanted.store(true, Ordering::Release);
        let listener = Arc::new(Listener {
            scopes,
            dirty: AtomicBool::new(false),
            news: Notify::new(),
        });
        listeners.push(listener.clone());
        listener
    }

    /// Undoes [`Journal::listen`].
    pub(crate) fn leave(&self, listener: &Arc<Listener>) {
        self.listeners.lock().retain(|l| !Arc::ptr_eq(l, listener));
    }

    /// Keeps what a batch touched; before its root is published. `None` breaks the sequence there.
    pub(crate) fn keep(&self, index: u64, rows: Option<&[RowKey]>) {
        let Some(rows) = rows else {
            self.broken.store(index, Ordering::SeqCst);
            if self.is_wanted() {
                *self.ring.lock() = Ring {
                    dropped: index,
                    ..Ring::default()
                };
            }
            return;
        };
        if rows.is_empty() {
            return;
        }
        let mut ring = self.ring.lock();
        for row in rows {
            ring.bytes += size(row);
            ring.rows.push_back((index, row.clone()));
        }
        while ring.rows.len() > ROWS_MAX || ring.bytes > BYTES_MAX {
            let Some((index, row)) = ring.rows.pop_front() else {
                break;
            };
            ring.bytes -= size(&row);
            ring.dropped = index;
        }
    }

    /// Wakes those whom a batch concerns; after its root was published.
    pub(crate) fn wake(&self, rows: Option<&[RowKey]>) {
        if !self.is_wanted() || rows.is_some_and(<[_]>::is_empty) {
            return;
        }
        for listener in self.listeners.lock().iter() {
            let concerns = listener.dirty.load(Ordering::SeqCst)
                || rows.is_none_or(|rows| rows.iter().any(|row| listener.scopes.covers(row)));
            if concerns {
                listener.tell();
            }
        }
    }

    /// The index up to which nothing can be told row by row.
    pub(crate) fn broken(&self) -> u64 {
        self.broken.load(Ordering::SeqCst)
    }

    /// The rows of interest touched behind `after`, up to and with `until`.
    pub(crate) fn since(&self, after: u64, until: u64, scopes: &Scopes) -> Since {
        let ring = self.ring.lock();
        if after < ring.dropped {
            return Since::Lost;
        }
        let first = ring.rows.partition_point(|(index, _)| *index <= after);
        Since::Rows(
            ring.rows
                .range(first..)
                .take_while(|(index, _)| *index <= until)
                .filter(|(_, row)| scopes.covers(row))
                .cloned()
                .collect(),
        )
    }
}
