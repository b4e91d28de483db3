//! Registrations on disk, in the reference's files (spec/agent-config.md §11).

use dialect::json::{FromJson, ToJson};
use dialect::record;
use model::{CheckType, HealthCheck, NodeService};
use sha2::{Digest, Sha256};
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

record! {
    /// A service as it stands in `services/`.
    pub struct StoredService {
        token: String = "Token",
        service: NodeService = "Service",
        source: String = "Source",
        locally_registered_as_sidecar: bool = "LocallyRegisteredAsSidecar" [omit],
    }
}

record! {
    /// A check as it stands in `checks/`.
    pub struct StoredCheck {
        check: HealthCheck = "Check",
        definition: CheckType = "ChkType",
        token: String = "Token",
        source: String = "Source",
    }
}

record! {
    /// The last beat of a TTL check as it stands in `checks/state/`.
    pub struct StoredBeat {
        check_id: String = "CheckID",
        output: String = "Output",
        status: String = "Status",
        expires: i64 = "Expires",
    }
}

/// The agent's part of the data directory; without a folder nothing is kept (`-dev`).
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: Option<PathBuf>,
}

/// Which folder of the data directory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shelf {
    Services,
    Checks,
    Beats,
}

impl Shelf {
    fn path(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Checks => "checks",
            Self::Beats => "checks/state",
        }
    }
}

impl Store {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    fn file(&self, shelf: Shelf, id: &str) -> Option<PathBuf> {
        let hash = Sha256::digest(id.as_bytes());
        let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(self.folder.as_ref()?.join(shelf.path()).join(name))
    }

    /// Writes an entry: a temporary file, synced, renamed into place.
    pub(crate) fn save(&self, shelf: Shelf, id: &str, entry: &impl ToJson) -> io::Result<()> {
        self.write(shelf, id, entry, true)
    }

    /// As [`Store::save`], but the machine may end before the disk has it.
    pub(crate) fn save_soon(&self, shelf: Shelf, id: &str, entry: &impl ToJson) -> io::Result<()> {
        self.write(shelf, id, entry, false)
    }

    fn write(&self, shelf: Shelf, id: &str, entry: &impl ToJson, sync: bool) -> io::Result<()> {
        match self.file(shelf, id) {
            Some(file) => write_atomically(&file, &dialect::json::to_vec(entry), sync),
            None => Ok(()),
        }
    }

    /// The data directory.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Forgets an entry; it may be gone already.
    pub(crate) fn remove(&self, shelf: Shelf, id: &str) -> io::Result<()> {
        let Some(file) = self.file(shelf, id) else {
            return Ok(());
        };
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// One entry, if it is there and can be read.
    pub(crate) fn load<T: FromJson + Default>(&self, shelf: Shelf, id: &str) -> Option<T> {
        read(&self.file(shelf, id)?)
    }

    /// All entries of a shelf. What cannot be decoded is logged and left out.
    pub(crate) fn load_all<T: FromJson + Default>(&self, shelf: Shelf) -> Vec<T> {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join(shelf.path())) else {
            return Vec::new();
        };
        let Ok(entries) = std::fs::read_dir(&folder) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
            .iter()
            .filter(|path| !temporary(path))
            .filter_map(|path| read(path))
            .collect()
    }
}

fn temporary(path: &Path) -> bool {
    let skip = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().ends_with("tmp"));
    if skip {
        tracing::warn!(file = %path.display(), "Ignoring temporary service file");
    }
    skip
}

fn read<T: FromJson + Default>(path: &Path) -> Option<T> {
    let bytes = std::fs::read(path).ok()?;
    match dialect::json::from_slice(&bytes, dialect::json::Mode::Lax) {
        Ok(entry) => Some(entry),
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "Failed decoding file");
            None
        }
    }
}

/// Makes a folder of the data directory, readable by its owner.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

fn write_atomically(file: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let folder = file.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let temporary = folder.join(format!(
        "{}-{}.tmp",
        file.file_name().unwrap_or_default().to_string_lossy(),
        uuid::Uuid::new_v4()
    ));
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = out
        .write_all(bytes)
        .and_then(|()| if sync { out.sync_all() } else { Ok(()) })
        .and_then(|()| std::fs::rename(&temporary, file));
    if written.is_err() {
        // The half-written file is of no use; its removal may fail with the disk.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(Some(folder.path().into()));
        let service = StoredService {
            token: "t".into(),
            service: NodeService {
                id: "Web/1".into(),
                service: "web".into(),
                port: 7,
                tags: Vec::new().into(),
                ..NodeService::default()
            },
            source: "remote".into(),
            ..StoredService::default()
        };
        store.save(Shelf::Services, "Web/1", &service).unwrap();
        std::fs::write(folder.path().join("services/x-tmp"), "{").unwrap();
        std::fs::write(folder.path().join("services/broken"), "{").unwrap();
        assert_eq!(store.load_all::<StoredService>(Shelf::Services), [service]);
        store.remove(Shelf::Services, "Web/1").unwrap();
        store.remove(Shelf::Services, "Web/1").unwrap();
        assert!(store.load_all::<StoredService>(Shelf::Services).is_empty());
    }
}
