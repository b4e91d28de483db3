//! The interpolation language of templates: `${…}` with variables, calls, numbers, texts and arithmetic.
//!
//! Positions in errors are `line:column`, both from 1, as the reference counts them. Must never learn what variables mean.

use std::fmt::Write as _;

/// Nesting of parentheses, calls and texts within an expression.
const NESTING_MAX: usize = 64;

/// A text with interpolations, parsed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Value(Node),
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    at: Place,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Number(i64),
    Bool(bool),
    Text(Text),
    Variable(String),
    Call(String, Vec<Node>),
    Operation(char, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value while evaluating.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
}

impl Value {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Bool(truth) => truth.to_string(),
        }
    }

    fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => text.parse().ok(),
            Self::Bool(_) => None,
        }
    }
}

/// What an expression may ask for.
pub(crate) trait Scope {
    /// A variable, `None` if there is none of that name.
    fn variable(&self, name: &str) -> Option<String>;
    /// `match(n)`.
    fn group(&self, n: i64) -> String;
}

struct Parser<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    at: Place,
}

impl Text {
    /// Parses a whole text.
    ///
    /// # Errors
    /// `parse error at <place>: …`
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            chars: text.chars().peekable(),
            at: Place { line: 1, column: 1 },
        };
        parser.text(None, 0)
    }

    /// Puts the values in.
    ///
    /// # Errors
    /// `<place>: …`
    pub(crate) fn render(&self, scope: &dyn Scope) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Value(node) => out.push_str(&node.value(scope)?.into_text()),
            }
        }
        Ok(out)
    }
}

impl Node {
    fn value(&self, scope: &dyn Scope) -> Result<Value, String> {
        let at = self.at;
        Ok(match &self.kind {
            Kind::Number(number) => Value::Number(*number),
            Kind::Bool(truth) => Value::Bool(*truth),
            Kind::Text(text) => Value::Text(text.render(scope)?),
            Kind::Variable(name) => Value::Text(
                scope
                    .variable(name)
                    .ok_or_else(|| format!("{at}: unknown variable accessed: {name}"))?,
            ),
            Kind::Call(name, arguments) => {
                if name != "match" {
                    return Err(format!("{at}: unknown function called: {name}"));
                }
                let [n] = &arguments[..] else {
                    return Err(format!(
                        "{at}: match: expected 1 arguments, got {}",
                        arguments.len()
                    ));
                };
                let n = n.value(scope)?.number();
                Value::Text(scope.group(n.ok_or_else(|| {
                    format!("{at}: match: argument 1 should be TypeInt, got TypeString")
                })?))
            }
            Kind::Operation(sign, left, right) => {
                let number = |node: &Node| {
                    let value = node.value(scope)?;
                    value
                        .number()
                        .ok_or_else(|| format!("{}: operand of {sign} is no number", node.at))
                };
                let (left, right) = (number(left)?, number(right)?);
                let result = match sign {
                    '+' => left.checked_add(right),
                    '-' => left.checked_sub(right),
                    '*' => left.checked_mul(right),
                    '/' => left.checked_div(right),
                    _ => left.checked_rem(right),
                };
                Value::Number(result.ok_or_else(|| format!("{at}: divide by zero"))?)
            }
        })
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
                    self.next();
                    literal.push('$');
                    if self.take('{') {
                        literal.push('{');
                    } else {
                        literal.push('$');
                    }
                }
                '$' if self.take('{') => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    let node = self.sum(depth + 1)?;
                    self.spaces();
                    if !self.take('}') {
                        return Err(self.expected("\"}\""));
                    }
                    parts.push(Part::Value(node));
                }
                '\\' if end.is_some() => match self.next() {
                    Some('n') => literal.push('\n'),
                    Some('t') => literal.push('\t'),
                    Some(other) => literal.push(other),
                    None => return Err(self.expected("\"\\\"\"")),
                },
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Text(parts))
    }

    fn sum(&mut self, depth: usize) -> Result<Node, String> {
        self.chain(depth, "+-", Self::product)
    }

    fn product(&mut self, depth: usize) -> Result<Node, String> {
        self.chain(depth, "*/%", Self::term)
    }

    fn chain(
        &mut self,
        depth: usize,
        signs: &str,
        next: fn(&mut Self, usize) -> Result<Node, String>,
    ) -> Result<Node, String> {
        let mut left = next(self, depth)?;
        let mut length = 0;
        loop {
            self.spaces();
            let Some(sign) = self.peek().filter(|c| signs.contains(*c)) else {
                return Ok(left);
            };
            // Each operation nests the one before it.
            length += 1;
            if depth + length > NESTING_MAX {
                return Err(format!(
                    "parse error at {}: expression nests too deep",
                    self.at
                ));
            }
            self.next();
            let right = next(self, depth)?;
            left = Node {
                at: left.at,
                kind: Kind::Operation(sign, Box::new(left), Box::new(right)),
            };
        }
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
                let inner = self.sum(depth + 1)?;
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
            Some('-') => {
                self.next();
                let inner = self.term(depth + 1)?;
                Kind::Operation(
                    '-',
                    Box::new(Node {
                        at,
                        kind: Kind::Number(0),
                    }),
                    Box::new(inner),
                )
            }
            Some(c) if c.is_ascii_digit() => {
                let digits = self.word(|c| c.is_ascii_digit());
                Kind::Number(
                    digits
                        .parse()
                        .map_err(|_| format!("parse error at {at}: invalid number \"{digits}\""))?,
                )
            }
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
            arguments.push(self.sum(depth)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Names;

    impl Scope for Names {
        fn variable(&self, name: &str) -> Option<String> {
            (name == "name.full").then(|| "full".to_owned())
        }
        fn group(&self, n: i64) -> String {
            format!("<{n}>")
        }
    }

    fn shown(text: &str) -> Result<String, String> {
        Text::parse(text)?.render(&Names)
    }

    #[test]
    fn values_go_in() {
        assert_eq!(shown("a${name.full}b"), Ok("afullb".to_owned()));
        assert_eq!(shown("${match(1 + 2 * 3)}"), Ok("<7>".to_owned()));
        assert_eq!(shown("$${kept} $x"), Ok("${kept} $x".to_owned()));
        assert_eq!(shown("${\"in ${name.full}\"}"), Ok("in full".to_owned()));
        assert_eq!(shown("${7 - 2}"), Ok("5".to_owned()));
    }

    #[test]
    fn faults_have_the_reference_texts() {
        assert_eq!(
            shown("${").unwrap_err(),
            "parse error at 1:3: expected expression but found end of string"
        );
        assert_eq!(
            shown("${bad").unwrap_err(),
            "parse error at 1:6: expected \"}\" but found end of string"
        );
        assert_eq!(
            shown("${bogus}").unwrap_err(),
            "1:3: unknown variable accessed: bogus"
        );
        assert_eq!(
            shown("${upper(name.full)}").unwrap_err(),
            "1:3: unknown function called: upper"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,40}", deep in "[${(\"+1]{0,200}") {
            let _ = shown(&text);
            let _ = shown(&deep);
        }
    }
}
