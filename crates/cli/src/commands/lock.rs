//! `consul lock` (spec: cli.md §19).

use crate::api;
use crate::child::{self, Program};
use crate::command::{CS, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::signals::Stop;
use proconsul_client::{
    Client, Error, Lock, LockError, LockGuard, Loss, Semaphore, SemaphoreGuard,
};
use std::process::Stdio;
use std::time::Duration;

pub(crate) const COMMAND: Command = Command {
    path: "lock",
    synopsis: "Runs a program while holding a lock",
    usage: "[options] prefix child...",
    about: "Takes a lock, or one of several places of a semaphore, runs a program and gives the lock up again. The program is killed when the lock is lost. It sees CONSUL_LOCK_HELD=true in its environment.",
    groups: CS,
    flags: &[
        Flag::bool(
            "child-exit-code",
            "Exit with status 2 when the program fails.",
        ),
        Flag::int(
            "monitor-retry",
            "How many server errors in a row do not count as loss of the lock.",
        )
        .with_default("3"),
        Flag::int("n", "How many may hold a place; 1 is a lock.").with_default("1"),
        Flag::string("name", "Name of the session."),
        Flag::bool(
            "pass-stdin",
            "The program reads this command's standard input.",
        ),
        Flag::bool("shell", "Run the program through a shell.").with_default("true"),
        Flag::duration("timeout", "Give up after this time; 0 waits for ever.").with_default("0"),
        Flag::duration("try", "Old name of -timeout.").with_default("0"),
        Flag::bool("verbose", "Say what happens."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

/// Time between asking the program to stop and killing it.
const KILL_AFTER: Duration = Duration::from_secs(5);
/// Exit status with -child-exit-code when the program failed.
const EXIT_CHILD: i32 = 2;
const NO_LOCK: &str = "Shutdown triggered or timeout during lock acquisition";

/// A lock or a semaphore.
enum Kind {
    Lock(Lock),
    Semaphore(Semaphore),
}

/// What is held.
enum Held {
    Lock(LockGuard),
    Semaphore(SemaphoreGuard),
}

impl Kind {
    async fn acquire(&self, client: &Client) -> Result<Held, Error> {
        match self {
            Self::Lock(lock) => lock.acquire(client).await.map(Held::Lock),
            Self::Semaphore(s) => s.acquire(client).await.map(Held::Semaphore),
        }
    }

    async fn destroy(&self, client: &Client) -> Result<(), Error> {
        match self {
            Self::Lock(lock) => lock.destroy(client).await,
            Self::Semaphore(s) => s.destroy(client).await,
        }
    }
}

impl Held {
    fn loss(&self) -> Loss {
        match self {
            Self::Lock(guard) => guard.loss(),
            Self::Semaphore(guard) => guard.loss(),
        }
    }

    async fn release(self) -> Result<(), Error> {
        match self {
            Self::Lock(guard) => guard.release().await,
            Self::Semaphore(guard) => guard.release().await,
        }
    }
}

fn run(call: &mut Call<'_>) -> i32 {
    if call.flags.int("n") <= 0 {
        return call.fail("Lock holder limit must be positive");
    }
    if call.args.len() < 2 {
        return call.fail("Key prefix and child command must be specified");
    }
    if call.flags.nanos("timeout") < 0 || call.flags.nanos("try") < 0 {
        return call.fail("Timeout must be positive");
    }
    if call.flags.int("monitor-retry") < 0 {
        return call.fail("Number for 'monitor-retry' must be >= 0");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    if let Err(e) = api.wait(api.client.agent_self()) {
        return call.fail(format!("Error querying Consul agent: {e}"));
    }
    let kind = kind(call);
    api.wait(hold(call, &api.client, &kind))
}

fn kind(call: &mut Call<'_>) -> Kind {
    let prefix = call.args[0].trim_start_matches('/').to_owned();
    let child = call.args[1..].join(" ");
    let flags = &call.flags;
    let session_name = match flags.string("name") {
        "" => format!("Consul lock for '{child}' at '{prefix}'"),
        name => name.to_owned(),
    };
    let timeout = ["timeout", "try"]
        .map(|name| flags.duration(name))
        .into_iter()
        .find(|t| !t.is_zero());
    let monitor_retries = u32::try_from(flags.int("monitor-retry")).unwrap_or(u32::MAX);
    let limit = usize::try_from(flags.int("n")).unwrap_or(usize::MAX);
    let clean = prefix.split('/').filter(|p| !p.is_empty());
    let prefix = clean.collect::<Vec<_>>().join("/");
    if limit == 1 {
        let key = match prefix.as_str() {
            "" => ".lock".to_owned(),
            prefix => format!("{prefix}/.lock"),
        };
        verbose(call, &format!("Setting up lock at path: {key}"));
        return Kind::Lock(Lock {
            key,
            value: Vec::new(),
            session_name,
            timeout,
            monitor_retries,
        });
    }
    verbose(
        call,
        &format!("Setting up semaphore (limit {limit}) at prefix: {prefix}"),
    );
    Kind::Semaphore(Semaphore {
        prefix,
        limit,
        value: Vec::new(),
        session_name,
        timeout,
        monitor_retries,
    })
}

/// A line for -verbose; written out at once, because the program shares the stream.
fn verbose(call: &mut Call<'_>, text: &str) {
    if call.flags.bool("verbose") {
        call.out(text);
        let _ = call.io.stdout.flush();
    }
}

async fn hold(call: &mut Call<'_>, client: &Client, kind: &Kind) -> i32 {
    let mut stop = Stop::listen();
    verbose(call, "Attempting lock acquisition");
    let acquired = tokio::select! {
        () = stop.wait() => return call.fail(NO_LOCK),
        acquired = kind.acquire(client) => acquired,
    };
    let held = match acquired {
        Ok(held) => held,
        Err(Error::Lock(LockError::Timeout)) => return call.fail(NO_LOCK),
        Err(e) => return call.fail(format!("Lock acquisition failed: {e}")),
    };
    let mut loss = held.loss();
    let failed = run_child(call, &mut stop, &mut loss).await;
    let lost = loss.is_lost();
    if let Err(e) = held.release().await
        && !lost
    {
        return call.fail(format!("Lock release failed: {e}"));
    }
    match kind.destroy(client).await {
        Ok(()) => verbose(call, "Cleanup succeeded"),
        Err(Error::Lock(LockError::LockInUse | LockError::SemaphoreInUse)) => {
            verbose(call, "Cleanup aborted, lock in use");
        }
        Err(_) if lost => {}
        Err(e) => return call.fail(format!("Lock cleanup failed: {e}")),
    }
    if failed && call.flags.bool("child-exit-code") {
        EXIT_CHILD
    } else {
        0
    }
}

/// Runs the program to its end, or until the lock is lost or a signal comes; says whether it failed.
async fn run_child(call: &mut Call<'_>, stop: &mut Stop, loss: &mut Loss) -> bool {
    verbose(call, "Starting handler");
    let shell = call.flags.bool("shell");
    let mut program = Program::new(&call.args[1..], shell, call.env);
    program
        .command
        .env("CONSUL_LOCK_HELD", "true")
        .process_group(0);
    if call.flags.bool("pass-stdin") {
        program.command.stdin(Stdio::inherit());
    }
    let mut child = match program.start() {
        Ok(child) => child,
        Err(e) => {
            call.err(format!("Error starting handler: {e}"));
            return true;
        }
    };
    let pid = child.id().unwrap_or_default();
    let why = tokio::select! {
        ended = child.wait() => {
            let failure = match ended {
                Ok(status) => child::failure(status),
                Err(e) => Some(api::os_text(&e)),
            };
            if let Some(failure) = &failure {
                call.err(format!("Error running handler: {failure}"));
            }
            verbose(call, "Child terminated, releasing lock");
            return failure.is_some();
        }
        () = loss.wait() => "Lock lost, killing child",
        () = stop.wait() => "Shutdown triggered, killing child",
    };
    verbose(call, why);
    verbose(call, &format!("Terminating child pid {pid}"));
    child::signal_group(pid, nix::sys::signal::Signal::SIGTERM as i32);
    if tokio::time::timeout(KILL_AFTER, child.wait())
        .await
        .is_err()
    {
        child::signal_group(pid, nix::sys::signal::Signal::SIGKILL as i32);
        // Nothing survives this signal, so the wait is short.
        let _ = child.wait().await;
    }
    verbose(call, "Child terminated");
    false
}
