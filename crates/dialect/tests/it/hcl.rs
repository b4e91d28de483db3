//! The configuration language, by what a program finds after reading it and by its messages.

use dialect::hcl::{self, Duplicates, Map, Value};
use proptest::prelude::*;

fn read(text: &str) -> Map {
    match hcl::parse(text) {
        Ok(Value::Map(map)) => map,
        other => panic!("{text}: {other:?}"),
    }
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

fn text(text: &str) -> Value {
    Value::Str(text.to_owned())
}

#[test]
fn scalars() {
    let read = read(
        "a = 1, b = -0x1f\nc = 010 d = 1.5e3 e = true \"f g\" = \"x\\ty\\\"${a \"b\"}\\u00e9\"\nh = .5 i = 1e2",
    );
    let wanted = map([
        ("a", Value::Int(1)),
        ("b", Value::Int(-31)),
        ("c", Value::Int(8)),
        ("d", Value::Float(1500.0)),
        ("e", Value::Bool(true)),
        ("f g", text("x\ty\"${a \"b\"}é")),
        ("h", Value::Float(0.5)),
        ("i", Value::Float(100.0)),
    ]);
    assert_eq!(read, wanted);
}

#[test]
fn blocks_are_lists_of_maps() {
    let one = |key: &str, value: Value| Value::Blocks(vec![map([(key, value)])]);
    assert_eq!(read("p { a = 1 }"), map([("p", one("a", Value::Int(1)))]));
    assert_eq!(read("p = { a = 1 }"), map([("p", one("a", Value::Int(1)))]));
    assert_eq!(
        read("p { a = 1 }\np { b = 2 }"),
        map([(
            "p",
            Value::Blocks(vec![
                map([("a", Value::Int(1))]),
                map([("b", Value::Int(2))])
            ])
        )])
    );
    assert_eq!(
        read("s \"x\" y { a = 1 }"),
        map([("s", one("x", one("y", one("a", Value::Int(1)))))])
    );
    assert_eq!(
        read("l = [1, \"x\", { a = 1 }, [2], ]"),
        map([(
            "l",
            Value::List(vec![
                Value::Int(1),
                text("x"),
                Value::Map(map([("a", Value::Int(1))])),
                Value::List(vec![Value::Int(2)])
            ])
        )])
    );
    assert_eq!(read("a = 1\na = 2"), map([("a", Value::Int(2))]));
    assert_eq!(read(""), Map::new());
    assert_eq!(read("a ="), Map::new());
}

#[test]
fn comments_and_here_documents() {
    let source = "# one\n// two\n/* three\n */ a = <<EOF\nx\n  y\nEOF\nb = <<-END\n    x\n      y\n    END\nc = <<-END\n  x\n    END\n# end";
    assert_eq!(
        read(source),
        map([
            ("a", text("x\n  y\n")),
            ("b", text("x\n  y\n")),
            ("c", text("  x\n"))
        ])
    );
}

#[test]
fn the_json_form() {
    assert_eq!(
        read(
            r#" {"a": {"b": 1}, "l": [{"x": true}, {"x": false}], "n": null, "f": 1.5, "e": []} rest"#
        ),
        map([
            ("a", Value::Blocks(vec![map([("b", Value::Int(1))])])),
            (
                "l",
                Value::Blocks(vec![
                    map([("x", Value::Bool(true))]),
                    map([("x", Value::Bool(false))])
                ])
            ),
            ("f", Value::Float(1.5)),
            ("e", Value::List(vec![])),
        ])
    );
    assert_eq!(read(r#"{"key":"#), Map::new());
}

#[test]
fn messages() {
    for (source, wanted) in [
        ("Kind = = 1", "At 1:8: Unknown token: 1:8 ASSIGN ="),
        (
            "[]",
            "At 1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: LBRACK",
        ),
        (
            "}{",
            "At 1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE",
        ),
        (
            r#"key "foo" { policy = "read""#,
            "At 1:29: object expected closing RBRACE got: EOF",
        ),
        (
            r#"key "foo" policy = "read" }"#,
            "At 1:18: nested object expected: LBRACE got: ASSIGN",
        ),
        ("acl = write", "At 1:7: Unknown token: 1:7 IDENT write"),
        (
            "a",
            "At 1:3: key 'a' expected start of object ('{') or assignment ('=')",
        ),
        ("a = @", "At 1:5: illegal char"),
        ("a = \"x\n\"", "At 1:7: literal not terminated"),
        (
            "a = [1 2]",
            "At 1:8: error parsing list, expected comma or list end, got: NUMBER",
        ),
        (
            "a = [=]",
            "At 1:6: unexpected token while parsing list: ASSIGN",
        ),
        ("a = <<EOF\nx", "At 2:2: heredoc not terminated"),
        ("node {", "At 1:8: object expected closing RBRACE got: EOF"),
        ("= 1", "At 1:1: no object keys found!"),
        (
            "a = 1\nports {\n  http\n}\nb = 2\n",
            "At 4:1: key 'http' expected start of object ('{') or assignment ('=')",
        ),
        (
            "server = true\n# why\ndata_dir =\nlog_level = \"info\"\n",
            "At 4:1: Unknown token: 4:1 IDENT log_level",
        ),
    ] {
        assert_eq!(
            hcl::parse(source).unwrap_err().to_string(),
            wanted,
            "{source}"
        );
    }
    let strict = |text| hcl::items(text, Duplicates::Refuse).map_err(|error| error.to_string());
    assert_eq!(
        strict("acl = \"read\"\nacl = \"write\"").unwrap_err(),
        "The argument \"acl\" at 2:1 was already set. Each argument can only be defined once"
    );
    assert_eq!(
        strict(r#"key "foo" { policy = "read" policy = "write" }"#).unwrap_err(),
        "The argument \"policy\" at 1:29 was already set. Each argument can only be defined once"
    );
    assert_eq!(strict("key \"a\" {}\nkey \"a\" {}").unwrap().len(), 2);
}

/// A text of a million levels is refused, on a thread with a small stack, however the levels are made.
#[test]
fn depth_is_bounded() {
    const LEVELS: usize = 1_000_000;
    let nested = |open: &str, close: &str, levels: usize| {
        format!("{}{}", open.repeat(levels), close.repeat(levels))
    };
    let check = move || {
        for deep in [
            nested("a {", "}", LEVELS),
            format!("a = {}", nested("[", "]", LEVELS)),
            format!("a = {}", nested("[{ a = ", "}]", LEVELS)),
            format!("a {} {{}}", "\"b\" ".repeat(LEVELS)),
            format!("a {} {{}}", "b ".repeat(LEVELS)),
            nested("a \"b\" c {", "}", LEVELS),
            format!("a {} = 1", "\"b\" ".repeat(20_000)),
            format!("{{\"a\": {}}}", nested("[", "]", LEVELS)),
            format!("{}1{}", "{\"a\": ".repeat(LEVELS), "}".repeat(LEVELS)),
            format!("{{\"a\": {}}}", nested("[{\"a\":", "}]", LEVELS)),
        ] {
            let head: String = deep.chars().take(20).collect();
            let error = hcl::parse(&deep).expect_err(&head).to_string();
            assert!(error.contains("nested too deeply"), "{head}: {error:.200}");
        }
        // What is refused is what lies beyond the limit.
        let labels = |count: usize| format!("a {} {{}}", "\"b\" ".repeat(count));
        let last = hcl::MAX_DEPTH - 1;
        let value = hcl::parse(&labels(last)).unwrap();
        assert_eq!(value.clone(), value);
        hcl::parse(&labels(last + 1)).unwrap_err();
        hcl::parse(&nested("a {", "}", hcl::MAX_DEPTH)).unwrap();
        hcl::parse(&nested("a {", "}", hcl::MAX_DEPTH + 1)).unwrap_err();
    };
    let small = std::thread::Builder::new().stack_size(512 << 10);
    small.spawn(check).unwrap().join().unwrap();
}

#[test]
fn places_in_the_json_form() {
    for (source, wanted) in [
        (
            "{\n  \"a\": 1,\n  \"é\": @\n}",
            "At 3:8: Unknown token got: @",
        ),
        (
            "{\"a\": 1 2}",
            "At 1:9: object expected closing RBRACE got: NUMBER",
        ),
    ] {
        assert_eq!(hcl::parse(source).unwrap_err().to_string(), wanted);
    }
    let many = format!("{{{}\"z\": 1}}", "\"a\": [1, 2], ".repeat(40_000));
    assert!(hcl::items(&many, Duplicates::Allow).unwrap().len() > 40_000);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = hcl::parse(&text);
    }

    #[test]
    fn no_likely_text_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "a", " ", "\n", "=", "{", "}", "[", "]", ",", "\"x\"", "\"", "<<E\n", "<<-E\n", "E\n", "1", "0x", "09", ".", "-", "e", "${", "\\", "#", "/*", "*/", ":", "true", "é",
    ]), 0..25)) {
        let text = parts.concat();
        let _ = hcl::parse(&text);
        let _ = hcl::parse(&format!("{{{text}"));
        let _ = hcl::items(&text, Duplicates::Refuse);
    }

    #[test]
    fn strings_and_numbers_survive(value in "\\PC{0,20}", number in any::<i64>()) {
        let quoted: String = value.chars().map(|c| match c { '"' => "\\\"".into(), '\\' => "\\\\".into(), '$' => "\\x24".into(), c => c.to_string() }).collect();
        let read = read(&format!("a = \"{quoted}\"\nb = [{number}]"));
        prop_assert_eq!(&read["a"], &Value::Str(value));
        prop_assert_eq!(&read["b"], &Value::List(vec![Value::Int(number)]));
    }
}
