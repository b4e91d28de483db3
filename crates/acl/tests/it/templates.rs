//! Built-in and synthetic policies, byte for byte as recorded (`golden/acl__templated-policies.json`).

use acl::templates::Template;
use acl::{Builtin, Policy, synthetic};
use dialect::{List, json};
use model::AclTemplateVariables;
use serde_json::Value;

fn recorded() -> Value {
    serde_json::from_str(include_str!("../data/templates.json")).unwrap()
}

#[test]
fn the_list_is_the_recorded_one() {
    let recorded = recorded();
    let list = recorded["list"].as_object().unwrap();
    assert_eq!(list.len(), Template::ALL.len());
    for template in Template::ALL {
        let row = &list[template.name];
        assert_eq!(row["Template"], template.rules, "{}", template.name);
        assert_eq!(row["Schema"], template.schema(), "{}", template.name);
        assert_eq!(row["Description"], template.description);
    }
    assert!(Template::by_name("builtin/workload-identity").is_none());
}

#[test]
fn previews_are_the_recorded_ones() {
    let recorded = recorded();
    let mut seen = 0;
    for row in recorded["previews"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let Some(template) = Template::by_name(name) else {
            assert_eq!(name, "builtin/none");
            continue;
        };
        let text = row["variables"].to_string();
        let Ok(variables) =
            json::from_slice::<AclTemplateVariables>(text.as_bytes(), json::Mode::Strict)
        else {
            continue;
        };
        match synthetic::of_template(template, Some(&variables), &List::default()) {
            Ok(policy) => {
                let told: Value = serde_json::from_str(&json::to_string(&policy)).unwrap();
                assert_eq!(told, row["body"], "{row}");
                Policy::parse(&policy.rules).unwrap();
            }
            Err(error) => {
                let told = format!("validation error for templated policy: \"{name}\": {error}");
                assert_eq!(told, row["body"], "{row}");
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 13);
}

#[test]
fn builtin_policies_hash_as_recorded() {
    use base64::Engine as _;
    for (builtin, hash) in Builtin::ALL.into_iter().zip([
        "+TzVGrd3uSVx3Bl8FV5O0BsKc1idAee6ZpEw9WDfaW8=",
        "4jtyawyzzig+Ys5HfPI91O3UHLHiXtPlNG7aHEmlesk=",
    ]) {
        let policy = builtin.policy();
        let told = base64::engine::general_purpose::STANDARD.encode(policy.hash.as_bytes());
        assert_eq!(told, hash, "{}", builtin.name);
        assert_eq!(Builtin::by_id(builtin.id), Some(builtin));
    }
}

#[test]
fn no_name_gets_more_into_rules_than_itself() {
    let gateway = Template::by_name("builtin/api-gateway").unwrap();
    for name in [
        "x\" { policy = \"read\" }\nacl = \"write\"\nkey \"",
        "x\\",
        "${",
        "a\nb",
    ] {
        let variables = AclTemplateVariables {
            name: name.to_owned(),
        };
        assert!(gateway.check(Some(&variables)).is_err(), "{name:?}");
        assert!(gateway.fill(Some(&variables)).is_err(), "{name:?}");
        // As stored by somebody who took it.
        let stored = model::AclTemplatedPolicy {
            template_name: gateway.name.to_owned(),
            template_variables: Some(variables),
            ..model::AclTemplatedPolicy::default()
        };
        assert!(synthetic::of_identities(&[], &[], &[stored]).is_empty());
    }
}
