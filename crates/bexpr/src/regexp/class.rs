//! Escapes and classes of characters.

use super::read::Reader;
use super::{Error, error, names, weight};
use std::fmt::Write;

/// The characters that no text has.
const SURROGATES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;
const CHARACTER_MAX: u32 = 0x0010_ffff;

impl<'a> Reader<'a> {
    /// What begins with a backslash, outside a class.
    pub(super) fn escape(&mut self) -> Result<(), Error> {
        let kind = self.rest[1..].chars().next();
        match kind {
            Some('A' | 'z') => {
                let part = self.skip(2);
                self.write(part, weight::NODE)
            }
            Some('b' | 'B') => {
                let part = self.skip(2);
                self.write(&format!("(?-u:{part})"), weight::NODE)
            }
            Some('C') => error("invalid escape sequence", &self.rest[..2]),
            Some('Q') => self.quoted(),
            Some('p' | 'P') => {
                let class = self.unicode_class()?;
                let folded = self.flags.fold;
                self.set(&class, folded, weight::TABLE)
            }
            _ => {
                if let Some(class) = kind.and_then(names::perl) {
                    self.skip(2);
                    let folded = self.flags.fold;
                    return self.set(class, folded, weight::ANY);
                }
                let code = self.escaped_character()?;
                match char::from_u32(code) {
                    Some(c) => self.literal(c),
                    None => self.write(names::NEVER, weight::NODE),
                }
            }
        }
    }

    /// Writes a class.
    fn set(&mut self, class: &str, folded: bool, bytes: usize) -> Result<(), Error> {
        if folded {
            self.write(&format!("(?i:{class})"), 2 * bytes)
        } else {
            self.write(class, bytes)
        }
    }

    /// `\pN` or `\p{Name}`.
    fn unicode_class(&mut self) -> Result<String, Error> {
        let from = self.rest;
        let negated = self.skip(2) == r"\P";
        let name = match self.next()? {
            Some('{') => {
                let Some(length) = self.rest.find('}') else {
                    // What is no UTF-8 is told first.
                    self.skip(self.rest.len());
                    self.peek()?;
                    return error("invalid character class range", from);
                };
                let name = self.skip(length);
                self.skip(1);
                name
            }
            _ => &self.since(from)[2..],
        };
        let (name, opposite) = match name.strip_prefix('^') {
            Some(name) => (name, true),
            None => (name, false),
        };
        match names::unicode(name, negated != opposite) {
            Some(class) => Ok(class),
            None => error("invalid character class range", self.since(from)),
        }
    }

    /// An escape that stands for one character, inside a class or outside.
    fn escaped_character(&mut self) -> Result<u32, Error> {
        let from = self.rest;
        self.skip(1);
        let Some(c) = self.next()? else {
            return error("trailing backslash at end of expression", "");
        };
        let octal = |c: char| matches!(c, '0'..='7');
        let code = match c {
            'a' => Some(0x07),
            'f' => Some(0x0c),
            'n' => Some(0x0a),
            'r' => Some(0x0d),
            't' => Some(0x09),
            'v' => Some(0x0b),
            // One digit alone would be a reference to a group.
            '1'..='7' if !self.rest.starts_with(octal) => None,
            '0'..='7' => {
                let more = self.rest.chars().take(2).take_while(|c| octal(*c)).count();
                self.skip(more);
                u32::from_str_radix(&self.since(from)[1..], 8).ok()
            }
            'x' => self.hexadecimal()?,
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(u32::from(c)),
            _ => None,
        };
        match code {
            Some(code) => Ok(code),
            None => error("invalid escape sequence", self.since(from)),
        }
    }

    /// What follows `\x`: two digits, or any number of them in braces. Stops behind the first character that does not fit.
    fn hexadecimal(&mut self) -> Result<Option<u32>, Error> {
        let Some(first) = self.next()? else {
            return Ok(None);
        };
        if first != '{' {
            let second = self.next()?;
            let digits = (first.to_digit(16), second.and_then(|c| c.to_digit(16)));
            return Ok(match digits {
                (Some(high), Some(low)) => Some(high * 16 + low),
                _ => None,
            });
        }
        let mut code = None;
        loop {
            match self.next()? {
                Some('}') => return Ok(code),
                Some(c) => {
                    let Some(digit) = c.to_digit(16) else {
                        return Ok(None);
                    };
                    let value = code.unwrap_or(0) * 16 + digit;
                    if value > CHARACTER_MAX {
                        return Ok(None);
                    }
                    code = Some(value);
                }
                None => return Ok(None),
            }
        }
    }

    /// `[…]`.
    pub(super) fn class(&mut self) -> Result<(), Error> {
        let from = self.rest;
        let mut class = String::from("[");
        self.skip(1);
        let negated = self.rest.starts_with('^');
        if negated {
            class.push_str(self.skip(1));
        }
        let mut bytes = if negated { weight::ANY } else { weight::NODE };
        let mut empty = true;
        let mut first = true;
        loop {
            if self.rest.starts_with(']') && !first {
                self.skip(1);
                break;
            }
            first = false;
            self.within(bytes)?;
            let kind = self
                .rest
                .strip_prefix('\\')
                .and_then(|after| after.chars().next());
            if let Some(part) = self.posix_class()? {
                class.push_str(part);
                bytes += weight::ANY;
            } else if matches!(kind, Some('p' | 'P')) {
                class.push_str(&self.unicode_class()?);
                bytes += weight::TABLE;
            } else if let Some(set) = kind.and_then(names::perl) {
                self.skip(2);
                class.push_str(set);
                bytes += weight::ANY;
            } else {
                let written = self.range(from, &mut class)?;
                bytes += weight::RANGE;
                if !written {
                    continue;
                }
            }
            empty = false;
        }
        class.push(']');
        let class = match (empty, negated) {
            (false, _) => &*class,
            (true, false) => names::NEVER,
            (true, true) => "(?s:.)",
        };
        let folded = self.flags.fold;
        self.set(class, folded, bytes)
    }

    /// `[:name:]`; without its end the bracket is only a character.
    fn posix_class(&mut self) -> Result<Option<&'a str>, Error> {
        let Some(inner) = self.rest.strip_prefix("[:").filter(|_| !self.no_posix_end) else {
            return Ok(None);
        };
        let Some(end) = inner.find(":]") else {
            self.no_posix_end = true;
            return Ok(None);
        };
        let part = self.skip(2 + end + 2);
        if names::is_posix(&part[2..2 + end]) {
            return Ok(Some(part));
        }
        error("invalid character class range", part)
    }

    /// A character or two with a dash between them; `false` when they are no characters of any text.
    fn range(&mut self, class: &'a str, out: &mut String) -> Result<bool, Error> {
        let from = self.rest;
        let low = self.class_character(class)?;
        let mut high = low;
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") && !self.at_last() {
            self.skip(1);
            high = self.class_character(class)?;
        }
        if high < low {
            return error("invalid character class range", self.since(from));
        }
        let parts = [
            (low, high.min(SURROGATES.start() - 1)),
            (low.max(SURROGATES.end() + 1), high),
        ];
        let mut written = false;
        for (low, high) in parts.into_iter().filter(|(low, high)| low <= high) {
            let _ = write!(out, r"\x{{{low:x}}}-\x{{{high:x}}}");
            written = true;
        }
        Ok(written)
    }

    fn class_character(&mut self, class: &'a str) -> Result<u32, Error> {
        if self.rest.starts_with('\\') {
            return self.escaped_character();
        }
        match self.next()? {
            None => error("missing closing ]", class),
            Some(c) => Ok(u32::from(c)),
        }
    }
}
