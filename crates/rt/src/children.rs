//! Children of this process: those that somebody waits for, and those that nobody does.
//!
//! The first process of a container inherits every process whose parent ended, and has to collect it when it ends: the kernel keeps
//! its entry until then. What this program started itself is collected by whoever waits for its status, and by nobody else.

use crate::{Room, Time};
use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use parking_lot::RwLock;
use std::collections::BTreeSet;
use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// Process ids are the whole process' affair, and so is this list.
static OWN: RwLock<BTreeSet<u32>> = RwLock::new(BTreeSet::new());

/// Until whoever waits for a child of ours has collected it, and hides what may have ended behind it no more.
const AGAIN: Duration = Duration::from_millis(100);

/// A child that this program waits for.
#[derive(Debug)]
pub struct Child {
    child: tokio::process::Child,
    /// Its place in the list.
    id: Option<u32>,
}

impl Child {
    /// Starts a program.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn start(command: &mut Command) -> io::Result<Child> {
        if !is_first() {
            let child = command.spawn()?;
            return Ok(Child { child, id: None });
        }
        // One that ends at once must not be taken for an orphan before it stands in the list.
        let mut own = OWN.write();
        let child = command.spawn()?;
        let id = child.id();
        own.extend(id);
        Ok(Child { child, id })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            OWN.write().remove(&id);
        }
    }
}

impl Deref for Child {
    type Target = tokio::process::Child;

    fn deref(&self) -> &Self::Target {
        &self.child
    }
}

impl DerefMut for Child {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.child
    }
}

fn is_first() -> bool {
    std::process::id() == 1
}

/// Collects what this process inherits, if it is the first of its container.
///
/// # Errors
/// When signals cannot be listened for.
pub fn reap_orphans(room: &Room, time: &Time) -> io::Result<()> {
    if !is_first() {
        return Ok(());
    }
    let mut ended = signal(SignalKind::child())?;
    let time = time.clone();
    room.spawn("orphans", async move {
        loop {
            if reap() {
                time.sleep(AGAIN).await;
            } else if ended.recv().await.is_none() {
                return;
            }
        }
    });
    Ok(())
}

/// Collects every orphan that has ended; whether a child of ours stands before others.
fn reap() -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        let pid = match waitid(Id::All, look) {
            Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _)) => pid,
            Err(Errno::EINTR) => continue,
            Ok(_) | Err(_) => return false,
        };
        if !collect(pid) {
            return true;
        }
    }
}

/// Collects one that has ended, unless it is ours.
fn collect(pid: Pid) -> bool {
    let own = OWN.read();
    if own.contains(&pid.as_raw().unsigned_abs()) {
        return false;
    }
    // Who was ours until now may have been collected meanwhile.
    let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
    true
}
