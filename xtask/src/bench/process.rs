//! Processes that are measured: start, CPU time, memory, end.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ticks per second in `/proc/PID/stat`; fixed by the kernel's user interface.
const TICKS: f64 = 100.0;
/// How long a process may take to accept connections.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A process that ends with this value.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        Ok(Self { child })
    }

    /// CPU microseconds of it and all its descendants so far.
    pub(crate) fn cpu(&self) -> Result<f64> {
        let mut parents = HashMap::new();
        let mut ticks = HashMap::new();
        for entry in std::fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            // It may be gone by now.
            let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
                continue;
            };
            let Some((_, rest)) = stat.rsplit_once(')') else {
                continue;
            };
            let fields: Vec<u64> = rest
                .split_whitespace()
                .map(|field| field.parse().unwrap_or(0))
                .collect();
            if let (Some(parent), Some(user), Some(system)) =
                (fields.get(1), fields.get(11), fields.get(12))
            {
                parents.insert(pid, u32::try_from(*parent).unwrap_or(0));
                ticks.insert(pid, user + system);
            }
        }
        let root = self.child.id();
        ensure!(ticks.contains_key(&root), "the measured process is gone");
        let belongs = |mut pid: u32| {
            while pid > 1 {
                if pid == root {
                    return true;
                }
                pid = parents.get(&pid).copied().unwrap_or(0);
            }
            false
        };
        let sum: u64 = ticks
            .iter()
            .filter(|(pid, _)| belongs(**pid))
            .map(|(_, ticks)| *ticks)
            .sum();
        Ok(sum as f64 * 1e6 / TICKS)
    }

    /// Resident bytes.
    pub(crate) fn resident(&self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// Most resident bytes since the start or [`Process::forget_peak`].
    pub(crate) fn peak(&self) -> Result<f64> {
        self.status("VmHWM:")
    }

    /// The peak begins anew.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        Ok(std::fs::write(
            format!("/proc/{}/clear_refs", self.child.id()),
            "5",
        )?)
    }

    fn status(&self, field: &'static str) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kilobytes = text
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .context(field)?;
        Ok(kilobytes * 1024.0)
    }

    /// Open file descriptors.
    pub(crate) fn files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Threads.
    pub(crate) fn threads(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/task", self.child.id()))?.count())
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `ready` says so.
pub(crate) fn until(what: &str, mut ready: impl FnMut() -> bool) -> Result<Duration> {
    let start = Instant::now();
    while !ready() {
        ensure!(start.elapsed() < START_LIMIT, "{what} did not come up");
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(start.elapsed())
}

/// A directory that goes with this value.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let path =
            std::env::temp_dir().join(format!("proconsul-bench-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is in the temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from)
}

/// Runs cargo in the workspace and returns what it printed.
pub(crate) fn cargo(args: &[&str]) -> Result<String> {
    output(Command::new("cargo").args(args).current_dir(crate::root()))
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{command:?}"))?;
    ensure!(out.status.success(), "{command:?}: {}", out.status);
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Whether a file's size is known; for looking at an agent's own files.
pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map(|meta| meta.len()).unwrap_or(0)
}
