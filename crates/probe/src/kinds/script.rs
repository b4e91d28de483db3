//! Scripts: a program in a process group of its own, its output in a ring, killed as a whole when time is up.

use super::{go_duration, within};
use crate::output::Tail;
use crate::{Health, Observation, dial};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use parking_lot::Mutex;
use rt::Child;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::Command;

/// How long the output of a killed group is still waited for.
const DRAIN: Duration = Duration::from_secs(1);

pub(super) async fn run(
    args: &[String],
    limit: Duration,
    output_max: usize,
    room: &rt::Room,
    time: &rt::Time,
) -> Observation {
    let (mut child, output) = match start(args) {
        Ok(started) => started,
        Err(text) => return Observation::at_once(text),
    };
    let group = Group(child.id());
    let tail = Arc::new(Mutex::new(Tail::new(output_max)));
    let (drained, reader) = (tail.clone(), output);
    let (end, ended) = tokio::sync::oneshot::channel();
    room.spawn("script-output", async move {
        drain(reader, &drained).await;
        // The runner may have given up on the output; then nobody listens.
        let _ = end.send(());
    });
    let mut ended = ended;
    let done = within(time, limit, async {
        let status = child.wait().await;
        let _ = (&mut ended).await;
        status
    })
    .await;
    let taken = |tail: &Mutex<Tail>| std::mem::replace(&mut *tail.lock(), Tail::new(1)).captured();
    match done {
        Some(Ok(status)) => {
            group.forget();
            Observation::new(health(status), taken(&tail))
        }
        Some(Err(error)) => Observation::at_once(dial::syscall("wait", &error)),
        None => {
            group.kill();
            reap(&mut child, time).await;
            let _ = within(time, DRAIN, &mut ended).await;
            let text = taken(&tail);
            let head = format!("Timed out ({}) running check", go_duration(limit));
            Observation::at_once(if text.is_empty() {
                head
            } else {
                format!("{head}\n\n{text}")
            })
        }
    }
}

fn health(status: ExitStatus) -> Health {
    match status.code() {
        Some(0) => Health::Passing,
        Some(1) => Health::Warning,
        _ => Health::Critical,
    }
}

/// Starts the program with one pipe for both its outputs, so that their order is kept.
fn start(args: &[String]) -> Result<(Child, pipe::Receiver), String> {
    let (program, rest) = args.split_first().ok_or("need an executable to run")?;
    let (reader, writer) = io::pipe().map_err(|error| dial::syscall("pipe2", &error))?;
    let copy = writer
        .try_clone()
        .map_err(|error| dial::syscall("dup", &error))?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(copy)
        .process_group(0)
        .kill_on_drop(true);
    let child = Child::start(&mut command).map_err(|error| start_error(program, &error))?;
    // Dropping the command closes our ends of the pipe; only the program's remain.
    drop(command);
    let reader = pipe::Receiver::from_owned_fd(reader.into())
        .map_err(|error| dial::syscall("fcntl", &error))?;
    Ok((child, reader))
}

/// Why a program could not be started, in Go's words.
pub fn start_error(program: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound && !program.contains('/') {
        let shown = dialect::url::quote(program.as_bytes());
        format!("exec: {shown}: executable file not found in $PATH")
    } else {
        format!("fork/exec {program}: {}", net::error_text(error))
    }
}

async fn drain(mut reader: pipe::Receiver, tail: &Mutex<Tail>) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = reader.read(&mut chunk).await {
        tail.lock().write(&chunk[..length]);
    }
}

/// Collects the killed program, so that no zombie stays.
async fn reap(child: &mut Child, time: &rt::Time) {
    let _ = within(time, DRAIN, child.wait()).await;
}

/// The program's process group; killed when dropped before the program's own end, also when the check is taken away.
struct Group(Option<u32>);

impl Group {
    fn kill(&self) {
        if let Some(id) = self.0.and_then(|id| i32::try_from(id).ok()) {
            // The group may have ended by itself meanwhile.
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }

    /// The program ended: what it left running in the background is its own affair.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
