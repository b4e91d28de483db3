//! From tokens to a tree, with Go's texts for what is wrong.

use super::Fault;
use super::lex::{Token, lex, unquote};
use super::tree::{Branch, Kind, Node, Operand, Pipe, Term};

/// How deep blocks and parentheses may nest.
const DEPTH_MAX: usize = 50;

/// Parses a template.
pub(super) fn parse(input: &str, is_function: fn(&str) -> bool) -> Result<Vec<Node>, Fault> {
    let mut parser = Parser {
        tokens: lex(input)?,
        next: 0,
        variables: vec!["$".to_string()],
        depth: 0,
        ranges: 0,
        is_function,
    };
    let (nodes, end) = parser.nodes()?;
    match end {
        Stop::End => Ok(nodes),
        Stop::Keyword(word) => parser.fail(format!("unexpected {{{{{word}}}}}")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    /// Variables in scope.
    variables: Vec<String>,
    depth: usize,
    /// Loops that are open.
    ranges: usize,
    is_function: fn(&str) -> bool,
}

/// What ends a list of nodes.
enum Stop {
    End,
    Keyword(&'static str),
}

impl Parser {
    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |(at, _)| *at)
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, t)| t)
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    /// The next token that is no white space, not taken.
    fn peek_dense(&mut self) -> Token {
        while *self.peek() == Token::Space {
            self.next += 1;
        }
        self.peek().clone()
    }

    fn fail<T>(&self, text: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::parse(self.at(), text))
    }

    fn unexpected<T>(&self, context: &str) -> Result<T, Fault> {
        self.fail(format!("unexpected {} in {context}", self.peek()))
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        match self.depth > DEPTH_MAX {
            true => self.fail(format!("nested deeper than {DEPTH_MAX}")),
            false => Ok(()),
        }
    }

    /// Nodes up to `{{else}}`, `{{end}}` or the end.
    fn nodes(&mut self) -> Result<(Vec<Node>, Stop), Fault> {
        let mut out = Vec::new();
        loop {
            match self.take() {
                Token::Text(text) => out.push(Node::Text(text)),
                Token::End => return Ok((out, Stop::End)),
                _ => match self.action()? {
                    Ok(node) => out.push(node),
                    Err(word) => return Ok((out, Stop::Keyword(word))),
                },
            }
        }
    }

    /// What stands between `{{` and `}}`; the word of an `else` or `end`.
    fn action(&mut self) -> Result<Result<Node, &'static str>, Fault> {
        let Token::Keyword(word) = self.peek_dense() else {
            let pipe = self.pipe("command", &Token::Right, false)?;
            return Ok(Ok(Node::Action(pipe)));
        };
        match word {
            "if" => self.branch(Kind::If).map(Ok),
            "with" => self.branch(Kind::With).map(Ok),
            "range" => self.branch(Kind::Range).map(Ok),
            "end" | "else" => {
                self.next += 1;
                Ok(Err(word))
            }
            "break" | "continue" => {
                self.next += 1;
                if self.ranges == 0 {
                    return self.fail(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                self.right(word)?;
                Ok(Ok(if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                }))
            }
            _ => self.fail(format!("unexpected {{{{{word}}}}}")),
        }
    }

    fn right(&mut self, context: &str) -> Result<(), Fault> {
        match self.peek_dense() {
            Token::Right => {
                self.next += 1;
                Ok(())
            }
            _ => self.unexpected(&format!("{{{{{context}}}}}")),
        }
    }

    fn branch(&mut self, kind: Kind) -> Result<Node, Fault> {
        self.deeper()?;
        let context = match kind {
            Kind::If => "if",
            Kind::With => "with",
            Kind::Range => "range",
        };
        self.next += 1;
        let scope = self.variables.len();
        let pipe = self.pipe(context, &Token::Right, kind == Kind::Range)?;
        self.ranges += usize::from(kind == Kind::Range);
        let (body, mut end) = self.nodes()?;
        self.ranges -= usize::from(kind == Kind::Range);
        let mut otherwise = Vec::new();
        if matches!(end, Stop::Keyword("else")) {
            let again = match (kind, self.peek_dense()) {
                (Kind::If, Token::Keyword("if")) => Some(Kind::If),
                (Kind::With, Token::Keyword("with")) => Some(Kind::With),
                _ => None,
            };
            if let Some(again) = again {
                // The `{{end}}` of the inner one ends both.
                otherwise = vec![self.branch(again)?];
                end = Stop::Keyword("");
            } else {
                self.right("else")?;
                (otherwise, end) = self.nodes()?;
            }
        }
        match end {
            Stop::Keyword("") => {}
            Stop::Keyword("end") => self.right("end")?,
            Stop::Keyword(_) => return self.fail("expected end; found {{else}}"),
            Stop::End => return self.fail("unexpected EOF"),
        }
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Node::Branch(Branch {
            kind,
            pipe,
            body,
            otherwise,
        }))
    }

    /// A pipeline with its declarations, up to and with `end`.
    fn pipe(&mut self, context: &str, end: &Token, loops: bool) -> Result<Pipe, Fault> {
        self.peek_dense();
        let mut pipe = Pipe {
            at: self.at(),
            names: Vec::new(),
            assigns: false,
            commands: Vec::new(),
        };
        self.declarations(&mut pipe, context, loops)?;
        loop {
            let token = self.peek_dense();
            if token == *end {
                break;
            }
            if matches!(
                token,
                Token::Pipe | Token::Declare | Token::Assign | Token::Comma
            ) || matches!(
                token,
                Token::Keyword(_) | Token::Right | Token::Close | Token::End
            ) {
                return self.unexpected(context);
            }
            let (command, piped) = self.command()?;
            if command.is_empty() {
                return self.fail("empty command");
            }
            pipe.commands.push(command);
            if piped && self.peek_dense() == *end {
                return self.fail(format!("missing value for {context}"));
            }
        }
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (i, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = command.first().map(|w| &w.term);
            if matches!(
                first,
                Some(
                    Term::Dot
                        | Term::Nil
                        | Term::Bool(_)
                        | Term::Int(..)
                        | Term::Float(..)
                        | Term::Text(..)
                )
            ) {
                let text = format!("non executable command in pipeline stage {}", i + 1);
                return self.fail(text);
            }
        }
        self.next += 1;
        if !pipe.assigns {
            self.variables.extend(pipe.names.iter().cloned());
        }
        Ok(pipe)
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str, loops: bool) -> Result<(), Fault> {
        let start = self.next;
        loop {
            let Token::Variable(name) = self.peek_dense() else {
                self.next = start;
                pipe.names.clear();
                return Ok(());
            };
            self.next += 1;
            pipe.names.push(name);
            match self.peek_dense() {
                Token::Declare => break,
                Token::Assign => {
                    pipe.assigns = true;
                    break;
                }
                Token::Comma if loops && pipe.names.len() == 1 => self.next += 1,
                Token::Comma => return self.fail(format!("too many declarations in {context}")),
                _ => {
                    self.next = start;
                    pipe.names.clear();
                    return Ok(());
                }
            }
        }
        self.next += 1;
        if pipe.assigns {
            for name in &pipe.names {
                self.known(name)?;
            }
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<(), Fault> {
        match self.variables.iter().any(|v| v == name) {
            true => Ok(()),
            false => self.fail(format!("undefined variable {name:?}")),
        }
    }

    /// The words of one command, and whether its value goes on.
    fn command(&mut self) -> Result<(Vec<Operand>, bool), Fault> {
        let mut words = Vec::new();
        loop {
            self.peek_dense();
            if let Some(word) = self.operand()? {
                words.push(word);
            }
            match self.peek() {
                Token::Space => self.next += 1,
                Token::Right | Token::Close => return Ok((words, false)),
                Token::Pipe => {
                    self.next += 1;
                    return Ok((words, true));
                }
                _ => return self.unexpected("operand"),
            }
        }
    }

    fn operand(&mut self) -> Result<Option<Operand>, Fault> {
        let at = self.at();
        let Some((term, mut fields)) = self.term()? else {
            return Ok(None);
        };
        let has_fields = !matches!(
            term,
            Term::Bool(_)
                | Term::Text(..)
                | Term::Int(..)
                | Term::Float(..)
                | Term::Nil
                | Term::Dot
        );
        while let Token::Field(name) = self.peek() {
            if !has_fields {
                let word = Operand { at, term, fields };
                return self.fail(format!("unexpected . after term {:?}", word.to_string()));
            }
            fields.push(name.clone());
            self.next += 1;
        }
        Ok(Some(Operand { at, term, fields }))
    }

    fn term(&mut self) -> Result<Option<(Term, Vec<String>)>, Fault> {
        let term = match self.peek().clone() {
            Token::Word(name) if (self.is_function)(&name) => Term::Function(name),
            Token::Word(name) => return self.fail(format!("function {name:?} not defined")),
            Token::Dot => Term::Dot,
            Token::Nil => Term::Nil,
            Token::Bool(b) => Term::Bool(b),
            Token::Number(written) => self.number(written)?,
            Token::Quoted(written, value) => Term::Text(written, value),
            Token::Variable(name) => {
                self.known(&name)?;
                Term::Variable(name)
            }
            Token::Field(name) => {
                self.next += 1;
                return Ok(Some((Term::Field, vec![name])));
            }
            Token::Open => {
                self.deeper()?;
                self.next += 1;
                let pipe = self.pipe("parenthesized pipeline", &Token::Close, false)?;
                self.depth -= 1;
                return Ok(Some((Term::Pipe(Box::new(pipe)), Vec::new())));
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some((term, Vec::new())))
    }

    fn number(&self, written: String) -> Result<Term, Fault> {
        if let Some(inner) = written.strip_prefix('\'') {
            let value = unquote(inner.strip_suffix('\'').unwrap_or(inner)).unwrap_or_default();
            let mut chars = value.chars();
            return match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(Term::Int(written, i64::from(u32::from(c)))),
                _ => self.fail(format!("malformed character constant: {written}")),
            };
        }
        let clean = written.replace('_', "");
        let (sign, digits) = match clean.strip_prefix('-') {
            Some(d) => ("-", d),
            None => ("", clean.strip_prefix('+').unwrap_or(&clean)),
        };
        let lower = digits.to_ascii_lowercase();
        let (radix, digits) = match lower.get(..2) {
            Some("0x") => (16, &lower[2..]),
            Some("0b") => (2, &lower[2..]),
            Some("0o") => (8, &lower[2..]),
            _ if lower.len() > 1 && lower.starts_with('0') && !lower.contains(['.', 'e']) => {
                (8, &lower[1..])
            }
            _ => (10, lower.as_str()),
        };
        if let Ok(n) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
            return Ok(Term::Int(written, n));
        }
        match format!("{sign}{digits}").parse::<f64>() {
            Ok(n)
                if radix == 10
                    && n.is_finite()
                    && digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') =>
            {
                Ok(Term::Float(written, n))
            }
            _ => self.fail(format!("bad number syntax: {written:?}")),
        }
    }
}
