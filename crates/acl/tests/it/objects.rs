//! Validation of objects against recordings: every object that was sent to the real system on its own, and what it said.

use acl::login::{Config, Material, Method, binding_rule};
use acl::validate::{self, Links};
use dialect::{GoTime, Nanos, json};
use model::{AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken};
use serde_json::Value;

/// From `golden/acl__{token-links,tokens,token-expiry,roles,policy-names,binding-rules,auth-methods}.json`.
const RECORDED: &str = include_str!("../data/objects.jsonl");

const NOW: GoTime = GoTime::from_unix(1_800_000_000, 0);

/// Nobody has anything but these.
struct Stored;

impl Links for Stored {
    fn policy_named(&self, name: &str) -> Option<String> {
        (name == "one").then(|| "11111111-0000-0000-0000-000000000001".to_owned())
    }

    fn has_policy(&self, id: &str) -> bool {
        id == "11111111-0000-0000-0000-000000000001"
    }

    fn role_named(&self, name: &str) -> Option<String> {
        (name == "r1").then(|| "22222222-0000-0000-0000-000000000001".to_owned())
    }

    fn has_role(&self, id: &str) -> bool {
        id == "22222222-0000-0000-0000-000000000001"
    }
}

fn read<T: json::FromJson + Default>(value: &Value) -> T {
    json::from_slice(value.to_string().as_bytes(), json::Mode::Strict).unwrap()
}

fn as_value<T: json::ToJson>(record: &T) -> Value {
    serde_json::from_str(&json::to_string(record)).unwrap()
}

/// The method that the recorded binding rules belong to.
fn method() -> AclAuthMethod {
    read(&serde_json::json!({
        "Name": "m", "Type": "jwt",
        "Config": {"ClaimMappings": {"name": "name", "/a/b": "deep"}, "ListClaimMappings": {"roles": "roles"}, "JWTValidationPubKeys": ["a key"]},
    }))
}

/// Checks one object; the form in which it is stored, if there is one to compare.
fn check(kind: &str, sent: &Value) -> Result<Value, String> {
    let told = |result: Result<(), validate::Invalid>| result.map_err(|error| error.to_string());
    match kind {
        "token" => {
            let mut token: AclToken = read(sent);
            let used = [
                "11111111-bbbb-0000-0000-000000000001",
                "11111111-cccc-0000-0000-000000000001",
                "11111111-aaaa-0000-0000-000000000001",
            ];
            // The first of each is made, the others meet it.
            let in_use = |id: &str| {
                sent["Description"] != "given"
                    && sent.get("Policies").is_none()
                    && used.contains(&id)
            };
            told(validate::new_token(&mut token, NOW, in_use))?;
            told(validate::token_links(&mut token, &Stored))?;
            Ok(as_value(&token))
        }
        "role" => {
            let mut role: AclRole = read(sent);
            let namesake: AclRole = AclRole {
                name: "r1".into(),
                ..AclRole::default()
            };
            let taken = role.name.eq_ignore_ascii_case("r1") && sent.get("Policies").is_none();
            told(validate::role(
                &mut role,
                None,
                taken.then_some(&namesake),
                &Stored,
            ))?;
            Ok(as_value(&role))
        }
        "policy" => {
            let mut policy: AclPolicy = read(sent);
            let namesake = acl::GLOBAL_MANAGEMENT.policy();
            let taken = policy.name == namesake.name || sent["Datacenters"][0] == "nowhere";
            let result = validate::policy(&mut policy, None, taken.then_some(&namesake));
            told(result.map(drop))?;
            Ok(as_value(&policy))
        }
        "auth-method" => {
            let method: AclAuthMethod = read(sent);
            told(validate::auth_method(&method, None, true)).map(|()| Value::Null)
        }
        _ => {
            let rule: AclBindingRule = read(sent);
            let method = Method::of(&Config::stored(&method()).unwrap());
            let known = ["m", "other"].contains(&rule.auth_method.as_str());
            told(binding_rule(&rule, None, known.then_some(&method))).map(|()| Value::Null)
        }
    }
}

/// What only the whole system says: it was told by the state, or the method's configuration.
fn of_others(text: &str) -> bool {
    text.contains("exactly one of 'JWTValidationPubKeys'") || text.starts_with("Failed to apply")
}

#[test]
fn every_recorded_object_is_taken_or_refused_alike() {
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for line in RECORDED.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let kind = row["kind"].as_str().unwrap();
        let mut expected = row["error"].as_str().map(str::to_owned);
        if expected.as_deref().is_some_and(of_others) {
            continue;
        }
        let told = check(kind, &row["sent"]);
        if let Some(text) = &mut expected {
            // The recording hides how much time was left.
            if let Err(ours) = &told
                && let Some((head, _)) = ours.split_once("(was ")
                && text.starts_with(head)
            {
                *text = ours.clone();
            }
        }
        assert_eq!(told.as_ref().err(), expected.as_ref(), "{line}");
        if let (Ok(stored), Some(body)) = (&told, row["body"].as_object()) {
            for member in [
                "ServiceIdentities",
                "NodeIdentities",
                "TemplatedPolicies",
                "Hash",
            ] {
                // Recordings with links leave the hash out, for it depends on drawn IDs.
                if body.contains_key(member) {
                    assert_eq!(stored[member], body[member], "{member}: {line}");
                }
            }
        }
        *seen.entry(kind.to_owned()).or_default() += 1;
    }
    let total: u32 = seen.values().sum();
    assert!(seen.len() == 5 && total > 150, "{seen:?}");
}

fn stored_token() -> AclToken {
    AclToken {
        accessor_id: "11111111-bbbb-0000-0000-000000000001".into(),
        secret_id: "11111111-cccc-0000-0000-000000000001".into(),
        expiration_time: Some(NOW.plus(std::time::Duration::from_secs(600))),
        create_time: NOW,
        ..AclToken::default()
    }
}

#[test]
fn an_update_inherits_what_it_leaves_out_and_changes_no_identity() {
    let stored = stored_token();
    let update = |change: &dyn Fn(&mut AclToken)| {
        let mut token = AclToken {
            accessor_id: stored.accessor_id.clone(),
            ..AclToken::default()
        };
        change(&mut token);
        let result = validate::updated_token(&mut token, Some(&stored), NOW);
        result.map(|()| token).map_err(|error| error.to_string())
    };
    let kept = update(&|_| {}).unwrap();
    assert_eq!(kept.secret_id, stored.secret_id);
    assert_eq!(kept.expiration_time, stored.expiration_time);
    assert_eq!(kept.create_time, stored.create_time);
    assert!(update(&|t| t.expiration_time = stored.expiration_time).is_ok());
    let id = &stored.accessor_id;
    for (change, text) in [
        (
            (&|t: &mut AclToken| t.secret_id = "other".into()) as &dyn Fn(&mut AclToken),
            "Changing a token's SecretID is not permitted".to_owned(),
        ),
        (
            &|t| t.secret_id = "deny".into(),
            "Permission denied: Cannot modify root ACL".to_owned(),
        ),
        (
            &|t| t.local = true,
            format!("Cannot toggle local mode of {id}"),
        ),
        (
            &|t| t.auth_method = "m".into(),
            format!("Cannot change AuthMethod of {id}"),
        ),
        (
            &|t| t.expiration_ttl = Nanos(1),
            format!("Cannot change expiration time of {id}"),
        ),
        (
            &|t| t.expiration_time = Some(NOW),
            format!("Cannot change expiration time of {id}"),
        ),
        (
            &|t| t.accessor_id = "junk".into(),
            "AccessorID is not a valid UUID".to_owned(),
        ),
    ] {
        assert_eq!(update(change), Err(text));
    }
    let late = NOW.plus(std::time::Duration::from_secs(601));
    let mut token = stored_token();
    assert_eq!(
        validate::updated_token(&mut token, Some(&stored), late)
            .unwrap_err()
            .to_string(),
        format!("Cannot find token \"{id}\"")
    );
    assert!(validate::updated_token(&mut token, None, NOW).is_err());
}

#[test]
fn expiry_is_a_moment_within_bounds() {
    let make = |ttl: i64, time: Option<GoTime>| {
        let mut token = AclToken {
            expiration_ttl: Nanos(ttl),
            expiration_time: time,
            ..AclToken::default()
        };
        let result = validate::new_token(&mut token, NOW, |_| false);
        result
            .map(|()| token.expiration_time)
            .map_err(|e| e.to_string())
    };
    let minute = 60_000_000_000;
    let after = |seconds| NOW.plus(std::time::Duration::from_secs(seconds));
    assert_eq!(make(0, None), Ok(None));
    assert_eq!(make(0, Some(GoTime::default())), Ok(None));
    assert_eq!(make(minute, None), Ok(Some(after(60))));
    assert_eq!(
        make(minute - 1, None).unwrap_err(),
        "ExpirationTime cannot be less than 1m0s in the future (was 59.999999999s)"
    );
    assert_eq!(
        make(-minute, None).unwrap_err(),
        "Token Expiration TTL '-1m0s' should be > 0"
    );
    assert_eq!(
        make(minute, Some(after(90))).unwrap_err(),
        "Token Expiration TTL and Expiration Time cannot both be set"
    );
    assert_eq!(
        make(0, Some(GoTime::from_unix(1, 0))).unwrap_err(),
        "ExpirationTime cannot be before CreateTime"
    );
    let far = GoTime::from_unix(200_000_000_000, 0);
    assert_eq!(make(0, Some(far)), Ok(Some(far)), "beyond 292 years");
}

#[test]
fn builtin_policies_keep_rules_and_datacenters() {
    let stored = acl::GLOBAL_MANAGEMENT.policy();
    let set = |change: &dyn Fn(&mut AclPolicy)| {
        let mut policy = stored.clone();
        change(&mut policy);
        validate::policy(&mut policy, Some(&stored), None)
            .map(drop)
            .map_err(|e| e.to_string())
    };
    assert_eq!(set(&|p| p.name = "renamed".into()), Ok(()));
    assert_eq!(
        set(&|p| p.rules.clear()).unwrap_err(),
        "Changing the Rules for the builtin global-management policy is not permitted"
    );
    assert_eq!(
        set(&|p| p.datacenters = Vec::new().into()).unwrap_err(),
        "Changing the Datacenters of the global-management policy is not permitted"
    );
    let mut unknown = stored.clone();
    assert_eq!(
        validate::policy(&mut unknown, None, None)
            .unwrap_err()
            .to_string(),
        format!("cannot find policy {}", stored.id)
    );
    let mut taken = AclPolicy {
        name: "x".into(),
        ..stored.clone()
    };
    let namesake = AclPolicy {
        name: "X".into(),
        ..AclPolicy::default()
    };
    assert_eq!(
        validate::policy(&mut taken, Some(&stored), Some(&namesake))
            .unwrap_err()
            .to_string(),
        "Invalid Policy: A policy with name \"x\" already exists"
    );
}

#[test]
fn auth_methods_of_other_datacenters_are_local() {
    let method = AclAuthMethod {
        token_locality: "global".into(),
        ..method()
    };
    let other = AclAuthMethod {
        method_type: "kubernetes".into(),
        ..method.clone()
    };
    let told = |stored, primary| {
        validate::auth_method(&method, stored, primary).map_err(|e| e.to_string())
    };
    assert_eq!(told(None, true), Ok(()));
    assert_eq!(
        told(None, false).unwrap_err(),
        "Invalid Auth Method: TokenLocality 'global' can only be used in the primary datacenter"
    );
    assert_eq!(
        told(Some(&other), true).unwrap_err(),
        "the Type field of an Auth Method is immutable"
    );
}

/// Reads what the recordings have: real keys and certificates, and `junk`.
struct Recorded;

impl Material for Recorded {
    fn has_certificates(&self, pem: &str) -> bool {
        pem.contains("BEGIN CERTIFICATE")
    }

    fn is_public_key(&self, pem: &str) -> bool {
        pem.contains("BEGIN")
    }

    fn token_fault(&self, token: &str) -> Option<String> {
        match token {
            "junk" => Some("go-jose/go-jose: compact JWS format must have three parts".to_owned()),
            "a.b.c" => Some("illegal base64 data at input byte 0".to_owned()),
            _ => None,
        }
    }
}

/// From `golden/acl__auth-method-{aws,kubernetes,jwt-config}.json`.
#[test]
fn every_recorded_configuration_is_taken_or_refused_alike() {
    let mut seen = 0;
    for line in include_str!("../data/methods.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let method: AclAuthMethod = read(&row["sent"]);
        let told = Config::of(&method, &Recorded)
            .err()
            .map(|error| error.to_string());
        assert_eq!(told.as_deref(), row["error"].as_str(), "{line}");
        seen += 1;
    }
    assert_eq!(seen, 51);
}

#[test]
fn configurations_are_read_weakly() {
    let of = |kind: &str, config: Value| {
        let method = serde_json::json!({"Name": "x", "Type": kind, "Config": config});
        Config::of(&read(&method), &Recorded).map_err(|error| error.to_string())
    };
    let aws = serde_json::json!({"boundiamprincipalarns": "arn:aws:iam::1:user/a/b", "MaxRetries": "3", "EnableIAMEntityDetails": 0});
    let Ok(Config::AwsIam(aws)) = of("aws-iam", aws) else {
        panic!("refused");
    };
    assert_eq!(
        (aws.retries, aws.details, aws.principals.len()),
        (3, false, 1)
    );
    let told = of(
        "aws-iam",
        serde_json::json!({"Zeta": 1, "Alpha": 2, "MaxRetries": [1]}),
    );
    assert_eq!(
        told.unwrap_err(),
        "Invalid Auth Method: error decoding config: 2 error(s) decoding:\n\n* '' has invalid keys: Alpha, Zeta\n* 'MaxRetries' expected type 'int64', got unconvertible type '[]interface {}'"
    );
    let secret = serde_json::json!({"Host": "h", "CACert": "BEGIN CERTIFICATE", "ServiceAccountJWT": "a.very.secret"});
    let shown = format!("{:?}", of("kubernetes", secret).unwrap());
    assert!(!shown.contains("very"), "{shown}");
}
