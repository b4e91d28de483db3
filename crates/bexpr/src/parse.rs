//! The grammar (spec/http-api.md §6.1) as a recursive-descent parser that reports failures like a packrat parser does:
//! the furthest position that was tried, with everything that could have stood there.
//!
//! Every terminal that does not match calls [`Parser::wanted`]; the parser keeps the wishes of the furthest position. Some
//! places refuse with a sentence of their own (`Unmatched parentheses`); if there is at least one such refusal, the wishes
//! are not reported. The alternatives of the grammar are tried in its order, because a refusal found on the way counts even
//! if a later alternative would fit.

use crate::expr::{Expr, Match, Operator};
use crate::literal;
use std::fmt;

/// How deep parentheses may nest. The reference has no such limit (its parser becomes exponentially slow instead); ours
/// keeps the stack small.
pub const NESTING_MAX: usize = 200;

/// Refusals that are told of one text. The reference tells all, however many; ours reads no further.
pub const REFUSALS_MAX: usize = 32;

/// The first [`REFUSALS_MAX`] syntax errors of a text, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxErrors(Vec<String>);

impl fmt::Display for SyntaxErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Parses a whole text.
pub(crate) fn parse(text: &str) -> Result<Expr<Match>, SyntaxErrors> {
    let mut parser = Parser {
        text,
        at: 0,
        furthest: 0,
        wishes: Vec::new(),
        refusals: Vec::new(),
        nesting: 0,
    };
    let parsed = parser.input();
    match parsed {
        Some(expr) if parser.refusals.is_empty() => Ok(expr),
        _ => Err(parser.into_errors()),
    }
}

const WS: &str = r"[ \t\r\n]";
const LETTER: &str = "[a-zA-Z]";
const WORD: &str = "[a-zA-Z0-9_]";
const DIGIT: &str = "[0-9]";
const DIGIT_1_9: &str = "[1-9]";
const EOF: &str = "EOF";

struct Parser<'a> {
    text: &'a str,
    /// Byte offset of what comes next; always on a character boundary.
    at: usize,
    furthest: usize,
    /// What could have stood at `furthest`, as it is printed.
    wishes: Vec<&'static str>,
    refusals: Vec<String>,
    nesting: usize,
}

impl Parser<'_> {
    fn wanted(&mut self, wish: &'static str) {
        if self.at < self.furthest {
            return;
        }
        if self.at > self.furthest {
            self.furthest = self.at;
            self.wishes.clear();
        }
        if !self.wishes.contains(&wish) {
            self.wishes.push(wish);
        }
    }

    fn refuse(&mut self, at: usize, rule: &str, reason: &str) {
        if self.refusals.len() >= REFUSALS_MAX {
            return;
        }
        let text = format!("{}: rule \"{rule}\": {reason}", self.place(at));
        if self.refusals.contains(&text) {
            return;
        }
        self.refusals.push(text);
        if self.refusals.len() == REFUSALS_MAX {
            // To every rule this looks like the end of the text, so that reading ends soon.
            self.text = &self.text[..self.at];
        }
    }

    /// `line:column (offset)`. A line feed itself counts as column 0 of the line it opens.
    fn place(&self, at: usize) -> String {
        let bytes = self.text.as_bytes();
        let seen = &bytes[..bytes.len().min(at + 1)];
        let line = 1 + seen.iter().filter(|b| **b == b'\n').count();
        let column = match seen.iter().rposition(|b| *b == b'\n') {
            Some(feed) if feed == at => 0,
            Some(feed) => self.characters(feed + 1, at) + 1,
            None => self.characters(0, at) + 1,
        };
        format!("{line}:{column} ({at})")
    }

    fn characters(&self, from: usize, to: usize) -> usize {
        self.text
            .get(from..to)
            .map_or(0, |part| part.chars().count())
    }

    fn into_errors(mut self) -> SyntaxErrors {
        if self.refusals.is_empty() {
            self.wishes.sort_by_key(|wish| (*wish == EOF, *wish));
            let list = match self.wishes.split_last() {
                None => String::new(),
                Some((last, [])) => (*last).to_owned(),
                Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
            };
            let place = self.place(self.furthest);
            self.refusals
                .push(format!("{place}: no match found, expected: {list}"));
        }
        SyntaxErrors(self.refusals)
    }

    // Terminals.

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes `literal`, whose printed form is `wish`.
    fn take(&mut self, literal: &str, wish: &'static str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(literal.as_bytes());
        if found {
            self.at += literal.len();
        } else {
            self.wanted(wish);
        }
        found
    }

    fn take_class(&mut self, class: fn(u8) -> bool, wish: &'static str) -> bool {
        let found = self.peek().is_some_and(class);
        if found {
            self.at += 1;
        } else {
            self.wanted(wish);
        }
        found
    }

    /// One or more of a class.
    fn take_some(&mut self, class: fn(u8) -> bool, wish: &'static str) -> bool {
        let from = self.at;
        while self.take_class(class, wish) {}
        self.at > from
    }

    fn space(&mut self) -> bool {
        self.take_some(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'), WS)
    }

    fn end(&mut self) -> bool {
        let end = self.at == self.text.len();
        if !end {
            self.wanted(EOF);
        }
        end
    }

    /// Runs `part`; if it fails, what it took is given back.
    fn attempt<R>(&mut self, part: impl FnOnce(&mut Self) -> Option<R>) -> Option<R> {
        let from = self.at;
        let result = part(self);
        if result.is_none() {
            self.at = from;
        }
        result
    }

    // Expressions.

    fn input(&mut self) -> Option<Expr<Match>> {
        self.space();
        let expr = self.chain("or", "\"or\"", Self::conjunction, Expr::Or)?;
        self.space();
        self.end().then_some(expr)
    }

    fn conjunction(&mut self) -> Option<Expr<Match>> {
        self.chain("and", "\"and\"", Self::negation, Expr::And)
    }

    /// `part (ws word ws part)*`, flat. Right recursion in the grammar, a loop here: the length is not limited.
    fn chain(
        &mut self,
        word: &str,
        wish: &'static str,
        part: fn(&mut Self) -> Option<Expr<Match>>,
        join: fn(Vec<Expr<Match>>) -> Expr<Match>,
    ) -> Option<Expr<Match>> {
        let first = part(self)?;
        let mut rest = Vec::new();
        while let Some(next) = self.attempt(|p| {
            let joined = p.space() && p.take(word, wish) && p.space();
            if joined { part(p) } else { None }
        }) {
            rest.push(next);
        }
        if rest.is_empty() {
            return Some(first);
        }
        rest.insert(0, first);
        Some(join(rest))
    }

    /// Any number of `not`, of which the last may turn out to be a selector or value named so.
    fn negation(&mut self) -> Option<Expr<Match>> {
        let mut starts = vec![self.at];
        while self
            .attempt(|p| (p.take("not", "\"not\"") && p.space()).then_some(()))
            .is_some()
        {
            starts.push(self.at);
        }
        while let Some(start) = starts.pop() {
            self.at = start;
            if let Some(expr) = self.grouping() {
                let odd = starts.len() % 2 == 1;
                return Some(if odd { Expr::Not(Box::new(expr)) } else { expr });
            }
        }
        None
    }

    fn grouping(&mut self) -> Option<Expr<Match>> {
        let from = self.at;
        if self.take("(", "\"(\"") {
            if self.nesting == NESTING_MAX {
                self.refuse(from, "grouping", "Parentheses nest too deeply");
                return None;
            }
            self.nesting += 1;
            self.space();
            let inner = self.chain("or", "\"or\"", Self::conjunction, Expr::Or);
            self.nesting -= 1;
            if let Some(expr) = inner {
                self.space();
                if self.take(")", "\")\"") {
                    return Some(expr);
                }
                self.refuse(self.at, "grouping", "Unmatched parentheses");
                return None;
            }
            self.at = from;
        }
        self.comparison().map(Expr::Leaf)
    }

    fn comparison(&mut self) -> Option<Match> {
        self.attempt(Self::selector_then_value)
            .or_else(|| self.attempt(Self::selector_is_empty))
            .or_else(|| self.attempt(Self::value_in_selector))
    }

    fn selector_then_value(&mut self) -> Option<Match> {
        let selector = self.selector()?;
        let operator = self
            .symbol("==", "\"==\"", Operator::Equal)
            .or_else(|| self.symbol("!=", "\"!=\"", Operator::NotEqual))
            .or_else(|| self.word("contains", "\"contains\"", Operator::In))
            .or_else(|| self.not_word("contains", "\"contains\"", Operator::NotIn))
            .or_else(|| self.word("matches", "\"matches\"", Operator::Matches))
            .or_else(|| self.not_word("matches", "\"matches\"", Operator::NotMatches))?;
        let value = self.value()?;
        Some(Match {
            selector,
            operator,
            value,
        })
    }

    fn selector_is_empty(&mut self) -> Option<Match> {
        let selector = self.selector()?;
        let is = |p: &mut Self| p.space() && p.take("is", "\"is\"") && p.space();
        let empty = |p: &mut Self| p.take("empty", "\"empty\"");
        let operator = self
            .attempt(|p| (is(p) && empty(p)).then_some(Operator::IsEmpty))
            .or_else(|| {
                self.attempt(|p| {
                    let found = is(p) && p.take("not", "\"not\"") && p.space() && empty(p);
                    found.then_some(Operator::IsNotEmpty)
                })
            })?;
        Some(Match {
            selector,
            operator,
            value: Vec::new(),
        })
    }

    fn value_in_selector(&mut self) -> Option<Match> {
        let value = self.value()?;
        let operator = self
            .word("in", "\"in\"", Operator::In)
            .or_else(|| self.not_word("in", "\"in\"", Operator::NotIn))?;
        let Some(selector) = self.selector() else {
            self.refuse(self.at, "match", "Invalid selector");
            return None;
        };
        Some(Match {
            selector,
            operator,
            value,
        })
    }

    fn symbol(&mut self, text: &str, wish: &'static str, operator: Operator) -> Option<Operator> {
        self.attempt(|p| {
            p.space();
            let found = p.take(text, wish);
            found.then(|| {
                p.space();
                operator
            })
        })
    }

    fn word(&mut self, text: &str, wish: &'static str, operator: Operator) -> Option<Operator> {
        self.attempt(|p| (p.space() && p.take(text, wish) && p.space()).then_some(operator))
    }

    fn not_word(&mut self, text: &str, wish: &'static str, operator: Operator) -> Option<Operator> {
        self.attempt(|p| {
            let not = p.space() && p.take("not", "\"not\"") && p.space();
            (not && p.take(text, wish) && p.space()).then_some(operator)
        })
    }

    // Selectors and values.

    fn selector(&mut self) -> Option<Vec<String>> {
        let mut parts = vec![self.identifier()?];
        while let Some(part) = self
            .attempt(|p| {
                if p.take(".", "\".\"") {
                    p.identifier()
                } else {
                    None
                }
            })
            .or_else(|| self.attempt(Self::index))
        {
            parts.push(part);
        }
        Some(parts)
    }

    fn identifier(&mut self) -> Option<String> {
        let from = self.at;
        if !self.take_class(|b| b.is_ascii_alphabetic(), LETTER) {
            return None;
        }
        self.take_some(|b| b.is_ascii_alphanumeric() || b == b'_', WORD);
        Some(self.text[from..self.at].to_owned())
    }

    fn index(&mut self) -> Option<String> {
        if !self.take("[", "\"[\"") {
            return None;
        }
        self.space();
        let inside = self.at;
        let Some(key) = self.string() else {
            self.refuse(inside, "index", "Invalid index");
            return None;
        };
        self.space();
        if !self.take("]", "\"]\"") {
            self.refuse(self.at, "index", "Unclosed index expression");
            return None;
        }
        // A key is compared with names of fields and keys of maps, which are text.
        Some(String::from_utf8_lossy(&key).into_owned())
    }

    fn value(&mut self) -> Option<Vec<u8>> {
        if let Some(parts) = self.attempt(Self::selector) {
            return Some(parts.join(".").into_bytes());
        }
        self.attempt(Self::number)
            .or_else(|| self.attempt(Self::string))
    }

    fn number(&mut self) -> Option<Vec<u8>> {
        let digit: fn(u8) -> bool = |b| b.is_ascii_digit();
        let from = self.at;
        self.take("-", "\"-\"");
        if !self.take("0", "\"0\"") {
            if !self.take_class(|b| matches!(b, b'1'..=b'9'), DIGIT_1_9) {
                return None;
            }
            self.take_some(digit, DIGIT);
        }
        self.attempt(|p| (p.take(".", "\".\"") && p.take_some(digit, DIGIT)).then_some(()));
        let to = self.at;
        let ends = self.space() || self.end() || self.take(")", "\")\"");
        self.at = to;
        if !ends {
            self.refuse(to, "number", "Invalid number literal");
            return None;
        }
        Some(self.text.as_bytes()[from..to].to_vec())
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let from = self.at;
        let (quote, wish) = if self.take("`", "\"`\"") {
            ('`', "\"`\"")
        } else if self.take("\"", "\"\\\"\"") {
            ('"', "\"\\\"\"")
        } else {
            return None;
        };
        let body = self.at;
        let length = self.text[body..].find(quote);
        self.at = length.map_or(self.text.len(), |n| body + n);
        let inner = &self.text[body..self.at];
        let Some(_) = length else {
            self.wanted(wish);
            self.refuse(self.at, "string", "Unterminated string literal");
            return None;
        };
        self.at += 1;
        if quote == '`' {
            return Some(inner.bytes().filter(|b| *b != b'\r').collect());
        }
        let value = literal::unescape(inner);
        if value.is_none() {
            // The reference reports this and reads on.
            self.refuse(from, "string", "invalid syntax");
        }
        Some(value.unwrap_or_default())
    }
}
