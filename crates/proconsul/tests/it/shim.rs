//! The preloaded library: built here, told what to do, its trace read.

use crate::agent::Agent;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Bytes of a trace record before its path and data.
const HEAD: usize = 48;

/// One call of the agent on a file of its store.
#[derive(Debug, Clone)]
pub struct Call {
    pub is_sync: bool,
    /// Nanoseconds on the monotonic clock.
    pub start: u64,
    pub end: u64,
    /// Length of the trace with this call; what is seen later was seen at a longer one.
    pub mark: u64,
    /// What it returned.
    pub result: i64,
    /// Where it wrote; negative for a write at the cursor.
    pub offset: i64,
    pub path: PathBuf,
    pub data: Vec<u8>,
}

/// A home for an agent under the library.
pub struct Shimmed {
    pub home: tempfile::TempDir,
}

/// The library, compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("proconsul-shim-{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/shim.c");
        let status = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&out)
            .arg(source)
            .arg("-lpthread")
            .status()
            .expect("a C compiler");
        assert!(status.success());
        out
    })
}

impl Shimmed {
    pub fn new() -> Shimmed {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("data/raft")).unwrap();
        Shimmed { home }
    }

    pub fn store(&self) -> PathBuf {
        self.home.path().join("data/raft")
    }

    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("LD_PRELOAD", library().to_owned()),
            ("SHIM_DIR", self.store()),
            ("SHIM_TRACE", self.home.path().join("trace")),
            ("SHIM_CONTROL", self.home.path().join("control")),
        ]
    }

    pub fn start(&self) -> Agent {
        Agent::start(self.home.path(), &self.variables())
    }

    /// From now on the library does this.
    pub fn tell(&self, what: &str) {
        let (new, path) = (
            self.home.path().join("control.new"),
            self.home.path().join("control"),
        );
        std::fs::write(&new, what).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    /// Where the trace stands: calls that have ended stand before this mark.
    pub fn mark(&self) -> u64 {
        std::fs::metadata(self.home.path().join("trace")).map_or(0, |meta| meta.len())
    }

    /// All calls so far, in the order in which they ended.
    pub fn trace(&self) -> Vec<Call> {
        let bytes = std::fs::read(self.home.path().join("trace")).unwrap_or_default();
        let mut calls = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((head, after)) = rest.split_at_checked(HEAD) {
            let word = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().unwrap());
            let half = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().unwrap());
            let (path, data) = (half(40) as usize, word(32) as usize);
            if after.len() < path + data {
                break;
            }
            calls.push(Call {
                start: word(0),
                end: word(8),
                mark: (bytes.len() - after.len() + path + data) as u64,
                result: word(16).cast_signed(),
                offset: word(24).cast_signed(),
                path: String::from_utf8_lossy(&after[..path]).into_owned().into(),
                data: after[path..path + data].to_vec(),
                is_sync: half(44) == u32::from(b'S'),
            });
            rest = &after[path + data..];
        }
        calls
    }
}

/// Whether `call` wrote these bytes.
pub fn wrote(call: &Call, bytes: &[u8]) -> bool {
    !call.is_sync && call.data.windows(bytes.len()).any(|window| window == bytes)
}
