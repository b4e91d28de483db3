//! Auth methods and binding rules.

use super::{B, fails, ok};
use serde_json::json;

fn method() -> String {
    json!({"Name": "ci", "Type": "jwt", "DisplayName": "CI", "Description": "builds", "MaxTokenTTL": "5m0s", "TokenLocality": "global",
        "Config": {"z": "<", "a": {"c": 1, "b": [2]}}, "CreateIndex": 5, "ModifyIndex": 6})
    .to_string()
}

#[test]
fn auth_methods() {
    let flags = [
        "-config={\"JWKSURL\": \"x\"}",
        "-max-token-ttl=90m",
        "-display-name=CI",
        "-token-locality=local",
    ];
    let (out, fake) = ok(
        &[(200, &method())],
        "acl auth-method create -type=jwt -name=ci -meta",
        &flags,
    );
    let expected = "Name:          ci\nType:          jwt\nDisplayName:   CI\nDescription:   builds\nMaxTokenTTL:   5m0s\nTokenLocality: global\n\
        Create Index:  5\nModify Index:  6\nConfig:\n{\n  \"a\": {\n    \"b\": [\n      2\n    ],\n    \"c\": 1\n  },\n  \"z\": \"\\u003c\"\n}\n";
    assert_eq!(out, expected);
    assert_eq!(fake.lines(), ["PUT /v1/acl/auth-method"]);
    let expected = json!({"MaxTokenTTL": "1h30m0s", "Name": "ci", "Type": "jwt", "DisplayName": "CI", "TokenLocality": "local",
        "Config": {"JWKSURL": "x"}, "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    let kubernetes = [
        "-kubernetes-host=h",
        "-kubernetes-ca-cert=c",
        "-kubernetes-service-account-jwt=j",
    ];
    let (_, fake) = ok(
        &[(200, &method())],
        "acl auth-method create -type=kubernetes -name=k",
        &kubernetes,
    );
    assert_eq!(
        fake.last()["Config"],
        json!({"Host": "h", "CACert": "c", "ServiceAccountJWT": "j"})
    );
    let (out, fake) = ok(
        &[(200, &method())],
        "acl auth-method read -name=ci -format=json",
        &[],
    );
    assert_eq!(fake.lines(), ["GET /v1/acl/auth-method/ci"]);
    assert!(
        out.starts_with("{\n    \"MaxTokenTTL\": \"5m0s\",\n    \"Name\": \"ci\",\n    \"Type\": \"jwt\",\n    \"DisplayName\": \"CI\",\n    \"Description\": \"builds\",\n    \"TokenLocality\": \"global\",\n    \"Config\": {\n        \"a\": {"),
        "{out}"
    );
    let list = format!("[{}]", method());
    let (out, _) = ok(&[(200, &list)], "acl auth-method list -meta", &[]);
    assert_eq!(
        out,
        "ci:\n   Type:         jwt\n   DisplayName:  CI\n   Description:  builds\n   Create Index: 5\n   Modify Index: 6\n\n"
    );
    let (out, _) = ok(&[(200, "true")], "acl auth-method delete -name=ci", &[]);
    assert_eq!(out, "Auth method \"ci\" deleted successfully\n");
    for (script, words, expected) in [
        (
            &[][..],
            "acl auth-method read",
            "Must specify the -name parameter\n",
        ),
        (
            &[(404, "")],
            "acl auth-method read -name=x",
            "Auth method not found with name \"x\"\n",
        ),
        (
            &[(500, "e")],
            "acl auth-method delete -name=x",
            "Error deleting auth method \"x\": Unexpected response code: 500 (e)\n",
        ),
        (
            &[],
            "acl auth-method create -type=jwt -name=x -config={} -kubernetes-host=h",
            "Cannot use command line arguments with '-config' flags\n",
        ),
        (
            &[],
            "acl auth-method create -type=jwt -name=x -config={",
            "Error parsing JSON configuration file: unexpected end of JSON input\n",
        ),
        (
            &[],
            "acl auth-method create -type=kubernetes -name=x -kubernetes-host=h",
            "Missing required '-kubernetes-ca-cert' flag\n",
        ),
    ] {
        assert_eq!(fails(script, words, &[]), expected);
    }
    for (words, start) in [
        (
            "acl auth-method create -name=x",
            "Missing required '-type' flag\nUsage: consul acl auth-method create -name NAME -type TYPE [options]\n",
        ),
        (
            "acl auth-method create -type=jwt",
            "Missing required '-name' flag\nUsage: ",
        ),
    ] {
        assert!(fails(&[], words, &[]).starts_with(start));
    }
}

#[test]
fn auth_methods_are_updated() {
    let answers = [(200, &*method()), (200, &*method())];
    let (_, fake) = ok(
        &answers,
        "acl auth-method update -name=ci -description=changed",
        &[],
    );
    let mut expected: serde_json::Value = serde_json::from_str(&method()).expect("JSON");
    expected["Description"] = "changed".into();
    assert_eq!(fake.last(), expected);
    assert_eq!(fake.lines()[1], "PUT /v1/acl/auth-method/ci");
    let (_, fake) = ok(
        &answers,
        "acl auth-method update -name=ci -no-merge -config={\"a\":1}",
        &[],
    );
    let expected = json!({"Name": "ci", "Type": "jwt", "Config": {"a": 1}, "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    let kubernetes =
        json!({"Name": "k", "Type": "kubernetes", "Config": {"Host": "a", "CACert": "c"}})
            .to_string();
    let answers = [(200, &*kubernetes), (200, &*kubernetes)];
    let (_, fake) = ok(
        &answers,
        "acl auth-method update -name=k -kubernetes-host=b",
        &[],
    );
    assert_eq!(fake.last()["Config"], json!({"Host": "b", "CACert": "c"}));
    for (script, words, expected) in [
        (
            &[][..],
            "acl auth-method update",
            "Cannot update an auth method without specifying the -name parameter\n",
        ),
        (
            &[(404, "")],
            "acl auth-method update -name=x",
            "Auth method not found with name \"x\"\n",
        ),
        (
            &[(200, "{}")],
            "acl auth-method update -name=x -config=bad",
            "Error parsing JSON for auth method config: invalid character 'b' looking for beginning of value\n",
        ),
    ] {
        assert_eq!(fails(script, words, &[]), expected);
    }
}

fn rule() -> String {
    json!({"ID": B, "Description": "d", "AuthMethod": "ci", "Selector": "a == b", "BindType": "templated-policy", "BindName": "builtin/node",
        "BindVars": {"name": "n-${x}"}, "CreateIndex": 5, "ModifyIndex": 6})
    .to_string()
}

#[test]
fn binding_rules() {
    let flags = [
        "-bind-type=templated-policy",
        "-bind-name=builtin/node",
        "-bind-vars=Name=n-${x}",
        "-bind-vars=other=y",
        "-meta",
    ];
    let (out, fake) = ok(
        &[(200, &rule())],
        "acl binding-rule create -method=ci",
        &flags,
    );
    let body = "AuthMethod:   ci\nDescription:  d\nBindType:     templated-policy\nBindName:     builtin/node\nBindVars:     \n     - Name: n-${x}\n\
        Selector:     a == b\nCreate Index: 5\nModify Index: 6\n\n";
    assert_eq!(out, format!("ID:           {B}\n{body}"));
    assert_eq!(fake.lines(), ["PUT /v1/acl/binding-rule"]);
    let expected = json!({"ID": "", "Description": "", "AuthMethod": "ci", "Selector": "", "BindType": "templated-policy",
        "BindName": "builtin/node", "BindVars": {"Name": "n-${x}"}, "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    let list = format!("[{}]", rule());
    let (out, fake) = ok(&[(200, &list)], "acl binding-rule list -method=ci", &[]);
    assert_eq!(fake.lines(), ["GET /v1/acl/binding-rules?authmethod=ci"]);
    let expected = format!(
        "{B}:\n   AuthMethod:   ci\n   Description:  d\n   BindType:     templated-policy\n   BindName:     builtin/node\n   BindVars:     \n      - Name: n-${{x}}\n   Selector:     a == b\n\n"
    );
    assert_eq!(out, expected);
    let (out, _) = ok(
        &[(200, &list), (200, &rule())],
        "acl binding-rule read -id=4444 -format=json",
        &[],
    );
    assert!(out.contains("    \"BindName\": \"builtin/node\",\n    \"BindVars\": {\n        \"Name\": \"n-${x}\"\n    },\n    \"CreateIndex\": 5,\n"), "{out}");
    let (out, _) = ok(&[(200, "true")], "acl binding-rule delete -id", &[B]);
    assert_eq!(out, format!("Binding rule \"{B}\" deleted successfully\n"));
    for (script, words, expected) in [
        (
            &[][..],
            "acl binding-rule read",
            "Must specify the -id parameter.\n",
        ),
        (
            &[],
            "acl binding-rule delete",
            "Must specify the -id parameter\n",
        ),
        (
            &[],
            "acl binding-rule update",
            "Cannot update a binding rule without specifying the -id parameter\n",
        ),
        (
            &[(200, "[]")],
            "acl binding-rule delete -id=z",
            "Error determining binding rule ID: no such rule ID with prefix: z: ACL not found\n",
        ),
        (
            &[(404, "")],
            "acl binding-rule read -id=44444444-dddd-4ddd-8ddd-000000000001",
            "Binding rule not found with ID \"44444444-dddd-4ddd-8ddd-000000000001\"\n",
        ),
    ] {
        assert_eq!(fails(script, words, &[]), expected);
    }
    for (words, start) in [
        (
            "acl binding-rule create",
            "Missing required '-method' flag\nUsage: consul acl binding-rule create [options]\n",
        ),
        (
            "acl binding-rule create -method=m",
            "Missing required '-bind-name' flag\n",
        ),
        (
            "acl binding-rule create -method=m -bind-name=n -bind-vars=name=x",
            "Cannot specify -bind-vars when -bind-type is not templated-policy\nUsage: ",
        ),
    ] {
        let text = fails(&[], words, &[]);
        assert!(text.starts_with(start), "{text}");
    }
}

#[test]
fn binding_rules_are_updated() {
    let answers = [(200, &*rule()), (200, &*rule())];
    let (_, fake) = ok(
        &answers,
        "acl binding-rule update -selector= -bind-name=web -id",
        &[B],
    );
    let expected = json!({"ID": B, "Description": "d", "AuthMethod": "ci", "Selector": "", "BindType": "service", "BindName": "web",
        "CreateIndex": 5, "ModifyIndex": 6});
    assert_eq!(fake.last(), expected, "without -bind-type it is a service");
    let flags = [B, "-bind-type=templated-policy", "-description=e"];
    let (_, fake) = ok(&answers, "acl binding-rule update -id", &flags);
    assert_eq!(fake.last()["BindVars"], json!({"Name": "n-${x}"}));
    let (_, fake) = ok(
        &answers,
        "acl binding-rule update -no-merge -bind-name=y -id",
        &[B],
    );
    let expected = json!({"ID": B, "Description": "", "AuthMethod": "ci", "Selector": "", "BindType": "service", "BindName": "y",
        "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    let text = fails(
        &[(200, &rule())],
        "acl binding-rule update -no-merge -bind-vars=name=x -id",
        &[B],
    );
    assert!(
        text.starts_with(
            "-bind-vars cannot be specified when -bind-type is not templated-policy\nUsage: consul acl binding-rule update -id ID [options]\n"
        ),
        "{text}"
    );
}
