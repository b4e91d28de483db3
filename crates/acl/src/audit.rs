//! The audit log as values: one JSON line for each request that changes something or is denied, each bound to the one before by
//! a hash. A line that is changed, removed, added or moved shows in [`verify`].
//!
//! There is no key: who can write the file can also write the whole of it anew. What proves a file is its head, the last number
//! and hash, kept elsewhere. Lines hold accessors and names, never a secret.

use std::fmt::Write as _;

use blake2::{Blake2b, Digest, digest::consts::U32};
use dialect::{GoTime, List, json, record};

/// Names that a line tells; there is a mark for more.
pub const NAMES_MAX: usize = 64;

/// Longest name in a line, bytes; the rest is cut off.
pub const NAME_BYTES_MAX: usize = 1024;

/// Longest line that is read, bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What stands for what was cut off.
const CUT: &str = "…";

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Allowed,
    /// Refused for want of a right.
    Denied,
    /// Allowed, and failed.
    Failed,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// What is told of a request.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When it came.
    pub time: GoTime,
    /// The accessor of its token, or "".
    pub accessor: &'a str,
    /// Where it came from, or "".
    pub source: &'a str,
    /// The route or RPC method, without parameters.
    pub route: &'a str,
    /// The names that it was about.
    pub names: &'a [&'a str],
    /// How it ended.
    pub outcome: Outcome,
    /// Why, if it was denied or failed.
    pub reason: &'a str,
}

record! {
    /// A line without its own hash.
    struct Line {
        sequence: u64 = "Sequence",
        time: GoTime = "Time",
        accessor: String = "Accessor",
        source: String = "Source" [omit],
        route: String = "Route",
        names: List<String> = "Names" [omit],
        outcome: String = "Outcome",
        reason: String = "Reason" [omit],
        previous: String = "Previous",
    }
}

/// Where a chain stands: the number and the hash of its last line. The default is a chain without lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the last line, from 1; 0 if there is none.
    pub sequence: u64,
    /// Hash of the last line; zeros if there is none.
    pub hash: [u8; 32],
}

/// Why a file is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No line of the log at all, or longer than [`LINE_BYTES_MAX`].
    #[error("line {line} is no line of an audit log")]
    Unreadable {
        /// Counted from 1 in the file.
        line: usize,
    },
    /// What it says and its hash do not agree.
    #[error("line {line} (number {sequence}) was changed")]
    Changed {
        /// Counted from 1 in the file.
        line: usize,
        /// What it says its number is.
        sequence: u64,
    },
    /// It does not follow the line before it.
    #[error(
        "line {line} (number {sequence}) does not follow number {after}: lines were removed, added or moved"
    )]
    Broken {
        /// Counted from 1 in the file.
        line: usize,
        /// Its number.
        sequence: u64,
        /// The number before it.
        after: u64,
    },
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A text of at most `max` bytes.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT}", &text[..end])
}

impl Head {
    /// The line of an event, without a line end, and the chain behind it.
    pub fn line(self, event: &Event<'_>) -> (String, Head) {
        let names = event.names.iter().take(NAMES_MAX);
        let mut names: Vec<String> = names.map(|name| cut(name, NAME_BYTES_MAX)).collect();
        if event.names.len() > NAMES_MAX {
            names.push(CUT.to_owned());
        }
        let short = |text: &str| cut(text, NAME_BYTES_MAX);
        let sequence = self.sequence.saturating_add(1);
        let body = json::to_string(&Line {
            sequence,
            time: event.time,
            accessor: short(event.accessor),
            source: short(event.source),
            route: short(event.route),
            names: names.into(),
            outcome: event.outcome.word().to_owned(),
            reason: short(event.reason),
            previous: hex(&self.hash),
        });
        let hash = digest(&body);
        let open = body.strip_suffix('}').unwrap_or(&body);
        let line = format!("{open}{HASH_HEAD}{}{HASH_TAIL}", hex(&hash));
        (line, Head { sequence, hash })
    }
}

/// What stands around a line's hash, at its end.
const HASH_HEAD: &str = ",\"Hash\":\"";
const HASH_TAIL: &str = "\"}";

fn digest(body: &str) -> [u8; 32] {
    Blake2b::<U32>::digest(body).into()
}

/// Takes a line apart: what it says, as it was hashed, and its hash.
fn parts(line: &str) -> Option<(String, &str)> {
    let rest = line.strip_suffix(HASH_TAIL)?;
    let start = rest.len().checked_sub(64)?;
    let (head, hash) = (rest.get(..start)?, rest.get(start..)?);
    let open = head.strip_suffix(HASH_HEAD)?;
    Some((format!("{open}}}"), hash))
}

/// Reads the lines of a file that continues `from` and gives the head of the chain. Compare it with one kept elsewhere: lines
/// missing at the end show only so. With `from` unknown (older files are gone) the first line is believed.
///
/// # Errors
/// The first line that is not what was written.
pub fn verify<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    from: Option<Head>,
) -> Result<Head, Fault> {
    let mut head = from;
    for (at, text) in lines.into_iter().enumerate() {
        let line = at + 1;
        let unreadable = Fault::Unreadable { line };
        if text.len() > LINE_BYTES_MAX {
            return Err(unreadable);
        }
        let (body, told) = parts(text).ok_or(unreadable)?;
        let said: Line =
            json::from_slice(body.as_bytes(), json::Mode::Strict).map_err(|_| unreadable)?;
        let sequence = said.sequence;
        let hash = digest(&body);
        if hex(&hash) != told {
            return Err(Fault::Changed { line, sequence });
        }
        if let Some(before) = head {
            let follows = before.sequence.checked_add(1) == Some(sequence)
                && said.previous == hex(&before.hash);
            if !follows {
                return Err(Fault::Broken {
                    line,
                    sequence,
                    after: before.sequence,
                });
            }
        }
        head = Some(Head { sequence, hash });
    }
    Ok(head.unwrap_or_default())
}
