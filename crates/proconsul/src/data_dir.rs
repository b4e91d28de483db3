//! The data directory: made when missing, locked against a second process, and refused when it is somebody else's
//! (spec/agent-config.md §11, §12.2).

use crate::listeners::error_text;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Our log and snapshots, where other implementations keep theirs.
const STORE: &str = "raft";
/// Keyrings and snapshots of the gossip pools.
const GOSSIP: &str = "serf";
/// Says when a server was last alive (`server_rejoin_age_max`).
const SERVER_METADATA: &str = "server_metadata.json";
/// How often that is noted.
const SEEN_INTERVAL: Duration = Duration::from_secs(3600);
/// Held locked while a process uses the directory.
const LOCK: &str = "proconsul.lock";

/// An opened data directory; the lock goes with it.
pub(crate) struct DataDir {
    path: PathBuf,
    /// Kept for its lock.
    _lock: Flock<File>,
}

impl DataDir {
    /// Opens a directory for this process.
    ///
    /// # Errors
    /// What is wrong with it and what to do, for people.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .map_err(|error| {
                format!(
                    "failed to create data directory {}: {}",
                    path.display(),
                    error_text(&error)
                )
            })?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(|error| {
                let why = error_text(&error);
                format!("data directory {} cannot be used: {why}", path.display())
            })?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
            format!("data directory {} is in use by another process; stop it or choose another -data-dir", path.display())
        })?;
        if ["raft.db", "wal"]
            .iter()
            .any(|theirs| path.join(STORE).join(theirs).exists())
        {
            return Err(format!(
                "data directory {} holds the raft store of another implementation (raft/raft.db or raft/wal); take a snapshot there with \
                 `snapshot save`, start with an empty directory here and `snapshot restore` it",
                path.display()
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Takes from other users what the directory holds, and says so in the log.
    pub(crate) fn make_private(&self) {
        crate::private::mend(&self.path).log();
    }

    /// Where the gossip pools keep their files.
    pub(crate) fn gossip(&self) -> PathBuf {
        self.path.join(GOSSIP)
    }

    /// Where the servers' log and snapshots stand.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// Prepares what servers keep beside the log, and refuses one that was away for too long.
    ///
    /// # Errors
    /// The text with which the start ends.
    pub(crate) fn open_server(
        &self,
        now_unix: u64,
        rejoin_age_max: Duration,
    ) -> Result<(), String> {
        let gossip = self.gossip();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&gossip)
            .map_err(|error| {
                format!(
                    "failed to create {}: {}",
                    gossip.display(),
                    error_text(&error)
                )
            })?;
        let known = fs::read(self.path.join(SERVER_METADATA)).ok();
        let seen = known.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let last = seen.and_then(|value| value["last_seen_unix"].as_u64());
        if last.is_some_and(|last| now_unix.saturating_sub(last) > rejoin_age_max.as_secs()) {
            let limit = dialect::duration::format(
                i64::try_from(rejoin_age_max.as_nanos()).unwrap_or(i64::MAX),
            );
            return Err(format!(
                "refusing to rejoin cluster because server has been offline for more than the configured \
                 server_rejoin_age_max ({limit}) - consider wiping your data dir"
            ));
        }
        note_seen(&self.path, now_unix);
        Ok(())
    }

    /// Goes on noting that the server is alive until the room closes.
    pub(crate) fn keep_seen(&self, room: &rt::Room, time: &rt::Time) {
        let (path, time) = (self.path.clone(), time.clone());
        room.spawn("server metadata", async move {
            loop {
                time.sleep(SEEN_INTERVAL).await;
                note_seen(&path, unix(&time));
            }
        });
    }

    /// The node's ID: what the directory remembers, else a new one that it will remember.
    pub(crate) fn node_id(&self, new: impl FnOnce() -> String) -> Result<String, String> {
        let file = self.path.join("node-id");
        match fs::read_to_string(&file) {
            Ok(text) => {
                let id = text.trim().to_lowercase();
                uuid::Uuid::parse_str(&id).map_err(|error| {
                    format!("failed to setup node ID: specified NodeID is invalid: {error}")
                })?;
                Ok(id)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let id = new();
                write(&file, &id)
                    .map_err(|error| format!("failed to setup node ID: {}", error_text(&error)))?;
                Ok(id)
            }
            Err(error) => Err(format!("failed to setup node ID: {}", error_text(&error))),
        }
    }
}

/// Seconds of Unix time.
pub(crate) fn unix(time: &rt::Time) -> u64 {
    time.wall()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn note_seen(folder: &Path, now_unix: u64) {
    let text = serde_json::json!({ "last_seen_unix": now_unix }).to_string();
    if let Err(error) = write(&folder.join(SERVER_METADATA), &text) {
        tracing::error!(target: "agent", %error, "failed to write server metadata");
    }
}

/// Writes a small file so that it is whole or not there.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let temporary = file.with_extension("tmp");
    let mut out = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(temporary, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        let error = DataDir::open(folder.path()).err().unwrap();
        assert!(error.contains("is in use by another process"), "{error}");
        drop(first);
        DataDir::open(folder.path()).unwrap();
    }

    #[test]
    fn the_node_id_stays() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        let id = || "11111111-2222-3333-4444-555555555555".to_owned();
        assert_eq!(dir.node_id(id).unwrap(), id());
        let never = || unreachable!("it has one");
        assert_eq!(dir.node_id(never).unwrap(), id());
        fs::write(folder.path().join("node-id"), "nonsense").unwrap();
        assert!(
            dir.node_id(never)
                .unwrap_err()
                .contains("specified NodeID is invalid")
        );
    }

    #[test]
    fn a_server_that_was_away_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        let week = Duration::from_secs(168 * 3600);
        dir.open_server(1_000, week).unwrap();
        dir.open_server(1_000 + week.as_secs(), week).unwrap();
        let error = dir
            .open_server(2_000 + 2 * week.as_secs(), week)
            .unwrap_err();
        assert!(
            error.contains("server_rejoin_age_max (168h0m0s)"),
            "{error}"
        );
    }

    #[test]
    fn a_foreign_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("raft")).unwrap();
        fs::write(folder.path().join("raft/raft.db"), "x").unwrap();
        let error = DataDir::open(folder.path()).err().unwrap();
        assert!(error.contains("snapshot restore"), "{error}");
    }
}
