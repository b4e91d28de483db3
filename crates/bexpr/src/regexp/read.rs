//! Reading a pattern as Go does, from left to right, and writing it in the other dialect as it is read.
//!
//! Nothing recurses: open groups stand in a stack. Flags such as `(?i)` are not taken over; every part is written with those
//! that hold where it stands.

use super::weight::{self, NESTING_MAX, REPEAT_MAX, Weight};
use super::{Error, TOO_LARGE, error};
use std::str;

/// A pattern, translated and weighed.
pub(super) struct Read {
    pub(super) translated: String,
    /// Bytes, as [`weight::total`] counts them.
    pub(super) weight: usize,
}

/// What `(?…)` switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `i`
    pub(super) fold: bool,
    /// `m`
    lines: bool,
    /// `s`
    dot_all: bool,
    /// `U`
    lazy: bool,
}

/// The part before the cursor: what an operator would repeat.
#[derive(Clone, Copy)]
struct Item {
    /// Where it begins in the translation.
    start: usize,
    weight: Weight,
    repeated: bool,
}

/// A group that is open, or the whole.
struct Group {
    /// Flags to return to.
    outside: Flags,
    /// Where it begins in the translation.
    start: usize,
    /// What stands in it before `last`.
    weight: Weight,
    last: Option<Item>,
}

pub(super) struct Reader<'a> {
    /// The pattern up to its end or the first byte that is no UTF-8.
    valid: &'a str,
    /// What follows that.
    invalid: &'a [u8],
    pub(super) rest: &'a str,
    pub(super) out: String,
    open: Vec<Group>,
    here: Group,
    /// The operator that ends at the cursor.
    operator: Option<&'a str>,
    /// No `:]` comes any more.
    pub(super) no_posix_end: bool,
    pub(super) flags: Flags,
    capturing: bool,
    /// Groups that capture.
    groups: usize,
    /// Bytes that the pattern may weigh.
    limit: usize,
}

/// Reads a whole pattern that may weigh so many bytes.
pub(super) fn read(pattern: &[u8], capturing: bool, limit: usize) -> Result<Read, Error> {
    let valid = match str::from_utf8(pattern) {
        Ok(text) => text,
        Err(e) => str::from_utf8(&pattern[..e.valid_up_to()]).unwrap_or_default(),
    };
    let mut reader = Reader {
        valid,
        invalid: &pattern[valid.len()..],
        rest: valid,
        out: String::with_capacity(valid.len() + 8),
        open: Vec::new(),
        here: Group {
            outside: Flags::default(),
            start: 0,
            weight: Weight::default(),
            last: None,
        },
        operator: None,
        no_posix_end: false,
        flags: Flags::default(),
        capturing,
        groups: 0,
        limit,
    };
    while let Some(c) = reader.peek()? {
        reader.step(c)?;
    }
    if !reader.open.is_empty() {
        return error("missing closing )", &reader.whole());
    }
    let mut all = reader.here.weight;
    all.join(
        reader
            .here
            .last
            .map_or(Weight::default(), |item| item.weight),
    );
    Ok(Read {
        weight: weight::total(all.bytes, reader.groups),
        translated: reader.out,
    })
}

impl<'a> Reader<'a> {
    /// The pattern as errors show it.
    fn whole(&self) -> String {
        self.shown(self.valid)
    }

    /// A part that reaches to the end of the pattern.
    pub(super) fn shown(&self, part: &str) -> String {
        format!("{part}{}", String::from_utf8_lossy(self.invalid))
    }

    /// What stands between two places.
    pub(super) fn since(&self, from: &'a str) -> &'a str {
        &from[..from.len() - self.rest.len()]
    }

    /// The next character; at the end of what is UTF-8, whether that is the end of all.
    pub(super) fn peek(&self) -> Result<Option<char>, Error> {
        match self.rest.chars().next() {
            None if !self.invalid.is_empty() => error("invalid UTF-8", &self.shown("")),
            next => Ok(next),
        }
    }

    /// Whether exactly one byte is left.
    pub(super) fn at_last(&self) -> bool {
        self.rest.len() + self.invalid.len() == 1
    }

    pub(super) fn next(&mut self) -> Result<Option<char>, Error> {
        let next = self.peek()?;
        self.skip(next.map_or(0, char::len_utf8));
        Ok(next)
    }

    pub(super) fn skip(&mut self, bytes: usize) -> &'a str {
        let (part, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        part
    }

    /// A part was written, from `start` on.
    pub(super) fn push(&mut self, start: usize, bytes: usize) -> Result<(), Error> {
        self.put(Item {
            start,
            weight: Weight::leaf(bytes),
            repeated: false,
        })
    }

    fn put(&mut self, item: Item) -> Result<(), Error> {
        if item.weight.height > NESTING_MAX {
            return error("expression nests too deeply", &self.whole());
        }
        if let Some(before) = self.here.last.replace(item) {
            self.here.weight.join(before.weight);
        }
        self.within(item.weight.bytes)
    }

    /// Refuses a part of so many bytes when the pattern becomes too large with it.
    pub(super) fn within(&self, bytes: usize) -> Result<(), Error> {
        if self.here.weight.bytes.saturating_add(bytes) > self.limit {
            return error(TOO_LARGE, &self.whole());
        }
        Ok(())
    }

    pub(super) fn write(&mut self, text: &str, bytes: usize) -> Result<(), Error> {
        let start = self.out.len();
        self.out.push_str(text);
        self.push(start, bytes)
    }

    pub(super) fn literal(&mut self, c: char) -> Result<(), Error> {
        let start = self.out.len();
        let folded = self.flags.fold && (c.is_ascii_alphabetic() || !c.is_ascii());
        if folded {
            self.out.push_str("(?i:");
        }
        let mut buffer = [0; 4];
        let text = c.encode_utf8(&mut buffer);
        self.out.push_str(&regex::escape(text));
        if folded {
            self.out.push(')');
            return self.push(start, weight::FOLDED);
        }
        self.push(start, c.len_utf8() * weight::BYTE)
    }

    /// Literal text between `\Q` and `\E`.
    pub(super) fn quoted(&mut self) -> Result<(), Error> {
        self.skip(2);
        loop {
            if self.rest.starts_with(r"\E") {
                self.skip(2);
                return Ok(());
            }
            match self.next()? {
                Some(c) => self.literal(c)?,
                None => return Ok(()),
            }
        }
    }

    fn step(&mut self, c: char) -> Result<(), Error> {
        if let Some(repetition) = self.repetition(c)? {
            return self.repeat(repetition);
        }
        self.operator = None;
        match c {
            '(' => self.parenthesis(),
            ')' => self.close(),
            '|' => {
                self.skip(1);
                self.out.push('|');
                if let Some(before) = self.here.last.take() {
                    self.here.weight.join(before.weight);
                }
                self.here.weight.join(Weight::leaf(weight::NODE));
                self.within(0)
            }
            '^' | '$' => {
                self.skip(1);
                let text = match (c, self.flags.lines) {
                    ('^', true) => "(?m:^)",
                    ('^', false) => "^",
                    (_, true) => "(?m:$)",
                    (_, false) => "$",
                };
                self.write(text, weight::NODE)
            }
            '.' => {
                self.skip(1);
                let text = if self.flags.dot_all { "(?s:.)" } else { "." };
                self.write(text, weight::ANY)
            }
            '[' => self.class(),
            '\\' => self.escape(),
            other => {
                self.skip(other.len_utf8());
                self.literal(other)
            }
        }
    }

    /// An operator that repeats, if there is one at the cursor; a brace may be only a character.
    fn repetition(&mut self, c: char) -> Result<Option<Repetition<'a>>, Error> {
        let from = self.rest;
        let (length, bounds) = match c {
            '*' => (1, Bounds::Any),
            '+' => (1, Bounds::Some),
            '?' => (1, Bounds::Maybe),
            '{' => match counted(from) {
                Some((length, least, most)) => (length, Bounds::Counted(least, most)),
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let text = self.skip(length);
        if let Bounds::Counted(least, most) = bounds
            && (least > REPEAT_MAX || most.is_some_and(|most| most > REPEAT_MAX || most < least))
        {
            return error("invalid repeat count", text);
        }
        let other = self.rest.starts_with('?');
        if other {
            self.skip(1);
        }
        Ok(Some(Repetition {
            from,
            text,
            bounds,
            lazy: other != self.flags.lazy,
        }))
    }

    fn repeat(&mut self, repetition: Repetition<'a>) -> Result<(), Error> {
        if let Some(first) = self.operator.replace(repetition.from) {
            return error("invalid nested repetition operator", self.since(first));
        }
        let told = self.since(repetition.from);
        let Some(item) = self.here.last.take() else {
            return error("missing argument to repetition operator", told);
        };
        let weight = match repetition.bounds {
            Bounds::Counted(least, most) => {
                let weight = item.weight.repeated(least, most);
                let copies = least >= 2 || most.is_some_and(|most| most >= 2);
                if copies && weight.repeat > REPEAT_MAX {
                    return error("invalid repeat count", told);
                }
                weight
            }
            _ => item.weight.wrapped(),
        };
        if item.repeated {
            self.out.insert_str(item.start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(repetition.text);
        if repetition.lazy {
            self.out.push('?');
        }
        self.put(Item {
            start: item.start,
            weight,
            repeated: true,
        })
    }

    fn parenthesis(&mut self) -> Result<(), Error> {
        let Some(inner) = self.rest.strip_prefix("(?") else {
            self.skip(1);
            self.enter(true, self.flags);
            return Ok(());
        };
        for prefix in ["P<", "<"] {
            // A name of at least one byte has to follow, else these are flags that do not exist.
            if inner
                .strip_prefix(prefix)
                .is_some_and(|named| !named.is_empty() || !self.invalid.is_empty())
            {
                return self.named(2 + prefix.len());
            }
        }
        let from = self.rest;
        self.skip(2);
        let mut flags = self.flags;
        let (mut on, mut any) = (true, false);
        while let Some(c) = self.next()? {
            match c {
                'i' => flags.fold = on,
                'm' => flags.lines = on,
                's' => flags.dot_all = on,
                'U' => flags.lazy = on,
                '-' if on => {
                    (on, any) = (false, false);
                    continue;
                }
                ':' | ')' if on || any => {
                    if c == ':' {
                        self.enter(false, flags);
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            any = true;
        }
        error("invalid or unsupported Perl syntax", self.since(from))
    }

    /// A group with a name, which Go allows to come twice; it captures by its number only.
    fn named(&mut self, before: usize) -> Result<(), Error> {
        let from = self.rest;
        self.skip(before);
        let Some(length) = self.rest.find('>') else {
            // What is no UTF-8 is told first.
            self.skip(self.rest.len());
            self.peek()?;
            return error("invalid named capture", from);
        };
        let name = self.skip(length);
        self.skip(1);
        let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        if name.is_empty() || !name.bytes().all(word) {
            return error("invalid named capture", self.since(from));
        }
        self.enter(true, self.flags);
        Ok(())
    }

    /// Opens a group.
    fn enter(&mut self, captures: bool, flags: Flags) {
        let start = self.out.len();
        if captures && self.capturing {
            self.groups += 1;
            self.out.push('(');
        } else {
            self.out.push_str("(?:");
        }
        let inner = Group {
            outside: self.flags,
            start,
            weight: Weight::default(),
            last: None,
        };
        self.flags = flags;
        self.open.push(std::mem::replace(&mut self.here, inner));
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(outside) = self.open.pop() else {
            return error("unexpected )", &self.whole());
        };
        self.skip(1);
        self.out.push(')');
        let inner = std::mem::replace(&mut self.here, outside);
        self.flags = inner.outside;
        let mut weight = inner.weight;
        weight.join(inner.last.map_or(Weight::default(), |item| item.weight));
        self.put(Item {
            start: inner.start,
            weight: weight.wrapped(),
            repeated: false,
        })
    }
}

/// How often an operator repeats.
#[derive(Clone, Copy)]
enum Bounds {
    Any,
    Some,
    Maybe,
    Counted(u32, Option<u32>),
}

struct Repetition<'a> {
    /// Where it stands.
    from: &'a str,
    /// It, without what makes it lazy.
    text: &'a str,
    bounds: Bounds,
    lazy: bool,
}

/// A `{n}`, `{n,}` or `{n,m}` at the start of the text: its length and numbers. Anything else that begins with a brace is
/// literal text.
fn counted(text: &str) -> Option<(usize, u32, Option<u32>)> {
    fn number(text: &str) -> Option<(u32, &str)> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        let padded = digits > 1 && number.starts_with('0');
        (digits > 0 && !padded).then(|| (number.parse().unwrap_or(u32::MAX), rest))
    }
    let (least, after) = number(text.strip_prefix('{')?)?;
    let (most, after) = match after.strip_prefix(',') {
        None => (Some(least), after),
        Some(open) if open.starts_with('}') => (None, open),
        Some(more) => {
            let (most, after) = number(more)?;
            (Some(most), after)
        }
    };
    let rest = after.strip_prefix('}')?;
    Some((text.len() - rest.len(), least, most))
}
