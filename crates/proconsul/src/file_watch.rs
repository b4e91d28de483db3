//! `auto_reload_config`: looks whether configuration and certificate files have changed (spec/agent-config.md §13).
//!
//! It looks by itself instead of being told by the system: that sees a mounted directory whose link moves to another one, and
//! works on every file system. Looking costs a `stat` a file.

use config::{Config, TlsInterface};
use rt::{Room, Time};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Time between two looks. Changes that come within one are one; a reload waits for a look that finds nothing new.
const LOOK: Duration = Duration::from_secs(1);
/// Most files of one directory that are looked at.
const FILES_MAX: usize = 10_000;

/// What is looked at: files, and directories with what is directly in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watched(pub(crate) Vec<PathBuf>);

/// A file as far as `stat` tells: size, time of change in nanoseconds, inode. `None`: not there.
pub(crate) type Mark = Option<(u64, i128, u64)>;

impl Watched {
    /// The paths of the command line, and the certificates and keys of a configuration.
    pub(crate) fn new(paths: &[String], config: &Config) -> Self {
        let tls = &config.tls;
        let interfaces = [&tls.internal_rpc, &tls.https, &tls.grpc];
        let pairs = interfaces.map(|of| [&of.cert_file, &of.key_file]);
        let files = paths.iter().chain(pairs.into_iter().flatten());
        Self(
            files
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .collect(),
        )
    }

    /// How the files are now.
    pub(crate) fn look(&self) -> Vec<(PathBuf, Mark)> {
        let mut seen = Vec::new();
        for path in &self.0 {
            seen.push((path.clone(), mark(path)));
            // What is no directory has no entries.
            let entries = std::fs::read_dir(path).into_iter().flatten();
            let files = entries.flatten().take(FILES_MAX).map(|entry| entry.path());
            let mut files: Vec<_> = files.map(|file| (file.clone(), mark(&file))).collect();
            files.sort();
            seen.append(&mut files);
        }
        seen
    }
}

fn mark(path: &Path) -> Mark {
    let found = std::fs::metadata(path).ok()?;
    let nanos = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    // A directory changes with what is in it, which is looked at.
    Some(if found.is_dir() {
        (0, 0, found.ino())
    } else {
        (found.size(), nanos, found.ino())
    })
}

/// Starts to look for what is not as `known`; `changed` is told once for each quiet moment after changes. `watched` may be replaced
/// at any time.
pub(crate) fn start(
    room: &Room,
    time: &Time,
    mut known: Vec<(PathBuf, Mark)>,
    watched: watch::Receiver<Watched>,
    changed: Arc<Notify>,
) {
    let time = time.clone();
    room.spawn("configuration files", async move {
        let mut unrest = false;
        loop {
            time.sleep(LOOK).await;
            // Other paths may be one more reload, which changes nothing.
            let now = watched.borrow().look();
            if now != known {
                known = now;
                unrest = true;
            } else if std::mem::take(&mut unrest) {
                changed.notify_one();
            }
        }
    });
}

/// Takes back what an automatic reload must not change; whether there was something.
pub(crate) fn hold_back(new: &mut Config, old: &Config) -> bool {
    let mut held = false;
    let flags = [
        (&mut new.gossip.verify_incoming, old.gossip.verify_incoming),
        (&mut new.gossip.verify_outgoing, old.gossip.verify_outgoing),
    ];
    for (flag, before) in flags {
        held |= std::mem::replace(flag, before) != before;
    }
    let interfaces = [
        (&mut new.tls.internal_rpc, &old.tls.internal_rpc),
        (&mut new.tls.https, &old.tls.https),
        (&mut new.tls.grpc, &old.tls.grpc),
    ];
    for (interface, before) in interfaces {
        let kept = TlsInterface {
            cert_file: interface.cert_file.clone(),
            key_file: interface.key_file.clone(),
            ..before.clone()
        };
        held |= *interface != kept;
        *interface = kept;
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn changes_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        let watched = Watched(vec![folder.path().to_owned(), folder.path().join("later")]);
        let look = || watched.look();
        let empty = look();
        assert_eq!(look(), empty);
        fs::write(&file, "{}").unwrap();
        let one = look();
        assert_ne!(one, empty);
        assert_eq!(look(), one);
        fs::write(&file, "{ }").unwrap();
        assert_ne!(look(), one);
        fs::remove_file(&file).unwrap();
        assert_eq!(look(), empty);
        fs::write(folder.path().join("later"), "").unwrap();
        assert_ne!(look(), empty);
    }

    #[tokio::test]
    async fn a_quiet_moment_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let (room, time) = (Room::new("test"), Time::manual());
        let changed = Arc::new(Notify::new());
        let (_paths, watched) = watch::channel(Watched(vec![folder.path().to_owned()]));
        let known = watched.borrow().look();
        start(&room, &time, known, watched, changed.clone());
        let pass = async || {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            time.advance(LOOK);
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        };
        let told = async || {
            let waited = changed.notified();
            tokio::select! {
                biased;
                () = waited => true,
                () = tokio::task::yield_now() => false,
            }
        };
        pass().await;
        assert!(!told().await);
        fs::write(folder.path().join("a"), "1").unwrap();
        pass().await;
        assert!(!told().await, "more may come");
        fs::write(folder.path().join("b"), "1").unwrap();
        pass().await;
        assert!(!told().await, "more came");
        pass().await;
        assert!(told().await);
        pass().await;
        assert!(!told().await);
        room.close(Duration::from_secs(5)).await.unwrap();
    }

    #[test]
    fn only_certificates_change_by_themselves() {
        let load = |text: &str| {
            let flags = config::Flags {
                dev: true,
                hcl: vec![text.to_owned()],
                ..config::Flags::default()
            };
            config::load(&flags, &config::ThisHost).unwrap().config
        };
        let old = load("");
        let mut same = load("tls { https { cert_file = \"a\" key_file = \"b\" } }");
        assert!(!hold_back(&mut same, &old));
        assert_eq!(same.tls.https.cert_file, "a");
        let mut other = load(
            "encrypt_verify_outgoing = false tls { https { ca_file = \"c\" cert_file = \"a\" } }",
        );
        assert!(hold_back(&mut other, &old));
        assert!(other.gossip.verify_outgoing);
        assert_eq!(other.tls.https.ca_file, "");
        assert_eq!(other.tls.https.cert_file, "a");
    }
}
