//! The life of an agent process: load, banner, start, signals, exit status (spec/agent-config.md §12).

use crate::describe::description;
use crate::file_watch::{self, Watched};
use crate::listeners::error_text;
use crate::material;
use crate::preflight;
use crate::start::{self, Identity, Running};
use cli::BuildInfo;
use config::{Flags, Loaded, ThisHost};
use parking_lot::Mutex;
use ports::{BoxFuture, Process};
use rt::{Room, Signal, Signals, Time};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use telemetry::logging::LogHandle;
use telemetry::systemd::{self, State, notify};
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// `proconsul agent`.
pub(crate) struct AgentProcess;

/// What the HTTP door asks of the process.
enum Ask {
    Reload(oneshot::Sender<Result<(), String>>),
    Leave(oneshot::Sender<Result<(), String>>),
}

/// Said when an automatic reload leaves something out.
const HELD_BACK: &str = "Changes to your configuration were detected that for security reasons cannot be automatically applied by 'auto_reload_config'. Manually reload your configuration (e.g. with 'consul reload') to apply these changes.";
/// Requests of the doors that may wait at the same time.
const ASKS_MAX: usize = 16;
/// How long the end waits for lines of the log that nobody has read yet.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

impl cli::AgentMain for AgentProcess {
    fn run(&self, flags: Flags, build: &BuildInfo) -> i32 {
        // The allocator asks for huge pages, of which an agent with little to keep would fill a fraction: 13 MB instead of
        // 24 after start. A kernel that does not know the call changes nothing but that.
        let _ = nix::sys::prctl::set_thp_disable(true);
        let loaded = match config::load(&flags, &ThisHost) {
            Ok(loaded) => loaded,
            Err(error) => {
                eprintln!("==> {error}");
                return 1;
            }
        };
        let begun = match Begun::new(&loaded, build) {
            Ok(begun) => begun,
            Err(error) => {
                eprintln!("==> {error}");
                return 1;
            }
        };
        let _flushed = Flushed(begun.logs.clone());
        let runtime = match tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(target: "agent", "failed to start the runtime: {error}");
                return 1;
            }
        };
        let code = runtime.block_on(life(&flags, loaded, begun, build));
        tracing::info!(code, "Exit code");
        // Whatever still blocks a thread must not hold the process.
        runtime.shutdown_background();
        code
    }
}

/// What is there before anything starts: who the agent is, and its log, below the banner.
struct Begun {
    identity: Identity,
    logs: LogHandle,
}

impl Begun {
    fn new(loaded: &Loaded, build: &BuildInfo) -> Result<Self, String> {
        preflight::log_file(&loaded.config)?;
        material::check(&loaded.config)?;
        let identity = start::identify(&loaded.config)?;
        let logs = logging(&loaded.config)?;
        if !loaded.config.logging.json {
            banner(loaded, &identity, build);
        }
        for warning in &loaded.warnings {
            tracing::warn!(target: "agent", "{warning}");
        }
        preflight::tell(loaded);
        Ok(Self { identity, logs })
    }
}

fn banner(loaded: &Loaded, identity: &Identity, build: &BuildInfo) {
    let date = build
        .build_date
        .replacen('T', " ", 1)
        .replace('Z', " +0000 UTC");
    let facts = config::banner::Facts {
        version: &build.version,
        revision: None,
        build_date: &date,
        node_id: &identity.node_id,
        encrypted: false,
    };
    print!("{}", config::banner::banner(&loaded.config, &facts));
    // The log has a handle of its own to the same place, and comes after. Without a reader there is nothing to keep in order.
    let _ = std::io::stdout().flush();
}

/// However the process ends, what was logged is written.
struct Flushed(LogHandle);

impl Drop for Flushed {
    fn drop(&mut self) {
        // Nobody is left to tell of what could not be written.
        let _ = self.0.flush(FLUSH_LIMIT);
    }
}

/// Tells the service manager that the agent answers, and from then on that the runtime still gets to its tasks.
fn ready(room: &Room, time: &Time) {
    notify(State::Ready);
    if let Some(period) = systemd::watchdog() {
        let time = time.clone();
        room.spawn("watchdog", async move {
            loop {
                notify(State::Alive);
                time.sleep(period).await;
            }
        });
    }
}

async fn life(flags: &Flags, loaded: Loaded, begun: Begun, build: &BuildInfo) -> i32 {
    let Begun { identity, logs } = begun;
    let room = Room::new("agent");
    let time = Time::real(&room);
    let mut signals = match rt::reap_orphans(&room, &time).and_then(|()| Signals::listen()) {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(target: "agent", %error, "Error starting agent");
            return 1;
        }
    };
    let pid_file = match PidFile::write(&loaded.config.logging.pid_file) {
        Ok(file) => file,
        Err(error) => {
            tracing::error!(target: "agent", %error, "Error starting agent");
            return 1;
        }
    };
    let (asks, mut asked) = mpsc::channel(ASKS_MAX);
    let port = Arc::new(Port {
        asks,
        description: Mutex::new(description(&loaded, &identity.node_id, build)),
        logs: logs.clone(),
    });
    // Before anybody is answered: what changes from then on is noticed.
    let watched = Watched::new(&flags.paths, &loaded.config);
    let follows = loaded.config.node.auto_reload_config;
    let known = follows.then(|| watched.look());
    let (node_id, shown) = (identity.node_id.clone(), port.clone());
    let (running, mut failure) =
        match Running::start(&loaded, identity, |_| shown, &room, &time).await {
            Ok(started) => started,
            Err(error) => {
                tracing::error!(target: "agent", error, "Error starting agent");
                return 1;
            }
        };
    logs.count_in(running.metrics());
    tracing::info!(target: "agent", "{}", config::banner::RUNNING);
    ready(&room, &time);
    let changed = Arc::new(Notify::new());
    let (paths, watched) = watch::channel(watched);
    if let Some(known) = known {
        file_watch::start(&room, &time, known, watched, changed.clone());
    }
    let dumps = Dumps::default();
    let mut in_force = loaded.config.clone();
    let mut reload = |by_itself: bool| {
        notify(State::Reloading);
        let done = load_again(flags, &logs).and_then(|mut again| {
            let mut config = again
                .in_force(&loaded.keys, flags, &ThisHost)
                .map_err(|error| error.to_string())?;
            if by_itself && file_watch::hold_back(&mut config, &in_force) {
                file_watch::hold_back(&mut again.config, &in_force);
                tracing::warn!(target: "agent", "{HELD_BACK}");
            }
            // What files say is shown, also where it waits for a restart.
            *port.description.lock() = description(&again, &node_id, build);
            paths.send_replace(Watched::new(&flags.paths, &config));
            let done = running.reload(&config);
            in_force = config;
            done
        });
        notify(State::Ready);
        done
    };
    let leave_on = |signal: &Signal| match signal {
        Signal::Interrupt => !loaded.config.join.skip_leave_on_interrupt,
        Signal::Terminate => loaded.config.join.leave_on_terminate,
        _ => false,
    };
    let mut ended = std::pin::pin!(running.ended());
    let graceful = loop {
        tokio::select! {
            // A server that answers nothing helps nobody: whoever watches the process sees it go, with the reason.
            reason = &mut ended => {
                tracing::error!(target: "agent", reason, "Server cannot go on");
                break false;
            }
            signal = signals.next() => match signal {
                Signal::Hangup => {
                    tracing::info!(target: "agent", signal = "hangup", "Caught");
                    if let Err(error) = reload(false) {
                        tracing::error!(target: "agent", error, "Reload config failed");
                    }
                }
                Signal::User1 => dumps.show(&room, running.metrics()),
                ending => {
                    let name = if matches!(ending, Signal::Interrupt) { "interrupt" } else { "terminated" };
                    tracing::info!(target: "agent", signal = name, "Caught");
                    break leave_on(&ending);
                }
            },
            Some(error) = failure.recv() => {
                tracing::error!(target: "agent", error, "Retry join failed");
                break false;
            }
            () = changed.notified() => {
                tracing::info!(target: "agent", "Configuration files changed");
                if let Err(error) = reload(true) {
                    tracing::error!(target: "agent", error, "Reload config failed");
                }
            }
            Some(ask) = asked.recv() => match ask {
                Ask::Reload(reply) => {
                    // Who asked may have gone; the reload holds all the same.
                    let _ = reply.send(reload(false));
                }
                Ask::Leave(reply) => {
                    let _ = reply.send(Ok(()));
                    break true;
                }
            },
        }
    };
    notify(State::Stopping);
    if graceful {
        tracing::info!(target: "agent", "Gracefully shutting down agent...");
    } else {
        tracing::info!(target: "agent", "Graceful shutdown disabled. Exiting");
    }
    tokio::select! {
        () = running.stop(graceful) => {}
        signal = ending(&mut signals) => {
            let _ = signal;
            tracing::info!(target: "agent", "Caught second signal, Exiting");
            return 1;
        }
    }
    drop(pid_file);
    if graceful {
        tracing::info!(target: "agent", "Graceful exit completed");
        0
    } else {
        1
    }
}

/// Metrics on standard error, as SIGUSR1 asks for them: on a thread, since nobody may be reading there.
#[derive(Default)]
struct Dumps(Arc<AtomicBool>);

impl Dumps {
    /// One at a time: while one is written, further signals ask for nothing more.
    fn show(&self, room: &Room, metrics: &telemetry::Metrics) {
        if self.0.swap(true, Ordering::AcqRel) {
            return;
        }
        let (writing, text) = (self.0.clone(), metrics.dump());
        room.spawn_blocking("metrics dump", move || {
            // Without a reader there is nobody to tell.
            let _ = std::io::stderr().write_all(text.as_bytes());
            writing.store(false, Ordering::Release);
        });
    }
}

/// The next signal that ends the process.
async fn ending(signals: &mut Signals) -> Signal {
    loop {
        let signal = signals.next().await;
        if matches!(signal, Signal::Interrupt | Signal::Terminate) {
            return signal;
        }
    }
}

fn load_again(flags: &Flags, logs: &LogHandle) -> Result<Loaded, String> {
    tracing::info!(target: "agent", "Reloading configuration...");
    let loaded = config::load(flags, &ThisHost).map_err(|error| error.to_string())?;
    for warning in &loaded.warnings {
        tracing::warn!(target: "agent", "{warning}");
    }
    match config::log_level(&loaded.config.logging.level) {
        Ok(_) => logs.set_level(&loaded.config.logging.level),
        Err(_) => {
            tracing::warn!(target: "agent", level = loaded.config.logging.level, "Invalid log level in new configuration")
        }
    }
    Ok(loaded)
}

fn logging(config: &config::Config) -> Result<LogHandle, String> {
    let from = &config.logging;
    telemetry::logging::init(telemetry::logging::LogConfig {
        level: from.level.clone(),
        json: from.json,
        file: from.file.clone(),
        rotate_duration: from.rotate_duration,
        rotate_bytes: from.rotate_bytes,
        rotate_max_files: from.rotate_max_files,
        syslog: from.syslog,
        syslog_facility: from.syslog_facility.clone(),
    })
}

/// `-pid-file`: written at start, removed at the end.
struct PidFile(String);

impl PidFile {
    fn write(path: &str) -> Result<Option<Self>, String> {
        if path.is_empty() {
            return Ok(None);
        }
        std::fs::write(path, std::process::id().to_string()).map_err(|error| {
            format!(
                "Could not open pid file: open {path}: {}",
                error_text(&error)
            )
        })?;
        Ok(Some(Self(path.to_owned())))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            let why = error_text(&error);
            tracing::warn!(target: "agent", "Could not remove pid file: remove {}: {why}", self.0);
        }
    }
}

/// The process as the doors see it.
struct Port {
    asks: mpsc::Sender<Ask>,
    /// As of the last load of the configuration, whether or not all of it is in force.
    description: Mutex<serde_json::Value>,
    logs: LogHandle,
}

impl Port {
    async fn ask(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Ask,
    ) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.asks
            .send(make(reply))
            .await
            .map_err(|_| "agent is shutting down".to_owned())?;
        answer
            .await
            .map_err(|_| "agent is shutting down".to_owned())?
    }
}

impl Process for Port {
    fn reload(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.ask(Ask::Reload))
    }

    fn leave(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.ask(Ask::Leave))
    }

    fn self_description(&self) -> serde_json::Value {
        self.description.lock().clone()
    }

    fn log_lines(&self, level: &str, json: bool) -> Result<mpsc::Receiver<Vec<u8>>, String> {
        self.logs.subscribe(level, json)
    }
}
