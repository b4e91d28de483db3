//! Why: the deciding rule, its policy, and who lost.

use acl::{Access, By, Context, Fallback, Policy, Resource, Right, Source, explain, merged_rules};

/// The decision, the deciding rule with its policy, and the losers.
fn why(texts: &[(&'static str, &str)], right: Right<'_>) -> (bool, String, Vec<String>) {
    let policies: Vec<(&str, Policy)> = texts
        .iter()
        .map(|(name, text)| (*name, Policy::parse(text).unwrap()))
        .collect();
    let sources: Vec<Source<'_>> = policies
        .iter()
        .map(|(name, policy)| Source {
            id: "an id",
            name,
            policy,
        })
        .collect();
    let why = explain(&sources, Fallback::Deny, right, Context::LOCAL);
    let show = |rule: &acl::RuleRef<'_>| format!("{}: {rule}", rule.source.name);
    let by = match &why.by {
        By::Rule(rule) => show(rule),
        By::Fallback(fallback) => format!("{fallback:?}"),
    };
    (
        why.decision.is_allowed(),
        by,
        why.lost.iter().map(show).collect(),
    )
}

#[test]
fn the_most_specific_rule_decides_and_the_others_are_named() {
    let (allowed, by, lost) = why(
        &[
            ("all", r#"key_prefix "" { policy = "write" }"#),
            (
                "team",
                r#"key_prefix "config/" { policy = "read" } key "config/db" { policy = "write" }"#,
            ),
            ("lock", r#"key "config/db" { policy = "deny" }"#),
        ],
        Right::new(Resource::Key, "config/db", Access::Read),
    );
    assert!(!allowed);
    assert_eq!(by, r#"lock: key "config/db" { policy = "deny" }"#);
    assert_eq!(
        lost,
        [
            r#"team: key "config/db" { policy = "write" }"#,
            r#"team: key_prefix "config/" { policy = "read" }"#,
            r#"all: key_prefix "" { policy = "write" }"#,
        ]
    );
}

#[test]
fn a_recursive_delete_names_the_rule_in_its_way() {
    let policies = [(
        "p",
        r#"key_prefix "" { policy = "write" } key "a/b" { policy = "read" }"#,
    )];
    let right = Right::new(Resource::Key, "a/", Access::WritePrefix);
    let (allowed, by, lost) = why(&policies, right);
    assert!(!allowed);
    assert_eq!(by, r#"p: key "a/b" { policy = "read" }"#);
    assert_eq!(lost, [r#"p: key_prefix "" { policy = "write" }"#]);
}

#[test]
fn the_default_decides_where_nobody_says_anything() {
    let right = Right::plain(Resource::Acl, Access::Read);
    assert_eq!(
        why(&[("p", "")], right),
        (false, "Deny".to_owned(), Vec::new())
    );
}

#[test]
fn operator_speaks_for_mesh_and_services_for_intentions() {
    let right = Right::plain(Resource::Mesh, Access::Write);
    let (allowed, by, _) = why(&[("p", r#"operator = "write""#)], right);
    assert!(allowed);
    assert_eq!(by, r#"p: operator = "write""#);
    let right = Right::new(Resource::Intention, "web", Access::Read);
    let (allowed, by, _) = why(
        &[("p", r#"service_prefix "w" { policy = "write" }"#)],
        right,
    );
    assert!(allowed);
    assert_eq!(by, r#"p: service_prefix "w" { intentions = "read" }"#);
}

#[test]
fn merged_rules_are_the_winners() {
    let policies = [
        Policy::parse(r#"key "a" { policy = "read" } operator = "read" acl = "WRITE""#).unwrap(),
        Policy::parse(r#"key "a" { policy = "deny" } service_prefix "w" { policy = "write" }"#)
            .unwrap(),
    ];
    let sources: Vec<Source<'_>> = ["one", "two"]
        .into_iter()
        .zip(&policies)
        .map(|(name, policy)| Source {
            id: "an id",
            name,
            policy,
        })
        .collect();
    let told: Vec<String> = merged_rules(&sources)
        .iter()
        .map(|rule| format!("{}: {rule}", rule.source.name))
        .collect();
    assert_eq!(
        told,
        [
            r#"two: service_prefix "w" { intentions = "read" }"#,
            r#"two: key "a" { policy = "deny" }"#,
            r#"two: service_prefix "w" { policy = "write" }"#,
            r#"one: operator = "read""#,
        ]
    );
}
