//! Programs that commands run: through a shell or directly.

use crate::command::Environment;
use std::process::Stdio;
use tokio::process::Command;

/// A program to run, not started yet.
pub(crate) struct Program {
    pub(crate) command: Command,
    /// The name, for errors.
    name: String,
}

impl Program {
    /// Through `$SHELL -c` (or `/bin/sh -c`) with the words joined by spaces, or directly.
    pub(crate) fn new(words: &[String], shell: bool, env: &Environment) -> Self {
        let name = match words.first() {
            Some(first) if !shell => first.clone(),
            _ => env.get("SHELL").unwrap_or("/bin/sh").to_owned(),
        };
        let mut command = Command::new(&name);
        if shell {
            command.arg("-c").arg(words.join(" "));
        } else {
            command.args(words.iter().skip(1));
        }
        command.stdin(Stdio::null());
        Self { command, name }
    }

    /// Starts it; the error is worded as Go's.
    pub(crate) fn start(&mut self) -> Result<tokio::process::Child, String> {
        self.command.spawn().map_err(|e| {
            let missing = e.kind() == std::io::ErrorKind::NotFound;
            if missing && !self.name.contains('/') {
                let name = crate::text::quote(&self.name);
                return format!("exec: {name}: executable file not found in $PATH");
            }
            format!("fork/exec {}: {}", self.name, crate::api::os_text(&e))
        })
    }
}

/// How a program ended, if not well: `exit status 3`, `signal: killed`.
pub(crate) fn failure(status: std::process::ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt;
    if status.success() {
        return None;
    }
    if let Some(code) = status.code() {
        return Some(format!("exit status {code}"));
    }
    let word = match status.signal() {
        Some(number) => signal_word(number),
        None => "unknown".to_owned(),
    };
    Some(format!("signal: {word}"))
}

fn signal_word(number: i32) -> String {
    use nix::sys::signal::Signal;
    let word = match Signal::try_from(number) {
        Ok(Signal::SIGHUP) => "hangup",
        Ok(Signal::SIGINT) => "interrupt",
        Ok(Signal::SIGQUIT) => "quit",
        Ok(Signal::SIGABRT) => "aborted",
        Ok(Signal::SIGKILL) => "killed",
        Ok(Signal::SIGSEGV) => "segmentation fault",
        Ok(Signal::SIGPIPE) => "broken pipe",
        Ok(Signal::SIGTERM) => "terminated",
        _ => return format!("signal {number}"),
    };
    word.to_owned()
}

/// Sends a signal to one process.
pub(crate) fn signal_one(pid: u32, signal: i32) {
    use nix::sys::signal::{Signal, kill};
    if let (Ok(pid @ 1..), Ok(signal)) = (i32::try_from(pid), Signal::try_from(signal)) {
        // The process may be gone already, which is fine.
        let _ = kill(nix::unistd::Pid::from_raw(pid), signal);
    }
}

/// Sends a signal to the process group of a child that was started in a group of its own.
pub(crate) fn signal_group(pid: u32, signal: i32) {
    use nix::sys::signal::{Signal, killpg};
    let (Ok(pid @ 1..), Ok(signal)) = (i32::try_from(pid), Signal::try_from(signal)) else {
        return;
    };
    // The group may be gone already, which is what was wanted.
    let _ = killpg(nix::unistd::Pid::from_raw(pid), signal);
}
