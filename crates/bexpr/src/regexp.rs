//! Regular expressions in the dialect of Go (RE2 syntax), on top of the `regex` crate.
//!
//! The two dialects differ in small things: `\d`, `\w`, `\s` and `\b` are ASCII in Go; `\Q…\E`, octal escapes and a literal
//! `{` exist only there; `**` is refused there; set operations inside `[…]` exist only in `regex`. A pattern is therefore
//! translated, and refused with Go's words where Go refuses it.

use std::fmt;
use std::fmt::Write;

/// Memory limit of a compiled pattern, bytes.
pub const COMPILED_BYTES_MAX: usize = 4 << 20;
/// Longest accepted pattern, bytes.
pub const PATTERN_BYTES_MAX: usize = 64 << 10;
/// Greatest count in `{n,m}`.
const REPEAT_MAX: u32 = 1000;

/// Why a pattern is refused: a reason and the offending part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    reason: &'static str,
    part: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.reason, self.part)
    }
}

impl std::error::Error for Error {}

fn error<R>(reason: &'static str, part: &str) -> Result<R, Error> {
    Err(Error {
        reason,
        part: part.to_owned(),
    })
}

/// Compiles a pattern that is matched against the bytes of a text.
///
/// # Errors
/// Go's refusal.
pub fn compile(pattern: &[u8]) -> Result<regex::bytes::Regex, Error> {
    let Ok(text) = std::str::from_utf8(pattern) else {
        return error("invalid UTF-8", &String::from_utf8_lossy(pattern));
    };
    let translated = translate(text)?;
    regex::bytes::RegexBuilder::new(&translated)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .or_else(|_| error("expression too large", text))
}

/// The same pattern in the dialect of the `regex` crate.
///
/// # Errors
/// Go's refusal.
pub fn translate(pattern: &str) -> Result<String, Error> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return error("expression too large", "");
    }
    let mut t = Translation {
        pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 8),
        depth: 0,
        atom: false,
        repeat: None,
        names: Vec::new(),
    };
    while let Some(c) = t.rest.chars().next() {
        t.step(c)?;
    }
    if t.depth > 0 {
        return error("missing closing )", pattern);
    }
    Ok(t.out)
}

struct Translation<'a> {
    pattern: &'a str,
    rest: &'a str,
    out: String,
    /// Open groups.
    depth: usize,
    /// Whether something stands before the cursor that an operator can repeat.
    atom: bool,
    /// Where the repetition that ends at the cursor began.
    repeat: Option<&'a str>,
    names: Vec<&'a str>,
}

impl<'a> Translation<'a> {
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (part, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        part
    }

    /// Takes bytes over as they are.
    fn copy(&mut self, bytes: usize) {
        let part = self.skip(bytes);
        self.out.push_str(part);
    }

    fn literal(&mut self, c: char) {
        let mut buffer = [0; 4];
        self.out
            .push_str(&regex::escape(c.encode_utf8(&mut buffer)));
    }

    fn step(&mut self, c: char) -> Result<(), Error> {
        let repeats = matches!(c, '*' | '+' | '?') || (c == '{' && count(self.rest).is_some());
        if repeats {
            return self.repetition(c);
        }
        self.repeat = None;
        self.atom = true;
        match c {
            '(' => self.open()?,
            ')' => {
                if self.depth == 0 {
                    return error("unexpected )", self.pattern);
                }
                self.depth -= 1;
                self.copy(1);
            }
            '|' => {
                self.atom = false;
                self.copy(1);
            }
            '^' | '$' | '.' => self.copy(1),
            '[' => self.class()?,
            '\\' => self.escape()?,
            other => {
                self.skip(other.len_utf8());
                self.literal(other);
            }
        }
        Ok(())
    }

    fn repetition(&mut self, c: char) -> Result<(), Error> {
        let before = self.rest;
        let mut length = 1;
        let mut valid = true;
        if c == '{'
            && let Some((n, ok)) = count(self.rest)
        {
            (length, valid) = (n, ok);
        }
        if self.rest[length..].starts_with('?') {
            length += 1;
        }
        let operator = self.skip(length);
        if !valid {
            return error("invalid repeat count", operator);
        }
        if let Some(start) = self.repeat {
            let both = &start[..start.len() - self.rest.len()];
            return error("invalid nested repetition operator", both);
        }
        if !self.atom {
            return error("missing argument to repetition operator", operator);
        }
        self.repeat = Some(before);
        self.out.push_str(operator);
        Ok(())
    }

    fn open(&mut self) -> Result<(), Error> {
        self.atom = false;
        self.depth += 1;
        let Some(inner) = self.rest.strip_prefix("(?") else {
            self.copy(1);
            return Ok(());
        };
        for prefix in ["P<", "<"] {
            if let Some(named) = inner.strip_prefix(prefix) {
                return self.open_named(named);
            }
        }
        let mut sign = false;
        let mut any = false;
        for (at, c) in inner.char_indices() {
            match c {
                'i' | 'm' | 's' | 'U' => any = true,
                '-' if !sign => (sign, any) = (true, false),
                ':' | ')' if any || !sign => {
                    if c == ')' {
                        self.depth -= 1;
                    }
                    let part = self.skip(2 + at + 1);
                    // `(?)` is an empty flag group, which the other dialect lacks.
                    self.out.push_str(if part == "(?)" { "" } else { part });
                    return Ok(());
                }
                _ => {
                    let part = &self.rest[..2 + at + c.len_utf8()];
                    return error("invalid or unsupported Perl syntax", part);
                }
            }
        }
        error("missing closing )", self.pattern)
    }

    fn open_named(&mut self, named: &'a str) -> Result<(), Error> {
        let Some(length) = named.find('>') else {
            return error("invalid named capture", self.rest);
        };
        let name = &named[..length];
        let part = &self.rest[..self.rest.len() - named.len() + length + 1];
        let word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !word {
            return error("invalid named capture", part);
        }
        if self.names.contains(&name) {
            return error("duplicate capture group name", name);
        }
        self.names.push(name);
        self.rest = &named[length + 1..];
        // The other dialect wants names that begin with a letter or underscore.
        let _ = write!(self.out, "(?P<_{name}>");
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Error> {
        let Some(c) = self.rest[1..].chars().next() else {
            return error("trailing backslash at end of expression", "");
        };
        match c {
            'A' | 'z' => self.copy(2),
            'b' | 'B' => {
                let part = self.skip(2);
                let _ = write!(self.out, "(?-u:{part})");
            }
            'Q' => {
                let quoted = &self.rest[2..];
                let (text, end) = match quoted.find(r"\E") {
                    Some(at) => (&quoted[..at], at + 2),
                    None => (quoted, quoted.len()),
                };
                self.out.push_str(&regex::escape(text));
                self.skip(2 + end);
            }
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                self.skip(2);
                self.out.push_str(perl_class(c));
            }
            'p' | 'P' => {
                let part = self.unicode_class()?;
                self.out.push_str(&part);
            }
            _ => {
                let c = self.escaped_character()?;
                self.literal(c);
            }
        }
        Ok(())
    }

    /// `\pN` or `\p{Name}`, checked by the other dialect, which knows the same tables.
    fn unicode_class(&mut self) -> Result<String, Error> {
        let after = &self.rest[2..];
        let length = if after.starts_with('{') {
            after.find('}').map(|at| at + 1)
        } else {
            after.chars().next().map(char::len_utf8)
        };
        let Some(length) = length else {
            return error("invalid character class range", self.rest);
        };
        let part = self.skip(2 + length);
        let translated = match part.split_once("{^") {
            Some((r"\p", name)) => format!(r"\P{{{name}"),
            Some((_, name)) => format!(r"\p{{{name}"),
            None => part.to_owned(),
        };
        if regex::Regex::new(&translated).is_err() {
            return error("invalid character class range", part);
        }
        Ok(translated)
    }

    /// An escape that stands for one character, inside a class or outside.
    fn escaped_character(&mut self) -> Result<char, Error> {
        let from = self.rest;
        let mut chars = from[1..].chars();
        let Some(c) = chars.next() else {
            return error("trailing backslash at end of expression", "");
        };
        let refused = |length: usize| {
            let part = from.get(..length).unwrap_or(from);
            error("invalid escape sequence", part)
        };
        let (found, length) = match c {
            'a' => ('\x07', 2),
            'f' => ('\x0c', 2),
            'n' => ('\n', 2),
            'r' => ('\r', 2),
            't' => ('\t', 2),
            'v' => ('\x0b', 2),
            '1'..='7' if !chars.as_str().starts_with(|c| matches!(c, '0'..='7')) => {
                return refused(2);
            }
            '0'..='7' => {
                let digits = from[1..]
                    .bytes()
                    .take(3)
                    .take_while(|b| matches!(b, b'0'..=b'7'))
                    .count();
                let value = u32::from_str_radix(&from[1..=digits], 8).unwrap_or_default();
                (char::from_u32(value).unwrap_or_default(), 1 + digits)
            }
            'x' => {
                let after = &from[2..];
                let (digits, length) = match after.strip_prefix('{') {
                    Some(braced) => match braced.find('}') {
                        Some(end) => (&braced[..end], 3 + end + 1),
                        None => return refused(from.len()),
                    },
                    None => (after.get(..2).unwrap_or_default(), 4),
                };
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let value = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
                match value.and_then(char::from_u32) {
                    Some(found) => (found, length),
                    None => return refused(length),
                }
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => (c, 2),
            other => return refused(1 + other.len_utf8()),
        };
        self.skip(length);
        Ok(found)
    }

    fn class(&mut self) -> Result<(), Error> {
        let from = self.rest;
        self.copy(1);
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        let mut first = true;
        loop {
            let Some(c) = self.rest.chars().next() else {
                return error("missing closing ]", from);
            };
            if c == ']' && !first {
                self.copy(1);
                return Ok(());
            }
            first = false;
            if self.rest.starts_with("[:")
                && let Some(end) = self.rest.find(":]")
            {
                let part = self.skip(end + 2);
                if !is_posix_class(&part[2..end]) {
                    return error("invalid character class range", part);
                }
                self.out.push_str(part);
                continue;
            }
            match self.rest.as_bytes() {
                [b'\\', b'd' | b'D' | b's' | b'S' | b'w' | b'W', ..] => {
                    self.out
                        .push_str(perl_class(char::from(self.rest.as_bytes()[1])));
                    self.skip(2);
                }
                [b'\\', b'p' | b'P', ..] => {
                    let part = self.unicode_class()?;
                    self.out.push_str(&part);
                }
                _ => self.range(from)?,
            }
        }
    }

    fn range(&mut self, class: &'a str) -> Result<(), Error> {
        let from = self.rest;
        let low = self.class_character(class)?;
        let mut high = low;
        let ranged = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        if ranged && self.rest.len() > 1 {
            self.skip(1);
            high = self.class_character(class)?;
        }
        if high < low {
            let part = &from[..from.len() - self.rest.len()];
            return error("invalid character class range", part);
        }
        let (low, high) = (u32::from(low), u32::from(high));
        let _ = write!(self.out, r"\x{{{low:x}}}-\x{{{high:x}}}");
        Ok(())
    }

    fn class_character(&mut self, class: &'a str) -> Result<char, Error> {
        match self.rest.chars().next() {
            None => error("missing closing ]", class),
            Some('\\') => self.escaped_character(),
            Some(c) => {
                self.skip(c.len_utf8());
                Ok(c)
            }
        }
    }
}

/// Length of a `{n}`, `{n,}` or `{n,m}` at the start of the text, and whether its numbers are acceptable. Anything else
/// that begins with a brace is literal text.
fn count(text: &str) -> Option<(usize, bool)> {
    let end = text.find('}')?;
    let inner = text.get(1..end)?;
    let number = |part: &str| {
        let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let padded = part.len() > 1 && part.starts_with('0');
        (plain && !padded).then(|| part.parse().unwrap_or(u32::MAX))
    };
    let (low, high) = match inner.split_once(',') {
        None => (number(inner)?, number(inner)?),
        Some((low, "")) => (number(low)?, number(low)?),
        Some((low, high)) => (number(low)?, number(high)?),
    };
    Some((end + 1, low <= high && high <= REPEAT_MAX))
}

fn perl_class(c: char) -> &'static str {
    match c {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        _ => "[^0-9A-Za-z_]",
    }
}

fn is_posix_class(name: &str) -> bool {
    let name = name.strip_prefix('^').unwrap_or(name);
    [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ]
    .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let regex = compile(pattern.as_bytes()).expect(pattern);
        for text in yes {
            assert!(regex.is_match(text.as_bytes()), "{pattern} on {text}");
        }
        for text in no {
            assert!(!regex.is_match(text.as_bytes()), "{pattern} on {text}");
        }
    }

    #[test]
    fn matches_like_go() {
        check(r"^\d+\.", &["10.0"], &["a10", "٣."]);
        check("(?i)N1", &["n1"], &["n2"]);
        check("^n[12]$", &["n1"], &["n1\n", "n3"]);
        check(r"a{", &["a{"], &["a"]);
        check(r"a{,2}", &["a{,2}"], &["aa"]);
        check(r"^a{2,3}?$", &["aa", "aaa"], &["a"]);
        check(r"\Qa.b\E+", &["a.bb"], &["axb"]);
        check(r"\101\x42\x{43}", &["ABC"], &["abc"]);
        check(r"[]a]", &["]", "a"], &["b"]);
        check(r"[a&&b]", &["&"], &["c"]);
        check(r"[a-]", &["-", "a"], &["b"]);
        check(r"[[:digit:]x]", &["1", "x"], &["y"]);
        check(r"[^\d]", &["x"], &["1"]);
        check(r"\bfoo\B", &["foox"], &["foo", "xfoox"]);
        check(r"\pL\p{^Greek}", &["ab"], &["1"]);
        check(r"(?P<1a>x)(?:y)", &["xy"], &["x"]);
        check(r"(?)a(?i:b)", &["aB"], &["AB"]);
        check("", &["", "x"], &[]);
        check(r"\_\<", &["_<"], &["_"]);
    }

    #[test]
    fn refuses_with_the_words_of_go() {
        for (pattern, expected) in [
            ("(", "missing closing ): `(`"),
            ("a(b", "missing closing ): `a(b`"),
            ("a)", "unexpected ): `a)`"),
            ("[", "missing closing ]: `[`"),
            ("x[a-", "missing closing ]: `[a-`"),
            ("*", "missing argument to repetition operator: `*`"),
            ("a|+?", "missing argument to repetition operator: `+?`"),
            ("(?i)*", "missing argument to repetition operator: `*`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a+{2}", "invalid nested repetition operator: `+{2}`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            (r"\p{Nope}", r"invalid character class range: `\p{Nope}`"),
            (r"\y", r"invalid escape sequence: `\y`"),
            (r"\1", r"invalid escape sequence: `\1`"),
            (r"\xz", r"invalid escape sequence: `\xz`"),
            ("\\", "trailing backslash at end of expression: ``"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"),
            ("(?P<a>x)(?P<a>y)", "duplicate capture group name: `a`"),
        ] {
            let refusal = compile(pattern.as_bytes()).expect_err(pattern).to_string();
            assert_eq!(refusal, format!("error parsing regexp: {expected}"));
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pattern in r"[\\\[\](){}*+?|^$.a-c0-9:<>PQEdpx,é-]{0,24}", text in "[a-c0-9.]{0,8}") {
            if let Ok(regex) = compile(pattern.as_bytes()) {
                regex.is_match(text.as_bytes());
            }
        }
    }
}
