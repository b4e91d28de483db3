//! What a login is bound to, by the rules of `golden/acl__login.json`.

use acl::login::{Bindings, Claims, Config, Method, bind, claims_of_jwt, description};
use dialect::{Any, Dict, json};
use model::{AclAuthMethod, AclBindingRule, AclTemplateVariables};

fn config(text: &str) -> Config {
    let method: AclAuthMethod = json::from_slice(text.as_bytes(), json::Mode::Strict).unwrap();
    Config::stored(&method).unwrap()
}

fn jwt() -> Config {
    let text = r#"{"Name": "m", "Type": "jwt", "Config": {
        "ClaimMappings": {"name": "name", "n": "number", "flag": "flag", "/deep/er": "deep"},
        "ListClaimMappings": {"roles": "roles"},
        "JWTValidationPubKeys": ["a key"]}}"#;
    config(text)
}

fn rule(bind_type: &str, bind_name: &str, selector: &str) -> AclBindingRule {
    AclBindingRule {
        auth_method: "m".into(),
        bind_type: bind_type.into(),
        bind_name: bind_name.into(),
        selector: selector.into(),
        ..AclBindingRule::default()
    }
}

/// The rules of the recording.
fn rules() -> Vec<AclBindingRule> {
    let name = "t-${value.name}".to_owned();
    vec![
        rule("service", "svc-${value.name}", r#"value.name == "web""#),
        rule("role", "${value.name}", r#""ops" in list.roles"#),
        rule("policy", "pol", r#"value.name == "kv""#),
        rule(
            "node",
            "n-${value.number}",
            r#"value.number == "42" or value.number == 7 or value.name == "frac""#,
        ),
        AclBindingRule {
            bind_vars: Some(AclTemplateVariables { name }),
            ..rule(
                "templated-policy",
                "builtin/service",
                r#"value.flag == "true""#,
            )
        },
    ]
}

fn claims(payload: &str) -> Result<Claims, String> {
    let payload: Any = json::from_slice(payload.as_bytes(), json::Mode::Lax).unwrap();
    let Config::Jwt(config) = jwt() else {
        panic!("another type");
    };
    claims_of_jwt(&config, &payload).map_err(|error| error.to_string())
}

fn login_with(rules: &[AclBindingRule], payload: &str) -> Result<Bindings, String> {
    let method = Method::of(&jwt());
    bind(rules, &method, &claims(payload)?, "dc1").map_err(|error| error.to_string())
}

fn login(payload: &str) -> Result<Bindings, String> {
    login_with(&rules(), payload)
}

/// What is granted, in short.
fn granted(payload: &str) -> Vec<String> {
    let bindings = login(payload).unwrap();
    let services = bindings
        .services
        .iter()
        .map(|s| format!("service {}", s.service_name));
    let nodes = bindings
        .nodes
        .iter()
        .map(|n| format!("node {} {}", n.node_name, n.datacenter));
    let roles = bindings.roles.iter().map(|r| format!("role {r}"));
    let policies = bindings.policies.iter().map(|p| format!("policy {p}"));
    let templated = bindings.templated.iter().map(|t| {
        let name = t.template_variables.as_ref().map_or("", |v| &v.name);
        format!("{} {name}", t.template_name)
    });
    services
        .chain(nodes)
        .chain(roles)
        .chain(policies)
        .chain(templated)
        .collect()
}

#[test]
fn recorded_logins_are_bound_alike() {
    for (payload, expected) in [
        (r#"{"name": "web"}"#, &["service svc-web"] as &[&str]),
        (r#"{"name": "WEB"}"#, &[]),
        (r#"{"name": "db"}"#, &[]),
        (r#"{"name": "dev", "roles": ["ops"]}"#, &["role dev"]),
        (r#"{"name": "DEV", "roles": ["x", "ops"]}"#, &["role dev"]),
        (r#"{"name": "kv"}"#, &["policy pol"]),
        (r#"{"name": "x", "n": 42}"#, &["node n-42 dc1"]),
        (r#"{"name": "frac", "n": 1.5}"#, &["node n-1 dc1"]),
        (
            r#"{"name": "frac", "n": 1000000000.0}"#,
            &["node n-1000000000 dc1"],
        ),
        (
            r#"{"name": "frac", "n": "7", "roles": "ops"}"#,
            &["node n-7 dc1", "role frac"],
        ),
        (r#"{"name": "x", "flag": true}"#, &["builtin/service t-x"]),
        (
            r#"{"name": "web", "n": 7, "flag": true, "roles": ["ops"]}"#,
            &[
                "service svc-web",
                "node n-7 dc1",
                "role web",
                "builtin/service t-web",
            ],
        ),
    ] {
        assert_eq!(granted(payload), expected, "{payload}");
    }
    assert!(login(r#"{"name": "db"}"#).unwrap().is_empty());
}

#[test]
fn a_name_that_is_none_fails_the_login() {
    for (payload, text) in [
        (r#"{"name": "frac"}"#, r#"invalid bind name: "n-""#),
        (
            r#"{"name": "frac", "n": null}"#,
            r#"invalid bind name: "n-""#,
        ),
        (
            r#"{"name": "frac", "n": ["7"]}"#,
            "error converting claim 'n' to string from unknown type []interface {}",
        ),
        (
            r#"{"name": "a b", "flag": true}"#,
            "templated policy failed validation: service identity \"t-a b\" has an invalid name. Only lowercase alphanumeric characters, '-' and '_' are allowed",
        ),
    ] {
        assert_eq!(login(payload).unwrap_err(), text, "{payload}");
    }
}

#[test]
fn what_claims_contain_is_put_in_and_never_read() {
    let open = [
        rule("service", "${value.name}", ""),
        rule("templated-policy", "builtin/api-gateway", ""),
    ];
    for name in [
        r"${value.number}",
        r#"x\" { policy = \"write\" }"#,
        "../up",
        "a\\nb",
    ] {
        let payload = format!(r#"{{"name": "{name}", "n": 1}}"#);
        assert!(login_with(&open[..1], &payload).is_err(), "{name}");
    }
    let mut gateway = open[1].clone();
    let name = "${value.name}".to_owned();
    gateway.bind_vars = Some(AclTemplateVariables { name });
    let payload = r#"{"name": "x\" { policy = \"read\" }\nacl = \"write\"\nkey \""}"#;
    let told = login_with(&[gateway], payload).unwrap_err();
    assert!(
        told.starts_with("templated policy failed validation: the name "),
        "{told}"
    );
}

#[test]
fn selectors_that_are_none_and_types_that_are_none_bind_nothing() {
    let broken = [
        rule("service", "a", "value.name =="),
        rule("service", "b", r#"nonsense == "x""#),
        rule("nonsense", "c", ""),
        rule("service", "d", ""),
    ];
    let bindings = login_with(&broken, "{}").unwrap();
    assert_eq!(bindings.services.len(), 1);
    assert_eq!(bindings.services[0].service_name, "d");
    // What is absent is not equal, and in nothing.
    let absent = [
        rule(
            "service",
            "e",
            r#"value.name != "x" and list.roles is empty and value.name matches "q""#,
        ),
        rule("service", "f", r#"value.name == "" or "x" in list.roles"#),
    ];
    let bindings = login_with(&absent, "{}").unwrap();
    assert_eq!(bindings.services.len(), 1);
}

#[test]
fn other_methods_have_their_own_fields() {
    let of = |text: &str| Method::of(&config(text));
    let kubernetes = of(
        r#"{"Type": "kubernetes", "Config": {"Host": "h", "CACert": "c", "ServiceAccountJWT": "j"}}"#,
    );
    let mut claims = Claims::default();
    claims.service_account.namespace = "Prod".into();
    claims.service_account.name = "web".into();
    let rules = [rule(
        "service",
        "${serviceaccount.namespace}-${serviceaccount.name}",
        r#"serviceaccount.namespace == "Prod""#,
    )];
    let bindings = bind(&rules, &kubernetes, &claims, "dc1").unwrap();
    assert_eq!(bindings.services[0].service_name, "prod-web");
    let tags = of(
        r#"{"Type": "aws-iam", "Config": {"EnableIAMEntityDetails": "true", "IAMEntityTags": ["team"],
            "BoundIAMPrincipalARNs": ["arn:aws:iam::1:role/*"]}}"#,
    );
    claims
        .principal
        .entity_tags
        .insert("team".into(), "ops".into());
    let rules = [rule(
        "role",
        "${entity_tags.team}",
        r#"entity_tags.team == "ops""#,
    )];
    assert_eq!(bind(&rules, &tags, &claims, "dc1").unwrap().roles, ["ops"]);
    let plain = of(
        r#"{"Type": "aws-iam", "Config": {"BoundIAMPrincipalARNs": "arn:aws:iam::1:role/web"}}"#,
    );
    assert!(bind(&rules, &plain, &claims, "dc1").unwrap().is_empty());
}

#[test]
fn the_token_tells_what_came_with_the_login() {
    let meta = |entries: &[(&str, &str)]| -> Dict<String> {
        entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    assert_eq!(description(&meta(&[])), "token created via login");
    assert_eq!(
        description(&meta(&[("b", "2"), ("a", "1")])),
        r#"token created via login: {"a":"1","b":"2"}"#
    );
    assert_eq!(
        description(&meta(&[("pod", "quo\"te <&>")])),
        r#"token created via login: {"pod":"quo\"te \u003c\u0026\u003e"}"#
    );
}
