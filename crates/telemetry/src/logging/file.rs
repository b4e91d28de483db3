//! The log file: rotated by size and age, old ones pruned.

use super::LogConfig;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Name used when only a folder is given.
const DEFAULT_NAME: &str = "consul.log";

pub(super) struct RotatedFile {
    path: PathBuf,
    file: File,
    written: u64,
    opened: Instant,
    bytes_max: u64,
    age_max: Duration,
    keep: i64,
}

impl RotatedFile {
    pub(super) fn open(config: &LogConfig) -> io::Result<Option<Self>> {
        if config.file.is_empty() {
            return Ok(None);
        }
        let path = if config.file.ends_with('/') {
            Path::new(&config.file).join(DEFAULT_NAME)
        } else {
            config.file.clone().into()
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = append(&path)?;
        let written = file.metadata()?.len();
        let this = Self {
            path,
            file,
            written,
            opened: Instant::now(),
            bytes_max: u64::try_from(config.rotate_bytes).unwrap_or(0),
            age_max: config.rotate_duration,
            keep: config.rotate_max_files,
        };
        this.prune();
        Ok(Some(this))
    }

    /// Writes a line; a file that cannot be written loses it, the log goes on elsewhere.
    pub(super) fn write(&mut self, line: &[u8]) {
        let full = self.bytes_max > 0 && self.written >= self.bytes_max;
        let old = !self.age_max.is_zero() && self.opened.elapsed() >= self.age_max;
        if full || old {
            self.rotate();
        }
        if self.file.write_all(line).is_ok() {
            self.written += line.len() as u64;
        }
    }

    fn rotate(&mut self) {
        let stamp = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let (stem, ending) = self.parts();
        let archive = self.path.with_file_name(format!("{stem}-{stamp}{ending}"));
        if fs::rename(&self.path, archive).is_err() {
            return;
        }
        if let Ok(file) = append(&self.path) {
            self.file = file;
            self.written = 0;
            self.opened = Instant::now();
        }
        self.prune();
    }

    fn parts(&self) -> (String, String) {
        let stem = self
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let ending = self
            .path
            .extension()
            .map(|e| format!(".{}", e.to_string_lossy()))
            .unwrap_or_default();
        (stem, ending)
    }

    /// Keeps the newest archives: all with 0, none with a negative number.
    fn prune(&self) {
        if self.keep == 0 {
            return;
        }
        let (stem, ending) = self.parts();
        let Some(entries) = self
            .path
            .parent()
            .and_then(|folder| fs::read_dir(folder).ok())
        else {
            return;
        };
        let stamp_of = |path: &Path| -> Option<u128> {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(&stem)?
                .strip_prefix('-')?
                .strip_suffix(&ending)?
                .parse()
                .ok()
        };
        let mut archives: Vec<(u128, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| Some((stamp_of(&entry.path())?, entry.path())))
            .collect();
        archives.sort();
        let keep = usize::try_from(self.keep).unwrap_or(0);
        let gone = archives.len().saturating_sub(keep);
        for (_, path) in archives.into_iter().take(gone) {
            // Somebody else may have removed it.
            let _ = fs::remove_file(path);
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_rotate_by_size_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let config = LogConfig {
            level: "info".into(),
            json: false,
            file: format!("{}/", folder.path().display()),
            rotate_duration: Duration::from_secs(3600),
            rotate_bytes: 10,
            rotate_max_files: 2,
            syslog: false,
            syslog_facility: String::new(),
        };
        let mut file = RotatedFile::open(&config).unwrap().unwrap();
        for _ in 0..6 {
            file.write(b"0123456789\n");
        }
        let names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names.iter().any(|name| name == "consul.log"));
        assert!(
            names
                .iter()
                .filter(|name| name.starts_with("consul-"))
                .all(|name| name.ends_with(".log"))
        );
    }
}
