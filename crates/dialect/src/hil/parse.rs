//! From text to parts: literals and expressions, by falling precedence: conditions, `||`, `&&`, equality, order, sums, products.

use super::{Kind, NESTING_MAX, Node, Place, Sign};
use std::fmt::Write as _;

/// A text with interpolations, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Text(pub(super) Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Literal(String),
    Value(Node),
}

/// Signs of one level of precedence; of those that begin alike the longer comes first.
type Level = &'static [(&'static str, Sign)];

/// From the level that binds least.
const LEVELS: [Level; 6] = [
    &[("||", Sign::Or)],
    &[("&&", Sign::And)],
    &[("==", Sign::Equal), ("!=", Sign::NotEqual)],
    &[
        (">=", Sign::GreaterOrEqual),
        ("<=", Sign::LessOrEqual),
        (">", Sign::Greater),
        ("<", Sign::Less),
    ],
    &[("+", Sign::Add), ("-", Sign::Subtract)],
    &[
        ("*", Sign::Multiply),
        ("/", Sign::Divide),
        ("%", Sign::Remainder),
    ],
];

struct Parser<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    at: Place,
}

impl Text {
    /// Parses a whole text.
    ///
    /// # Errors
    /// `parse error at <place>: …`
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            chars: text.chars().peekable(),
            at: Place { line: 1, column: 1 },
        };
        parser.text(None, 0)
    }
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.chars.next()?;
        if next == '\n' {
            self.at = Place {
                line: self.at.line + 1,
                column: 1,
            };
        } else {
            self.at.column += 1;
        }
        Some(next)
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.next();
        }
        there
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn expected(&mut self, what: &str) -> String {
        let mut found = String::new();
        match self.peek() {
            None => found.push_str("end of string"),
            Some(c) => drop(write!(found, "invalid sequence \"{c}\"")),
        }
        format!(
            "parse error at {}: expected {what} but found {found}",
            self.at
        )
    }

    /// Literal text and interpolations, up to `end` or the end of all.
    fn text(&mut self, end: Option<char>, depth: usize) -> Result<Text, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        loop {
            let Some(next) = self.peek() else {
                if end.is_some() {
                    return Err(self.expected("\"\\\"\""));
                }
                break;
            };
            self.next();
            if Some(next) == end {
                break;
            }
            match next {
                '$' if self.peek() == Some('$') => {
                    // One dollar, which begins nothing.
                    self.next();
                    literal.push('$');
                    if self.take('{') {
                        literal.push('{');
                    }
                }
                '$' if self.take('{') => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    let node = self.expression(depth + 1)?;
                    self.spaces();
                    if !self.take('}') {
                        return Err(self.expected("\"}\""));
                    }
                    parts.push(Part::Value(node));
                }
                '\\' if end.is_some() => {
                    let at = self.at;
                    literal.push(match self.next() {
                        Some('n') => '\n',
                        Some('t') => '\t',
                        Some(same @ ('"' | '\\')) => same,
                        Some(other) => {
                            return Err(format!(
                                "parse error at {at}: invalid escape sequence \\{other}"
                            ));
                        }
                        None => return Err(self.expected("\"\\\"\"")),
                    });
                }
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Text(parts))
    }

    /// A whole expression.
    fn expression(&mut self, depth: usize) -> Result<Node, String> {
        if depth > NESTING_MAX {
            return Err(self.too_deep());
        }
        let condition = self.operation(depth, &LEVELS)?;
        self.spaces();
        if !self.take('?') {
            return Ok(condition);
        }
        let yes = self.expression(depth + 1)?;
        self.spaces();
        if !self.take(':') {
            return Err(self.expected("\":\""));
        }
        let no = self.expression(depth + 1)?;
        Ok(Node {
            at: condition.at,
            kind: Kind::Choice(Box::new(condition), Box::new(yes), Box::new(no)),
        })
    }

    fn too_deep(&self) -> String {
        format!("parse error at {}: expression nests too deep", self.at)
    }

    /// Operands with the signs of the first level between them.
    fn operation(&mut self, depth: usize, levels: &[Level]) -> Result<Node, String> {
        let Some((level, tighter)) = levels.split_first() else {
            return self.term(depth);
        };
        let mut left = self.operation(depth, tighter)?;
        let mut length = 0;
        loop {
            self.spaces();
            let Some(sign) = self.sign(level) else {
                return Ok(left);
            };
            // Each operation nests the one before it.
            length += 1;
            if depth + length > NESTING_MAX {
                return Err(self.too_deep());
            }
            let right = self.operation(depth + length, tighter)?;
            left = Node {
                at: left.at,
                kind: Kind::Operation(sign, Box::new(left), Box::new(right)),
            };
        }
    }

    fn sign(&mut self, level: Level) -> Option<Sign> {
        let (text, sign) = level
            .iter()
            .find(|(text, _)| self.chars.clone().take(text.len()).eq(text.chars()))?;
        for _ in text.chars() {
            self.next();
        }
        Some(*sign)
    }

    fn term(&mut self, depth: usize) -> Result<Node, String> {
        self.spaces();
        let at = self.at;
        if depth > NESTING_MAX {
            return Err(format!("parse error at {at}: expression nests too deep"));
        }
        let kind = match self.peek() {
            Some('(') => {
                self.next();
                let inner = self.expression(depth + 1)?;
                self.spaces();
                if !self.take(')') {
                    return Err(self.expected("\")\""));
                }
                return Ok(inner);
            }
            Some('"') => {
                self.next();
                Kind::Text(self.text(Some('"'), depth + 1)?)
            }
            // Nothing less the value; whether it is the same as false.
            Some(sign @ ('-' | '!')) => {
                self.next();
                let (sign, kind) = match sign {
                    '-' => (Sign::Subtract, Kind::Number(0)),
                    _ => (Sign::Equal, Kind::Bool(false)),
                };
                let inner = self.term(depth + 1)?;
                Kind::Operation(sign, Box::new(Node { at, kind }), Box::new(inner))
            }
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some(c) if c.is_alphabetic() || c == '_' => {
                let name = self.word(|c| c.is_alphanumeric() || "_.-".contains(c));
                self.spaces();
                if self.take('(') {
                    Kind::Call(name, self.arguments(depth + 1)?)
                } else {
                    match &*name {
                        "true" => Kind::Bool(true),
                        "false" => Kind::Bool(false),
                        _ => Kind::Variable(name),
                    }
                }
            }
            _ => return Err(self.expected("expression")),
        };
        Ok(Node { at, kind })
    }

    fn number(&mut self) -> Result<Kind, String> {
        let at = self.at;
        let mut digits = self.word(|c| c.is_ascii_digit());
        let decimal = self.take('.');
        if decimal {
            digits.push('.');
            digits.push_str(&self.word(|c| c.is_ascii_digit()));
        }
        let kind = if decimal {
            digits.parse().ok().map(Kind::Decimal)
        } else {
            digits.parse().ok().map(Kind::Number)
        };
        kind.ok_or_else(|| format!("parse error at {at}: invalid number \"{digits}\""))
    }

    fn word(&mut self, part: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| part(*c)) {
            word.push(c);
            self.next();
        }
        word
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Node>, String> {
        let mut arguments = Vec::new();
        self.spaces();
        if self.take(')') {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(depth)?);
            self.spaces();
            if self.take(')') {
                return Ok(arguments);
            }
            if !self.take(',') {
                return Err(self.expected("\",\" or \")\""));
            }
        }
    }
}
