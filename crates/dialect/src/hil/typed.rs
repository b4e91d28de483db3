//! Types: which operands fit, what is converted silently, and the values that come of it.

use super::parse::Part;
use super::{Kind, Node, Place, Sign, Text};
use std::fmt;

/// What an expression may ask for.
pub trait Scope {
    /// A variable, `None` if there is none of that name.
    fn variable(&self, name: &str) -> Option<String>;
    /// `match(n)`; `None` where the language has no such function.
    fn group(&self, _n: i64) -> Option<String> {
        None
    }
}

/// A text whose parts fit together.
#[derive(Clone, Debug, PartialEq)]
pub struct Program(Code);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Decimal,
    Bool,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "TypeString",
            Self::Number => "TypeInt",
            Self::Decimal => "TypeFloat",
            Self::Bool => "TypeBool",
        })
    }
}

impl Type {
    /// The name in texts about conditions.
    fn printed(self) -> &'static str {
        match self {
            Self::Text => "type string",
            Self::Number => "type int",
            Self::Decimal => "type float",
            Self::Bool => "type bool",
        }
    }

    /// Whether values become those of another type without being asked.
    fn becomes(self, other: Self) -> bool {
        self == other
            || match self {
                Self::Text => true,
                Self::Number => matches!(other, Self::Decimal | Self::Text),
                Self::Decimal => matches!(other, Self::Number | Self::Text),
                Self::Bool => other == Self::Text,
            }
    }
}

/// What is done, with its type known.
#[derive(Clone, Debug, PartialEq)]
enum Code {
    Constant(Value),
    Variable(String),
    Group(Box<Code>),
    Convert(Box<Code>, Type),
    Operation(Sign, Box<Code>, Box<Code>),
    Choice(Box<Code>, Box<Code>, Box<Code>),
    Joined(Vec<Code>),
}

/// A value while rendering.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Number(i64),
    Decimal(f64),
    Bool(bool),
}

impl Program {
    /// Checks names and types.
    ///
    /// # Errors
    /// `<place>: …`
    pub fn of(text: &Text, scope: &dyn Scope) -> Result<Self, String> {
        joined(text, scope).map(Self)
    }

    /// Puts the values in.
    ///
    /// # Errors
    /// A text that is no number where one is needed, or a division by zero.
    pub fn render(&self, scope: &dyn Scope) -> Result<String, String> {
        match self.0.value(scope)? {
            Value::Text(text) => Ok(text),
            other => other.into_text(),
        }
    }
}

fn joined(text: &Text, scope: &dyn Scope) -> Result<Code, String> {
    let parts = text.0.iter().map(|part| match part {
        Part::Literal(text) => Ok(Code::Constant(Value::Text(text.clone()))),
        Part::Value(node) => {
            let (code, kind) = typed(node, scope)?;
            Ok(converted(code, kind, Type::Text))
        }
    });
    parts.collect::<Result<_, _>>().map(Code::Joined)
}

fn converted(code: Code, from: Type, to: Type) -> Code {
    if from == to {
        code
    } else {
        Code::Convert(Box::new(code), to)
    }
}

fn typed(node: &Node, scope: &dyn Scope) -> Result<(Code, Type), String> {
    let at = node.at;
    Ok(match &node.kind {
        Kind::Number(number) => (Code::Constant(Value::Number(*number)), Type::Number),
        Kind::Decimal(number) => (Code::Constant(Value::Decimal(*number)), Type::Decimal),
        Kind::Bool(truth) => (Code::Constant(Value::Bool(*truth)), Type::Bool),
        Kind::Text(text) => (joined(text, scope)?, Type::Text),
        Kind::Variable(name) => {
            if scope.variable(name).is_none() {
                return Err(format!("{at}: unknown variable accessed: {name}"));
            }
            (Code::Variable(name.clone()), Type::Text)
        }
        Kind::Call(name, arguments) => {
            if name != "match" || scope.group(0).is_none() {
                return Err(format!("{at}: unknown function called: {name}"));
            }
            let [n] = &arguments[..] else {
                let given = arguments.len();
                return Err(format!("{at}: match: expected 1 arguments, got {given}"));
            };
            let (code, kind) = typed(n, scope)?;
            if !kind.becomes(Type::Number) {
                return Err(format!(
                    "{at}: match: argument 1 should be {}, got {kind}",
                    Type::Number
                ));
            }
            let n = converted(code, kind, Type::Number);
            (Code::Group(Box::new(n)), Type::Text)
        }
        Kind::Operation(sign, left, right) => {
            operation(at, *sign, typed(left, scope)?, typed(right, scope)?)?
        }
        Kind::Choice(condition, yes, no) => {
            let parts = [condition, yes, no].map(|node| typed(node, scope));
            let [condition, yes, no] = parts;
            choice(at, condition?, yes?, no?)?
        }
    })
}

type Part2 = (Code, Type);

fn operation(at: Place, sign: Sign, left: Part2, right: Part2) -> Result<Part2, String> {
    let types = [left.1, right.1];
    let decimal = types.contains(&Type::Decimal);
    let arithmetic = if decimal { Type::Decimal } else { Type::Number };
    let (wanted, result) = match sign {
        Sign::Or | Sign::And => (Type::Bool, Type::Bool),
        // The first operand says what is compared.
        Sign::Equal | Sign::NotEqual => (left.1, Type::Bool),
        Sign::Greater | Sign::GreaterOrEqual | Sign::Less | Sign::LessOrEqual => {
            (arithmetic, Type::Bool)
        }
        _ => (arithmetic, arithmetic),
    };
    for (n, kind) in types.into_iter().enumerate() {
        if kind.becomes(wanted) {
            continue;
        }
        return Err(match sign {
            Sign::Or | Sign::And => {
                let given = kind.printed();
                format!("{at}: logical operators require boolean operands, not {given}")
            }
            _ => format!("{at}: operand {} should be {wanted}, got {kind}", n + 1),
        });
    }
    let [left, right] = [left, right].map(|(code, kind)| Box::new(converted(code, kind, wanted)));
    Ok((Code::Operation(sign, left, right), result))
}

fn choice(at: Place, condition: Part2, yes: Part2, no: Part2) -> Result<Part2, String> {
    if !condition.1.becomes(Type::Bool) {
        return Err(format!(
            "{at}: condition must be type bool, not {}",
            condition.1.printed()
        ));
    }
    // Texts stand for values of other types: then the other part says what comes out.
    let kind = if yes.1 == Type::Text { no.1 } else { yes.1 };
    if !yes.1.becomes(kind) || !no.1.becomes(kind) {
        return Err(format!(
            "{at}: true and false expression types must match; have {} and {}",
            yes.1.printed(),
            no.1.printed()
        ));
    }
    let condition = converted(condition.0, condition.1, Type::Bool);
    let [yes, no] = [yes, no].map(|(code, from)| Box::new(converted(code, from, kind)));
    Ok((Code::Choice(Box::new(condition), yes, no), kind))
}

impl Code {
    fn value(&self, scope: &dyn Scope) -> Result<Value, String> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Variable(name) => Value::Text(scope.variable(name).unwrap_or_default()),
            Self::Group(n) => match n.value(scope)? {
                Value::Number(n) => Value::Text(scope.group(n).unwrap_or_default()),
                other => other,
            },
            Self::Convert(code, kind) => code.value(scope)?.into(*kind)?,
            Self::Operation(sign, left, right) => {
                calculate(*sign, left.value(scope)?, right.value(scope)?)?
            }
            Self::Choice(condition, yes, no) => {
                if condition.value(scope)? == Value::Bool(true) {
                    yes.value(scope)?
                } else {
                    no.value(scope)?
                }
            }
            Self::Joined(parts) => {
                let mut out = String::new();
                for part in parts {
                    out.push_str(&part.value(scope)?.into_text()?);
                }
                Value::Text(out)
            }
        })
    }
}

impl Value {
    fn into_text(self) -> Result<String, String> {
        Ok(match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Decimal(number) => shown(number),
            Self::Bool(truth) => truth.to_string(),
        })
    }

    fn into(self, kind: Type) -> Result<Self, String> {
        let refused = |builtin: &str, function: &str, text: &str| {
            format!("__builtin_{builtin}: strconv.{function}: parsing {text:?}: invalid syntax")
        };
        Ok(match (self, kind) {
            (Self::Text(text), Type::Number) => Self::Number(
                text.parse()
                    .map_err(|_| refused("StringToInt", "ParseInt", &text))?,
            ),
            (Self::Text(text), Type::Decimal) => Self::Decimal(
                text.parse()
                    .map_err(|_| refused("StringToFloat", "ParseFloat", &text))?,
            ),
            (Self::Text(text), Type::Bool) => match &*text {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Self::Bool(true),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => Self::Bool(false),
                _ => return Err(refused("StringToBool", "ParseBool", &text)),
            },
            (Self::Number(number), Type::Decimal) => Self::Decimal(number as f64),
            // Cut towards zero.
            (Self::Decimal(number), Type::Number) => Self::Number(number as i64),
            (value, Type::Text) => Self::Text(value.into_text()?),
            (value, _) => value,
        })
    }
}

/// A decimal as short as it can be told, with an exponent where Go gives one.
fn shown(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(power) if number != 0.0 && !(-4..21).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        _ => number.to_string(),
    }
}

fn calculate(sign: Sign, left: Value, right: Value) -> Result<Value, String> {
    use std::cmp::Ordering;
    let order = match (&left, &right) {
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    };
    Ok(Value::Bool(match sign {
        Sign::Or => left == Value::Bool(true) || right == Value::Bool(true),
        Sign::And => left == Value::Bool(true) && right == Value::Bool(true),
        Sign::Equal => order == Some(Ordering::Equal),
        Sign::NotEqual => order != Some(Ordering::Equal),
        Sign::Greater => order == Some(Ordering::Greater),
        Sign::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        Sign::Less => order == Some(Ordering::Less),
        Sign::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ => return arithmetic(sign, left, right),
    }))
}

fn arithmetic(sign: Sign, left: Value, right: Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            if b == 0 && matches!(sign, Sign::Divide | Sign::Remainder) {
                return Err("__builtin_IntMath: divide by zero".to_owned());
            }
            // As Go: what is too large wraps around.
            Ok(Value::Number(match sign {
                Sign::Add => a.wrapping_add(b),
                Sign::Subtract => a.wrapping_sub(b),
                Sign::Multiply => a.wrapping_mul(b),
                Sign::Divide => a.wrapping_div(b),
                _ => a.wrapping_rem(b),
            }))
        }
        (Value::Decimal(a), Value::Decimal(b)) => Ok(Value::Decimal(match sign {
            Sign::Add => a + b,
            Sign::Subtract => a - b,
            Sign::Multiply => a * b,
            Sign::Divide => a / b,
            _ => a % b,
        })),
        (left, _) => Ok(left),
    }
}
