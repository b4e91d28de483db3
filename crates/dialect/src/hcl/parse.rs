//! From tokens to statements, with the reference's order of checks and its messages.

use std::collections::HashSet;

use super::scan::{Scanner, Token, Type};
use super::{Duplicates, Error, Item, Key, MAX_DEPTH, Node};

/// Reads the native syntax.
pub(super) fn items(text: &str, duplicates: Duplicates) -> Result<Vec<Item>, Error> {
    let mut parser = Parser::new(text, duplicates);
    let result = parser.object_list(false);
    match (parser.scanner.error, result) {
        (Some(error), _) => Err(error),
        (None, Err(Stop::Error(error))) => Err(error),
        (None, Err(Stop::End)) => Ok(Vec::new()),
        (None, Ok(items)) => Ok(items),
    }
}

/// Why a rule stops early.
enum Stop {
    /// The text ended where a value or statement could start. Silently the end of the list, as in the reference.
    End,
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

fn fail<T>(token: Token<'_>, text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Error(Error::at(token.pos, text)))
}

fn lacks_value<T>(token: Token<'_>, keys: &[Key]) -> Result<T, Stop> {
    let names: Vec<_> = keys.iter().map(|key| key.text.as_str()).collect();
    let names = names.join(" ");
    fail(
        token,
        format!("key '{names}' expected start of object ('{{') or assignment ('=')"),
    )
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    token: Token<'a>,
    again: bool,
    depth: usize,
    duplicates: Duplicates,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, duplicates: Duplicates) -> Self {
        let scanner = Scanner::new(text);
        let token = Token {
            kind: Type::Eof,
            pos: super::Pos::default(),
            text: "",
        };
        Parser {
            scanner,
            token,
            again: false,
            depth: 0,
            duplicates,
        }
    }

    fn scan(&mut self) -> Token<'a> {
        if !std::mem::take(&mut self.again) {
            self.token = self.scanner.token();
        }
        self.token
    }

    fn unscan(&mut self) {
        self.again = true;
    }

    fn object_list(&mut self, inside: bool) -> Result<Vec<Item>, Stop> {
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        loop {
            if inside {
                let token = self.scan();
                self.unscan();
                if token.kind == Type::RBrace {
                    return Ok(items);
                }
            }
            let item = match self.object_item() {
                Ok(item) => item,
                Err(Stop::End) => return Ok(items),
                Err(stop) => return Err(stop),
            };
            if self.duplicates == Duplicates::Refuse
                && !matches!(item.value, Node::Object(..))
                && let [key] = item.keys.as_slice()
                && !seen.insert(key.text.clone())
            {
                let (name, pos) = (&key.text, key.pos);
                let text = format!(
                    "The argument {name:?} at {pos} was already set. Each argument can only be defined once"
                );
                return Err(Error { pos: None, text }.into());
            }
            items.push(item);
            // Statements may be separated by commas.
            if self.scan().kind != Type::Comma {
                self.unscan();
            }
        }
    }

    fn object_item(&mut self) -> Result<Item, Stop> {
        let (keys, result) = self.object_keys();
        match result {
            Err(Stop::End) if !keys.is_empty() => {}
            Err(_) if !keys.is_empty() && self.token.kind == Type::RBrace => {
                // The brace that shows the missing value does not end the object well: the value is what is told.
                let token = self.token;
                self.token.kind = Type::Eof;
                return lacks_value(token, &keys);
            }
            other => other?,
        }
        let token = self.token;
        // Labels nest too: `a "b" "c" {}` is an object in an object in an object.
        let labels = keys.len().saturating_sub(1);
        self.depth += labels;
        let value = match token.kind {
            Type::Assign => self.value()?,
            Type::LBrace => self.object()?,
            _ => return lacks_value(token, &keys),
        };
        self.depth -= labels;
        Ok(Item { keys, value })
    }

    /// The keys of a statement and how their row ended; the token after them is the current one.
    fn object_keys(&mut self) -> (Vec<Key>, Result<(), Stop>) {
        let mut keys = Vec::new();
        loop {
            let token = self.scan();
            let result = match token.kind {
                Type::Eof => Err(Stop::End),
                Type::Assign if keys.len() > 1 => fail(
                    token,
                    format!("nested object expected: LBRACE got: {}", token.kind.name()),
                ),
                Type::Assign if keys.is_empty() => fail(token, "no object keys found!"),
                Type::Assign => Ok(()),
                Type::LBrace if keys.is_empty() => fail(
                    token,
                    format!("expected: IDENT | STRING got: {}", token.kind.name()),
                ),
                Type::LBrace => Ok(()),
                Type::Ident | Type::String if keys.len() + self.depth > MAX_DEPTH => {
                    fail(token, "nested too deeply")
                }
                Type::Ident | Type::String => {
                    let text = match token.kind {
                        Type::String => unquote(token.text).unwrap_or_default(),
                        _ => token.text.to_owned(),
                    };
                    keys.push(Key {
                        pos: token.pos,
                        text,
                    });
                    continue;
                }
                Type::Illegal => fail(token, "illegal character"),
                other => fail(
                    token,
                    format!(
                        "expected: IDENT | STRING | ASSIGN | LBRACE got: {}",
                        other.name()
                    ),
                ),
            };
            return (keys, result);
        }
    }

    fn value(&mut self) -> Result<Node, Stop> {
        let token = self.scan();
        match token.kind {
            Type::LBrace => self.object(),
            Type::LBrack => self.list(),
            Type::Eof => Err(Stop::End),
            _ => match literal(token) {
                Some(node) => Ok(node?),
                None => fail(
                    token,
                    format!(
                        "Unknown token: {} {} {}",
                        token.pos,
                        token.kind.name(),
                        token.text
                    ),
                ),
            },
        }
    }

    /// An object; its opening brace is the current token.
    fn object(&mut self) -> Result<Node, Stop> {
        let (pos, depth) = (self.token.pos, self.depth);
        self.deeper()?;
        let result = self.object_list(true);
        // Whatever was open when a statement failed is closed with the object.
        self.depth = depth;
        let items = match result {
            Ok(items) => items,
            Err(Stop::Error(error)) if self.token.kind != Type::RBrace || error.pos.is_none() => {
                return Err(error.into());
            }
            // Stopped on a closing brace: what is missing shows at the next token.
            Err(_) => Vec::new(),
        };
        let token = self.scan();
        if token.kind != Type::RBrace {
            return fail(
                token,
                format!("object expected closing RBRACE got: {}", token.kind.name()),
            );
        }
        Ok(Node::Object(pos, items))
    }

    /// A list; its opening bracket is the current token.
    fn list(&mut self) -> Result<Node, Stop> {
        let pos = self.token.pos;
        let mut items = Vec::new();
        let mut need_comma = false;
        loop {
            let token = self.scan();
            if need_comma && !matches!(token.kind, Type::Comma | Type::RBrack) {
                let found = token.kind.name();
                return fail(
                    token,
                    format!("error parsing list, expected comma or list end, got: {found}"),
                );
            }
            let item = match token.kind {
                Type::RBrack => return Ok(Node::List(pos, items)),
                Type::Comma => {
                    need_comma = false;
                    continue;
                }
                Type::LBrace => self
                    .object()
                    .map_err(|stop| within(stop, token, "object"))?,
                Type::LBrack => {
                    self.deeper()?;
                    let list = self.list().map_err(|stop| within(stop, token, "list"));
                    self.depth -= 1;
                    list?
                }
                _ => match literal(token) {
                    Some(node) => node?,
                    None => {
                        return fail(
                            token,
                            format!("unexpected token while parsing list: {}", token.kind.name()),
                        );
                    }
                },
            };
            items.push(item);
            need_comma = true;
        }
    }

    fn deeper(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail(self.token, "nested too deeply");
        }
        Ok(())
    }
}

fn within(stop: Stop, token: Token<'_>, what: &str) -> Stop {
    match stop {
        Stop::End => Stop::End,
        Stop::Error(error) => Error::at(
            token.pos,
            format!("error while trying to parse {what} within list: {error}"),
        )
        .into(),
    }
}

/// The value of a token that is one.
fn literal(token: Token<'_>) -> Option<Result<Node, Error>> {
    let Token { kind, pos, text } = token;
    let broken = |reason: &str| Err(Error::at(pos, reason));
    Some(match kind {
        Type::Bool => Ok(Node::Bool(pos, text == "true")),
        Type::Number => match whole(text) {
            Some(value) => Ok(Node::Int(pos, value, text.to_owned())),
            None => broken(&format!(
                "strconv.ParseInt: parsing {text:?}: value out of range"
            )),
        },
        Type::Float => match text.parse() {
            Ok(value) => Ok(Node::Float(pos, value, text.to_owned())),
            Err(_) => broken(&format!(
                "strconv.ParseFloat: parsing {text:?}: invalid syntax"
            )),
        },
        Type::String => match unquote(text) {
            Some(text) => Ok(Node::Str(pos, text)),
            None => broken("invalid syntax"),
        },
        Type::Heredoc => Ok(Node::Str(pos, heredoc(text))),
        _ => return None,
    })
}

/// A whole number: decimal, `0x` hexadecimal, or octal with a leading zero.
fn whole(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.strip_prefix("0x") {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let sign = if negative { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// The content of a here-document token. `<<-` takes away the indentation of the closing anchor if every line has it.
fn heredoc(token: &str) -> String {
    let Some((head, rest)) = token.split_once('\n') else {
        return String::new();
    };
    let body = rest.strip_suffix('\n').unwrap_or(rest);
    let anchor_start = body.rfind('\n').map_or(0, |at| at + 1);
    let (content, anchor) = body.split_at(anchor_start);
    let indent = &anchor[..anchor.len() - anchor.trim_start().len()];
    if !head.starts_with("<<-") {
        return format!("{content}{indent}");
    }
    let lines = || content.split_inclusive('\n');
    match lines().all(|line| line.starts_with(indent)) {
        true => lines().map(|line| &line[indent.len()..]).collect(),
        false => content.to_owned(),
    }
}

/// The text of a quoted string. What stands in `${ … }` is kept as written.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(letter) = rest.chars().next() {
        if rest.starts_with("${") {
            let len = interpolation(rest)?;
            out.extend_from_slice(&rest.as_bytes()[..len]);
            rest = &rest[len..];
        } else if letter == '\\' {
            rest = escape(&rest[1..], &mut out)?;
        } else if letter == '"' || letter == '\n' {
            return None;
        } else {
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[letter.len_utf8()..];
        }
    }
    Some(
        String::from_utf8(out)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

/// The length of the `${ … }` that `text` starts with.
fn interpolation(text: &str) -> Option<usize> {
    let mut braces = 0usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at + 1),
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Appends what an escape stands for; `text` starts after the backslash. Gives what follows.
fn escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let letter = text.chars().next()?;
    let (start, len, radix) = match letter {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => {
            out.push(match letter {
                'a' => 0x07,
                'b' => 0x08,
                'f' => 0x0c,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 0x0b,
                '\\' => b'\\',
                '"' => b'"',
                _ => return None,
            });
            return text.get(1..);
        }
    };
    let code = u32::from_str_radix(text.get(start..start + len)?, radix).ok()?;
    match letter {
        // Byte escapes.
        'x' | '0'..='7' => out.push(u8::try_from(code).ok()?),
        _ => out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes()),
    }
    text.get(start + len..)
}
