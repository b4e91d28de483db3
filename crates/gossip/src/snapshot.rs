//! The file in which a node remembers its pool (spec/wire.md §2.11): lines are appended, and now and then it is written anew.
//!
//! The pool's task only notes what changed; a task of its own writes, at most every half second, so a slow disk never holds up an
//! answer to a probe.

use crate::files;
use crate::limits::{SNAPSHOT_FLUSH, SNAPSHOT_LINES_MAX};
use crate::log::Logger;
use parking_lot::Mutex;
use rt::{Room, Time};
use serf::Snapshot;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Notify;

struct State {
    snapshot: Snapshot,
    /// Lines that are not in the file.
    lines: String,
    /// The file is to be written anew.
    anew: bool,
    /// Nothing counts any more: the node left.
    left: bool,
    /// Nobody will note anything any more.
    ended: bool,
    /// Bytes of the file.
    size: u64,
}

impl State {
    fn dirty(&self) -> bool {
        self.anew || !self.lines.is_empty()
    }
}

/// The file and what is to be written to it.
pub(crate) struct SnapshotFile {
    path: PathBuf,
    rejoin_after_leave: bool,
    state: Mutex<State>,
    changed: Notify,
}

impl SnapshotFile {
    /// Opens the file and tells what it remembers.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn open(
        path: PathBuf,
        rejoin_after_leave: bool,
    ) -> io::Result<(Snapshot, Arc<Self>)> {
        let text = files::read(&path)?.unwrap_or_default();
        let size = files::appending(&path)?.metadata()?.len();
        let mut known = Snapshot::read(&text, rejoin_after_leave);
        let state = State {
            lines: String::new(),
            // A line that was cut off must not become the beginning of the next one.
            anew: !text.is_empty() && !text.ends_with('\n'),
            left: false,
            ended: false,
            size,
            snapshot: Snapshot {
                unknown: Vec::new(),
                ..known.clone()
            },
        };
        // A hostile name is no reason for a hostile log.
        known
            .unknown
            .iter_mut()
            .for_each(|line| line.truncate(line.floor_char_boundary(200)));
        let file = Arc::new(Self {
            path,
            rejoin_after_leave,
            state: Mutex::new(state),
            changed: Notify::new(),
        });
        Ok((known, file))
    }

    /// A member is there.
    pub(crate) fn alive(&self, name: &str, addr: SocketAddr) {
        self.change(|state| {
            if state.snapshot.alive.insert(name.to_owned(), addr) != Some(addr) {
                state.lines.push_str(&Snapshot::alive_line(name, addr));
            }
        });
    }

    /// A member is not there any more.
    pub(crate) fn gone(&self, name: &str) {
        self.change(|state| {
            if state.snapshot.alive.remove(name).is_some() {
                state.lines.push_str(&Snapshot::gone_line(name));
            }
        });
    }

    /// The pool's clocks as [`serf::Serf::clocks`] tells them; the file holds the last times seen.
    pub(crate) fn clocks(&self, clocks: [u64; 3]) {
        let seen = clocks.map(|clock| clock.saturating_sub(1));
        self.change(|state| {
            let Snapshot {
                clock,
                event_clock,
                query_clock,
                ..
            } = &mut state.snapshot;
            let kept = [
                ("clock", clock),
                ("event-clock", event_clock),
                ("query-clock", query_clock),
            ];
            for ((what, kept), seen) in kept.into_iter().zip(seen) {
                if *kept != seen {
                    *kept = seen;
                    // To a String nothing fails.
                    let _ = writeln!(state.lines, "{what}: {seen}");
                }
            }
        });
    }

    /// The node leaves: nothing is noted after that.
    pub(crate) fn leave(&self) {
        self.change(|state| {
            state.left = true;
            state.lines.push_str("leave\n");
            if !self.rejoin_after_leave {
                state.snapshot = Snapshot::default();
            }
        });
    }

    fn change(&self, act: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        if state.left {
            return;
        }
        let was = state.dirty();
        act(&mut state);
        if state.lines.len() > SNAPSHOT_LINES_MAX && !state.left {
            (state.lines, state.anew) = (String::new(), true);
        }
        if state.dirty() && !was {
            self.changed.notify_one();
        }
    }

    /// Writes what waits.
    fn flush(&self) -> io::Result<()> {
        let (text, anew) = {
            let mut state = self.state.lock();
            if !state.dirty() {
                return Ok(());
            }
            let lines = std::mem::take(&mut state.lines);
            let full = state.size + lines.len() as u64 > state.snapshot.compact_at();
            match state.anew || full {
                true => (state.snapshot.write(), true),
                false => (lines, false),
            }
        };
        let written = if anew {
            files::replace(&self.path, ".compact", &text)
        } else {
            files::appending(&self.path).and_then(|mut file| file.write_all(text.as_bytes()))
        };
        let mut state = self.state.lock();
        match &written {
            Ok(()) if anew => (state.size, state.anew) = (text.len() as u64, false),
            Ok(()) => state.size += text.len() as u64,
            // What is in the file now is not known: the next write makes it whole.
            Err(_) => state.anew = true,
        }
        written
    }

    /// Nothing is noted any more: what waits is written, and that is all.
    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_one();
    }

    /// Writes until [`SnapshotFile::end`]. A room that closes ends the waits, not the writing: the pool's task may still note
    /// what it did last.
    pub(crate) fn keep(self: Arc<Self>, room: &Room, time: Time, logger: Logger) {
        let within = room.clone();
        room.spawn_to_end("gossip snapshot", async move {
            loop {
                let (dirty, ended) = {
                    let state = self.state.lock();
                    (state.dirty(), state.ended)
                };
                if dirty {
                    tokio::select! {
                        biased;
                        () = within.closing() => {}
                        () = time.sleep(SNAPSHOT_FLUSH) => {}
                    }
                    if let Err(error) = rt::aside(|| self.flush()) {
                        logger.trouble("failed to update snapshot", &error);
                        if within.is_closing() {
                            return;
                        }
                    }
                } else if ended {
                    return;
                } else {
                    self.changed.notified().await;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn addr(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 8301))
    }

    #[test]
    fn what_is_noted_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serf/local.snapshot");
        let (known, file) = SnapshotFile::open(path.clone(), false).unwrap();
        assert_eq!(known, Snapshot::default());
        file.alive("a", addr(1));
        file.alive("b c", addr(2));
        file.alive("a", addr(1));
        file.gone("nobody");
        file.clocks([5, 1, 1]);
        file.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "alive: a 10.0.0.1:8301\nalive: b c 10.0.0.2:8301\nclock: 4\n"
        );
        let mode =
            |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let (known, file) = SnapshotFile::open(path.clone(), false).unwrap();
        assert_eq!(known.alive.len(), 2);
        assert_eq!(known.clock, 4);
        file.leave();
        file.alive("late", addr(3));
        file.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("\nleave\n"), "{text}");
        assert!(
            SnapshotFile::open(path.clone(), false)
                .unwrap()
                .0
                .alive
                .is_empty()
        );
        assert_eq!(SnapshotFile::open(path, true).unwrap().0.alive.len(), 2);
    }

    #[test]
    fn a_line_cut_off_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.snapshot");
        std::fs::write(&path, "alive: a 10.0.0.1:8301\nclock: 1").unwrap();
        let (known, file) = SnapshotFile::open(path.clone(), false).unwrap();
        assert_eq!((known.alive.len(), known.clock), (1, 0));
        file.alive("b", addr(2));
        file.flush().unwrap();
        let (known, _) = SnapshotFile::open(path, false).unwrap();
        assert_eq!(known.alive.len(), 2);
        assert!(known.unknown.is_empty());
    }

    #[test]
    fn a_file_that_grows_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.snapshot");
        let (_, file) = SnapshotFile::open(path.clone(), false).unwrap();
        for round in 0..3_000u32 {
            for n in 0..4 {
                file.alive(
                    &format!("node{n}"),
                    SocketAddr::from(([10, 0, 0, n], (round % 60_000) as u16)),
                );
            }
            if round % 100 == 0 {
                file.flush().unwrap();
            }
        }
        file.flush().unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        assert!(size <= 129 * 1024, "{size}");
        let (known, _) = SnapshotFile::open(path, false).unwrap();
        assert_eq!(known.alive["node3"].port(), 2_999);
        // Nobody writes for long: what waits stays bounded, and is whole afterwards.
        for round in 0..40_000u32 {
            file.alive(
                "node0",
                SocketAddr::from(([10, 0, 0, 9], (round % 60_000) as u16)),
            );
            assert!(file.state.lock().lines.len() <= SNAPSHOT_LINES_MAX);
        }
    }

    #[test]
    fn names_with_line_breaks_are_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.snapshot");
        let (_, file) = SnapshotFile::open(path.clone(), false).unwrap();
        file.alive("a\nleave\nb", addr(1));
        file.flush().unwrap();
        assert_eq!(SnapshotFile::open(path, false).unwrap().0.alive.len(), 1);
    }
}
