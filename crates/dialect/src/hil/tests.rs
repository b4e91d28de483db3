use super::*;
use proptest::prelude::*;

struct Names;

impl Scope for Names {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "name.full" => Some("full".to_owned()),
            "four" => Some("4".to_owned()),
            "yes" => Some("true".to_owned()),
            _ => None,
        }
    }
    fn group(&self, n: i64) -> Option<String> {
        Some(format!("<{n}>"))
    }
}

fn shown(text: &str) -> Result<String, String> {
    Program::of(&Text::parse(text)?, &Names)?.render(&Names)
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

#[test]
fn the_whole_language() {
    for (text, expected) in [
        ("a$$b$$$${c}", "a$b$${c}"),
        ("${1 + 2 * 3 - 4}", "3"),
        ("${7 / 2} ${7 % 4} ${-7 / 2}", "3 3 -3"),
        ("${7.0 / 2}", "3.5"),
        ("${1.5 + four}", "5.5"),
        ("${1e9}", "refused"),
        ("${0.5 * 4}", "2"),
        ("${1.0 / 0.0}", "+Inf"),
        ("${four + four}", "8"),
        ("${four > 3 && four <= 4}", "true"),
        ("${1 > 2 || !(2 >= 2)}", "false"),
        ("${!yes}", "false"),
        ("${yes && true}", "true"),
        (
            "${1 == 1} ${1 != 1} ${\"a\" == name.full}",
            "true false false",
        ),
        ("${1 == four}", "false"),
        ("${name.full == \"full\" ? \"it\" : \"no\"}", "it"),
        ("${1 < 2 ? 10 : 20}", "10"),
        ("${false ? \"a\" : true ? \"b\" : \"c\"}", "b"),
        ("${yes ? four : 5}", "4"),
        ("${match(four < 5 ? 1 : 2)}", "<1>"),
        ("${match(1.9)}", "<1>"),
        ("${\"q\\\"\\n\\t\\\\\"}", "q\"\n\t\\"),
        ("${true}", "true"),
    ] {
        if expected == "refused" {
            assert!(shown(text).is_err(), "{text}");
        } else {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (text, expected) in [
        (
            "${true + 1}",
            "1:3: operand 1 should be TypeInt, got TypeBool",
        ),
        (
            "${1 == true}",
            "1:3: operand 2 should be TypeInt, got TypeBool",
        ),
        (
            "${1 && true}",
            "1:3: logical operators require boolean operands, not type int",
        ),
        (
            "${1 ? 2 : 3}",
            "1:3: condition must be type bool, not type int",
        ),
        (
            "${true ? 1 : false}",
            "1:3: true and false expression types must match; have type int and type bool",
        ),
        (
            "${match(true)}",
            "1:3: match: argument 1 should be TypeInt, got TypeBool",
        ),
        ("${match(1, 2)}", "1:3: match: expected 1 arguments, got 2"),
        // What is not chosen has to fit too.
        (
            "${true ? 1 : bogus}",
            "1:14: unknown variable accessed: bogus",
        ),
        ("${1 / 0}", "__builtin_IntMath: divide by zero"),
        ("${1 % 0}", "__builtin_IntMath: divide by zero"),
        (
            "${name.full * 2}",
            "__builtin_StringToInt: strconv.ParseInt: parsing \"full\": invalid syntax",
        ),
        (
            "${true ? 1}",
            "parse error at 1:11: expected \":\" but found invalid sequence \"}\"",
        ),
        (
            "${\"\\q\"}",
            "parse error at 1:5: invalid escape sequence \\q",
        ),
        (
            "${1 +}",
            "parse error at 1:6: expected expression but found invalid sequence \"}\"",
        ),
        (
            "${1 = 1}",
            "parse error at 1:5: expected \"}\" but found invalid sequence \"=\"",
        ),
    ] {
        assert_eq!(shown(text).unwrap_err(), expected, "{text}");
    }
    for deep in ["(", "!", "-", "true ? ", "\"${", "1 + ", "match("] {
        let refused = shown(&format!("${{{}", deep.repeat(100_000))).unwrap_err();
        assert!(refused.contains("nests too deep"), "{refused}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in ".{0,40}", deep in "[${(\"+1.!?:<>=&|/a]{0,200}") {
        let _ = shown(&text);
        let _ = shown(&deep);
    }
}
