//! Functions longer than a screen.

use super::list::Finding;
use super::source::Source;
use anyhow::Result;

/// Most lines of a function, from its `fn` to its last brace.
const LINES_MAX: usize = 70;

pub fn find(sources: &[Source]) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for source in sources {
        for (name, lines) in functions(&source.code) {
            if lines > LINES_MAX {
                let what = format!("{} {name}", source.path);
                found.push(Finding { what, size: lines });
            }
        }
    }
    Ok(found)
}

/// Names and lengths in lines of all functions with a body.
fn functions(code: &str) -> Vec<(&str, usize)> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(word) {
            continue;
        }
        let rest = &code[at + 3..];
        let name = rest.split(|c| !word(c)).next().unwrap_or_default();
        let (Some(open), false) = (body(rest), name.is_empty()) else {
            continue;
        };
        if let Some(close) = closing(&rest[open..]) {
            let lines = 1 + rest[..open + close].matches('\n').count();
            found.push((name, lines));
        }
    }
    found
}

/// Where the body begins; a declaration ends before one.
fn body(signature: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in signature.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the brace that opens the text is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_the_signature_to_the_last_brace() {
        let code = "trait T { fn no(&self) -> &[u8];\n fn yes(&self) {\n if x { y }\n }\n}\nstruct S(fn (u8), fn(u8) -> [u8; 4]);\nfn one() {}\n";
        assert_eq!(functions(code), [("yes", 3), ("one", 1)]);
    }
}
