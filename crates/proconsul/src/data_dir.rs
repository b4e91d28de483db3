//! The data directory: made when missing, locked against a second process, and refused when it is somebody else's
//! (spec/agent-config.md §11, §12.2).

use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Our own files inside the data directory: log and snapshots.
const STORE: &str = "store";
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
                    "failed to create data directory {}: {error}",
                    path.display()
                )
            })?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(|error| {
                format!("data directory {} cannot be used: {error}", path.display())
            })?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
            format!("data directory {} is in use by another process; stop it or choose another -data-dir", path.display())
        })?;
        if path.join("raft/raft.db").exists() && !path.join(STORE).exists() {
            return Err(format!(
                "data directory {} holds the raft store of another implementation (raft/raft.db); take a snapshot there with \
                 `snapshot save`, start with an empty directory here and `snapshot restore` it",
                path.display()
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where the servers' log and snapshots stand.
    pub(crate) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// The node's ID: the configured one, else what the directory remembers, else a new one that it will remember.
    pub(crate) fn node_id(&self) -> Result<String, String> {
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
                let id = new_node_id();
                write(&file, &id).map_err(|error| format!("failed to setup node ID: {error}"))?;
                Ok(id)
            }
            Err(error) => Err(format!("failed to setup node ID: {error}")),
        }
    }
}

/// A random node ID.
pub(crate) fn new_node_id() -> String {
    uuid::Uuid::new_v4().to_string()
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
        let id = dir.node_id().unwrap();
        assert_eq!(dir.node_id().unwrap(), id);
        fs::write(folder.path().join("node-id"), "nonsense").unwrap();
        assert!(
            dir.node_id()
                .unwrap_err()
                .contains("specified NodeID is invalid")
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
