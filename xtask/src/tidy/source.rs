//! Source files, and the same text without comments and without what stands in literals.

use anyhow::Result;
use std::path::{Path, PathBuf};

/// A Rust file.
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
    /// As long as `text`: comments and the insides of literals are spaces, line ends stay.
    pub code: String,
    /// The string literals: where they begin in `text`, and what stands in them, as written.
    pub literals: Vec<(usize, String)>,
}

impl Source {
    pub fn new(path: String, text: String) -> Self {
        let (code, literals) = strip(&text);
        Self {
            path,
            text,
            code,
            literals,
        }
    }

    /// The crate's folder: `crates/state`, `xtask`.
    pub fn package(&self) -> &str {
        let depth = if self.path.starts_with("crates/") {
            2
        } else {
            1
        };
        let end = self.path.match_indices('/').nth(depth - 1);
        end.map_or(&*self.path, |(at, _)| &self.path[..at])
    }

    /// The path below the crate's `src`, if it is there.
    pub fn in_src(&self) -> Option<&str> {
        self.path[self.package().len()..].strip_prefix("/src/")
    }

    /// Where the tests at the end of the file begin, or its end.
    pub fn tests_from(&self) -> usize {
        self.code.find("#[cfg(test)]").unwrap_or(self.code.len())
    }
}

/// All sources of the workspace, without what others wrote.
pub fn all(root: &Path) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    for folder in ["crates", "xtask"] {
        walk(&root.join(folder), &mut paths)?;
    }
    paths.sort();
    let read = |path: PathBuf| {
        let name = path
            .strip_prefix(root)?
            .to_string_lossy()
            .replace('\\', "/");
        Ok(Source::new(name, std::fs::read_to_string(&path)?))
    };
    paths.into_iter().map(read).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if name != "target" {
                walk(&path, paths)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            paths.push(path);
        }
    }
    Ok(())
}

fn strip(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(bytes, at);
        let (from, to) = inside(bytes, at, end);
        if from < to {
            if bytes[at] != b'/' && bytes[at] != b'\'' {
                literals.push((at, text[from..to].to_owned()));
            }
            blank(&mut code[from..to]);
        }
        at = end;
    }
    (String::from_utf8(code).unwrap_or_default(), literals)
}

/// Where the comment, literal or single character that begins here ends.
fn token_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let end = match rest {
        [b'/', b'/', ..] => find(rest, b"\n"),
        [b'/', b'*', ..] => find(rest, b"*/").map(|n| n + 2),
        [b'"', ..] => quoted(rest, 1, b'"'),
        [b'b', b'"', ..] if !word => quoted(rest, 2, b'"'),
        [b'r', b'"' | b'#', ..] | [b'b', b'r', b'"' | b'#', ..] if !word => raw_end(rest),
        // A character, not a lifetime.
        [b'\'', b'\\', ..] => quoted(rest, 1, b'\''),
        [b'\'', first, ..] => {
            let len = 1 + utf8_len(*first);
            (rest.get(len) == Some(&b'\'')).then_some(len + 1)
        }
        _ => None,
    };
    at + end.unwrap_or(1).min(rest.len())
}

/// The part of a token that is blanked.
fn inside(bytes: &[u8], at: usize, end: usize) -> (usize, usize) {
    let token = &bytes[at..end];
    if token.len() < 2 {
        return (at, at);
    }
    if token.starts_with(b"//") || token.starts_with(b"/*") {
        return (at, end);
    }
    let quote = if token[0] == b'\'' { b'\'' } else { b'"' };
    let open = find(token, &[quote]);
    let close = token.iter().rposition(|byte| *byte == quote);
    match (open, close) {
        (Some(open), Some(close)) if open < close => (at + open + 1, at + close),
        _ => (at, at),
    }
}

fn blank(part: &mut [u8]) {
    for byte in part {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}

fn quoted(bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

fn raw_end(bytes: &[u8]) -> Option<usize> {
    let open = find(bytes, b"\"")?;
    let hashes = bytes[..open].iter().filter(|byte| **byte == b'#').count();
    // `r#type` is a name.
    let head = &bytes[..open];
    if !head.iter().all(|byte| matches!(byte, b'b' | b'r' | b'#')) {
        return None;
    }
    let close = [&b"\""[..], &vec![b'#'; hashes]].concat();
    find(&bytes[open + 1..], &close).map(|n| open + 1 + n + close.len())
}

fn utf8_len(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_literals_and_comments_do_not_count() {
        let text =
            "let a = '{'; // {\nlet b: &'a str = r#\"}\"{\"#; /* { */ let c = \"\\\"{\"; x('\\'');";
        let source = Source::new("crates/x/src/lib.rs".into(), text.into());
        assert!(!source.code.contains(['{', '}']), "{}", source.code);
        assert!(source.code.contains("&'a str"));
        let found: Vec<&str> = source.literals.iter().map(|(_, text)| &**text).collect();
        assert_eq!(found, ["}\"{", "\\\"{"]);
        assert_eq!(source.code.len(), text.len());
    }
}
