//! Decisions against recordings of the real system (`golden/acl__rules-*.json`), and the texts of refusals.

use acl::{
    ANONYMOUS_ACCESSOR, Access, Authorizer, Authorizers, Context, Decision, Denied, Fallback,
    Policy, Resource, Right,
};
use model::{AclNodeIdentity, AclServiceIdentity, AclTemplatedPolicy};
use serde_json::Value;
use std::sync::Arc;

/// One line for each recorded batch of questions: policies, the default, what was allowed and what was not.
pub const RECORDED: &str = include_str!("../data/decisions.jsonl");

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).collect()
}

/// A recorded question, `key:write a/b`.
fn right(question: &str) -> Right<'_> {
    let (what, name) = question.split_once(' ').unwrap_or((question, ""));
    let (resource, access) = what.split_once(':').unwrap();
    Right::parse(resource, name, access).unwrap()
}

fn policies(row: &Value) -> Vec<Policy> {
    let list = row["policies"].as_array().map(Vec::as_slice);
    let mut policies: Vec<Policy> = list
        .unwrap_or_default()
        .iter()
        .filter(|policy| {
            let datacenters = texts(&policy["datacenters"]);
            datacenters.is_empty() || datacenters.contains(&"dc1")
        })
        .map(|policy| Policy::parse(policy["rules"].as_str().unwrap()).unwrap())
        .collect();
    policies.extend(synthetic(row));
    policies
}

/// A list of records within a row.
fn records<T: dialect::json::FromJson + Default>(value: &Value) -> Vec<T> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |one: &Value| {
        dialect::json::from_slice(one.to_string().as_bytes(), dialect::json::Mode::Strict)
    };
    list.iter().map(|one| read(one).unwrap()).collect()
}

fn synthetic(row: &Value) -> Vec<Policy> {
    let services: Vec<AclServiceIdentity> = records(&row["ServiceIdentities"]);
    let nodes: Vec<AclNodeIdentity> = records(&row["NodeIdentities"]);
    let templated: Vec<AclTemplatedPolicy> = records(&row["TemplatedPolicies"]);
    acl::synthetic::of_identities(&services, &nodes, &templated)
        .iter()
        .filter(|p| p.datacenters.is_empty() || p.datacenters.iter().any(|dc| dc == "dc1"))
        .map(|policy| Policy::parse(&policy.rules).unwrap())
        .collect()
}

#[test]
fn every_recorded_question_is_answered_alike() {
    let mut asked = 0;
    for line in RECORDED.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let fallback = match row["default"].as_str().unwrap() {
            "allow" => Fallback::Allow,
            _ => Fallback::Deny,
        };
        let mut policies = policies(&row);
        if !row["management"].is_null() {
            policies.push(Policy::parse(&acl::GLOBAL_MANAGEMENT.rules()).unwrap());
        }
        let authorizer = Authorizer::compile(&policies.iter().collect::<Vec<_>>(), fallback);
        for (list, expected) in [("allowed", Decision::Allow), ("denied", Decision::Deny)] {
            for question in texts(&row[list]) {
                let told = authorizer.decide(right(question), Context::LOCAL);
                assert_eq!(told, expected, "{}: {question}", row["note"]);
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 1721);
}

fn authorizer(rules: &str, fallback: Fallback) -> Authorizer {
    Authorizer::compile(&[&Policy::parse(rules).unwrap()], fallback)
}

#[test]
fn rights_to_all_and_any_follow_the_whole_of_the_rules() {
    let ask = |rules: &str, fallback, right| {
        authorizer(rules, fallback)
            .decide(right, Context::LOCAL)
            .is_allowed()
    };
    let all = Right::SERVICE_READ_ALL;
    for (rules, fallback, expected) in [
        ("", Fallback::Allow, true),
        ("", Fallback::Deny, false),
        (
            r#"service_prefix "" { policy = "read" }"#,
            Fallback::Deny,
            true,
        ),
        (r#"service "a" { policy = "read" }"#, Fallback::Deny, false),
        (r#"service "a" { policy = "read" }"#, Fallback::Allow, true),
        (r#"service "a" { policy = "deny" }"#, Fallback::Allow, false),
        (
            r#"service_prefix "" { policy = "write" } service "a" { policy = "deny" }"#,
            Fallback::Deny,
            false,
        ),
    ] {
        assert_eq!(ask(rules, fallback, all), expected, "{rules} {fallback:?}");
    }
    let any = Right::SERVICE_WRITE_ANY;
    for (rules, fallback, expected) in [
        (r#"service "a" { policy = "write" }"#, Fallback::Deny, true),
        (
            r#"service_prefix "" { policy = "deny" } service "a" { policy = "write" }"#,
            Fallback::Deny,
            true,
        ),
        (
            r#"service_prefix "" { policy = "read" }"#,
            Fallback::Allow,
            false,
        ),
        (r#"service "a" { policy = "read" }"#, Fallback::Allow, true),
    ] {
        assert_eq!(ask(rules, fallback, any), expected, "{rules} {fallback:?}");
    }
    assert!(!ask("", Fallback::Allow, Right::SNAPSHOT));
    assert!(ask("", Fallback::Manage, Right::SNAPSHOT));
    assert!(ask(r#"acl = "write""#, Fallback::Deny, Right::SNAPSHOT));
}

#[test]
fn imported_things_are_seen_by_who_writes_any_service_or_reads_all() {
    let peer = Context { peer: "east" };
    let sees = |rules: &str, resource| {
        authorizer(rules, Fallback::Deny)
            .allows(resource, "web", Access::Read, peer)
            .is_allowed()
    };
    let by_name = r#"service "web" { policy = "read" } node "web" { policy = "read" }"#;
    let writer = r#"service "other" { policy = "write" }"#;
    let reader = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;
    for resource in [Resource::Node, Resource::Service] {
        assert!(!sees(by_name, resource));
        assert!(sees(writer, resource));
        assert!(sees(reader, resource));
    }
}

#[test]
fn refusals_carry_accessor_and_right() {
    let accessor = "11111111-bbbb-0000-0000-000000000001";
    let text = |accessor, right| Denied { accessor, right }.to_string();
    let key = |name, access| Right::new(Resource::Key, name, access);
    for (right, told) in [
        (key("app/", Access::WritePrefix), "'key:write' on \"app/\""),
        (key("", Access::List), "'key:list'"),
        (Right::SNAPSHOT, "'acl:write'"),
        (Right::NODE_READ_ALL, "'node:read' on \"all nodes\""),
        (
            Right::SERVICE_READ_ALL,
            "'service:read' on \"all services\"",
        ),
        (
            Right::SERVICE_WRITE_ANY,
            "'service:write' on \"any service\"",
        ),
        (
            Right::plain(Resource::Operator, Access::Read),
            "'operator:read'",
        ),
    ] {
        assert_eq!(
            text(accessor, right),
            format!(
                "Permission denied: token with AccessorID '{accessor}' lacks permission {told}"
            )
        );
    }
    assert_eq!(
        text(ANONYMOUS_ACCESSOR, key("x", Access::Write)),
        "Permission denied: anonymous token lacks permission 'key:write' on \"x\". The anonymous token is used implicitly when a request does not specify a token."
    );
}

#[test]
fn questions_are_checked() {
    let told = |resource, access| Right::parse(resource, "x", access).map_err(|e| e.to_string());
    assert!(told("key", "WRITE").is_ok());
    assert!(told("key", "write-prefix").is_ok());
    for (resource, access, text) in [
        ("Key", "read", r#"Invalid ACL resource requested: "Key""#),
        (
            "identity",
            "read",
            r#"Invalid ACL resource requested: "identity""#,
        ),
        (
            "node",
            "list",
            "Invalid access level for node resource: list",
        ),
        ("key", "", "Invalid access level for key resource: "),
    ] {
        assert_eq!(told(resource, access), Err(text.to_owned()));
    }
}

#[test]
fn an_id_names_what_is_allowed() {
    let one = Policy::parse(r#"key "a" { policy = "read" }"#).unwrap();
    let same = Policy::parse(r#"key "a" { policy = "read" }"#).unwrap();
    let other = Policy::parse(r#"key "a" { policy = "write" }"#).unwrap();
    let id = |policies: &[&Policy], fallback| Authorizer::compile(policies, fallback).id();
    assert_eq!(
        id(&[&one, &other], Fallback::Deny),
        id(&[&other, &same], Fallback::Deny)
    );
    assert_eq!(
        id(&[&one, &same], Fallback::Deny),
        id(&[&one], Fallback::Deny)
    );
    assert_ne!(id(&[&one], Fallback::Deny), id(&[&other], Fallback::Deny));
    assert_ne!(id(&[&one], Fallback::Deny), id(&[&one], Fallback::Allow));
    assert_ne!(id(&[&one], Fallback::Deny), id(&[], Fallback::Deny));
}

#[test]
fn a_recovery_token_is_for_its_own_agent() {
    for node in ["n1", "a \"quoted\" one", "${x}"] {
        let authorizer = authorizer(&acl::recovery_rules(node), Fallback::Deny);
        let may = |resource, name: &str, access| {
            authorizer
                .allows(resource, name, access, Context::LOCAL)
                .is_allowed()
        };
        assert!(may(Resource::Agent, node, Access::Write), "{node}");
        assert!(!may(Resource::Agent, "other", Access::Read));
        assert!(may(Resource::Node, "other", Access::Read));
        assert!(!may(Resource::Node, node, Access::Write));
    }
    assert!(
        !authorizer("", Fallback::Deny)
            .intention_default()
            .is_allowed()
    );
    assert!(
        authorizer("", Fallback::Manage)
            .intention_default()
            .is_allowed()
    );
}

#[test]
fn tokens_with_the_same_rules_share_one_authorizer_while_somebody_has_it() {
    let mut shared = Authorizers::default();
    let policies: Vec<Policy> = (0..1000)
        .map(|n| Policy::parse(&format!("key \"k{n}\" {{ policy = \"read\" }}")).unwrap())
        .collect();
    let one = shared.get(&[&policies[0], &policies[1]], Fallback::Deny);
    let same = shared.get(&[&policies[1], &policies[0]], Fallback::Deny);
    assert!(Arc::ptr_eq(&one, &same));
    let other = shared.get(&[&policies[1], &policies[0]], Fallback::Allow);
    assert!(!Arc::ptr_eq(&one, &other));
    for policy in &policies {
        shared.get(&[policy], Fallback::Deny);
    }
    assert!(shared.len() <= 65, "{} entries of the dead", shared.len());
    assert!(Arc::ptr_eq(
        &one,
        &shared.get(&[&policies[0], &policies[1]], Fallback::Deny)
    ));
    assert!(
        size_of::<Authorizer>() <= 512,
        "{}",
        size_of::<Authorizer>()
    );
}
