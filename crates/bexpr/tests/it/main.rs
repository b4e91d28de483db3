//! The language against a small row type: recorded texts of the reference, and input that nobody recorded.

use bexpr::{Error, Field, Filter, Keyed, NESTING_MAX, Object, Objects, Schema};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Default)]
struct Row {
    node: String,
    meta: BTreeMap<String, String>,
    tags: Vec<String>,
    port: i64,
    small: u8,
    native: bool,
    bytes: Vec<u8>,
    checks: Vec<Check>,
    addresses: BTreeMap<String, Check>,
    proxy: Option<Check>,
}

#[derive(Default)]
struct Check {
    status: String,
    port: i64,
    tags: Vec<String>,
}

static CHECK: Schema<Check> = Schema {
    fields: &[
        Field::text("Status", |c| &c.status),
        Field::int("Port", |c| c.port),
        Field::texts("Tags", |c| &c.tags),
    ],
};

static ROW: Schema<Row> = Schema {
    fields: &[
        Field::text("Node", |r| &r.node),
        Field::map("Meta", |r| &r.meta),
        Field::texts("Tags", |r| &r.tags),
        Field::int("Port", |r| r.port),
        Field::uint("Small", 8, |r| u64::from(r.small)),
        Field::bool("Native", |r| r.native),
        Field {
            name: "Addr",
            kind: bexpr::Kind::Bytes(|r| &r.bytes),
        },
        Field::nested(
            "Checks",
            &Objects {
                schema: &CHECK,
                any: |r: &Row, test| r.checks.iter().any(test),
            },
        ),
        Field::nested(
            "Addresses",
            &Keyed {
                schema: &CHECK,
                get: |r: &Row| &r.addresses,
            },
        ),
        Field::nested(
            "Proxy",
            &Object {
                schema: &CHECK,
                get: |r: &Row| r.proxy.as_ref(),
            },
        ),
    ],
};

fn check(status: &str, port: i64, tags: &[&str]) -> Check {
    Check {
        status: status.into(),
        port,
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
    }
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            node: "n1".into(),
            meta: [("os", "linux"), ("dash-ed", "x"), ("none", "")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            tags: vec!["v1".into(), "prod".into()],
            port: 80,
            small: 1,
            bytes: vec![127, 0, 0, 1],
            checks: vec![check("passing", 0, &["a"]), check("critical", 0, &[])],
            addresses: [("lan".to_owned(), check("", 8, &[]))].into(),
            ..Row::default()
        },
        Row {
            node: "n2".into(),
            tags: vec!["v2".into()],
            port: 8080,
            native: true,
            proxy: Some(check("passing", 1, &[])),
            ..Row::default()
        },
    ]
}

/// Names of the rows left, or the error.
fn ask(text: &str) -> String {
    match Filter::compile(text, &ROW) {
        Err(e) => e.to_string(),
        Ok(filter) => {
            let rows = rows();
            let left: Vec<_> = rows.iter().filter(|r| filter.matches(r)).collect();
            left.iter()
                .map(|r| r.node.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        }
    }
}

#[track_caller]
fn all(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(ask(text), *expected, "{text}");
    }
}

#[test]
fn operators() {
    all(&[
        ("Node==n1", "n1"),
        (" Node == \"n1\" ", "n1"),
        ("Node==`n1` ", "n1"),
        ("Node == \"n\\u0031\"", "n1"),
        ("Node != N1", "n1 n2"),
        ("1 in Node", "n1"),
        ("Node contains n", "n1 n2"),
        ("Node not contains 1", "n2"),
        ("Node matches \"(?i)N1\"", "n1"),
        ("Node not matches `[2]`", "n1"),
        ("Node == 1.5", ""),
        ("Node == -1", ""),
        ("Meta is empty", "n2"),
        ("os in Meta", "n1"),
        ("Meta not contains os", "n2"),
        ("Meta.os==linux", "n1"),
        ("Meta[\"dash-ed\"]==x", "n1"),
        ("Meta[ `os` ] == linux", "n1"),
        ("Meta.os!=linux", "n2"),
        ("Meta.os matches `^w`", "n2"),
        ("Meta.none==\"\"", "n1"),
        ("v1 in Tags", "n1"),
        ("v in Tags", ""),
        ("Tags not contains v2", "n1"),
        ("Port==\"0x50\"", "n1"),
        ("Port!=80", "n2"),
        ("Native==T", "n2"),
        ("Native!=true", "n1"),
        ("Addr contains 127", "n1"),
        ("Addr is empty", "n2"),
        ("Checks.Status!=passing", "n1"),
        ("not Checks.Status==passing", "n2"),
        ("Checks.Tags is empty", "n1"),
        ("Checks is empty", "n2"),
        ("lan in Addresses", "n1"),
        ("Addresses.lan.Port==8", "n1"),
        ("Addresses.lan.Port!=8", "n2"),
        ("Proxy.Status!=x", "n2"),
    ]);
}

#[test]
fn precedence_and_words() {
    all(&[
        ("Node==n1 or Node==n2 and Port==1", "n1"),
        ("(Node==n1 or Node==n2) and Port==1", ""),
        ("not Node==n1 or Node==n1", "n1 n2"),
        ("not not Node==n1", "n1"),
        ("not (not (Node==n1))", "n1"),
        ("not ((Node==n1) and Port==80)", "n2"),
        ("Node==n1\nor\tNode==n2", "n1 n2"),
        ("not in Meta", ""),
        ("not not in Meta", "n1 n2"),
        ("in in Meta or is not in Meta", "n1 n2"),
        ("Node==or or Node==and or Node==not or Node==n2", "n2"),
    ]);
}

#[test]
fn refused_selectors_operators_and_values() {
    all(&[
        ("Nope.x==1", "Selector \"Nope\" is not valid"),
        ("node==1", "Selector \"node\" is not valid"),
        ("Node.x==1", "Selector \"Node.x\" is not valid"),
        ("Meta.os.more==1", "Selector \"Meta.os.more\" is not valid"),
        ("Tags[\"0\"]==v1", "Selector \"Tags.0\" is not valid"),
        ("Checks.Nope==1", "Selector \"Checks.Nope\" is not valid"),
        (
            "Addresses.lan.Nope==1",
            "Selector \"Addresses.lan.Nope\" is not valid",
        ),
        (
            "Node is empty",
            "Invalid match operator \"Is Empty\" for selector \"Node\"",
        ),
        (
            "Meta.x is not empty",
            "Invalid match operator \"Is Not Empty\" for selector \"Meta.x\"",
        ),
        (
            "Meta==x",
            "Invalid match operator \"Equal\" for selector \"Meta\"",
        ),
        (
            "Tags matches x",
            "Invalid match operator \"Matches\" for selector \"Tags\"",
        ),
        (
            "x not in Checks",
            "Invalid match operator \"Not In\" for selector \"Checks\"",
        ),
        (
            "Proxy==x",
            "Invalid match operator \"Equal\" for selector \"Proxy\"",
        ),
        (
            "Addresses.lan==8",
            "Invalid match operator \"Equal\" for selector \"Addresses.lan\"",
        ),
        (
            "Port contains 8",
            "Invalid match operator \"In\" for selector \"Port\"",
        ),
        (
            "Native is empty",
            "Invalid match operator \"Is Empty\" for selector \"Native\"",
        ),
        (
            "Addr==x",
            "Invalid match operator \"Equal\" for selector \"Addr\"",
        ),
        (
            "Port==x",
            "Failed to coerce value \"x\" for selector \"Port\": strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "Port==99999999999999999999",
            "Failed to coerce value \"99999999999999999999\" for selector \"Port\": strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
        ),
        (
            "Small==256",
            "Failed to coerce value \"256\" for selector \"Small\": strconv.ParseUint: parsing \"256\": value out of range",
        ),
        (
            "Native==yes",
            "Failed to coerce value \"yes\" for selector \"Native\": strconv.ParseBool: parsing \"yes\": invalid syntax",
        ),
        (
            "Port==80 or Addresses.lan.Port==x",
            "Failed to coerce value \"x\" for selector \"Addresses.lan.Port\": strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "Node matches \"(\"",
            "Failed to compile regular expression \"(\": error parsing regexp: missing closing ): `(`",
        ),
    ]);
}

#[test]
fn syntax_errors() {
    const OPERATORS: &str = r#""!=", "==", "contains", "in", "is", "matches", "not" or [ \t\r\n]"#;
    const START: &str = r#""(", "-", "0", "\"", "`", "not", [ \t\r\n], [1-9] or [a-zA-Z]"#;
    const VALUE: &str = r#""-", "0", "\"", "`", [ \t\r\n], [1-9] or [a-zA-Z]"#;
    const IN_SELECTOR: &str = r#""!=", ".", "==", "[", [ \t\r\n] or [a-zA-Z0-9_]"#;
    const IN_VALUE: &str = r#"".", "[", [ \t\r\n], [a-zA-Z0-9_] or EOF"#;
    const NEXT: &str = r#""and", "or", [ \t\r\n] or EOF"#;
    const SPACE: &str = r"[ \t\r\n]";
    for (text, place, expected) in [
        ("(", "1:2 (1)", START),
        (")", "1:1 (0)", START),
        ("()", "1:2 (1)", START),
        ("not", "1:4 (3)", IN_SELECTOR),
        ("Node", "1:5 (4)", IN_SELECTOR),
        ("Node==", "1:7 (6)", VALUE),
        ("==n1", "1:1 (0)", START),
        ("Node n1", "1:6 (5)", OPERATORS),
        ("Node=n1", "1:5 (4)", IN_SELECTOR),
        ("Node==n1)", "1:9 (8)", IN_VALUE),
        ("Node==n1 or", "1:12 (11)", SPACE),
        ("Node==n1 Node==n2", "1:10 (9)", NEXT),
        ("Node == 'n1'", "1:9 (8)", VALUE),
        ("Node==n1 && x", "1:10 (9)", NEXT),
        ("(Node==n1)or(Node==n2)", "1:11 (10)", r"[ \t\r\n] or EOF"),
        ("Meta.dash-ed==x", "1:10 (9)", IN_SELECTOR),
        ("Node is", "1:8 (7)", SPACE),
        ("Node > 1", "1:6 (5)", OPERATORS),
        ("Node==n-1", "1:8 (7)", IN_VALUE),
        ("Service.", "1:9 (8)", "[a-zA-Z]"),
        ("Service. ID==x", "1:9 (8)", "[a-zA-Z]"),
        ("Checks.Status passing", "1:15 (14)", OPERATORS),
        ("Node==n1\n Node", "2:2 (10)", NEXT),
        ("Node==n1\u{e9}", "1:9 (8)", IN_VALUE),
    ] {
        let expected = format!("{place}: no match found, expected: {expected}");
        assert_eq!(ask(text), expected, "{text}");
    }
    for (text, expected) in [
        ("NOT Node==n1", "1:5 (4)"),
        ("Node === n1", "1:8 (7)"),
        ("not(Node==n1)", "1:4 (3)"),
        ("Node in", "1:8 (7)"),
        ("\"n1\" in", "1:8 (7)"),
        ("Node is not", "1:12 (11)"),
        ("Node contains", "1:14 (13)"),
        ("Node contains .example", "1:15 (14)"),
    ] {
        let found = ask(text);
        assert!(
            found.starts_with(&format!("{expected}: no match")),
            "{text}: {found}"
        );
    }
}

#[test]
fn refusals_with_a_sentence() {
    all(&[
        (
            "(Node==n1",
            "1:10 (9): rule \"grouping\": Unmatched parentheses",
        ),
        (
            "Node==\"n1",
            "1:10 (9): rule \"string\": Unterminated string literal",
        ),
        (
            "Node==`n1",
            "1:10 (9): rule \"string\": Unterminated string literal",
        ),
        ("Meta[os]==linux", "1:6 (5): rule \"index\": Invalid index"),
        ("Meta[", "1:6 (5): rule \"index\": Invalid index"),
        (
            "Meta[\"os\"==linux",
            "1:10 (9): rule \"index\": Unclosed index expression",
        ),
        (
            "Node == 01",
            "1:10 (9): rule \"number\": Invalid number literal",
        ),
        (
            "Node == 1x",
            "1:10 (9): rule \"number\": Invalid number literal",
        ),
        (
            "Address == 10.0.0.1",
            "1:16 (15): rule \"number\": Invalid number literal",
        ),
        (
            "Node == \"\\x\"",
            "1:9 (8): rule \"string\": invalid syntax",
        ),
        (
            "Node == \"a\\\"b\"",
            "1:9 (8): rule \"string\": invalid syntax",
        ),
        ("x in `12`", "1:6 (5): rule \"match\": Invalid selector"),
        (
            "Meta[\"os",
            "1:9 (8): rule \"string\": Unterminated string literal\n1:6 (5): rule \"index\": Invalid index",
        ),
    ]);
}

#[test]
fn long_chains_are_fine_and_deep_nesting_is_refused() {
    let long = vec!["Node==n1"; 20_000].join(" or ");
    assert_eq!(ask(&long), "n1");
    let nots = format!("{}Node==n1", "not ".repeat(10_000));
    assert_eq!(ask(&nots), "n1");
    let nested = |n: usize| format!("{}Node==n1{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(ask(&nested(NESTING_MAX)), "n1");
    let refused = Filter::compile(&nested(NESTING_MAX + 1), &ROW).expect_err("too deep");
    assert!(refused.is_syntax() && refused.to_string().contains("nest too deeply"));
    assert!(ask(&"(".repeat(100_000)).contains("nest too deeply"));
    assert!(bexpr::check_syntax("Nope==1").is_ok());
    assert!(matches!(bexpr::check_syntax("Nope"), Err(Error::Syntax(_))));
}

#[test]
fn a_text_full_of_faults_is_refused_early() {
    for part in [
        r#"Node == "\q" or "#,
        "Node == 1x or ",
        "x in `12` or ",
        "(Node==01) or ",
    ] {
        let began = std::time::Instant::now();
        let refused = ask(&part.repeat((512 << 10) / part.len()));
        let lines = refused.lines().count();
        assert!(
            (1..=bexpr::REFUSALS_MAX).contains(&lines),
            "{part}: {lines}"
        );
        // Seconds before; a bound that no loaded machine reaches.
        assert!(began.elapsed().as_secs() < 5, "{part}");
    }
}

#[test]
fn patterns_of_one_filter_share_a_budget() {
    let filter = |pattern: &dyn Fn(usize) -> String, n: usize| {
        let parts: Vec<_> = (0..n)
            .map(|i| format!("Node matches `{}`", pattern(i)))
            .collect();
        Filter::compile(&parts.join(" or "), &ROW)
    };
    // A pattern that comes again is the same one.
    let same = filter(&|_| "^n1$".to_owned(), 5_000).expect("one pattern");
    assert!(rows().iter().map(|row| same.matches(row)).eq([true, false]));
    let many = filter(&|i| format!("^n{i}$"), 5_000).expect_err("too many");
    assert!(!many.is_syntax());
    let text = many.to_string();
    assert!(
        text.starts_with("Failed to compile regular expression \"^n")
            && text.contains("error parsing regexp: expression too large: `^n"),
        "{text}"
    );
    let one = filter(&|i| format!("^n{i}$"), 1).expect("one");
    let ten = filter(&|i| format!("^n{i}$"), 10).expect("ten");
    assert!(ten.bytes() > 5 * one.bytes() && one.bytes() > 0);
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Node",
        "Meta.os",
        "Meta[\"x\"]",
        "Tags",
        "Port",
        "Checks.Status",
        "Addresses.lan.Port",
        "and",
        "or",
        "not",
        "in",
        "contains",
        "is",
        "empty",
        "matches",
        "==",
        "!=",
        "(",
        ")",
        "1",
        "\"a\"",
        "`b`",
        " ",
        "\n",
        "[",
        "é",
        "\\",
        "\"",
        "-",
        ".",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn no_text_panics(parts in prop::collection::vec(word(), 0..24), spaced in any::<bool>()) {
        ask(&parts.join(if spaced { " " } else { "" }));
    }

    #[test]
    fn no_characters_panic(text in "\\PC{0,40}") {
        ask(&text);
    }

    #[test]
    fn equality_finds_any_text(value in "[^`\r]{0,20}") {
        let filter = Filter::compile(&format!("Node == `{value}`"), &ROW).expect("compiles");
        let row = Row { node: value, ..Row::default() };
        prop_assert!(filter.matches(&row));
    }

    #[test]
    fn not_negates(parts in prop::collection::vec(word(), 1..12)) {
        let text = parts.join(" ");
        if let Ok(plain) = Filter::compile(&format!("({text})"), &ROW) {
            let negated = Filter::compile(&format!("not ({text})"), &ROW).expect("compiles");
            for row in rows() {
                prop_assert_ne!(plain.matches(&row), negated.matches(&row));
            }
        }
    }
}

#[test]
fn maps_of_lists() {
    type Lists = BTreeMap<String, Vec<String>>;
    static SCHEMA: Schema<Lists> = Schema {
        fields: &[Field::lists("list", |row| row)],
    };
    let row = Lists::from([
        ("roles".to_owned(), vec!["ops".to_owned(), "dev".to_owned()]),
        ("none".to_owned(), Vec::new()),
    ]);
    for (text, expected) in [
        (r#""ops" in list.roles"#, true),
        (r#"list.roles contains "op""#, false),
        (r#""x" not in list.roles"#, true),
        ("list.none is empty", true),
        ("list.roles is empty", false),
        (r#""ops" in list.absent"#, false),
        ("list.absent is empty", true),
        ("roles in list", true),
        ("list is not empty", true),
    ] {
        let filter = Filter::compile(text, &SCHEMA).unwrap();
        assert_eq!(filter.matches(&row), expected, "{text}");
    }
    for (text, told) in [
        (
            r#"list.roles == "ops""#,
            "Invalid match operator \"Equal\" for selector \"list.roles\"",
        ),
        (
            "list.roles.x is empty",
            "Selector \"list.roles.x\" is not valid",
        ),
    ] {
        assert_eq!(
            Filter::compile(text, &SCHEMA).unwrap_err().to_string(),
            told
        );
    }
}

/// Whatever is repeated a million times: refused, or taken, walked and dropped with little stack.
#[test]
fn a_million_levels_need_little_stack() {
    let deep = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        const DEEP: usize = 1_000_000;
        let around = |open: &str, close: &str| {
            format!("{}Node == a{}", open.repeat(DEEP), close.repeat(DEEP))
        };
        for text in [
            around("(", ")"),
            around("not ", ""),
            around("not (", ")"),
            around("Native and (", ")"),
            format!("Node == a{}", " and Node == a".repeat(DEEP)),
            format!("Node == a{}", " or not Node == a".repeat(DEEP)),
            format!("Meta{} == a", ".a".repeat(DEEP)),
            format!("Meta{} == a", "[\"a\"]".repeat(DEEP)),
            format!("Node == \"{}\"", "\\\\".repeat(DEEP)),
            format!("Node matches \"{}\"", "(a".repeat(DEEP)),
            "(".repeat(DEEP),
            "[".repeat(DEEP),
            "\"".repeat(DEEP),
            "not ".repeat(DEEP),
        ] {
            let _ = bexpr::check_syntax(&text);
            if let Ok(filter) = Filter::compile(&text, &ROW) {
                filter.matches(&Row::default());
            }
        }
    });
    deep.expect("a thread").join().expect("no overflow");
}
