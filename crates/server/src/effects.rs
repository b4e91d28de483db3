//! What applying commands asks of the leader beside new rows: lock delays, session timers, tombstones to reap. All of it is
//! wall-clock business, which the tables know nothing of. What of it a restart rebuilds stands in docs/durability.md.

use dialect::duration;
use hashbrown::HashMap;
use model::Session;
use parking_lot::Mutex;
use rt::{Call, Instant, Time};
use state::{Effect, Key, Root};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What falls due in a term and takes a command. Both ends end with the term. Bounded by what sends: a session's timer exists once
/// per turn, tombstones once per bin.
pub(crate) struct Falling {
    /// ID and turn of a session whose TTL has passed since the renewal of that turn: [`Effects::is_due`] tells whether it still
    /// has.
    pub(crate) sessions: UnboundedReceiver<(String, u64)>,
    /// Tombstones up to this index are old.
    pub(crate) tombstones: UnboundedReceiver<u64>,
}

/// A session's time to live, running since its latest renewal.
struct Timer {
    call: Call,
    /// No two renewals share one.
    turn: u64,
}

/// The leader's timers.
struct Sessions {
    by_id: HashMap<String, Timer>,
    due: UnboundedSender<(String, u64)>,
}

/// The leader's tombstones.
struct Bins {
    /// Highest index by the time it is reaped at.
    by_time: BTreeMap<u64, u64>,
    due: UnboundedSender<u64>,
}

/// The clocks that commands start and stop.
pub(crate) struct Effects {
    time: Time,
    me: Weak<Effects>,
    delays: Mutex<HashMap<Key, Instant>>,
    /// `None` while another server leads.
    sessions: Mutex<Option<Sessions>>,
    turns: AtomicU64,
    /// `None` while another server leads.
    bins: Mutex<Option<Bins>>,
    tombstone_ttl: Duration,
    granularity: Duration,
}

/// The TTL of a session, if it has one.
fn ttl(session: &Session) -> Option<Duration> {
    let nanos = duration::parse(&session.ttl).ok()?;
    u64::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos > 0)
        .map(Duration::from_nanos)
}

impl Effects {
    pub(crate) fn new(time: Time, tombstone_ttl: Duration, granularity: Duration) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            time,
            me: me.clone(),
            delays: Mutex::default(),
            sessions: Mutex::new(None),
            turns: AtomicU64::new(0),
            bins: Mutex::new(None),
            tombstone_ttl,
            granularity: granularity.max(Duration::from_millis(1)),
        })
    }

    /// Takes what a batch asked for. Runs on the apply thread, before the batch is answered.
    pub(crate) fn take(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::LockDelay { key, delay } => self.delay(key, delay),
                Effect::SessionCreated(session) => self.session_created(&session),
                Effect::SessionDestroyed(id) => self.session_destroyed(&id),
                Effect::Tombstones(index) => self.tombstones(index),
                // Delays were of sessions that are no more; what else there is to do the leader sees in the new root.
                Effect::Restored => self.delays.lock().clear(),
            }
        }
    }

    /// Delays found in the log or in a snapshot begin anew: how much of them was over when the process ended nobody knows.
    pub(crate) fn resume(&self, delays: impl IntoIterator<Item = (Key, Duration)>) {
        for (key, delay) in delays {
            self.delay(key, delay);
        }
    }

    /// The delays in force and what is left of each.
    pub(crate) fn delays(&self) -> Vec<(Key, Duration)> {
        let now = self.time.now();
        let delays = self.delays.lock();
        delays
            .iter()
            .filter(|(_, until)| **until > now)
            .map(|(key, until)| (key.clone(), until.since(now)))
            .collect()
    }

    fn delay(&self, key: Key, delay: Duration) {
        let until = self.time.now() + delay;
        self.delays.lock().insert(key.clone(), until);
        let me = self.me.clone();
        self.time.call_at(until, move || {
            if let Some(me) = me.upgrade() {
                let mut delays = me.delays.lock();
                if delays.get(&key).is_some_and(|set| *set <= until) {
                    delays.remove(&key);
                }
            }
        });
    }

    /// Whether the key may not be locked yet.
    pub(crate) fn delayed(&self, key: &[u8]) -> bool {
        let delays = self.delays.lock();
        !delays.is_empty()
            && delays
                .get(key)
                .is_some_and(|until| *until > self.time.now())
    }

    /// Leadership begins, or a restore replaced the sessions: every timer starts anew. The root is read once sessions that are
    /// applied from now on arm their own timers: none falls between the two.
    pub(crate) fn lead(&self, root: impl FnOnce() -> Root) -> Falling {
        self.follow();
        let (due, sessions) = unbounded_channel();
        *self.sessions.lock() = Some(Sessions {
            by_id: HashMap::new(),
            due,
        });
        let (due, tombstones) = unbounded_channel();
        *self.bins.lock() = Some(Bins {
            by_time: BTreeMap::new(),
            due,
        });
        let root = root();
        for session in root.sessions().rows {
            self.session_created(&session);
        }
        self.tombstones(root.last_index());
        Falling {
            sessions,
            tombstones,
        }
    }

    /// Leadership ended.
    pub(crate) fn follow(&self) {
        if let Some(sessions) = self.sessions.lock().take() {
            for timer in sessions.by_id.into_values() {
                self.time.cancel(timer.call);
            }
        }
        *self.bins.lock() = None;
    }

    fn session_created(&self, session: &Session) {
        if let Some(ttl) = ttl(session) {
            self.start(&session.id, ttl);
        }
    }

    fn start(&self, id: &str, ttl: Duration) {
        let mut sessions = self.sessions.lock();
        let Some(Sessions { by_id, due }) = sessions.as_mut() else {
            return;
        };
        let (due, name) = (due.clone(), id.to_owned());
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        // Twice the TTL: clients may be late by as much again.
        let call = self
            .time
            .call_at(self.time.now() + ttl.saturating_mul(2), move || {
                // Without a receiver the term has ended.
                let _ = due.send((name, turn));
            });
        if let Some(old) = by_id.insert(id.to_owned(), Timer { call, turn }) {
            self.time.cancel(old.call);
        }
    }

    /// Whether nobody has renewed or ended the session since that turn, and this server still leads as it did then.
    pub(crate) fn is_due(&self, id: &str, turn: u64) -> bool {
        let sessions = self.sessions.lock();
        let timer = sessions.as_ref().and_then(|found| found.by_id.get(id));
        timer.is_some_and(|timer| timer.turn == turn)
    }

    fn session_destroyed(&self, id: &str) {
        if let Some(sessions) = self.sessions.lock().as_mut()
            && let Some(timer) = sessions.by_id.remove(id)
        {
            self.time.cancel(timer.call);
        }
    }

    /// A client says that it is alive.
    pub(crate) fn renew(&self, session: &Session) {
        if let Some(ttl) = ttl(session) {
            self.start(&session.id, ttl);
        }
    }

    /// Session timers running.
    pub(crate) fn session_timers(&self) -> usize {
        let sessions = self.sessions.lock();
        sessions.as_ref().map_or(0, |found| found.by_id.len())
    }

    fn tombstones(&self, index: u64) {
        let mut bins = self.bins.lock();
        let Some(Bins { by_time, .. }) = bins.as_mut() else {
            return;
        };
        let grain = u64::try_from(self.granularity.as_nanos()).unwrap_or(u64::MAX);
        let at = (self.time.now() + self.tombstone_ttl)
            .nanos()
            .div_ceil(grain)
            .saturating_mul(grain);
        if let Some(highest) = by_time.get_mut(&at) {
            *highest = index.max(*highest);
            return;
        }
        by_time.insert(at, index);
        let me = self.me.clone();
        self.time.call_at(Instant::from_nanos(at), move || {
            if let Some(me) = me.upgrade()
                && let Some(bins) = me.bins.lock().as_mut()
                && let Some(index) = bins.by_time.remove(&at)
            {
                let _ = bins.due.send(index);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects() -> (Arc<Effects>, Time) {
        let (time, minute) = (Time::manual(), Duration::from_secs(60));
        (Effects::new(time.clone(), minute, minute), time)
    }

    fn session(id: &str) -> Session {
        Session {
            id: id.into(),
            ttl: "10s".into(),
            ..Session::default()
        }
    }

    fn fired(falling: &mut Falling) -> (String, u64) {
        falling.sessions.try_recv().expect("a session is due")
    }

    #[test]
    fn a_session_renewed_after_its_time_ran_out_is_no_longer_due() {
        let (effects, time) = effects();
        let mut falling = effects.lead(Root::default);
        effects.take(vec![Effect::SessionCreated(Arc::new(session("s")))]);
        time.advance(Duration::from_secs(21));
        let (id, turn) = fired(&mut falling);
        assert!(effects.is_due(&id, turn));
        effects.renew(&session("s"));
        assert!(!effects.is_due(&id, turn));
        time.advance(Duration::from_secs(21));
        let (id, turn) = fired(&mut falling);
        assert!(effects.is_due(&id, turn));
        effects.take(vec![Effect::SessionDestroyed(id.clone())]);
        assert!(!effects.is_due(&id, turn));
    }

    #[test]
    fn what_was_due_under_an_earlier_leadership_is_not_due_under_this_one() {
        let (effects, time) = effects();
        let mut falling = effects.lead(Root::default);
        effects.take(vec![Effect::SessionCreated(Arc::new(session("s")))]);
        time.advance(Duration::from_secs(21));
        let (id, turn) = fired(&mut falling);
        effects.follow();
        assert!(!effects.is_due(&id, turn));
        assert!(falling.sessions.is_closed());
        let _falling = effects.lead(Root::default);
        effects.take(vec![Effect::SessionCreated(Arc::new(session("s")))]);
        assert!(!effects.is_due(&id, turn));
    }

    #[test]
    fn a_session_applied_while_leadership_begins_gets_its_timer() {
        let (effects, _) = effects();
        let _falling = effects.lead(|| {
            let root = Root::default();
            effects.take(vec![Effect::SessionCreated(Arc::new(session("s")))]);
            root
        });
        assert_eq!(effects.session_timers(), 1);
    }
}
