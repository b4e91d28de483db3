//! From characters to tokens. Positions advance exactly as in the reference's scanner, past the end of the text too, since
//! error messages show them.

use super::{Error, Pos};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Eof,
    Illegal,
    Ident,
    Bool,
    Number,
    Float,
    String,
    Heredoc,
    LBrack,
    RBrack,
    LBrace,
    RBrace,
    Comma,
    Period,
    Assign,
    Add,
    Sub,
}

impl Type {
    /// The name in error texts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Eof => "EOF",
            Type::Illegal => "ILLEGAL",
            Type::Ident => "IDENT",
            Type::Bool => "BOOL",
            Type::Number => "NUMBER",
            Type::Float => "FLOAT",
            Type::String => "STRING",
            Type::Heredoc => "HEREDOC",
            Type::LBrack => "LBRACK",
            Type::RBrack => "RBRACK",
            Type::LBrace => "LBRACE",
            Type::RBrace => "RBRACE",
            Type::Comma => "COMMA",
            Type::Period => "PERIOD",
            Type::Assign => "ASSIGN",
            Type::Add => "ADD",
            Type::Sub => "SUB",
        }
    }
}

/// A token and the text it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Type,
    pub(super) pos: Pos,
    pub(super) text: &'a str,
}

/// Reads tokens; comments are skipped.
pub(super) struct Scanner<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
    column: u32,
    last_line_len: u32,
    previous: (usize, u32, u32),
    /// The last error met. It outranks whatever the parser makes of the tokens.
    pub(super) error: Option<Error>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Scanner {
            text,
            offset: 0,
            line: 1,
            column: 0,
            last_line_len: 0,
            previous: (0, 1, 0),
            error: None,
        }
    }

    /// The next token that is not a comment.
    pub(super) fn token(&mut self) -> Token<'a> {
        loop {
            let mut letter = self.next();
            while matches!(letter, Some(' ' | '\t' | '\n' | '\r')) {
                letter = self.next();
            }
            let pos = self.recent();
            let start = self.offset - letter.map_or(0, char::len_utf8);
            let Some(letter) = letter else {
                return Token {
                    kind: Type::Eof,
                    pos,
                    text: "",
                };
            };
            let kind = match letter {
                '#' => {
                    self.line_comment();
                    continue;
                }
                '/' => {
                    self.comment();
                    continue;
                }
                '0'..='9' => self.number(letter),
                '"' => {
                    self.string();
                    Type::String
                }
                '<' => {
                    self.heredoc();
                    Type::Heredoc
                }
                '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                    self.digits();
                    self.exponent();
                    Type::Float
                }
                '-' if self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                    let first = self.next().unwrap_or('0');
                    self.number(first)
                }
                '.' => Type::Period,
                '[' => Type::LBrack,
                ']' => Type::RBrack,
                '{' => Type::LBrace,
                '}' => Type::RBrace,
                ',' => Type::Comma,
                '=' => Type::Assign,
                '+' => Type::Add,
                '-' => Type::Sub,
                letter if is_letter(letter) => {
                    self.identifier();
                    Type::Ident
                }
                _ => {
                    self.fail("illegal char");
                    Type::Illegal
                }
            };
            let text = self.text.get(start..self.offset).unwrap_or_default();
            let kind = match (kind, text) {
                (Type::Ident, "true" | "false") => Type::Bool,
                _ => kind,
            };
            return Token { kind, pos, text };
        }
    }

    fn next(&mut self) -> Option<char> {
        let Some(letter) = self.peek() else {
            // The end advances too: the reference's positions count every look at it.
            self.column += 1;
            return None;
        };
        self.previous = (self.offset, self.line, self.column);
        self.offset += letter.len_utf8();
        self.column += 1;
        if letter == '\n' {
            self.line += 1;
            self.last_line_len = self.column;
            self.column = 0;
        }
        if letter == '\0' {
            self.fail("unexpected null character (0x00)");
        }
        Some(letter)
    }

    fn unread(&mut self) {
        (self.offset, self.line, self.column) = self.previous;
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.offset..)?.chars().next()
    }

    /// The position of the character read last.
    fn recent(&self) -> Pos {
        match self.column {
            0 => Pos {
                line: self.line - 1,
                column: self.last_line_len,
            },
            column => Pos {
                line: self.line,
                column,
            },
        }
    }

    fn fail(&mut self, text: &str) {
        self.error = Some(Error::at(self.recent(), text));
    }

    /// Reads on while `wanted`, and leaves the first other character unread.
    fn run(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        loop {
            let letter = self.next();
            match letter {
                Some(c) if wanted(c) => {}
                Some(_) => {
                    self.unread();
                    return letter;
                }
                None => return None,
            }
        }
    }

    fn line_comment(&mut self) {
        self.run(|c| c != '\n');
    }

    fn comment(&mut self) {
        match self.next() {
            Some('/') => self.line_comment(),
            Some('*') => {
                let mut star = false;
                loop {
                    match self.next() {
                        Some('/') if star => return,
                        Some(c) => star = c == '*',
                        None => return self.fail("comment not terminated"),
                    }
                }
            }
            other => {
                self.fail("expected '/' for comment");
                if other.is_some() {
                    self.unread();
                }
                self.line_comment();
            }
        }
    }

    fn identifier(&mut self) {
        self.run(|c| is_letter(c) || c.is_numeric() || c == '-' || c == '.');
    }

    fn digits(&mut self) -> Option<char> {
        self.run(|c| c.is_ascii_digit())
    }

    /// An exponent, if one is next.
    fn exponent(&mut self) -> bool {
        if !matches!(self.peek(), Some('e' | 'E')) {
            return false;
        }
        self.next();
        if matches!(self.peek(), Some('+' | '-')) {
            self.next();
        }
        self.digits();
        true
    }

    fn number(&mut self, first: char) -> Type {
        if first == '0' && matches!(self.peek(), Some('x' | 'X')) {
            self.next();
            let start = self.offset;
            self.run(|c| c.is_ascii_hexdigit());
            if self.offset == start {
                self.fail("illegal hexadecimal number");
            }
            return Type::Number;
        }
        let start = self.offset;
        self.digits();
        let digits = self.text.get(start..self.offset).unwrap_or_default();
        let illegal_octal = first == '0' && digits.contains(['8', '9']);
        let mut kind = Type::Number;
        if self.peek() == Some('.') {
            self.next();
            self.digits();
            kind = Type::Float;
        }
        if self.exponent() {
            kind = Type::Float;
        }
        if kind == Type::Number && illegal_octal {
            self.fail("illegal octal number");
        }
        kind
    }

    /// A string up to its closing quote. `${ … }` may hold quotes and line breaks.
    fn string(&mut self) {
        let mut braces = 0usize;
        loop {
            match self.next() {
                Some('"') if braces == 0 => return,
                None => return self.fail("literal not terminated"),
                Some('\n') if braces == 0 => return self.fail("literal not terminated"),
                Some('$') if braces == 0 && self.peek() == Some('{') => {
                    self.next();
                    braces = 1;
                }
                Some('{') if braces > 0 => braces += 1,
                Some('}') if braces > 0 => braces -= 1,
                Some('\\') => self.escape(),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self) {
        let (count, radix) = match self.next() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '"') => return,
            Some('0'..='7') => (2, 8),
            Some('x') => (2, 16),
            Some('u') => (4, 16),
            Some('U') => (8, 16),
            _ => return self.fail("illegal char escape"),
        };
        for _ in 0..count {
            if !self.peek().is_some_and(|c| c.is_digit(radix)) {
                return self.fail("illegal char escape");
            }
            self.next();
        }
    }

    /// A here-document up to and with the line break after its closing anchor.
    fn heredoc(&mut self) {
        if self.next() != Some('<') {
            return self.fail("heredoc expected second '<', didn't see it");
        }
        if self.peek() == Some('-') {
            self.next();
        }
        let start = self.offset;
        let after = self.run(|c| is_letter(c) || c.is_numeric());
        let anchor = self.text.get(start..self.offset).unwrap_or_default();
        if after.is_none() {
            return self.fail("heredoc not terminated");
        }
        if anchor.is_empty() {
            return self.fail("zero-length heredoc anchor");
        }
        if self.peek() == Some('\r') {
            self.next();
        }
        if self.next() != Some('\n') {
            return self.fail("invalid characters in heredoc anchor");
        }
        loop {
            let start = self.offset;
            if self.run(|c| c != '\n').is_none() {
                return self.fail("heredoc not terminated");
            }
            let line = self.text.get(start..self.offset).unwrap_or_default();
            self.next();
            if line.trim_start().trim_end_matches('\r') == anchor {
                return;
            }
        }
    }
}

fn is_letter(letter: char) -> bool {
    letter == '_' || letter.is_alphabetic()
}
