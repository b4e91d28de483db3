//! The log's side of the driver: does what waits as one batch and says what is done. Runs on a thread of its own, or where the
//! driver is polled when there are no peers whose messages could be delayed.
//!
//! What finds no space stays here, in order, with all that comes after it, and is tried again: nothing of it is told as done before.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use raft::eraftpb::Entry;

use crate::faults::Faults;
use crate::log::{Log, Unwritten, Write, entry_bytes};
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
    /// To try again what found no space.
    Retry,
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
    /// There is no space for the rest, and in which words. It is kept and tried again on [`Job::Retry`], and whenever a purge made
    /// space.
    Full(String),
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
    /// Handed in and not durable. What there can be of it is bounded by what may wait for the log before it is known that there is
    /// no space: after that nothing is taken in.
    waiting: VecDeque<Write>,
    /// The first so many of them found no space together, and are tried again together.
    tried: usize,
    observer: Arc<dyn Observer>,
    /// When the segment that is written to was begun, or the log opened.
    segment_since: Instant,
    faults: Faults,
}

impl Writer {
    pub(crate) fn new(log: Option<Log>, observer: Arc<dyn Observer>, faults: Faults) -> Writer {
        Writer {
            log,
            waiting: VecDeque::new(),
            tried: 0,
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
        let mut try_again = false;
        for job in jobs {
            match job {
                Job::Write(write) => self.waiting.push_back(write),
                Job::Retry => try_again = true,
                other => {
                    self.flush(try_again, &mut done);
                    try_again |= matches!(other, Job::Purge(_));
                    done.extend(self.other(other));
                }
            }
        }
        self.flush(try_again, &mut done);
        if self.tried == 0 {
            // What found no space before a purge found some after it.
            done.retain(|done| !matches!(done, Done::Full(_)));
        }
        done
    }

    /// Makes durable what waits, as far as there is space. What found none before is tried again only when it is time.
    fn flush(&mut self, try_again: bool, done: &mut Vec<Done>) {
        if self.tried > 0 && !try_again {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let (mut written, mut failed) = (None, None);
        while failed.is_none()
            && let Some(first) = waiting.front()
        {
            let (install, state) = (first.install, first.hard_state);
            let count = self.together(&waiting);
            let result = match install {
                Some(position) => self.watched(|log| log.install(position, state)),
                None => {
                    let together = &waiting.make_contiguous()[..count];
                    self.watched(|log| log.append(together))
                }
            };
            self.tried = 0;
            match (result.unwrap_or(Ok(())), waiting.front_mut()) {
                (Ok(()), Some(first)) if install.is_some() && !first.entries.is_empty() => {
                    (first.install, first.hard_state) = (None, None);
                }
                (Ok(()), _) => {
                    written = waiting.drain(..count).next_back().map(|write| write.number);
                }
                (Err(Unwritten::Full(error)), _) => {
                    self.tried = count;
                    if self.faults == Faults::ForgetFull {
                        waiting.drain(..count);
                        self.tried = 0;
                    }
                    failed = Some(Done::Full(error.to_string()));
                }
                (Err(Unwritten::Failed(error)), _) => {
                    waiting.clear();
                    failed = Some(Done::Failed(error.to_string()));
                }
            }
        }
        self.waiting = waiting;
        done.extend(written.map(Done::Written));
        done.extend(failed);
    }

    /// How many of the first writes go together: up to the next snapshot, or those that did before.
    fn together(&self, waiting: &VecDeque<Write>) -> usize {
        if self.tried > 0 {
            return self.tried;
        }
        let plain = waiting.iter().take_while(|w| w.install.is_none()).count();
        plain.max(1)
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
            // What found no space would be missing before the seal.
            (Job::Seal(_), Some(_)) if !self.waiting.is_empty() => None,
            (Job::Seal(commit), Some(log)) => {
                if let Err(error) = log.seal(commit) {
                    tracing::warn!(%error, "the raft log could not be closed in order");
                }
                None
            }
            (Job::Seal(_) | Job::Write(_) | Job::Retry, _) => None,
        }
    }
}
