//! The JSON form of the language. It reads less strictly than JSON proper: what follows the object is ignored, and a text
//! that ends after `:` leaves that member out.

use super::scan::{Scanner, Token, Type};
use super::{Error, Item, Key, MAX_DEPTH, Node, Pos};

/// Reads an object; lists of objects become repeated statements, as blocks would be.
pub(super) fn items(text: &str) -> Result<Vec<Item>, Error> {
    let start = text.find('{').unwrap_or_default();
    let mut reader = Reader {
        text,
        at: start,
        depth: 0,
        counted: 0,
        place: Pos { line: 1, column: 1 },
    };
    reader.object()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// How far `place` has counted: every byte is counted once, however many positions are asked for.
    counted: usize,
    place: Pos,
}

impl Reader<'_> {
    fn object(&mut self) -> Result<Vec<Item>, Error> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            match self.peek() {
                Some('}') => {
                    self.at += 1;
                    return Ok(items);
                }
                Some('"') => {}
                other => return Err(self.unexpected("expected: STRING", other)),
            }
            let pos = self.pos();
            let text = self.string()?;
            match self.peek() {
                Some(':') => self.at += 1,
                other => return Err(self.unexpected("object key must be followed by ':'", other)),
            }
            if self.peek().is_none() {
                return Ok(items);
            }
            if let Some(value) = self.value()? {
                push(&mut items, Key { pos, text }, value);
            }
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => {}
                other => return Err(self.unexpected("object expected closing RBRACE", other)),
            }
        }
    }

    /// A value; none for `null`.
    fn value(&mut self) -> Result<Option<Node>, Error> {
        let pos = self.pos();
        Ok(Some(match self.peek() {
            Some('{') => Node::Object(pos, self.deeper(Self::object)?),
            Some('[') => Node::List(pos, self.deeper(Self::list)?),
            Some('"') => Node::Str(pos, self.string()?),
            other => {
                let start = self.at;
                let rest = self.text.get(start..).unwrap_or_default();
                let len = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))
                    .unwrap_or(rest.len());
                let word = &rest[..len];
                self.at += len;
                match word {
                    "true" => Node::Bool(pos, true),
                    "false" => Node::Bool(pos, false),
                    "null" => return Ok(None),
                    _ => match (word.parse::<i64>(), word.parse::<f64>()) {
                        (Ok(value), _) => Node::Int(pos, value, word.to_owned()),
                        (_, Ok(value)) if value.is_finite() => {
                            Node::Float(pos, value, word.to_owned())
                        }
                        _ => {
                            self.at = start;
                            return Err(self.unexpected("Unknown token", other));
                        }
                    },
                }
            }
        }))
    }

    fn list(&mut self) -> Result<Vec<Node>, Error> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            match self.peek() {
                Some(']') => {
                    self.at += 1;
                    return Ok(items);
                }
                None => {
                    return Err(
                        self.unexpected("error parsing list, expected comma or list end", None)
                    );
                }
                Some(_) => items.extend(self.value()?),
            }
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => {}
                other => {
                    return Err(
                        self.unexpected("error parsing list, expected comma or list end", other)
                    );
                }
            }
        }
    }

    fn deeper<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::at(self.pos(), "nested too deeply"));
        }
        let result = body(self);
        self.depth -= 1;
        result
    }

    fn string(&mut self) -> Result<String, Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        // One value of JSON proper: the string itself.
        match crate::json::scan(rest.as_bytes()) {
            Ok((_, end)) => {
                let quoted = rest.get(..end).unwrap_or_default();
                self.at += end;
                Ok(
                    crate::json::from_slice(quoted.as_bytes(), crate::json::Mode::Lax)
                        .unwrap_or_default(),
                )
            }
            Err(_) => Err(Error::at(self.pos(), "literal not terminated")),
        }
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.text.get(self.at..)?.chars().next()
    }

    fn pos(&mut self) -> Pos {
        self.peek();
        let passed = self.text.get(self.counted..self.at).unwrap_or_default();
        for letter in passed.chars() {
            if letter == '\n' {
                self.place.line = self.place.line.saturating_add(1);
                self.place.column = 1;
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        self.counted = self.at.max(self.counted);
        self.place
    }

    fn unexpected(&mut self, wanted: &str, found: Option<char>) -> Error {
        let found = match found {
            None => "EOF".to_owned(),
            Some(_) => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let Token { kind, text, .. } = Scanner::new(rest).token();
                if kind == Type::Illegal {
                    text.to_owned()
                } else {
                    kind.name().to_owned()
                }
            }
        };
        Error::at(self.pos(), format!("{wanted} got: {found}"))
    }
}

fn push(items: &mut Vec<Item>, key: Key, value: Node) {
    match value {
        Node::List(_, list)
            if !list.is_empty() && list.iter().all(|node| matches!(node, Node::Object(..))) =>
        {
            items.extend(list.into_iter().map(|value| Item {
                keys: vec![key.clone()],
                value,
            }));
        }
        value => items.push(Item {
            keys: vec![key],
            value,
        }),
    }
}
