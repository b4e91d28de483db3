//! A check of the agent: its row, its definition, its counters.

use crate::{Source, Standing};
use model::{CheckType, HealthCheck, status};
use std::sync::Arc;
use std::time::Duration;

/// `deregister_critical_service_after` is raised to this (spec/agent-config.md §15).
const DEREGISTER_MIN: Duration = Duration::from_secs(60);

/// A registered check.
#[derive(Clone, Debug)]
pub struct Check {
    /// As the catalog gets it.
    pub row: Arc<HealthCheck>,
    /// How it is carried out.
    pub definition: Arc<CheckType>,
    /// The token it was registered with, "" for none. Never printed.
    pub token: String,
    /// Who registered it.
    pub source: Source,
    /// Towards the catalog.
    pub standing: Standing,
    /// When a change of output alone has to be sent.
    pub deferred_until: Option<Duration>,
    /// Since when it is critical.
    pub critical_since: Option<Duration>,
    /// Towards its thresholds.
    pub counters: Counters,
    pub(crate) version: u64,
}

/// Results in a row. They start at their thresholds, so that the first result takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Passing or warning results in a row.
    pub successes: i64,
    /// Critical results in a row.
    pub failures: i64,
}

impl Check {
    pub(crate) fn new(
        mut row: HealthCheck,
        definition: CheckType,
        token: &str,
        source: Source,
        version: u64,
        now: Duration,
    ) -> Self {
        if row.status.is_empty() {
            status::CRITICAL.clone_into(&mut row.status);
        }
        let critical_since = (row.status == status::CRITICAL).then_some(now);
        let counters = Counters {
            successes: definition.success_before_passing,
            failures: definition.failures_before_critical,
        };
        Self {
            row: Arc::new(row),
            definition: Arc::new(definition),
            token: token.to_owned(),
            source,
            standing: Standing::Dirty,
            deferred_until: None,
            critical_since,
            counters,
            version,
        }
    }

    /// A check that is registered again goes on where it was.
    pub(crate) fn take_over(&mut self, known: &Check) {
        self.critical_since = known.critical_since;
        self.deferred_until = known.deferred_until;
        if self.row == known.row && self.token == known.token {
            self.standing = known.standing;
        }
    }

    pub(crate) fn overdue(&self, now: Duration) -> bool {
        let after = u64::try_from(self.definition.deregister_critical_service_after.0).unwrap_or(0);
        if after == 0 || self.row.service_id.is_empty() {
            return false;
        }
        let after = Duration::from_nanos(after).max(DEREGISTER_MIN);
        self.critical_since
            .is_some_and(|since| now.saturating_sub(since) > after)
    }
}
