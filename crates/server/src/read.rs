//! Reads: consistency, the loop of blocking queries (spec/server.md §5), the short cut for what needs neither.

use crate::counters::Counters;
use crate::group::Stay;
use crate::methods;
use crate::ran::Ran;
use crate::run;
use crate::server::Server;
use ports::filter::is_heavy;
use ports::{
    Answered, Authorized, BoxFuture, Caller, Consistency, Query, Read, ReadOptions, RpcError,
};
use rand::Rng;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

/// The random part of a wait is at most this fraction of it.
const JITTER_FRACTION: u32 = 16;

impl Server {
    pub(crate) fn answered(&self, ran: &Ran) -> Answered {
        Answered {
            answer: ran.answer.clone(),
            known_leader: self.known_leader.load(Ordering::Relaxed),
            last_contact: self.last_contact(),
            filtered_by_acls: false,
        }
    }

    /// Time since the leader was heard; zero on the leader.
    pub(crate) fn last_contact(&self) -> Duration {
        if self.leading.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        self.consensus
            .status()
            .last_contact
            .map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// Refuses what the configuration switched off.
    fn serves(&self, read: &Read) -> Result<(), RpcError> {
        methods::of_read(read, |method| method.served(&self.config))
    }

    /// The query without waiting, on the root of now.
    fn current(&self, authorized: &Authorized, query: &Query) -> Result<Ran, RpcError> {
        methods::of_read(&query.read, |method| {
            if method.shared() {
                self.groups.answer(authorized, query)
            } else {
                run::alone(&self.board.view(authorized), query, method)
            }
        })
    }

    pub(crate) fn read_now(
        &self,
        caller: &Caller,
        query: &Query,
        options: &ReadOptions,
    ) -> Option<Result<Answered, RpcError>> {
        if options.min_index > 0
            || options.consistency == Consistency::Consistent
            || is_heavy(&query.filter)
            || !self.leading.load(Ordering::Acquire)
        {
            return None;
        }
        if !query.datacenter.is_empty() {
            return None;
        }
        let authorized = match self.guard.admit(caller) {
            Ok(authorized) => authorized,
            Err(error) => return Some(Err(error)),
        };
        if let Err(error) = self.serves(&query.read) {
            return Some(Err(error));
        }
        let ran = self.current(&authorized, query);
        Some(ran.map(|ran| self.answered(&ran)))
    }

    pub(crate) fn read(
        &self,
        caller: &Caller,
        mut query: Query,
        options: ReadOptions,
    ) -> BoxFuture<'_, Result<Answered, RpcError>> {
        let admitted = self.guard.admit(caller).and_then(|authorized| {
            self.here(&query.datacenter)?;
            self.serves(&query.read)?;
            Ok(authorized)
        });
        let authorized = match admitted {
            Ok(authorized) => authorized,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        query.datacenter.clear();
        if options.min_index == 0 {
            return Box::pin(async move {
                self.consistent(options.consistency).await?;
                let ran = if is_heavy(&query.filter) {
                    self.in_turn(|| self.current(&authorized, &query)).await
                } else {
                    self.current(&authorized, &query)
                };
                ran.map(|ran| self.answered(&ran))
            });
        }
        // The group is entered before the future exists, so that a parked query is not kept twice.
        let Some(stay) = self.groups.enter(authorized, query) else {
            Counters::add(&self.board.counters.limited);
            let text = format!(
                "too many blocking queries wait (limit {})",
                crate::group::WAITERS_MAX
            );
            return Box::pin(std::future::ready(Err(RpcError::Limited(text))));
        };
        Box::pin(self.wait(
            stay,
            options.min_index,
            options.max_wait,
            options.consistency,
        ))
    }

    /// Runs what may take long beside the workers, only so many at a time: the others wait for their turn without a thread.
    async fn in_turn<T>(&self, run: impl FnOnce() -> Result<T, RpcError>) -> Result<T, RpcError> {
        // Never closed.
        let _turn = self.heavy.acquire().await;
        rt::aside(run)
    }

    /// The wait asked for, clamped, with its random part.
    fn wait_time(&self, asked: Duration) -> Duration {
        let wait = if asked.is_zero() {
            self.config.default_query_time
        } else {
            asked.min(self.config.max_query_time)
        };
        let spread = u64::try_from((wait / JITTER_FRACTION).as_nanos()).unwrap_or(u64::MAX);
        wait + Duration::from_nanos(if spread == 0 {
            0
        } else {
            rand::rng().random_range(0..spread)
        })
    }

    /// The loop of a blocking query. What it keeps while it is parked is all that a watch costs beside its group, so it holds
    /// nothing twice: the captured values are used where they are, and what is seldom needed stands in a box.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn keeps its arguments twice"
    )]
    fn wait<'a>(
        &'a self,
        stay: Stay<'a>,
        mut wanted: u64,
        max_wait: Duration,
        consistency: Consistency,
    ) -> impl Future<Output = Result<Answered, RpcError>> + 'a {
        async move {
            if !self.is_current(consistency) {
                Box::pin(self.consistent(consistency)).await?;
            }
            let deadline = self.time.now() + self.wait_time(max_wait);
            let mut over = std::pin::pin!(self.time.sleep_until(deadline));
            let (mut missed, mut woken) = (false, false);
            loop {
                // Enabled before the run: what is published from here on is noticed.
                let mut changed = std::pin::pin!(stay.group.changed());
                changed.as_mut().enable();
                if consistency == Consistency::Consistent {
                    Box::pin(self.consistent(consistency)).await?;
                }
                let seen = if stay.group.heavy {
                    let run = || self.run_once(&stay, &mut wanted, &mut missed, &mut woken);
                    Box::pin(self.in_turn(run)).await?
                } else {
                    self.run_once(&stay, &mut wanted, &mut missed, &mut woken)?
                };
                let ran = match seen {
                    Seen::Answer(answered) => return Ok(answered),
                    Seen::Wait(ran) => ran,
                };
                let first = std::future::poll_fn(|cx| {
                    if self.ending.load(Ordering::SeqCst) {
                        return Poll::Ready(First::Over);
                    }
                    if changed.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(First::Changed);
                    }
                    over.as_mut().poll(cx).map(|()| First::Over)
                });
                match first.await {
                    // The wake-up for a commit may come after the run that saw it already.
                    First::Changed => {
                        if stay.group.is_touched_after(ran.seq) {
                            Counters::add(&self.board.counters.wakeups);
                            woken = true;
                        }
                    }
                    First::Over => {
                        Counters::add(&self.board.counters.timeouts);
                        // A missing thing tells the index of the whole table, as it would have seen it waking up.
                        let last = if ran.missing {
                            stay.group.current(&self.board)?
                        } else {
                            ran
                        };
                        return Ok(self.answered(&last));
                    }
                }
                // A restore ends every wait with what was last seen (spec/http-api.md §5.3).
                if self.board.view(&stay.group.authorized).epoch != ran.epoch {
                    return Ok(self.answered(&ran));
                }
            }
        }
    }

    /// One run of a blocking query: an answer that is news, or what to wait with.
    fn run_once(
        &self,
        stay: &Stay<'_>,
        wanted: &mut u64,
        missed: &mut bool,
        woken: &mut bool,
    ) -> Result<Seen, RpcError> {
        let ran = stay.group.current(&self.board)?;
        if ran.missing {
            // The first time counts as any result; after that a missing thing is not news.
            if *missed {
                *wanted = (*wanted).max(ran.answer.index);
            }
            *missed = true;
        }
        if ran.answer.index > *wanted {
            return Ok(Seen::Answer(self.answered(&ran)));
        }
        // A missing thing is woken by nothing of its own, and then only once (spec/server.md §5.2).
        if std::mem::take(woken) && !ran.missing {
            Counters::add(&self.board.counters.spurious);
        }
        Ok(Seen::Wait(ran))
    }
}

/// What a run of a blocking query came to.
enum Seen {
    Answer(Answered),
    Wait(Ran),
}

/// What ended a wait first.
enum First {
    Changed,
    Over,
}

/// An answer that stands for nothing read: what goes beside an error of a transaction.
pub(crate) fn nothing() -> Answered {
    Answered {
        answer: Arc::new(ports::Answer::new(
            0,
            ports::Data::Usage(std::collections::BTreeMap::new()),
            false,
        )),
        known_leader: false,
        last_contact: Duration::ZERO,
        filtered_by_acls: false,
    }
}
