//! The engine's work as metrics: `raft.*` of spec/agent-config.md §21.2.

use consensus::{Counts, Event, Logged, Observer, Role};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use telemetry::{Metrics, names};

/// Told by the engine's threads.
pub(crate) struct EngineWatch {
    metrics: Metrics,
    leads: AtomicBool,
}

impl EngineWatch {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            leads: AtomicBool::new(false),
        }
    }

    fn role(&self, role: Role) {
        self.leads.store(role == Role::Leader, Relaxed);
        match role {
            Role::Follower => self.metrics.incr(names::RAFT_STATE_FOLLOWER),
            Role::Candidate => {
                self.metrics.incr(names::RAFT_TRANSITION_HEARTBEAT_TIMEOUT);
                self.metrics.incr(names::RAFT_STATE_CANDIDATE);
            }
            Role::Leader => self.metrics.incr(names::RAFT_STATE_LEADER),
        }
    }

    fn logged(&self, logged: &Logged) {
        let metrics = &self.metrics;
        let Counts {
            appends,
            entries,
            bytes,
            states,
            segments,
            head_cut,
            tail_cut,
        } = logged.counts;
        for (metric, count) in [
            (names::RAFT_WAL_LOG_APPENDS, appends),
            (names::RAFT_WAL_LOG_ENTRIES_WRITTEN, entries),
            (names::RAFT_WAL_LOG_ENTRY_BYTES_WRITTEN, bytes),
            (names::RAFT_WAL_STABLE_SETS, states),
            (names::RAFT_WAL_SEGMENT_ROTATIONS, segments),
            (names::RAFT_WAL_HEAD_TRUNCATIONS, head_cut),
            (names::RAFT_WAL_TAIL_TRUNCATIONS, tail_cut),
        ] {
            if count > 0 {
                metrics.record(metric, count as f64);
            }
        }
        if let Some(age) = logged.rotated {
            metrics.gauge(
                names::RAFT_WAL_LAST_SEGMENT_AGE_SECONDS,
                age.as_secs_f64().round(),
            );
        }
        if entries > 0 && self.leads.load(Relaxed) {
            metrics.time(names::RAFT_LEADER_DISPATCH_LOG, logged.took);
            metrics.gauge(names::RAFT_LEADER_DISPATCH_NUM_LOGS, entries as f64);
        }
    }
}

impl Observer for EngineWatch {
    fn saw(&self, event: Event) {
        let metrics = &self.metrics;
        match event {
            Event::Opened { entries, bytes } => {
                metrics.incr(names::RAFT_WAL_STABLE_GETS);
                self.saw(Event::Read { entries, bytes });
            }
            Event::Read { entries, bytes } if entries > 0 => {
                metrics.record(names::RAFT_WAL_LOG_ENTRIES_READ, entries as f64);
                metrics.record(names::RAFT_WAL_LOG_ENTRY_BYTES_READ, bytes as f64);
            }
            Event::Read { .. } => {}
            Event::Role(role) => self.role(role),
            Event::Logged(logged) => self.logged(&logged),
            Event::Waited(waited) => metrics.time(names::RAFT_FSM_ENQUEUE, waited),
            Event::Snapshot { create, persist } => {
                metrics.time(names::RAFT_SNAPSHOT_CREATE, create);
                metrics.time(names::RAFT_SNAPSHOT_PERSIST, persist);
                metrics.time(names::RAFT_SNAPSHOT_TAKE_SNAPSHOT, create + persist);
            }
        }
    }
}
