//! The state machine: log entries become rows, and each batch one publication.

use crate::counters::Counters;
use crate::delays;
use crate::effects::Effects;
use crate::measure::Watch;
use crate::view::{Board, Nature};
use bytes::Bytes;
use consensus::{Entry, SnapshotSource, StateMachine};
use hashbrown::HashMap;
use rt::Room;
use state::{Effect, Key, Store, Taken, Touched, WatchKey};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use telemetry::names;
use wire::{Command, Outcome};

/// Lives on the apply thread.
pub(crate) struct Machine {
    room: Room,
    store: Store,
    touched: Touched,
    board: Arc<Board>,
    effects: Arc<Effects>,
    watch: Arc<Watch>,
    /// What is added to an entry's index: a restored archive may be ahead of this log, and indexes must not fall behind it.
    base: u64,
    /// Index of the last command applied.
    applied: u64,
    /// The batches note their rows.
    noting: bool,
    /// Nobody reads yet: the log found at the start is being replayed.
    replaying: bool,
    /// Lock delays found while replaying.
    replayed: HashMap<Key, Duration>,
}

impl Machine {
    /// What a restore replaces is taken apart in `room`.
    pub(crate) fn new(
        board: Arc<Board>,
        effects: Arc<Effects>,
        watch: Arc<Watch>,
        room: Room,
    ) -> Self {
        Self {
            room,
            store: Store::new(),
            touched: Touched::new(),
            board,
            effects,
            watch,
            base: 0,
            applied: 0,
            noting: false,
            replaying: true,
            replayed: HashMap::new(),
        }
    }

    /// Takes note of what a replayed batch asked for. Session timers and tombstones the leader arms from the rows themselves.
    fn replay(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::LockDelay { key, delay } = effect {
                self.replayed.insert(key, delay);
            }
        }
    }

    fn resume_delays(&mut self) {
        let root = self.store.root();
        let held = |key: &Key| {
            let row = root.kv_get(key).rows;
            row.is_some_and(|row| !row.session.is_empty())
        };
        let found = self.replayed.drain().filter(|(key, _)| !held(key));
        self.effects.resume(found);
    }

    fn note_restoring(&self) {
        let restoring = self.store.is_restoring();
        self.board.restoring.store(restoring, Ordering::Release);
    }
}

impl StateMachine for Machine {
    type Outcome = Outcome;

    fn understands(&self, payload: &Bytes) -> Result<(), String> {
        Command::known(payload).map_err(|error| error.to_string())
    }

    fn apply(&mut self, batch: &[Entry]) -> io::Result<Vec<Outcome>> {
        let counters = &self.board.counters;
        Counters::add(&counters.batches);
        counters
            .commands
            .fetch_add(batch.len() as u64, Ordering::Relaxed);
        let mut clock = self.watch.begin(self.replaying);
        let mut nature = Nature::default();
        let wanted = self.board.journal.is_wanted();
        if wanted != self.noting {
            self.touched.note_rows(wanted);
            self.noting = wanted;
        }
        let mut replaced = None;
        let mut outcomes = Vec::with_capacity(batch.len());
        for entry in batch {
            outcomes.push(match Command::decode_stamped(&entry.payload) {
                Ok((stamp, command)) => {
                    let ends = matches!(
                        command,
                        Command::RestoreCommit | Command::RestoreEnd(_) | Command::RestoreAbort
                    );
                    if ends {
                        replaced = Some(self.store.clone());
                    }
                    nature.reaped |= matches!(command, Command::Tombstone(_));
                    let index = entry.index + self.base;
                    let outcome = self.store.apply(index, &stamp, &command, &mut self.touched);
                    clock.applied(&command);
                    if let (Command::Kvs(request), Outcome::Bool(true)) = (&command, &outcome)
                        && self.replaying
                        && request.op == "lock"
                    {
                        // Its delay was over by then.
                        self.replayed.remove(request.entry.key.as_bytes());
                    }
                    if ends && matches!(outcome, Outcome::Index(_)) {
                        let newest = self.store.root().last_index();
                        self.base = self.base.max(newest.saturating_sub(entry.index));
                    }
                    outcome
                }
                // Whoever skips it has other rows than the servers that know it.
                Err(error) => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        consensus::not_understood(entry.index, &error.to_string()),
                    ));
                }
            });
        }
        self.note_restoring();
        if let Some(last) = batch.last() {
            self.applied = last.index + self.base;
        }
        clock.batch(batch.len());
        nature.index = self.applied;
        nature.rows = self.touched.take_rows();
        let Taken {
            keys,
            stale,
            effects,
        } = self.touched.take();
        if !self.replaying {
            nature.restored = effects.contains(&Effect::Restored);
            self.board
                .publish(self.store.root().clone(), &keys, &stale, nature);
            self.effects.take(effects);
        } else {
            self.replay(effects);
        }
        if let Some(replaced) = replaced {
            // Millions of rows are freed beside the next writes, not before them.
            self.room
                .spawn_blocking("replaced state", move || drop(replaced));
        }
        Ok(outcomes)
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        self.watch.timed(names::RAFT_FSM_SNAPSHOT, || {
            Box::new(Source {
                store: self.store.clone(),
                base: self.base,
                delays: {
                    let found = self
                        .replayed
                        .iter()
                        .map(|(key, delay)| (key.clone(), *delay));
                    found.chain(self.effects.delays()).collect()
                },
                watch: self.watch.clone(),
            })
        })
    }

    fn restore(&mut self, index: u64, input: &mut dyn io::Read) -> io::Result<()> {
        let mut base = [0; 8];
        input.read_exact(&mut base)?;
        let base = u64::from_le_bytes(base);
        let began = self.watch.now();
        let store = Store::load(input)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let delays = delays::read(input)?;
        // Whole, or as before.
        (self.base, self.applied) = (base, index + base);
        (self.store, self.replayed) = (store, delays);
        self.note_restoring();
        self.watch.restored(began);
        if !self.replaying {
            self.resume_delays();
            let nature = Nature {
                index: self.applied,
                rows: None,
                restored: true,
                reaped: true,
            };
            self.board.publish(
                self.store.root().clone(),
                &[WatchKey::Everything],
                &[],
                nature,
            );
        }
        Ok(())
    }

    fn replayed(&mut self) {
        self.replaying = false;
        self.resume_delays();
        let nature = Nature {
            index: self.applied,
            rows: None,
            restored: true,
            reaped: true,
        };
        self.board.publish(
            self.store.root().clone(),
            &[WatchKey::Everything],
            &[],
            nature,
        );
    }
}

/// The rows, and what is added to indexes.
struct Source {
    store: Store,
    base: u64,
    delays: Vec<(Key, Duration)>,
    watch: Arc<Watch>,
}

impl SnapshotSource for Source {
    fn write_to(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<()> {
        self.watch.timed(names::FSM_PERSIST, || {
            out.write_all(&self.base.to_le_bytes())?;
            self.store.write_to(out)?;
            delays::write(&self.delays, out)
        })
    }
}
