//! From text to tokens: Go's template lexer, for what an address may say. Positions are byte offsets into the input.

use super::Fault;

/// What a piece of a template is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Text outside of actions, trimmed as its neighbours demand.
    Text(String),
    /// `{{`, after a comment was left out.
    Left,
    /// `}}`.
    Right,
    /// White space inside an action.
    Space,
    /// `if`, `else`, `end`, `range`, `with`, `break`, `continue`, `define`, `template`, `block`.
    Keyword(&'static str),
    /// A word: a function.
    Word(String),
    /// `.name`.
    Field(String),
    /// `$` or `$name`.
    Variable(String),
    /// A quoted string as written, and its value.
    Quoted(String, String),
    /// A number or character as written.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// `nil`.
    Nil,
    /// `.`.
    Dot,
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `|`.
    Pipe,
    /// `:=`.
    Declare,
    /// `=`.
    Assign,
    /// `,`.
    Comma,
    /// The end of the input.
    End,
}

impl std::fmt::Display for Token {
    /// How Go names the token in `unexpected … in …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::End => return f.write_str("EOF"),
            Self::Keyword(word) => return write!(f, "<{word}>"),
            Self::Text(t) | Self::Word(t) | Self::Variable(t) | Self::Number(t) => t.as_str(),
            Self::Quoted(written, _) => written.as_str(),
            Self::Field(name) => return write!(f, "{}", short(&format!(".{name}"))),
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Nil => return f.write_str("<nil>"),
            Self::Left => "{{",
            Self::Right => "}}",
            Self::Space => " ",
            Self::Dot => return f.write_str("<.>"),
            Self::Open => "(",
            Self::Close => ")",
            Self::Pipe => "|",
            Self::Declare => ":=",
            Self::Assign => "=",
            Self::Comma => ",",
        };
        f.write_str(&short(text))
    }
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(10).collect();
    if cut.len() < text.len() {
        format!("{cut:?}...")
    } else {
        format!("{cut:?}")
    }
}

const KEYWORDS: &[&str] = &[
    "if", "else", "end", "range", "with", "break", "continue", "define", "template", "block",
];

/// Splits a template. The last token is [`Token::End`].
pub(super) fn lex(input: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let mut lexer = Lexer {
        input,
        at: 0,
        open: 0,
        out: Vec::new(),
    };
    lexer.outside()?;
    Ok(lexer.out)
}

struct Lexer<'a> {
    input: &'a str,
    at: usize,
    /// Parentheses that are open.
    open: usize,
    out: Vec<(usize, Token)>,
}

/// Where an action begins: behind `{{` and its trim marker.
fn after_left(rest: &str) -> (usize, bool) {
    let trims = rest.starts_with('-') && rest[1..].starts_with(is_space);
    (if trims { 2 } else { 0 }, trims)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.input[self.at..]
    }

    fn fail<T>(&self, text: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::parse(self.at, text))
    }

    fn push(&mut self, length: usize, token: Token) {
        self.out.push((self.at, token));
        self.at += length;
    }

    /// Text and actions, to the end.
    fn outside(&mut self) -> Result<(), Fault> {
        let mut trim_start = false;
        loop {
            let text = self.rest();
            let text = match trim_start {
                true => text.trim_start_matches(is_space),
                false => text,
            };
            let Some(length) = self.rest().find("{{") else {
                if !text.is_empty() {
                    self.out.push((self.at, Token::Text(text.to_string())));
                }
                self.at = self.input.len();
                self.out.push((self.at, Token::End));
                return Ok(());
            };
            let skipped = self.rest().len() - text.len();
            let (marker, trims) = after_left(&self.rest()[length + 2..]);
            // White space that the marker before takes away may reach into what this one would keep, never beyond it.
            let kept = text.get(..length.saturating_sub(skipped)).unwrap_or("");
            let kept = if trims {
                kept.trim_end_matches(is_space)
            } else {
                kept
            };
            if !kept.is_empty() {
                let kept = Token::Text(kept.to_string());
                self.out.push((self.at, kept));
            }
            self.at += length;
            trim_start = match self.rest()[2 + marker..].starts_with("/*") {
                true => self.comment(2 + marker)?,
                false => {
                    self.push(2 + marker, Token::Left);
                    self.inside()?
                }
            };
        }
    }

    /// Skips a comment; tells whether what follows is trimmed.
    fn comment(&mut self, start: usize) -> Result<bool, Fault> {
        let rest = &self.rest()[start..];
        let Some(length) = rest.find("*/") else {
            return self.fail("unclosed comment");
        };
        let after = &rest[length + 2..];
        let trims = after.starts_with(is_space) && after[1..].starts_with("-}}");
        if !trims && !after.starts_with("}}") {
            return self.fail("comment ends before closing delimiter");
        }
        self.at += start + length + 2 + if trims { 4 } else { 2 };
        Ok(trims)
    }

    /// The tokens of one action; tells whether what follows it is trimmed.
    fn inside(&mut self) -> Result<bool, Fault> {
        loop {
            let rest = self.rest();
            let trims = rest.starts_with(is_space) && rest[1..].starts_with("-}}");
            if trims || rest.starts_with("}}") {
                if self.open > 0 {
                    return self.fail("unclosed left paren");
                }
                if trims {
                    self.at += 2;
                }
                self.push(2, Token::Right);
                return Ok(trims);
            }
            self.token()?;
        }
    }

    fn token(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else {
            return self.fail("unclosed action");
        };
        let word = |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
        match c {
            c if is_space(c) => {
                let all = rest.len() - rest.trim_start_matches(is_space).len();
                // The blank before `-}}` belongs to the delimiter.
                let keep = usize::from(all > 1 && rest[all..].starts_with("-}}"));
                self.push(all - keep, Token::Space);
            }
            '|' => self.push(1, Token::Pipe),
            ',' => self.push(1, Token::Comma),
            '=' => self.push(1, Token::Assign),
            ':' if rest.starts_with(":=") => self.push(2, Token::Declare),
            ':' => return self.fail("expected :="),
            '(' => {
                self.open += 1;
                self.push(1, Token::Open);
            }
            ')' => {
                let Some(open) = self.open.checked_sub(1) else {
                    return self.fail("unexpected right paren");
                };
                self.open = open;
                self.push(1, Token::Close);
            }
            '"' | '`' | '\'' => return self.quoted(c),
            '$' => {
                let n = 1 + word(&rest[1..]);
                let name = rest[..n].to_string();
                self.terminated(n)?;
                self.push(n, Token::Variable(name));
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let n = word(&rest[1..]);
                let name = rest[1..=n].to_string();
                self.terminated(n + 1)?;
                self.push(
                    n + 1,
                    if n == 0 {
                        Token::Dot
                    } else {
                        Token::Field(name)
                    },
                );
            }
            '+' | '-' | '.' | '0'..='9' => return self.number(),
            c if is_word(c) => {
                let n = word(rest);
                let name = rest[..n].to_string();
                self.terminated(n)?;
                let keyword = KEYWORDS.iter().find(|k| **k == name);
                self.push(
                    n,
                    match (keyword, name.as_str()) {
                        (Some(keyword), _) => Token::Keyword(keyword),
                        (_, "true") => Token::Bool(true),
                        (_, "false") => Token::Bool(false),
                        (_, "nil") => Token::Nil,
                        _ => Token::Word(name),
                    },
                );
            }
            c => return self.fail(format!("unrecognized character in action: {}", unicode(c))),
        }
        Ok(())
    }

    /// Words end where something else begins.
    fn terminated(&self, length: usize) -> Result<(), Fault> {
        match self.rest()[length..].chars().next() {
            None | Some('.' | ',' | '|' | ':' | '=' | ')' | '(' | '}') => Ok(()),
            Some(c) if is_space(c) => Ok(()),
            Some(c) => self.fail(format!("bad character {}", unicode(c))),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<(), Fault> {
        let what = match quote {
            '"' => "unterminated quoted string",
            '`' => "unterminated raw quoted string",
            _ => "unterminated character constant",
        };
        let rest = self.rest();
        let mut escaped = false;
        let mut length = None;
        for (i, c) in rest.char_indices().skip(1) {
            match c {
                '\n' if quote != '`' => break,
                '\\' if quote != '`' && !escaped => escaped = true,
                c if c == quote && !escaped => {
                    length = Some(i + 1);
                    break;
                }
                _ => escaped = false,
            }
        }
        let Some(length) = length else {
            return self.fail(what);
        };
        let written = rest[..length].to_string();
        let inner = &written[1..length - 1];
        let token = match quote {
            '`' => Token::Quoted(written.clone(), inner.replace('\r', "")),
            '"' => match unquote(inner) {
                Some(value) => Token::Quoted(written.clone(), value),
                None => return self.fail("invalid syntax"),
            },
            _ => Token::Number(written),
        };
        self.push(length, token);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let mut last = ' ';
        let end = rest
            .find(|c: char| {
                let sign = matches!(c, '+' | '-') && matches!(last, ' ' | 'e' | 'E' | 'p' | 'P');
                last = c;
                !(sign || c == '.' || is_word(c))
            })
            .unwrap_or(rest.len());
        let written = rest[..end].to_string();
        self.push(end, Token::Number(written));
        Ok(())
    }
}

/// `U+0040 '@'`.
fn unicode(c: char) -> String {
    match c.is_control() {
        true => format!("U+{:04X}", u32::from(c)),
        false => format!("U+{:04X} '{c}'", u32::from(c)),
    }
}

/// The value of what stands between double or single quotes, by Go's escapes.
pub(super) fn unquote(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let plain = match c {
            '\\' => match escape(&mut rest)? {
                Escaped::Char(c) => c,
                Escaped::Byte(b) => {
                    out.push(b);
                    continue;
                }
            },
            c => c,
        };
        out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
    }
    String::from_utf8(out).ok()
}

enum Escaped {
    Char(char),
    Byte(u8),
}

fn escape(rest: &mut std::str::Chars<'_>) -> Option<Escaped> {
    let c = rest.next()?;
    let mut digits = |first: u32, radix: u32, n: usize| {
        (0..n).try_fold(first, |sum, _| {
            Some(sum * radix + rest.next()?.to_digit(radix)?)
        })
    };
    Some(match c {
        'a' => Escaped::Char('\x07'),
        'b' => Escaped::Char('\x08'),
        'f' => Escaped::Char('\x0c'),
        'n' => Escaped::Char('\n'),
        'r' => Escaped::Char('\r'),
        't' => Escaped::Char('\t'),
        'v' => Escaped::Char('\x0b'),
        '\\' | '\'' | '"' => Escaped::Char(c),
        'x' => Escaped::Byte(digits(0, 16, 2)?.try_into().ok()?),
        'u' => Escaped::Char(char::from_u32(digits(0, 16, 4)?)?),
        'U' => {
            let high = digits(0, 16, 4)?;
            Escaped::Char(char::from_u32((high << 16) | digits(0, 16, 4)?)?)
        }
        '0'..='7' => Escaped::Byte(digits(c.to_digit(8)?, 8, 2)?.try_into().ok()?),
        _ => return None,
    })
}
