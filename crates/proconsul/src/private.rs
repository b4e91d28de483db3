//! Keeps what stands in the data directory from other local users: files 0600 in folders of 0700.
//!
//! Everything is made so; this mends what an older version, a backup tool or a careless `chmod -R` left open. The
//! data directory itself keeps the reference's 0755, and what a user keeps in it besides (scripts, a log file) is not touched.

use nix::fcntl::OFlag;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What this program or the reference keeps in a data directory (spec/agent-config.md §11).
const OWN: &[&str] = &[
    "acl-tokens.json",
    "auto-config.json",
    "checkpoint-signature",
    "checks",
    "node-id",
    "proconsul.lock",
    "raft",
    "serf",
    "server_metadata.json",
    "services",
];
/// The bits of a mode that concern others than the owner.
const OTHERS: u32 = 0o077;

/// What was found open, and what could not be closed.
#[derive(Debug, Default)]
pub(crate) struct Mended {
    files: usize,
    folders: usize,
    first: Option<PathBuf>,
    /// The first entry that could not be looked at or changed.
    failed: Option<(PathBuf, io::Error)>,
}

impl Mended {
    /// Says it in the log, unless there is nothing to say.
    pub(crate) fn log(&self) {
        if let Some(first) = &self.first {
            tracing::warn!(
                target: "agent", files = self.files, folders = self.folders, first = %first.display(),
                "other users could read files in the data directory; their permissions were corrected"
            );
        }
        if let Some((path, error)) = &self.failed {
            let error = error.kind();
            tracing::error!(
                target: "agent", path = %path.display(), %error,
                "permissions of files in the data directory cannot be corrected; other users may be able to read them"
            );
        }
    }

    fn note<T>(&mut self, path: &Path, outcome: io::Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            // Gone since its folder was listed, or never there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.failed.get_or_insert_with(|| (path.to_owned(), error));
                None
            }
        }
    }
}

/// Takes all rights of others from what the program keeps in `data_dir`. Links are followed at the first level only,
/// where an operator puts them to spread the directory over disks.
pub(crate) fn mend(data_dir: &Path) -> Mended {
    let mut mended = Mended::default();
    let mut pending: Vec<(PathBuf, OFlag)> = OWN
        .iter()
        .map(|name| (data_dir.join(name), OFlag::empty()))
        .collect();
    while let Some((path, links)) = pending.pop() {
        let outcome = close(&path, links, &mut mended);
        if mended.note(&path, outcome) != Some(true) {
            continue;
        }
        let entries = mended.note(&path, fs::read_dir(&path));
        for entry in entries.into_iter().flatten().flatten() {
            // Links and special files hold nothing of ours.
            let ours = entry
                .file_type()
                .is_ok_and(|kind| kind.is_file() || kind.is_dir());
            if ours {
                pending.push((entry.path(), OFlag::O_NOFOLLOW));
            }
        }
    }
    mended
}

/// Corrects one entry and tells whether it is a folder. By its handle, so that nobody can put a link in its place meanwhile.
fn close(path: &Path, links: OFlag, mended: &mut Mended) -> io::Result<bool> {
    let entry = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | links).bits())
        .open(path)?;
    let found = entry.metadata()?;
    let mode = found.permissions().mode();
    if mode & OTHERS != 0 && (found.is_dir() || found.is_file()) {
        entry.set_permissions(fs::Permissions::from_mode(mode & 0o7777 & !OTHERS))?;
        mended.first.get_or_insert_with(|| path.to_owned());
        if found.is_dir() {
            mended.folders += 1;
        } else {
            mended.files += 1;
        }
    }
    Ok(found.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn open_to_all(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_open_is_closed_and_told() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path();
        fs::create_dir_all(data.join("checks/state")).unwrap();
        fs::create_dir_all(data.join("raft")).unwrap();
        for name in ["checks/state/beats", "checks/a", "raft/1.log", "node-id"] {
            fs::write(data.join(name), "secret").unwrap();
            open_to_all(&data.join(name), 0o644);
        }
        for folder in ["checks", "checks/state", "raft"] {
            open_to_all(&data.join(folder), 0o755);
        }
        let mended = mend(data);
        assert!(mended.failed.is_none(), "{mended:?}");
        assert_eq!((mended.files, mended.folders), (4, 3));
        for name in ["checks/state/beats", "checks/a", "raft/1.log", "node-id"] {
            assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        }
        for folder in ["checks", "checks/state", "raft"] {
            assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
        }
        let again = mend(data);
        assert!(again.first.is_none() && again.failed.is_none(), "{again:?}");
    }

    #[test]
    fn what_belongs_to_the_user_stays() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir_all(data.join("raft")).unwrap();
        fs::create_dir_all(data.join("scripts")).unwrap();
        let (script, foreign) = (data.join("scripts/check.sh"), home.path().join("foreign"));
        for file in [&script, &foreign] {
            fs::write(file, "#!/bin/sh").unwrap();
            open_to_all(file, 0o755);
        }
        symlink(&foreign, data.join("raft/link")).unwrap();
        mend(&data);
        assert_eq!(mode(&script), 0o755);
        assert_eq!(mode(&foreign), 0o755, "through a link");
    }

    #[test]
    fn a_folder_moved_to_another_disk_is_mended_there() {
        let home = tempfile::tempdir().unwrap();
        let (data, disk) = (home.path().join("data"), home.path().join("disk"));
        fs::create_dir_all(&data).unwrap();
        fs::create_dir_all(&disk).unwrap();
        fs::write(disk.join("1.log"), "secret").unwrap();
        open_to_all(&disk.join("1.log"), 0o644);
        symlink(&disk, data.join("raft")).unwrap();
        mend(&data);
        assert_eq!(mode(&disk.join("1.log")), 0o600);
    }
}
