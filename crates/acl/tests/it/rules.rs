//! The rule language against recordings of the real system: which texts it takes, and what it says of the others.

use acl::{Access, Authorizer, Context, Decision, Fallback, Policy, Resource};
use proptest::prelude::*;
use serde_json::Value;

/// From `golden/acl__policy-rules.json`: rules, and the text of the refusal.
const RECORDED: &str = include_str!("../data/rules.jsonl");

#[test]
fn every_recorded_text_is_taken_or_refused_alike() {
    let mut seen = 0;
    for line in RECORDED.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let rules = row["rules"].as_str().unwrap();
        let told = Policy::parse(rules).err().map(|error| error.to_string());
        assert_eq!(told.as_deref(), row["error"].as_str(), "{rules}");
        seen += 1;
    }
    assert_eq!(seen, 62);
}

fn refusal(rules: &str) -> String {
    Policy::parse(rules).unwrap_err().to_string()
}

fn key_write(rules: &str, name: &str) -> bool {
    let policy = Policy::parse(rules).unwrap();
    let authorizer = Authorizer::compile(&[&policy], Fallback::Deny);
    authorizer.allows(Resource::Key, name, Access::Write, Context::LOCAL) == Decision::Allow
}

#[test]
fn oddities_of_the_decoder_hold() {
    assert!(key_write(r#"KEY "a" { POLICY = "write" }"#, "a"));
    assert!(key_write(r#"key = { "a" = { policy = "write" } }"#, "a"));
    assert!(key_write("key a { policy = \"write\" }", "a"));
    assert!(key_write(r#"key { policy = "write" }"#, "policy"));
    assert!(key_write(
        r#"{"Key": {"a": [{"policy": "write"}]}} trailing"#,
        "a"
    ));
    assert_eq!(
        refusal(r#"key "a" "b" { policy = "write" }"#),
        r#"Invalid key policy: &acl.KeyRule{Prefix:"a", Policy:"", EnterpriseRule:acl.EnterpriseRule{}}"#
    );
    assert_eq!(
        refusal(r#"key "a" { policy = ["read"] }"#),
        "Failed to parse ACL rules: At 1:20: root.key[0].Policy: unknown type for string *ast.ListType"
    );
    assert_eq!(
        refusal("key \"a\" { policy = \"read\" }\nkey \"b\" { policy = true }"),
        "Failed to parse ACL rules: At 2:20: root.key[1].Policy: unknown type for string *ast.LiteralType"
    );
    assert_eq!(
        refusal(r#"acl { a = "read" }"#),
        "Failed to parse ACL rules: At 1:5: root.acl: unknown type for string *ast.ObjectType"
    );
    assert_eq!(
        refusal("key \"a\\\"b\" { policy = \"bad\" }"),
        r#"Invalid key policy: &acl.KeyRule{Prefix:"a\"b", Policy:"bad", EnterpriseRule:acl.EnterpriseRule{}}"#
    );
}

#[test]
fn stored_rules_may_repeat_an_attribute() {
    let text = "acl = \"read\"\nacl = \"write\"";
    assert!(Policy::parse(text).is_err());
    let policy = Policy::parse_stored(text).unwrap();
    let authorizer = Authorizer::compile(&[&policy], Fallback::Deny);
    let write = authorizer.allows(Resource::Acl, "", Access::Write, Context::LOCAL);
    assert_eq!(write, Decision::Allow, "the last one counts");
}

#[test]
fn nesting_and_rubbish_are_errors_and_no_panics() {
    for text in [
        "key \"a\" ".repeat(3000),
        "{".repeat(3000),
        "key = ".to_owned() + &"[".repeat(3000),
        "key \"\\xff\" { policy = \"read\" }".to_owned(),
        "\u{feff}acl".to_owned(),
        "key \"a\" { policy = <<E\nread\nE\n}".to_owned(),
    ] {
        let _ = Policy::parse(&text);
    }
}

proptest! {
    /// Words of the language in any order: an error or a policy, and one that decides without a panic.
    #[test]
    fn any_words_are_rules_or_refused(words in prop::collection::vec(prop_oneof![
        Just("key"), Just("key_prefix"), Just("service"), Just("acl"), Just("policy"), Just("intentions"),
        Just("="), Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("\"a\""), Just("\"write\""),
        Just("\"\""), Just("5"), Just("true"), Just("\n"), Just("\"\u{e9}\""), Just("<<E\nread\nE\n"), Just("null"),
    ], 0..24)) {
        for text in [words.join(" "), format!("{{{}", words.join(""))] {
            if let Ok(policy) = Policy::parse(&text) {
                let authorizer = Authorizer::compile(&[&policy], Fallback::Deny);
                for access in [Access::Read, Access::WritePrefix, Access::WriteAny, Access::ReadAll] {
                    authorizer.allows(Resource::Key, "a", access, Context::LOCAL);
                }
                prop_assert_eq!(Policy::parse_stored(&text), Ok(policy));
            }
        }
    }
}

#[test]
fn a_million_levels_need_little_stack() {
    let deep = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        const DEEP: usize = 1_000_000;
        for (open, middle, close) in [
            ("key \"a\" {", "", "}"),
            ("key \"a\" ", "{}", ""),
            ("key = [", "", "]"),
            ("{\"key\":", "1", "}"),
            ("{\"key\":[", "", "]}"),
            ("[", "", "]"),
            ("a.", "", ""),
            ("${", "", "}"),
            ("/*", "", "*/"),
            ("\"\\", "", "\""),
        ] {
            let text = format!("{}{middle}{}", open.repeat(DEEP), close.repeat(DEEP));
            assert!(Policy::parse(&text).is_err(), "{open}");
            let _ = Policy::parse_stored(&text);
        }
    });
    deep.expect("a thread").join().expect("no overflow");
}
