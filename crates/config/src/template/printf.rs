//! `printf` with Go's verbs, for the kinds of values a template has.

use super::OUTPUT_BYTES_MAX;
use super::value::Value;
use std::iter::Peekable;
use std::str::Chars;

#[derive(Default)]
struct Flags {
    minus: bool,
    plus: bool,
    zero: bool,
    space: bool,
    sharp: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats. What does not fit a verb is told in the text, as Go does.
pub(super) fn sprintf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    let mut args = args.iter();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let flags = flags(&mut rest);
        if flags.width.max(flags.precision) > Some(OUTPUT_BYTES_MAX) {
            return Err(format!("wider than {OUTPUT_BYTES_MAX} bytes"));
        }
        match rest.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match args.next() {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => out.push_str(&one(verb, &flags, value)),
            },
        }
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(format!("more than {OUTPUT_BYTES_MAX} bytes"));
        }
    }
    let extra: Vec<String> = args.map(|v| format!("{}={v}", v.kind())).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(out)
}

fn flags(rest: &mut Peekable<Chars<'_>>) -> Flags {
    let mut flags = Flags::default();
    while let Some(c) = rest.peek() {
        match c {
            '-' => flags.minus = true,
            '+' => flags.plus = true,
            '0' => flags.zero = true,
            ' ' => flags.space = true,
            '#' => flags.sharp = true,
            _ => break,
        }
        rest.next();
    }
    flags.width = number(rest);
    if rest.next_if_eq(&'.').is_some() {
        flags.precision = Some(number(rest).unwrap_or(0));
    }
    flags
}

fn number(rest: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut sum = None;
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
        sum = Some(usize::saturating_add(
            sum.unwrap_or(0usize).saturating_mul(10),
            digit as usize,
        ));
        rest.next();
    }
    sum
}

fn one(verb: char, flags: &Flags, value: &Value) -> String {
    let text = match (verb, value) {
        ('T', v) => v.kind().to_string(),
        ('v', Value::Int(_)) => return one('d', flags, value),
        ('v', Value::Float(_)) if flags.precision.is_some() => return one('g', flags, value),
        ('v', v) => v.to_string(),
        ('t', Value::Bool(b)) => b.to_string(),
        ('d', Value::Int(n)) => return integer(flags, *n, &n.unsigned_abs().to_string()),
        ('x', Value::Int(n)) => {
            return integer(
                flags,
                *n,
                &prefixed(flags, "0x", format!("{:x}", n.unsigned_abs())),
            );
        }
        ('X', Value::Int(n)) => {
            return integer(
                flags,
                *n,
                &prefixed(flags, "0X", format!("{:X}", n.unsigned_abs())),
            );
        }
        ('o', Value::Int(n)) => {
            return integer(
                flags,
                *n,
                &prefixed(flags, "0", format!("{:o}", n.unsigned_abs())),
            );
        }
        ('b', Value::Int(n)) => {
            return integer(
                flags,
                *n,
                &prefixed(flags, "0b", format!("{:b}", n.unsigned_abs())),
            );
        }
        ('c', Value::Int(n)) => char_of(*n).to_string(),
        ('q', Value::Int(n)) => format!("{:?}", char_of(*n)),
        ('f' | 'F', Value::Float(n)) => {
            let digits = format!("{:.*}", flags.precision.unwrap_or(6), n.abs());
            return integer(flags, if *n < 0.0 { -1 } else { 1 }, &digits);
        }
        ('g' | 'e' | 'E' | 'G', Value::Float(_)) => value.to_string(),
        ('s', Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Nil) => bad(verb, value),
        ('s', v) => cut(flags, v.to_string()),
        ('q', Value::Text(t)) => format!("{:?}", cut(flags, t.clone())),
        ('x', Value::Text(t)) => t.bytes().map(|b| format!("{b:02x}")).collect(),
        ('X', Value::Text(t)) => t.bytes().map(|b| format!("{b:02X}")).collect(),
        _ => bad(verb, value),
    };
    pad(flags, text)
}

fn char_of(n: i64) -> char {
    u32::try_from(n)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn bad(verb: char, value: &Value) -> String {
    match value {
        Value::Nil => format!("%!{verb}(<nil>)"),
        value => format!("%!{verb}({}={value})", value.kind()),
    }
}

fn prefixed(flags: &Flags, prefix: &str, digits: String) -> String {
    if flags.sharp {
        format!("{prefix}{digits}")
    } else {
        digits
    }
}

fn cut(flags: &Flags, text: String) -> String {
    match flags.precision {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

fn integer(flags: &Flags, sign: i64, digits: &str) -> String {
    let sign = match (sign < 0, flags.plus, flags.space) {
        (true, _, _) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    if flags.zero && !flags.minus {
        let width = flags.width.unwrap_or(0).saturating_sub(sign.len());
        return format!("{sign}{digits:0>width$}");
    }
    pad(flags, format!("{sign}{digits}"))
}

fn pad(flags: &Flags, text: String) -> String {
    let width = flags.width.unwrap_or(0);
    match (flags.minus, flags.zero) {
        (true, _) => format!("{text:<width$}"),
        (_, true) => format!("{text:0>width$}"),
        _ => format!("{text:>width$}"),
    }
}
