//! What runs for each check: a probe on the prober's wheel, a TTL's clock, or the mirror of other checks.

use crate::agent::Agent;
use crate::beats::{Beats, Slot};
use crate::persist::{Shelf, StoredBeat};
use local::{Change, Finding, Judgement};
use model::{CheckKind, CheckType, status};
use ports::{AgentError, Beat};
use probe::{Health, Kind, Observation, Probe, ProbeTls, Running};
use rand::Rng;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The running checks of an agent.
#[derive(Default)]
pub(crate) struct Runners {
    by_id: HashMap<String, Runner>,
    /// Services on this agent that alias checks mirror, with those checks.
    pub(crate) mirrors: HashMap<String, Vec<String>>,
    generation: u64,
    beats: Beats,
}

struct Runner {
    generation: u64,
    work: Work,
}

enum Work {
    /// Kept for its `Drop`, which stops it.
    Probe(#[allow(dead_code)] Running),
    Ttl(Ttl),
    /// A local alias: the service it mirrors.
    Mirror(String),
    /// A remote alias: its room ends with it.
    Remote(rt::Room),
}

struct Ttl {
    length: Duration,
    /// When it expires; the timer may fire earlier and is then set again, so that a beat touches no timer.
    deadline: Duration,
    /// Its place in the file of expiries.
    slot: Option<Slot>,
    /// Whether the state file says what the check says, but for the expiry.
    on_disk: bool,
    /// Whether there was a beat since the state file was written.
    stale: bool,
    output_max: usize,
    /// Whether a timer is set.
    armed: bool,
}

impl Runners {
    pub(crate) fn remove(&mut self, id: &str) {
        match self.by_id.remove(id).map(|runner| runner.work) {
            Some(Work::Mirror(service)) => self.unmirror(&service, id),
            Some(Work::Remote(room)) => room.begin_close(),
            Some(Work::Ttl(Ttl {
                slot: Some(slot), ..
            })) => self.beats.leave(slot),
            _ => {}
        }
    }

    /// Starts to keep expiries in this file.
    pub(crate) fn keep(&mut self, beats: Beats, slots: Vec<(String, Slot)>) {
        self.beats = beats;
        for (id, slot) in slots {
            if let Some(Runner {
                work: Work::Ttl(ttl),
                ..
            }) = self.by_id.get_mut(&id)
            {
                ttl.slot = Some(slot);
                ttl.on_disk = true;
                ttl.stale = true;
            }
        }
    }

    fn unmirror(&mut self, service: &str, id: &str) {
        if let Some(list) = self.mirrors.get_mut(service) {
            list.retain(|check| check != id);
            if list.is_empty() {
                self.mirrors.remove(service);
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    fn current(&self, id: &str, generation: u64) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|runner| runner.generation == generation)
    }
}

impl Agent {
    /// Starts what a check does; an earlier run of the same ID ends.
    pub(crate) fn run_check(
        self: &Arc<Self>,
        id: &str,
        definition: &CheckType,
    ) -> Result<(), String> {
        self.runners.lock().remove(id);
        match definition.executed() {
            None => Ok(()),
            Some(CheckKind::Ttl) => {
                self.start_ttl(id, definition);
                Ok(())
            }
            Some(CheckKind::Alias) => {
                self.start_alias(id, definition);
                Ok(())
            }
            Some(CheckKind::OsService) => Err("not implemented".into()),
            Some(kind) => {
                let redirected = self.redirected(id, definition);
                self.start_probe(id, redirected.as_ref().unwrap_or(definition), kind)
            }
        }
    }

    fn start_probe(
        self: &Arc<Self>,
        id: &str,
        definition: &CheckType,
        kind: CheckKind,
    ) -> Result<(), String> {
        let nanos = |value: i64| Duration::from_nanos(u64::try_from(value).unwrap_or(0));
        let interval = nanos(definition.interval.0);
        let probe = Probe {
            kind: self.kind(definition, kind)?,
            interval,
            timeout: nanos(definition.timeout.0),
            output_max: self.output_max(definition),
        };
        let first = interval
            .max(probe::MIN_INTERVAL)
            .mul_f64(rand::rng().random::<f64>());
        let mut runners = self.runners.lock();
        let generation = runners.next();
        let running = self.prober.start(id.to_owned(), generation, probe, first);
        runners.by_id.insert(
            id.to_owned(),
            Runner {
                generation,
                work: Work::Probe(running),
            },
        );
        Ok(())
    }

    fn output_max(&self, definition: &CheckType) -> usize {
        let agent = self.config.read().output_max;
        match usize::try_from(definition.output_max_size) {
            Ok(own @ 1..) => own.min(agent),
            _ => agent,
        }
    }

    fn kind(&self, definition: &CheckType, kind: CheckKind) -> Result<Kind, String> {
        let tls_if = |on: bool| {
            if on {
                self.tls(definition, &[]).map(Some)
            } else {
                Ok(None)
            }
        };
        let h2_if = |on: bool| {
            if on {
                self.tls(definition, &[b"h2"]).map(Some)
            } else {
                Ok(None)
            }
        };
        Ok(match kind {
            CheckKind::Http => Kind::Http {
                url: definition.http.clone(),
                method: definition.method.clone(),
                headers: headers(definition),
                body: definition.body.clone(),
                disable_redirects: definition.disable_redirects,
                tls: self.tls(definition, &[])?,
            },
            CheckKind::Tcp => Kind::Tcp {
                address: definition.tcp.clone(),
                tls: tls_if(definition.tcp_use_tls)?,
            },
            CheckKind::Udp => Kind::Udp {
                address: definition.udp.clone(),
            },
            CheckKind::Grpc => Kind::Grpc {
                target: definition.grpc.clone(),
                tls: h2_if(definition.grpc_use_tls)?,
            },
            CheckKind::H2Ping => Kind::H2Ping {
                address: definition.h2ping.clone(),
                tls: h2_if(definition.h2ping_use_tls)?,
            },
            CheckKind::Docker => {
                let mut args: Vec<String> = definition.script_args.to_vec();
                if !definition.shell.is_empty() {
                    args = vec![definition.shell.clone(), "-c".into(), args.join(" ")];
                }
                Kind::Docker {
                    container: definition.docker_container_id.clone(),
                    args,
                }
            }
            CheckKind::Script => Kind::Script {
                args: definition.script_args.to_vec(),
            },
            CheckKind::Ttl | CheckKind::Alias | CheckKind::OsService => {
                return Err("Check type is not valid".into());
            }
        })
    }

    fn tls(&self, definition: &CheckType, alpn: &[&[u8]]) -> Result<ProbeTls, String> {
        let clients = self.config.read().check_tls.clone();
        let config = clients
            .get(!definition.tls_skip_verify, alpn)
            .map_err(|error| format!("Failed to set up TLS: {error}"))?;
        Ok(ProbeTls {
            config,
            server_name: definition.tls_server_name.clone(),
        })
    }

    /// Takes a probe's result.
    pub(crate) fn observed(self: &Arc<Self>, id: &str, generation: u64, observation: &Observation) {
        if !self.runners.lock().current(id, generation) {
            return;
        }
        let found = match observation.health {
            Health::Passing => status::PASSING,
            Health::Warning => status::WARNING,
            Health::Critical => status::CRITICAL,
        };
        let finding = Finding {
            status: found,
            output: &observation.output,
            immediate: observation.immediate,
        };
        let (judgement, change, known) = {
            let mut local = self.local.lock();
            let (judgement, change) = local.observe(id, &finding, self.now(), rand::rng().random());
            let known = local
                .check(id)
                .map(|check| (check.row.service_id.clone(), check.definition.clone()));
            (judgement, change, known)
        };
        let Some((service, definition)) = known else {
            return;
        };
        tell_log(id, found, judgement, &definition);
        self.after(change, Some(&service));
    }

    /// What follows from a changed check: waiters, aliases of its service, the catalog.
    pub(crate) fn after(self: &Arc<Self>, change: Change, service: Option<&str>) {
        self.tell(change);
        if change != Change::None
            && let Some(service) = service.filter(|service| !service.is_empty())
        {
            self.mirror(service);
        }
    }

    /// Tells waiters and the sync task of a change.
    pub(crate) fn tell(&self, change: Change) {
        if change == Change::None {
            return;
        }
        self.changed_now();
        // An output that waits behind another one changes nothing for the sync task.
        if change != Change::Waiting {
            self.wake_sync.notify_one();
        }
    }

    fn start_ttl(self: &Arc<Self>, id: &str, definition: &CheckType) {
        let length = Duration::from_nanos(u64::try_from(definition.ttl.0).unwrap_or(0));
        let deadline = self.now() + length;
        let output_max = self.output_max(definition);
        let generation = {
            let mut runners = self.runners.lock();
            let generation = runners.next();
            let work = Work::Ttl(Ttl {
                length,
                deadline,
                slot: None,
                on_disk: false,
                stale: false,
                output_max,
                armed: true,
            });
            runners
                .by_id
                .insert(id.to_owned(), Runner { generation, work });
            generation
        };
        self.arm_ttl(id.to_owned(), generation, length);
    }

    fn arm_ttl(self: &Arc<Self>, id: String, generation: u64, wait: Duration) {
        let agent = Arc::downgrade(self);
        self.time.call_at(self.time.now().after(wait), move || {
            if let Some(agent) = agent.upgrade() {
                agent.ttl_due(id, generation);
            }
        });
    }

    fn ttl_due(self: &Arc<Self>, id: String, generation: u64) {
        let now = self.now();
        let left = {
            let mut runners = self.runners.lock();
            match runners.by_id.get_mut(&id) {
                Some(Runner {
                    generation: g,
                    work: Work::Ttl(ttl),
                }) if *g == generation => {
                    let left = ttl.deadline.saturating_sub(now);
                    ttl.armed = !left.is_zero();
                    left
                }
                _ => return,
            }
        };
        if !left.is_zero() {
            return self.arm_ttl(id, generation, left);
        }
        let (change, service) = {
            let mut local = self.local.lock();
            let Some(check) = local.check(&id) else {
                return;
            };
            let (last, service) = (check.row.output.clone(), check.row.service_id.clone());
            let text = if last.is_empty() || last.starts_with("TTL expired") {
                last_or("TTL expired", &last)
            } else {
                format!("TTL expired (last output before timeout follows): {last}")
            };
            (
                local.set_check(&id, status::CRITICAL, &text, now, rand::rng().random()),
                service,
            )
        };
        tracing::warn!(check = %id, "Check missed TTL, is now critical");
        self.after(change, Some(&service));
    }

    /// A beat of a TTL check; what it changed.
    pub(crate) fn take_beat(self: &Arc<Self>, id: &str, beat: &Beat) -> Result<Change, AgentError> {
        let now = self.now();
        if self.local.lock().check(id).is_none() {
            return Err(unknown_check(id));
        }
        let (output, known) = {
            let mut runners = self.runners.lock();
            let runners = &mut *runners;
            let Some(Runner {
                generation,
                work: Work::Ttl(ttl),
            }) = runners.by_id.get_mut(id)
            else {
                return Err(AgentError::Failed(format!(
                    "CheckID {id:?} does not have associated TTL"
                )));
            };
            ttl.deadline = now + ttl.length;
            if !std::mem::replace(&mut ttl.armed, true) {
                self.arm_ttl(id.to_owned(), *generation, ttl.length);
            }
            let expires = self.unix(ttl.length);
            if let Err(error) = runners.beats.note(&mut ttl.slot, id, expires) {
                tracing::warn!(check = %id, %error, "failed to persist state of check");
            }
            ttl.stale = true;
            (cut(&beat.output, ttl.output_max), ttl.on_disk)
        };
        let (change, service) = {
            let mut local = self.local.lock();
            let change = local.set_check(id, &beat.status, &output, now, rand::rng().random());
            (
                change,
                local.check(id).map(|check| check.row.service_id.clone()),
            )
        };
        tracing::debug!(check = id, status = beat.status, "Check status updated");
        if !known || change != Change::None {
            self.save_beat(id, &beat.status, &output, change == Change::Now);
        }
        self.after(change, service.as_deref());
        Ok(change)
    }

    /// Seconds of Unix time after this wait.
    fn unix(&self, wait: Duration) -> u64 {
        let wall = self.time.wall().duration_since(std::time::UNIX_EPOCH);
        (wall.unwrap_or_default() + wait).as_secs()
    }

    /// Writes the state file of a TTL check; `sync` waits for the disk.
    fn save_beat(&self, id: &str, status: &str, output: &str, sync: bool) {
        let left = {
            let mut runners = self.runners.lock();
            let Some(Runner {
                work: Work::Ttl(ttl),
                ..
            }) = runners.by_id.get_mut(id)
            else {
                return;
            };
            (ttl.on_disk, ttl.stale) = (true, false);
            ttl.deadline.saturating_sub(self.now())
        };
        let stored = StoredBeat {
            check_id: id.to_owned(),
            output: output.to_owned(),
            status: status.to_owned(),
            expires: i64::try_from(self.unix(left)).unwrap_or(i64::MAX),
        };
        let saved = if sync {
            self.store.save(Shelf::Beats, id, &stored)
        } else {
            self.store.save_soon(Shelf::Beats, id, &stored)
        };
        if let Err(error) = saved {
            tracing::warn!(check = %id, %error, "failed to persist state of check");
        }
    }

    /// Brings the state files up to date before the process ends, for whoever reads them next.
    pub fn stop(&self) {
        let stale: Vec<String> = {
            let runners = self.runners.lock();
            let stale = runners.by_id.iter().filter(|(_, runner)| {
                matches!(&runner.work, Work::Ttl(ttl) if ttl.stale && !ttl.deadline.saturating_sub(self.now()).is_zero())
            });
            stale.map(|(id, _)| id.clone()).collect()
        };
        for id in stale {
            let row = self.local.lock().check(&id).map(|check| check.row.clone());
            if let Some(row) = row {
                self.save_beat(&id, &row.status, &row.output, false);
            }
        }
    }

    pub(crate) fn keep_mirror(&self, id: &str, service: &str) {
        let mut runners = self.runners.lock();
        let generation = runners.next();
        runners.by_id.insert(
            id.to_owned(),
            Runner {
                generation,
                work: Work::Mirror(service.to_owned()),
            },
        );
        runners
            .mirrors
            .entry(service.to_owned())
            .or_default()
            .push(id.to_owned());
    }

    pub(crate) fn keep_remote(&self, id: &str, room: rt::Room) -> u64 {
        let mut runners = self.runners.lock();
        let generation = runners.next();
        runners.by_id.insert(
            id.to_owned(),
            Runner {
                generation,
                work: Work::Remote(room),
            },
        );
        generation
    }

    pub(crate) fn is_current(&self, id: &str, generation: u64) -> bool {
        self.runners.lock().current(id, generation)
    }
}

/// What the log says of every result, whether or not it changes something.
fn tell_log(id: &str, found: &str, judgement: Judgement, definition: &CheckType) {
    match judgement {
        Judgement::Took(status::CRITICAL) => tracing::warn!(check = id, "Check is now critical"),
        Judgement::Took(status::WARNING) => tracing::warn!(check = id, "Check is now warning"),
        Judgement::Took(to) => tracing::debug!(check = id, status = to, "Check status updated"),
        Judgement::TooFewSuccesses(counters) => tracing::debug!(
            check = id,
            status = found,
            success_count = counters.successes,
            success_threshold = definition.success_before_passing,
            "Check passed but has not reached success threshold"
        ),
        Judgement::TooFewFailures(counters) => tracing::debug!(
            check = id,
            status = found,
            failure_count = counters.failures,
            warning_threshold = definition.failures_before_warning,
            failure_threshold = definition.failures_before_critical,
            "Check failed but has not reached warning/failure threshold"
        ),
        Judgement::Unknown => {}
    }
}

fn last_or(default: &str, last: &str) -> String {
    if last.is_empty() {
        default.to_owned()
    } else {
        last.to_owned()
    }
}

pub(crate) fn unknown_check(id: &str) -> AgentError {
    AgentError::NotFound(format!(
        "Unknown check ID {id:?}. Ensure that the check ID is passed, not the check name."
    ))
}

/// A beat's output within its limit: the first bytes and a note.
fn cut(output: &str, limit: usize) -> String {
    if output.len() <= limit {
        return output.to_owned();
    }
    let kept = String::from_utf8_lossy(&output.as_bytes()[..limit]).into_owned();
    format!("{kept} ... (captured {limit} of {} bytes)", output.len())
}

fn headers(definition: &CheckType) -> Vec<(String, String)> {
    let each = definition.header.iter().flat_map(|(name, values)| {
        values
            .iter()
            .map(move |value| (name.clone(), value.clone()))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_beats_are_cut() {
        assert_eq!(cut("0123456789", 4), "0123 ... (captured 4 of 10 bytes)");
        assert_eq!(cut("0123", 4), "0123");
    }
}
