//! Query groups: equal queries share one answer, one run and one wake-up.
//!
//! Owns the table of groups, the last answer of each, the limits of what is kept for those nobody waits for. It must never
//! learn how a query is run.

use crate::counters::Counters;
use crate::ran::{Compiled, Ran};
use crate::view::Board;
use hashbrown::HashTable;
use parking_lot::Mutex;
use ports::{Authorized, Query};
use state::WatchSet;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Shards of the table; a power of two.
const SHARDS: usize = 16;
/// Answers kept for queries that nobody waits for.
const IDLE_GROUPS_MAX: usize = 4096;
/// Memory of all that is kept for queries that nobody waits for, bytes: compiled filters, rows and encoded bodies.
pub(crate) const IDLE_BYTES_MAX: usize = 32 << 20;
/// A group itself, with its places in the table and the registry, bytes.
const GROUP_BYTES: usize = 1 << 10;
/// Time between two looks at who was asked for. What was not since the look before goes.
pub(crate) const AGEING: Duration = Duration::from_secs(25);
/// Waiters of all groups together; beyond, a blocking query is refused.
pub(crate) const WAITERS_MAX: usize = 1_000_000;

/// All who ask the same.
pub(crate) struct Group {
    pub(crate) query: Query,
    /// Whose rows they are: one of those who ask, who all have the same identity.
    pub(crate) authorized: Authorized,
    hash: u64,
    /// Its filter may take long.
    pub(crate) heavy: bool,
    pub(crate) compiled: OnceLock<Box<Compiled>>,
    /// The last publication that touched a row of the answer. The answer is valid while it is not older.
    touched: AtomicU64,
    waiters: AtomicUsize,
    /// Asked for since the hand of the cache came by.
    recent: AtomicBool,
    last: Mutex<Last>,
    changed: Notify,
}

#[derive(Default)]
struct Last {
    ran: Option<Ran>,
    /// The keys the group is parked on.
    parked: WatchSet,
    /// The account that bears group and answer: set while the group is within reach of the cache's hand.
    account: Option<Arc<AtomicUsize>>,
    /// What the account bears for the group itself, bytes.
    charged: usize,
    /// Nobody asked between the last two looks.
    aged: bool,
    /// Out of the table: nobody may park it any more.
    evicted: bool,
}

impl Last {
    /// Out of the reach of the cache's hand.
    fn release(&mut self) {
        if let Some(account) = self.account.take() {
            account.fetch_sub(std::mem::take(&mut self.charged), Ordering::Relaxed);
            if let Some(ran) = &self.ran {
                ran.answer.discharge();
            }
        }
    }
}

impl Group {
    pub(crate) fn new(authorized: Authorized, query: Query, hash: u64) -> Arc<Self> {
        Arc::new(Self {
            heavy: ports::filter::is_heavy(&query.filter),
            query,
            authorized,
            hash,
            compiled: OnceLock::new(),
            touched: AtomicU64::new(0),
            waiters: AtomicUsize::new(0),
            recent: AtomicBool::new(false),
            last: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Whether it is the group of who asks this with these rights.
    fn is_of(&self, authorized: &Authorized, query: &Query) -> bool {
        self.query == *query && self.authorized.id() == authorized.id()
    }

    /// Notes that publication `seq` touched the answer; whether someone has to be woken for it.
    pub(crate) fn mark(&self, seq: u64) -> bool {
        self.touched.fetch_max(seq, Ordering::SeqCst) < seq
            && self.waiters.load(Ordering::SeqCst) > 0
    }

    /// Whether a commit after publication `seq` touched the answer.
    pub(crate) fn is_touched_after(&self, seq: u64) -> bool {
        self.touched.load(Ordering::SeqCst) > seq
    }

    pub(crate) fn waiters(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Resolves at the next wake-up after it was enabled.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// The answer as of now: the one at hand while nothing touched it, or that of a run on the newest root. Who comes while
    /// another runs waits for that run.
    pub(crate) fn current(self: &Arc<Self>, board: &Board) -> Result<Ran, ports::RpcError> {
        let mut last = self.last.lock();
        if let Some(ran) = &last.ran {
            let view = board.view(&self.authorized);
            if self.touched.load(Ordering::SeqCst) <= ran.seq
                && (view.seq == ran.seq || crate::run::still_current(&view, &self.query, ran))
            {
                Counters::add(&board.counters.hits);
                return Ok(ran.clone());
            }
        }
        loop {
            let view = board.view(&self.authorized);
            Counters::add(&board.counters.runs);
            let (ran, watch) = crate::run::run(&view, self)?;
            if last.evicted {
                return Ok(ran);
            }
            let parked_more = self.park(board, &mut last, watch);
            // A commit between the read and the parking was not seen by anybody: read again, now parked.
            if parked_more && board.view(&self.authorized).seq != view.seq {
                continue;
            }
            let before = last.ran.replace(ran.clone());
            if let Some(account) = &last.account {
                if let Some(before) = before {
                    before.answer.discharge();
                }
                ran.answer.charge(account);
            }
            return Ok(ran);
        }
    }

    /// Lets the answer go; what the filter became stays.
    fn forget(self: &Arc<Self>, board: &Board) {
        let parked = {
            let mut last = self.last.lock();
            last.ran = None;
            std::mem::take(&mut last.parked)
        };
        for key in &parked {
            board.registry.unpark(key, self);
        }
    }

    /// Memory of the group without its answer, bytes.
    fn bytes(&self) -> usize {
        let compiled = self.compiled.get().map_or(0, |compiled| compiled.bytes());
        GROUP_BYTES + self.query.filter.len() + compiled
    }

    /// Parks on `watch` in place of what was before; whether a key is new.
    fn park(self: &Arc<Self>, board: &Board, last: &mut Last, watch: WatchSet) -> bool {
        if last.parked == watch {
            return false;
        }
        let mut more = false;
        for key in watch.iter().filter(|key| !last.parked.contains(key)) {
            board.registry.park(key, self);
            more = true;
        }
        for key in last.parked.iter().filter(|key| !watch.contains(key)) {
            board.registry.unpark(key, self);
        }
        last.parked = watch;
        more
    }
}

/// A waiter's stay in a group; dropping it is leaving.
pub(crate) struct Stay<'a> {
    groups: &'a Groups,
    pub(crate) group: Arc<Group>,
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.groups.total.fetch_sub(1, Ordering::Relaxed);
        if self.group.waiters.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.groups.rest(&self.group);
        }
    }
}

#[derive(Default)]
struct Shard {
    table: HashTable<Arc<Group>>,
    /// Groups without waiters, in the order of the cache's hand. One that got waiters again leaves when the hand meets it.
    idle: VecDeque<Arc<Group>>,
}

impl Shard {
    /// The hand is at a group that it took off the row: the group goes back there if it is in use or not to be spared, leaves the
    /// row if it is waited for, or leaves the table too and is handed out.
    fn turn(
        &mut self,
        group: Arc<Group>,
        spare: impl FnOnce(&Group, &mut Last) -> bool,
    ) -> Option<Arc<Group>> {
        {
            // Someone runs it just now: it is in use.
            let Some(mut last) = group.last.try_lock() else {
                self.idle.push_back(group.clone());
                return None;
            };
            let waited = group.waiters.load(Ordering::SeqCst) > 0;
            if !waited && !last.evicted && !spare(&group, &mut last) {
                drop(last);
                self.idle.push_back(group);
                return None;
            }
            last.release();
            if waited {
                return None;
            }
        }
        if let Ok(entry) = self
            .table
            .find_entry(group.hash, |g| Arc::ptr_eq(g, &group))
        {
            entry.remove();
        }
        Some(group)
    }
}

/// The table of groups.
pub(crate) struct Groups {
    board: Arc<Board>,
    hasher: hashbrown::DefaultHashBuilder,
    shards: Box<[Mutex<Shard>]>,
    total: AtomicUsize,
    idle_bytes: Arc<AtomicUsize>,
}

impl Groups {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        Self {
            board,
            hasher: hashbrown::DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            total: AtomicUsize::new(0),
            idle_bytes: Arc::default(),
        }
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The table inside uses the low bits.
        &self.shards[(hash >> 48) as usize % SHARDS]
    }

    /// Waiters in all groups.
    pub(crate) fn waiting(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// Wakes everyone who waits.
    pub(crate) fn wake_all(&self) {
        for shard in &self.shards {
            // Collected first: who wakes may want the shard.
            let groups: Vec<Arc<Group>> = shard.lock().table.iter().cloned().collect();
            groups.iter().for_each(|group| group.wake());
        }
    }

    /// What equal askers share a group by: the query, and who they are to the rules.
    fn hash(&self, authorized: &Authorized, query: &Query) -> u64 {
        self.hasher.hash_one((authorized.id(), query))
    }

    /// The answer to a query that does not wait.
    pub(crate) fn answer(
        &self,
        authorized: &Authorized,
        query: &Query,
    ) -> Result<Ran, ports::RpcError> {
        let hash = self.hash(authorized, query);
        let found = self
            .shard(hash)
            .lock()
            .table
            .find(hash, |g| g.is_of(authorized, query))
            .cloned();
        if let Some(group) = found {
            group.recent.store(true, Ordering::Relaxed);
            return group.current(&self.board);
        }
        let group = Group::new(authorized.clone(), query.clone(), hash);
        // A query that fails is not kept.
        let ran = group.current(&self.board)?;
        // There are as many filters as texts: an answer is kept for one that was asked for before, lately.
        if !group.query.filter.is_empty() {
            group.forget(&self.board);
        }
        self.keep(&group);
        Ok(ran)
    }

    /// Enters the group of `query` to wait; `None` when too many wait already.
    pub(crate) fn enter(&self, authorized: Authorized, query: Query) -> Option<Stay<'_>> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= WAITERS_MAX {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let hash = self.hash(&authorized, &query);
        let mut shard = self.shard(hash).lock();
        let group = match shard.table.find(hash, |g| g.is_of(&authorized, &query)) {
            Some(group) => group.clone(),
            None => {
                let group = Group::new(authorized, query, hash);
                shard.table.insert_unique(hash, group.clone(), |g| g.hash);
                group
            }
        };
        group.waiters.fetch_add(1, Ordering::SeqCst);
        drop(shard);
        Some(Stay {
            groups: self,
            group,
        })
    }

    /// Puts a group that was run outside the table into it, unless an equal one came first.
    fn keep(&self, group: &Arc<Group>) {
        let mut shard = self.shard(group.hash).lock();
        if shard
            .table
            .find(group.hash, |g| g.is_of(&group.authorized, &group.query))
            .is_some()
        {
            drop(shard);
            self.dissolve(group);
            return;
        }
        shard
            .table
            .insert_unique(group.hash, group.clone(), |g| g.hash);
        drop(shard);
        self.rest(group);
    }

    /// A group nobody waits for any more: it stays as cache within the limits.
    fn rest(&self, group: &Arc<Group>) {
        {
            let mut last = group.last.lock();
            let bytes = group.bytes();
            self.idle_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.idle_bytes.fetch_sub(last.charged, Ordering::Relaxed);
            last.charged = bytes;
            if let Some(ran) = &last.ran {
                ran.answer.charge(&self.idle_bytes);
            }
            let known = last.account.replace(self.idle_bytes.clone()).is_some();
            if known && !self.over(0) {
                return;
            }
        }
        let out = self.sweep(group);
        self.evict(&out);
    }

    fn evict(&self, out: &[Arc<Group>]) {
        for group in out {
            Counters::add(&self.board.counters.evictions);
            self.dissolve(group);
        }
    }

    /// Bytes kept for queries that nobody waits for.
    pub(crate) fn idle_bytes(&self) -> usize {
        self.idle_bytes.load(Ordering::Relaxed)
    }

    /// Lets go what nobody asked for since the look before the last.
    pub(crate) fn age(&self) {
        for shard in &self.shards {
            let mut out = Vec::new();
            {
                let mut shard = shard.lock();
                for _ in 0..shard.idle.len() {
                    let Some(next) = shard.idle.pop_front() else {
                        break;
                    };
                    if let Some(gone) = shard.turn(next, |group, last| {
                        let asked = group.recent.swap(false, Ordering::Relaxed);
                        !asked && std::mem::replace(&mut last.aged, !asked)
                    }) {
                        out.push(gone);
                    }
                }
            }
            self.evict(&out);
        }
    }

    fn over(&self, idle: usize) -> bool {
        idle > IDLE_GROUPS_MAX / SHARDS || self.idle_bytes() > IDLE_BYTES_MAX
    }

    /// Moves the hand of the shard's cache until it is within its limits; what it took out.
    fn sweep(&self, newest: &Arc<Group>) -> Vec<Arc<Group>> {
        let mut out = Vec::new();
        let mut shard = self.shard(newest.hash).lock();
        if !shard
            .idle
            .iter()
            .rev()
            .take(1)
            .any(|g| Arc::ptr_eq(g, newest))
        {
            shard.idle.push_back(newest.clone());
        }
        let mut steps = 2 * shard.idle.len();
        while steps > 0 && self.over(shard.idle.len()) {
            steps -= 1;
            let Some(next) = shard.idle.pop_front() else {
                break;
            };
            let spare = |group: &Group, _: &mut Last| !group.recent.swap(false, Ordering::Relaxed);
            out.extend(shard.turn(next, spare));
        }
        out
    }

    /// Nobody finds this group any more: nobody may wake it either.
    fn dissolve(&self, group: &Arc<Group>) {
        let parked = {
            let mut last = group.last.lock();
            last.evicted = true;
            last.ran = None;
            std::mem::take(&mut last.parked)
        };
        for key in &parked {
            self.board.registry.unpark(key, group);
        }
    }
}
