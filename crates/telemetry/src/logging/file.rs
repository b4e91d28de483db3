//! The log file: rotated by size and age, old ones pruned.

use super::LogConfig;
use super::line::Level;
use super::queue::Sink;
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

    fn append(&mut self, line: &[u8]) -> bool {
        let full = self.bytes_max > 0 && self.written >= self.bytes_max;
        let old = !self.age_max.is_zero() && self.opened.elapsed() >= self.age_max;
        if full || old {
            self.rotate();
        }
        let written = self.file.write_all(line).is_ok();
        if written {
            self.written += line.len() as u64;
        }
        written
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

    /// What stands before and after the number in an archive's name; one of a file without extension ends in `.log`.
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
            .map_or_else(|| ".log".into(), |e| format!(".{}", e.to_string_lossy()));
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

impl Sink for RotatedFile {
    /// A file that cannot be written loses the line, the log goes on elsewhere.
    fn write(&mut self, _: Level, text: &[u8]) -> bool {
        self.append(text)
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

    /// Names in the folder after six lines into a file that is full with one and keeps two archives.
    fn rotated(name: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let config = LogConfig {
            level: "info".into(),
            json: false,
            file: format!("{}/{name}", folder.path().display()),
            rotate_duration: Duration::from_secs(3600),
            rotate_bytes: 10,
            rotate_max_files: 2,
            syslog: false,
            syslog_facility: String::new(),
        };
        let mut file = RotatedFile::open(&config).unwrap().unwrap();
        for _ in 0..6 {
            assert!(file.write(Level::Info, b"0123456789\n"));
        }
        fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn files_rotate_by_size_and_old_ones_go() {
        for (given, now, stem, ending) in [
            ("", "consul.log", "consul-", ".log"),
            ("agent.txt", "agent.txt", "agent-", ".txt"),
            ("agent", "agent", "agent-", ".log"),
        ] {
            let names = rotated(given);
            assert_eq!(names.len(), 3, "{names:?}");
            let number = |name: &String| -> Option<u128> {
                name.strip_prefix(stem)?.strip_suffix(ending)?.parse().ok()
            };
            assert!(names.iter().any(|name| name == now), "{names:?}");
            assert_eq!(names.iter().filter_map(number).count(), 2, "{names:?}");
        }
    }
}
