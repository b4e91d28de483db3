//! The log's side of the driver: does what waits as one batch and says what is done. Runs on a thread of its own, or where the
//! driver is polled when there are no peers whose messages could be delayed.

use std::sync::Arc;
use std::time::Instant;

use raft::eraftpb::Entry;

use crate::faults::Faults;
use crate::log::{Log, Write, entry_bytes};
use crate::observe::{Event, Logged, Observer};
use crate::store::Fetch;

/// Work for the log.
pub enum Job {
    /// To make durable.
    Write(Write),
    /// A snapshot covers everything before this index.
    Purge(u64),
    /// Entries to read back.
    Fetch(Fetch),
    /// Ends orderly, with the commit index known last.
    Seal(u64),
}

impl Job {
    /// Bytes of entries in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Job::Write(write) => write.entries.iter().map(entry_bytes).sum(),
            _ => 0,
        }
    }
}

/// What became of it.
pub enum Done {
    /// All writes up to this number are durable.
    Written(u64),
    /// The log takes nothing any more, and why.
    Failed(String),
    /// It begins at this index now.
    Purged(u64),
    /// The entries from this index on, as far as they were asked for and are there.
    Fetched(u64, Vec<Entry>),
}

/// The log, or nothing for a server that keeps all in memory.
pub(crate) struct Writer {
    log: Option<Log>,
    observer: Arc<dyn Observer>,
    /// When the segment that is written to was begun, or the log opened.
    segment_since: Instant,
    faults: Faults,
}

impl Writer {
    pub(crate) fn new(log: Option<Log>, observer: Arc<dyn Observer>, faults: Faults) -> Writer {
        Writer {
            log,
            observer,
            segment_since: Instant::now(),
            faults,
        }
    }

    /// Tells what `work` did to the log.
    fn watched<T>(&mut self, work: impl FnOnce(&mut Log) -> T) -> Option<T> {
        let log = self.log.as_mut()?;
        let (before, began) = (log.counts(), Instant::now());
        let result = work(log);
        let counts = log.counts().since(&before);
        let ended = Instant::now();
        let mut rotated = None;
        if counts.segments > 0 {
            rotated = Some(began - self.segment_since);
            self.segment_since = ended;
        }
        self.observer.saw(Event::Logged(Logged {
            counts,
            took: ended - began,
            rotated,
        }));
        Some(result)
    }

    /// Does all jobs; writes that stand together share one sync.
    pub(crate) fn run(&mut self, jobs: impl Iterator<Item = Job>) -> Vec<Done> {
        let mut done = Vec::new();
        let mut writes = Vec::new();
        for job in jobs {
            if let Job::Write(write) = job {
                writes.push(write);
                continue;
            }
            self.flush(&mut writes, &mut done);
            done.extend(self.other(job));
        }
        self.flush(&mut writes, &mut done);
        done
    }

    fn flush(&mut self, writes: &mut Vec<Write>, done: &mut Vec<Done>) {
        let Some(last) = writes.last().map(|write| write.number) else {
            return;
        };
        let result = self.watched(|log| log.append(writes)).unwrap_or(Ok(last));
        writes.clear();
        done.push(match result {
            Ok(number) => Done::Written(number),
            Err(error) => Done::Failed(error.to_string()),
        });
    }

    fn other(&mut self, job: Job) -> Option<Done> {
        match (job, &mut self.log) {
            (Job::Purge(index), _) => Some(match self.watched(|log| log.purge(index)) {
                Some(Ok(first)) => Done::Purged(first),
                Some(Err(error)) => Done::Failed(error.to_string()),
                None => Done::Purged(index),
            }),
            (Job::Fetch(_), _) if self.faults == Faults::PanicInFetch => panic!("planted"),
            (Job::Fetch(fetch), log) => {
                let read = log
                    .as_ref()
                    .map(|log| log.read(fetch.low, fetch.high, fetch.max_bytes));
                let entries = match read {
                    Some(Ok(entries)) => entries,
                    Some(Err(error)) => return Some(Done::Failed(error.to_string())),
                    None => Vec::new(),
                };
                let payload = |entry: &Entry| crate::message::payload(entry).len() as u64;
                self.observer.saw(Event::Read {
                    entries: entries.len() as u64,
                    bytes: entries.iter().map(payload).sum(),
                });
                Some(Done::Fetched(fetch.low, entries))
            }
            (Job::Seal(commit), Some(log)) => {
                if let Err(error) = log.seal(commit) {
                    tracing::warn!(%error, "the raft log could not be closed in order");
                }
                None
            }
            (Job::Seal(_) | Job::Write(_), _) => None,
        }
    }
}
