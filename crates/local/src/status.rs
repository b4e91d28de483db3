//! How checks change status: thresholds, and outputs that may wait.

use crate::{Counters, Local, Standing};
use model::status;
use std::sync::Arc;
use std::time::Duration;

/// What a probe found, before thresholds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<'a> {
    /// `passing`, `warning` or `critical`.
    pub status: &'a str,
    /// The probe's output.
    pub output: &'a str,
    /// Whether thresholds do not apply.
    pub immediate: bool,
}

/// What a new status or output means for the sync with the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing changed, or the check is unknown.
    None,
    /// The catalog has to be told now.
    Now,
    /// Only the output changed: the catalog is told at this time, which was set just now.
    Deferred(Duration),
    /// Only the output changed, and an earlier change waits already.
    Waiting,
}

/// What a check's thresholds made of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The check has this status now, as it may have had before.
    Took(&'static str),
    /// Good results in a row are too few yet.
    TooFewSuccesses(Counters),
    /// Bad results in a row are too few yet.
    TooFewFailures(Counters),
    /// There is no such check.
    Unknown,
}

impl Local {
    /// Takes a probe's finding through the check's thresholds (spec/agent-config.md §15).
    ///
    /// `jitter` in [0, 1) spreads deferred outputs.
    pub fn observe(
        &mut self,
        id: &str,
        finding: &Finding<'_>,
        now: Duration,
        jitter: f64,
    ) -> (Judgement, Change) {
        let judgement = self.judge(id, finding);
        let change = match judgement {
            Judgement::Took(status) => self.set_check(id, status, finding.output, now, jitter),
            _ => Change::None,
        };
        (judgement, change)
    }

    fn judge(&mut self, id: &str, finding: &Finding<'_>) -> Judgement {
        let found = match finding.status {
            status::PASSING => status::PASSING,
            status::WARNING => status::WARNING,
            _ => status::CRITICAL,
        };
        let Some(check) = self
            .checks
            .get_mut(id)
            .filter(|check| check.standing != Standing::Removed)
        else {
            return Judgement::Unknown;
        };
        let definition = &check.definition;
        let counters = &mut check.counters;
        if finding.immediate {
            Judgement::Took(found)
        } else if found == status::CRITICAL {
            counters.failures += 1;
            counters.successes = 0;
            // 0 means the same as the critical threshold.
            let warning_at = match definition.failures_before_warning {
                0 => definition.failures_before_critical,
                n => n,
            };
            if counters.failures >= definition.failures_before_critical {
                Judgement::Took(status::CRITICAL)
            } else if counters.failures >= warning_at {
                Judgement::Took(status::WARNING)
            } else {
                Judgement::TooFewFailures(*counters)
            }
        } else {
            counters.successes += 1;
            counters.failures = 0;
            if counters.successes < definition.success_before_passing {
                Judgement::TooFewSuccesses(*counters)
            } else {
                Judgement::Took(found)
            }
        }
    }

    /// Sets a check's status and output as they are. `jitter` as in [`Local::observe`].
    pub fn set_check(
        &mut self,
        id: &str,
        to: &str,
        output: &str,
        now: Duration,
        jitter: f64,
    ) -> Change {
        let version = self.tick();
        let wait = self.settings.check_update_interval;
        let output = if self.settings.discard_output {
            ""
        } else {
            output
        };
        let Some(check) = self
            .checks
            .get_mut(id)
            .filter(|check| check.standing != Standing::Removed)
        else {
            return Change::None;
        };
        if to == status::CRITICAL {
            check.critical_since.get_or_insert(now);
        } else {
            check.critical_since = None;
        }
        let status_changed = check.row.status != to;
        if !status_changed && check.row.output == output {
            return Change::None;
        }
        let row = Arc::make_mut(&mut check.row);
        to.clone_into(&mut row.status);
        output.clone_into(&mut row.output);
        check.version = version;
        if status_changed || wait.is_zero() {
            check.deferred_until = None;
            check.standing = Standing::Dirty;
            self.pending_checks.insert(id.to_owned());
            return Change::Now;
        }
        if check.standing == Standing::Dirty {
            return Change::Now;
        }
        if check.deferred_until.is_some() {
            return Change::Waiting;
        }
        let at = now + wait / 2 + wait.mul_f64(jitter.clamp(0.0, 1.0));
        check.deferred_until = Some(at);
        self.deferred.insert((at, id.to_owned()));
        Change::Deferred(at)
    }

    /// Marks the outputs whose time has come; whether there were any.
    pub fn release_deferred(&mut self, now: Duration) -> bool {
        let mut any = false;
        while let Some((at, id)) = self.deferred.pop_first() {
            if at > now {
                self.deferred.insert((at, id));
                break;
            }
            let due = self
                .checks
                .get_mut(&id)
                .filter(|check| check.deferred_until == Some(at));
            if let Some(check) = due {
                check.deferred_until = None;
                check.standing = Standing::Dirty;
                self.pending_checks.insert(id);
                any = true;
            }
        }
        any
    }

    /// When [`Local::release_deferred`] has something to do next; possibly too early.
    pub fn next_deferred(&self) -> Option<Duration> {
        self.deferred.first().map(|(at, _)| *at)
    }
}
