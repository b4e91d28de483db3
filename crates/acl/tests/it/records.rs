//! Hashes and secrets of the records, against recordings.

use dialect::{json, msgpack};
use model::{AclPolicy, AclToken, HIDDEN, Secret};
use serde_json::Value;

fn base64(hash: &model::AclHash) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(hash.as_bytes())
}

#[test]
fn hashes_of_policies_are_the_recorded_ones() {
    let mut seen = 0;
    for line in include_str!("../data/rules.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let Some(expected) = row["hash"].as_str() else {
            continue;
        };
        let mut policy = AclPolicy {
            name: row["name"].as_str().unwrap().to_owned(),
            rules: row["rules"].as_str().unwrap().to_owned(),
            ..AclPolicy::default()
        };
        policy.set_hash();
        assert_eq!(base64(&policy.hash), expected, "{row}");
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn hashes_of_tokens_are_the_recorded_ones() {
    for (description, local, policy, expected) in [
        (
            "plain",
            false,
            "",
            "DIGh2blwfgfBY4QBaONNwCMyPBjwSw7Iv84joYG4HBU=",
        ),
        (
            "given",
            true,
            "",
            "NdFGNikup2gcuER7Ot5y8mPif3uHrpMRbXCfMwQVGlM=",
        ),
        (
            "Anonymous Token",
            false,
            "",
            "RNVFSWnfd5DUOuB8vplp+imivlIna3fKQVnkUHh21cA=",
        ),
        (
            "Initial Management Token",
            false,
            "00000000-0000-0000-0000-000000000001",
            "tqqwFU6g05D0TFVusPUxoli6BJKS+EV1CCZnyxmjZpQ=",
        ),
    ] {
        let mut token = AclToken {
            description: description.to_owned(),
            local,
            ..AclToken::default()
        };
        if !policy.is_empty() {
            let link = model::AclPolicyLink {
                id: policy.to_owned(),
                name: "the name does not count".to_owned(),
            };
            token.policies = vec![link].into();
        }
        token.set_hash();
        assert_eq!(base64(&token.hash), expected, "{description}");
    }
    // Identities, as stored: names with their datacenters.
    let text = r#"{"ServiceIdentities":[{"ServiceName":"db","Datacenters":["dc1"]}]}"#;
    let mut token: AclToken = json::from_slice(text.as_bytes(), json::Mode::Strict).unwrap();
    token.set_hash();
    assert_eq!(
        base64(&token.hash),
        "W87rfhP3h/ykG36WdYTG1+BfrqoGD8cwb4aADNH/+UY="
    );
}

#[test]
fn a_secret_shows_itself_to_nobody_but_the_codecs() {
    let text = r#"{"AccessorID":"a","SecretID":"top-secret","ExpirationTTL":"60s","Hash":"AAAA","CreateTime":"2020-01-01T00:00:00Z"}"#;
    let token: AclToken = json::from_slice(text.as_bytes(), json::Mode::Strict).unwrap();
    assert_eq!(token.expiration_ttl.0, 60_000_000_000);
    assert!(token.hash.is_empty(), "a client's hash counts for nothing");
    assert!(!format!("{token:?} {:#?} {}", token, token.secret_id).contains("top-secret"));
    assert!(json::to_string(&token).contains(r#""SecretID":"top-secret""#));
    let back: AclToken = msgpack::from_slice(&msgpack::to_vec(&token)).unwrap();
    assert_eq!(back, token);
    let mut hidden = token.clone();
    hidden.secret_id.redact();
    assert!(hidden.secret_id.matches(HIDDEN) && !hidden.secret_id.matches("top-secret"));
    assert!(Secret::from("a") != Secret::from("b") && Secret::from("a") == Secret::from("a"));
}

#[test]
fn json_is_the_recorded_one() {
    let token = AclToken::default();
    assert_eq!(
        json::to_string(&token),
        r#"{"AccessorID":"","SecretID":"","Description":"","Local":false,"CreateTime":"0001-01-01T00:00:00Z","Hash":null,"CreateIndex":0,"ModifyIndex":0}"#
    );
    let method: model::AclAuthMethod =
        json::from_slice(br#"{"MaxTokenTTL":"5m"}"#, json::Mode::Strict).unwrap();
    assert!(json::to_string(&method).contains(r#""MaxTokenTTL":"5m0s""#));
    let text = br#"{"Config":{"ServiceAccountJWT":"a.very.secret"}}"#;
    let method: model::AclAuthMethod = json::from_slice(text, json::Mode::Strict).unwrap();
    assert!(!format!("{method:?}").contains("very"));
    let back: model::AclAuthMethod = msgpack::from_slice(&msgpack::to_vec(&method)).unwrap();
    assert_eq!(back, method);
    assert!(json::to_string(&AclPolicy::default().stub()).contains(r#""Datacenters":null"#));
    let wrong = br#"{"TemplatedPolicies":[{"TemplateVariables":{"name":5}}]}"#;
    let fault = json::from_slice::<AclToken>(wrong, json::Mode::Strict).unwrap_err();
    assert!(
        fault.to_string().contains("ACLTemplatedPolicyVariables"),
        "{fault}"
    );
}
