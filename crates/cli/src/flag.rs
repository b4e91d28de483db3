//! Flags: their description, and how Go's flag package reads them (spec: cli.md §2).
//!
//! A [`Flag`] is plain data in the command table. [`parse`] turns arguments into [`Values`], stopping at the first
//! argument that is no flag, and words its refusals as Go does.

use crate::number::{NumberError, parse_bool, parse_decimal, parse_int, parse_uint};
use crate::values::{Value, Values};
use dialect::duration;

/// Longest accepted list of values of one repeatable flag.
pub const REPEATS_MAX: usize = 65_536;

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// `-b`, `-b=true`; never takes the next argument.
    Bool,
    /// Signed integer, any base.
    Int,
    /// Unsigned integer, any base.
    Uint,
    /// Floating point.
    Float,
    /// Go duration text; the value is nanoseconds.
    Duration,
    /// Any text.
    String,
    /// Repeatable text.
    List,
    /// Repeatable `key=value`, a later key overwrites.
    Map,
}

/// One flag of a command.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name without dashes.
    pub name: &'static str,
    /// What it takes.
    pub kind: FlagKind,
    /// Initial value as text; empty = zero value.
    pub default: &'static str,
    /// Description. A word in back quotes names the value in help texts.
    pub help: &'static str,
    /// Errors are worded as by `strconv`, integers are read in base 10 (flags whose presence matters: the agent's,
    /// `operator autopilot set-config`).
    pub strict: bool,
    /// Left out of help, completion and manual page: old spellings that are still understood.
    pub unlisted: bool,
    /// Unknown to the reference: help shows it behind [`crate::command::BEYOND`].
    pub ours: bool,
    /// Name under which the value is kept: another flag's where two feed one list (`-config-file`, `-config-dir`).
    pub slot: &'static str,
}

impl Flag {
    const fn new(name: &'static str, kind: FlagKind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            default: "",
            help,
            strict: false,
            unlisted: false,
            ours: false,
            slot: name,
        }
    }

    /// A boolean, off by default.
    pub const fn bool(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::Bool, help)
    }
    /// A signed integer.
    pub const fn int(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::Int, help)
    }
    /// An unsigned integer.
    pub const fn uint(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::Uint, help)
    }
    /// A floating point number.
    pub const fn float(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::Float, help)
    }
    /// A duration.
    pub const fn duration(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::Duration, help)
    }
    /// A text.
    pub const fn string(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::String, help)
    }
    /// A repeatable text.
    pub const fn list(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::List, help)
    }
    /// A repeatable `key=value`.
    pub const fn map(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FlagKind::Map, help)
    }
    /// The same flag with an initial value, written as on the command line.
    pub const fn with_default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }
    /// The same flag with `strconv` error texts (see [`Flag::strict`]).
    pub const fn strconv(mut self) -> Self {
        self.strict = true;
        self
    }

    /// The same flag, understood but not shown (see [`Flag::unlisted`]).
    pub const fn old(mut self) -> Self {
        self.unlisted = true;
        self
    }

    /// The same flag, unknown to the reference (see [`Flag::ours`]).
    pub const fn beyond(mut self) -> Self {
        self.ours = true;
        self
    }

    /// The same flag, its values kept with those of flag `slot`.
    pub const fn kept_with(mut self, slot: &'static str) -> Self {
        self.slot = slot;
        self
    }

    /// The word for the value in help texts; empty for booleans.
    pub fn hint(&self) -> &'static str {
        if let Some(word) = quoted_word(self.help) {
            return word;
        }
        match self.kind {
            FlagKind::Bool => "",
            FlagKind::List | FlagKind::Map => "value",
            _ if self.strict => "value",
            FlagKind::Int => "int",
            FlagKind::Uint => "uint",
            FlagKind::Float => "float",
            FlagKind::Duration => "duration",
            FlagKind::String => "string",
        }
    }

    /// The description without back quotes.
    pub fn description(&self) -> String {
        match quoted_word(self.help) {
            Some(_) => self.help.replacen('`', "", 2),
            None => self.help.to_string(),
        }
    }

    fn initial(&self) -> Value {
        let empty = match self.kind {
            FlagKind::Bool => Value::Bool(false),
            FlagKind::Int => Value::Int(0),
            FlagKind::Uint => Value::Uint(0),
            FlagKind::Float => Value::Float(0.0),
            FlagKind::Duration => Value::Duration(0),
            FlagKind::String => Value::String(self.default.to_string()),
            FlagKind::List => Value::List(Vec::new()),
            FlagKind::Map => Value::Map(Default::default()),
        };
        if self.default.is_empty() {
            return empty;
        }
        let mut value = empty.clone();
        match self.set(&mut value, self.default) {
            Ok(()) => value,
            Err(_) => empty,
        }
    }

    fn number_error(&self, function: &str, text: &str, e: NumberError) -> String {
        if self.strict {
            format!("strconv.{function}: parsing {text:?}: {}", e.text())
        } else {
            e.short().to_string()
        }
    }

    /// Reads one occurrence into `value`.
    fn set(&self, value: &mut Value, text: &str) -> Result<(), String> {
        match (self.kind, value) {
            (FlagKind::Bool, v) => {
                *v =
                    Value::Bool(parse_bool(text).ok_or_else(|| {
                        self.number_error("ParseBool", text, NumberError::Syntax)
                    })?);
            }
            (FlagKind::Int, v) => {
                let n = if self.strict {
                    parse_decimal(text)
                } else {
                    parse_int(text)
                };
                *v = Value::Int(n.map_err(|e| self.number_error("Atoi", text, e))?);
            }
            (FlagKind::Uint, v) => {
                *v = Value::Uint(
                    parse_uint(text).map_err(|e| self.number_error("ParseUint", text, e))?,
                );
            }
            (FlagKind::Float, v) => {
                let n: f64 = text
                    .parse()
                    .map_err(|_| self.number_error("ParseFloat", text, NumberError::Syntax))?;
                *v = Value::Float(n);
            }
            (FlagKind::Duration, v) => {
                let n = duration::parse(text).map_err(|e| {
                    if self.strict {
                        e.to_string()
                    } else {
                        "parse error".to_string()
                    }
                })?;
                *v = Value::Duration(n);
            }
            (FlagKind::String, v) => *v = Value::String(text.to_string()),
            (FlagKind::List, Value::List(list)) => {
                if list.len() >= REPEATS_MAX {
                    return Err("too many values".to_string());
                }
                list.push(text.to_string());
            }
            (FlagKind::Map, Value::Map(map)) => {
                let (k, v) = text
                    .split_once('=')
                    .ok_or_else(|| format!("Missing \"=\" value in argument: {text}"))?;
                map.insert(k.to_string(), v.to_string());
            }
            // A list or map flag always holds its own variant: `initial` made it.
            (FlagKind::List | FlagKind::Map, _) => {}
        }
        Ok(())
    }
}

fn quoted_word(help: &'static str) -> Option<&'static str> {
    let (_, rest) = help.split_once('`')?;
    rest.split_once('`').map(|(word, _)| word)
}

/// Why the arguments were refused; the text is Go's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// No such flag.
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    /// The last argument is a flag that takes a value.
    #[error("flag needs an argument: -{0}")]
    NeedsArgument(String),
    /// The value of a flag was refused.
    #[error("invalid value {value:?} for flag -{name}: {why}")]
    Value {
        /// The flag.
        name: String,
        /// Its text.
        value: String,
        /// The reason.
        why: String,
    },
    /// The value of a boolean was refused.
    #[error("invalid boolean value {value:?} for -{name}: {why}")]
    Boolean {
        /// The flag.
        name: String,
        /// Its text.
        value: String,
        /// The reason.
        why: String,
    },
    /// More than two dashes, or no name.
    #[error("bad flag syntax: {0}")]
    Syntax(String),
}

/// Reads flags from the front of `args`; returns their values and the arguments that are left.
pub fn parse(flags: &[&Flag], args: &[String]) -> Result<(Values, Vec<String>), FlagError> {
    let mut values = Values::new(flags.iter().map(|f| (f.name, f.initial())));
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        if first.len() < 2 || !first.starts_with('-') {
            break;
        }
        if first == "--" {
            rest = tail;
            break;
        }
        rest = tail;
        let body = first.strip_prefix("--").unwrap_or(&first[1..]);
        if body.is_empty() || body.starts_with('-') || body.starts_with('=') {
            return Err(FlagError::Syntax(first.clone()));
        }
        let (name, given) = match body.split_once('=') {
            Some((n, v)) => (n, Some(v)),
            None => (body, None),
        };
        let Some(flag) = flags.iter().find(|f| f.name == name) else {
            return Err(FlagError::Unknown(name.to_string()));
        };
        if flag.kind == FlagKind::Bool {
            let text = given.unwrap_or("true");
            values
                .update(flag.slot, |v| flag.set(v, text))
                .map_err(|why| FlagError::Boolean {
                    name: name.to_string(),
                    value: text.to_string(),
                    why,
                })?;
            continue;
        }
        let text = match (given, rest.split_first()) {
            (Some(v), _) => v,
            (None, Some((next, tail))) => {
                rest = tail;
                next
            }
            (None, None) => return Err(FlagError::NeedsArgument(name.to_string())),
        };
        values
            .update(flag.slot, |v| flag.set(v, text))
            .map_err(|why| FlagError::Value {
                name: name.to_string(),
                value: text.to_string(),
                why,
            })?;
    }
    Ok((values, rest.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FLAGS: &[Flag] = &[
        Flag::bool("b", "a switch"),
        Flag::int("n", "a number").with_default("3"),
        Flag::string("s", "a `word`"),
        Flag::list("l", "many"),
        Flag::map("m", "pairs"),
        Flag::duration("d", "time"),
        Flag::int("strict", "strict").strconv(),
    ];

    fn go(args: &[&str]) -> Result<(Values, Vec<String>), FlagError> {
        let refs: Vec<&Flag> = FLAGS.iter().collect();
        parse(
            &refs,
            &args.iter().map(|s| s.to_string()).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn forms_of_values() {
        let (v, rest) = go(&[
            "-b", "--n=0x10", "-s", "x", "-l", "a", "-l=b", "-m", "k=v=w", "-d=90s", "p", "-b",
        ])
        .unwrap();
        assert!(v.bool("b"));
        assert_eq!(v.int("n"), 16);
        assert_eq!(v.string("s"), "x");
        assert_eq!(v.list("l"), ["a", "b"]);
        assert_eq!(v.map("m").get("k").map(String::as_str), Some("v=w"));
        assert_eq!(v.duration("d").as_secs(), 90);
        assert_eq!(rest, ["p", "-b"]);
        assert!(v.is_set("s") && !v.is_set("strict"));
        assert_eq!(go(&[]).unwrap().0.int("n"), 3);
    }

    #[test]
    fn where_flags_end() {
        for (args, want) in [
            (vec!["--", "-b"], vec!["-b"]),
            (vec!["-", "-b"], vec!["-", "-b"]),
            (vec!["-b", "false"], vec!["false"]),
            (vec![""], vec![""]),
        ] {
            assert_eq!(go(&args).unwrap().1, want, "{args:?}");
        }
    }

    #[test]
    fn refusals() {
        for (args, want) in [
            (vec!["-x"], "flag provided but not defined: -x"),
            (vec!["--x=1"], "flag provided but not defined: -x"),
            (vec!["-s"], "flag needs an argument: -s"),
            (
                vec!["-b=maybe"],
                "invalid boolean value \"maybe\" for -b: parse error",
            ),
            (vec!["-n=x"], "invalid value \"x\" for flag -n: parse error"),
            (
                vec!["-n=9223372036854775808"],
                "invalid value \"9223372036854775808\" for flag -n: value out of range",
            ),
            (
                vec!["-strict=x"],
                "invalid value \"x\" for flag -strict: strconv.Atoi: parsing \"x\": invalid syntax",
            ),
            (
                vec!["-m", "novalue"],
                "invalid value \"novalue\" for flag -m: Missing \"=\" value in argument: novalue",
            ),
            (vec!["-d=5"], "invalid value \"5\" for flag -d: parse error"),
            (vec!["---b"], "bad flag syntax: ---b"),
            (vec!["-=x"], "bad flag syntax: -=x"),
        ] {
            assert_eq!(go(&args).unwrap_err().to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn never_panics(args in proptest::collection::vec("-{0,3}[bnslmdx]?(=.{0,6})?|\\PC{0,6}", 0..8)) {
            let refs: Vec<&Flag> = FLAGS.iter().collect();
            let _ = parse(&refs, &args);
        }
    }
}
