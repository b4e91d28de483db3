//! Bootstrap, the agent's tokens, tokens.

use super::{A, B, P, R, fails, ok, run, run_with};
use serde_json::json;

fn token() -> String {
    json!({"AccessorID": A, "SecretID": "s3cret", "Description": "web & db", "Local": true, "AuthMethod": "ci",
        "Policies": [{"ID": P, "Name": "readers"}], "Roles": [{"ID": R, "Name": "crew"}],
        "ServiceIdentities": [{"ServiceName": "web", "Datacenters": ["east", "west"]}, {"ServiceName": "db"}],
        "NodeIdentities": [{"NodeName": "n7", "Datacenter": "east"}],
        "TemplatedPolicies": [{"TemplateName": "builtin/service", "TemplateVariables": {"name": "pay"}, "Datacenters": ["west"]},
            {"TemplateName": "builtin/dns"}],
        "ExpirationTime": "2031-02-04T04:05:06Z", "CreateTime": "2031-02-03T04:05:06.25Z", "Hash": "AP8=",
        "CreateIndex": 31, "ModifyIndex": 47})
    .to_string()
}

const TOKEN_HEAD: &str = "AccessorID:       11111111-aaaa-4aaa-8aaa-000000000001\nSecretID:         s3cret\nDescription:      web & db\n\
    Local:            true\nAuth Method:      ci (Namespace: )\nCreate Time:      2031-02-03 04:05:06.25 +0000 UTC\n\
    Expiration Time:  2031-02-04 04:05:06 +0000 UTC\n";
const TOKEN_META: &str = "Hash:             00ff\nCreate Index:     31\nModify Index:     47\n";
const TOKEN_LINKS: &str = "Policies:\n   22222222-bbbb-4bbb-8bbb-000000000001 - readers\n\
    Roles:\n   33333333-cccc-4ccc-8ccc-000000000001 - crew\n\
    Service Identities:\n   web (Datacenters: east, west)\n   db (Datacenters: all)\n\
    Node Identities:\n   n7 (Datacenter: east)\n\
    Templated Policies:\n   builtin/service\n      Name: pay\n      Datacenters: west\n   builtin/dns\n      Datacenters: all\n";

#[test]
fn bootstrap() {
    let (out, fake) = ok(&[(200, &token())], "acl bootstrap", &[]);
    assert_eq!(out, format!("{TOKEN_HEAD}{TOKEN_LINKS}\n"));
    assert_eq!(fake.lines(), ["PUT /v1/acl/bootstrap"]);
    assert_eq!(fake.asked()[0].body, "");
    let answer = [(200, &*token())];
    let (done, fake) = run_with(&answer, "acl bootstrap -", &[], " wanted\n");
    assert_eq!(done.status, 0);
    assert_eq!(fake.last(), json!({"BootstrapSecret": "wanted"}));
    let refused = fails(&[(403, "no more")], "acl bootstrap", &["-stale"]);
    assert_eq!(
        refused,
        "Failed ACL bootstrapping: Unexpected response code: 403 (no more)\n"
    );
    assert_eq!(
        fails(&[], "acl bootstrap a b", &[]),
        "This command takes up to one argument\n"
    );
    assert_eq!(
        fails(&[], "acl bootstrap /no/such", &[]),
        "Error reading provided token: Failed to read file: open /no/such: no such file or directory\n"
    );
}

#[test]
fn agent_tokens() {
    let (out, fake) = ok(&[(200, "")], "acl set-agent-token dns", &["t"]);
    assert_eq!(out, "ACL token \"dns\" set successfully\n");
    assert_eq!(fake.lines(), ["PUT /v1/agent/token/dns"]);
    assert_eq!(fake.last(), json!({"Token": "t"}));
    let script = [(404, ""), (404, ""), (200, "")];
    let (_, fake) = ok(&script, "acl set-agent-token recovery", &["t"]);
    let names = ["agent_recovery", "agent_master", "acl_agent_master_token"];
    assert_eq!(
        fake.lines(),
        names.map(|n| format!("PUT /v1/agent/token/{n}"))
    );
    let refused = fails(
        &[(403, "a"), (403, "b")],
        "acl set-agent-token agent",
        &["t"],
    );
    assert_eq!(
        refused,
        "Failed to set ACL token \"agent\": Unexpected response code: 403 (b)\n"
    );
    for (words, expected) in [
        (
            "acl set-agent-token",
            "Error! Missing TYPE and TOKEN arguments\n",
        ),
        (
            "acl set-agent-token agent",
            "Error! Missing TOKEN argument\n",
        ),
        ("acl set-agent-token dns", "Error! MISSING TYPE argument\n"),
        (
            "acl set-agent-token a b c d",
            "Error! Too many arguments: expected 2 got 4\n",
        ),
        ("acl set-agent-token user x", "Unknown token type\n"),
    ] {
        assert_eq!(fails(&[], words, &[]), expected);
    }
}

#[test]
fn tokens_are_created() {
    let template = ["-templated-policy=builtin/node", "-var=Name:n9"];
    let flags = [
        "-policy-name=readers",
        "-policy-id=2222",
        "-role-id",
        R,
        "-service-identity=web:east",
        "-node-identity=n7:east",
        "-local",
        "-expires-ttl=90s",
        "-description=d",
        "-accessor",
        A,
        "-meta",
        "-stale",
        "-datacenter=west",
    ];
    let policies = json!([{"ID": P, "Name": "x"}, {"ID": B, "Name": "y"}]).to_string();
    let script = [(200, policies.as_str()), (200, &token())];
    let flags: Vec<&str> = flags.into_iter().chain(template).collect();
    let (out, fake) = ok(&script, "acl token create", &flags);
    assert_eq!(out, format!("{TOKEN_HEAD}{TOKEN_META}{TOKEN_LINKS}\n"));
    assert_eq!(
        fake.lines(),
        [
            "GET /v1/acl/policies?dc=west&stale=",
            "PUT /v1/acl/token?dc=west&stale="
        ]
    );
    assert_eq!(fake.asked()[1].token, "key");
    let expected = json!({"CreateIndex": 0, "ModifyIndex": 0, "AccessorID": A, "SecretID": "", "Description": "d",
        "Policies": [{"ID": "", "Name": "readers"}, {"ID": P, "Name": ""}], "Roles": [{"ID": R, "Name": ""}],
        "ServiceIdentities": [{"ServiceName": "web", "Datacenters": ["east"]}],
        "NodeIdentities": [{"NodeName": "n7", "Datacenter": "east"}],
        "TemplatedPolicies": [{"TemplateName": "builtin/node", "TemplateVariables": {"Name": "n9"}}],
        "Local": true, "ExpirationTTL": 90_000_000_000_i64});
    assert_eq!(fake.last(), expected);
    for (flags, expected) in [
        (
            &[][..],
            "Cannot create a token without specifying -policy-name, -policy-id, -role-name, -role-id, -service-identity, -node-identity, -templated-policy, or -templated-policy-file at least once\n",
        ),
        (
            &["-service-identity=a:b:c"],
            "Malformed -service-identity argument: \"a:b:c\"\n",
        ),
        (
            &["-templated-policy=x", "-var=y"],
            "malformed -var argument: \"y\", expecting VariableName:Value\n",
        ),
        (
            &["-templated-policy-file=/no/such"],
            "Failed to read file: open /no/such: no such file or directory\n",
        ),
    ] {
        assert_eq!(fails(&[], "acl token create", flags), expected);
    }
    let two = ["-templated-policy=x", "-templated-policy-file=y"];
    assert!(
        fails(&[], "acl token create", &two)
            .starts_with("Cannot combine the use of templated-policy flag with templated-policy-file. To create a token ")
    );
    assert_eq!(
        fails(&[(200, "[]")], "acl token create", &["-role-id=9"]),
        "Error resolving role ID : No such role ID with prefix: 9\n"
    );
    assert_eq!(
        fails(
            &[(200, &token())],
            "acl token create",
            &["-policy-name=a", "-format=x"]
        ),
        "Unknown format: x\n"
    );
}

#[test]
fn tokens_are_read() {
    let list = format!("[{},{}]", token(), json!({"AccessorID": B}));
    let answers = [(200, list.as_str()), (200, &token())];
    let (out, fake) = ok(&answers, "acl token read -accessor-id 1111", &["-meta"]);
    assert_eq!(out, format!("{TOKEN_HEAD}{TOKEN_META}{TOKEN_LINKS}\n"));
    assert_eq!(
        fake.lines(),
        [
            "GET /v1/acl/tokens".to_owned(),
            format!("GET /v1/acl/token/{A}")
        ]
    );
    let (out, _) = ok(&[(200, &list)], "acl token list", &[]);
    let other = format!(
        "AccessorID:       {B}\nSecretID:         \nDescription:      \nLocal:            false\nCreate Time:      0001-01-01 00:00:00 +0000 UTC\n"
    );
    assert_eq!(out, format!("{TOKEN_HEAD}{TOKEN_LINKS}\n{other}\n"));
    let (out, _) = ok(&[(200, "[]")], "acl token list", &[]);
    assert_eq!(out, "");
    let (out, _) = ok(&[(200, "[]")], "acl token list", &["-format=json"]);
    assert_eq!(out, "[]\n");
    let (out, fake) = ok(&[(200, &token())], "acl token read -self -format=json", &[]);
    assert_eq!(fake.lines(), ["GET /v1/acl/token/self"]);
    assert!(
        out.starts_with(
            "{\n    \"CreateIndex\": 31,\n    \"ModifyIndex\": 47,\n    \"AccessorID\": "
        ),
        "{out}"
    );
    assert!(
        out.contains("    \"Description\": \"web \\u0026 db\",\n    \"Policies\": [\n        {\n            \"ID\": "),
        "{out}"
    );
    assert!(out.contains("\"Name\": \"pay\""), "{out}");
    assert!(out.ends_with("    \"Local\": true,\n    \"AuthMethod\": \"ci\",\n    \"ExpirationTime\": \"2031-02-04T04:05:06Z\",\n    \"CreateTime\": \"2031-02-03T04:05:06.25Z\",\n    \"Hash\": \"AP8=\"\n}\n"), "{out}");
    let (done, fake) = run(&[(200, &token())], "acl token read -id anonymous", &[]);
    assert_eq!(
        fake.lines(),
        ["GET /v1/acl/token/00000000-0000-0000-0000-000000000002"]
    );
    assert_eq!(
        done.err,
        "Use the -accessor-id parameter to specify token by Accessor ID\n"
    );
    for (words, expected) in [
        (
            "acl token read",
            "Must specify the -accessor-id parameter\n",
        ),
        (
            "acl token read -self -expanded",
            "Cannot use both -expanded and -self. Instead, use -expanded and -accessor-id=<accessor id>.\n",
        ),
    ] {
        assert_eq!(fails(&[], words, &[]), expected);
    }
    let twice = format!("[{0},{0}]", token());
    assert_eq!(
        fails(&[(200, &twice)], "acl token read -accessor-id 1", &[]),
        "Error determining token ID: Partial token ID is not unique\n"
    );
    assert_eq!(
        fails(&[(403, "who?")], "acl token read -accessor-id", &[A]),
        format!("Error reading token \"{A}\": Unexpected response code: 403 (who?)\n")
    );
}

#[test]
fn a_token_with_all_it_is_worth() {
    let synthetic = |template: &str, name: &str| {
        json!({"ID": "s", "Name": "s", "Rules": format!("\n{template} \"{name}\" {{\n\tpolicy = \"write\"\n}}"),
            "Description": format!("synthetic policy generated from templated policy: builtin/{template}")})
    };
    let answer = json!({"AccessorID": A, "SecretID": "s", "Description": "", "Local": false, "CreateTime": "2031-02-03T04:05:06Z",
        "Policies": [{"ID": P, "Name": "readers"}], "Roles": [{"ID": R, "Name": "crew"}],
        "ServiceIdentities": [{"ServiceName": "web"}],
        "TemplatedPolicies": [{"TemplateName": "builtin/node", "TemplateVariables": {"name": "n9"}}],
        "ExpandedPolicies": [{"ID": P, "Name": "readers", "Description": "may look", "Rules": "acl = \"read\"\nmesh = \"read\"\n"},
            synthetic("node", "n7"), synthetic("service", "web"), synthetic("node", "n9")],
        "ExpandedRoles": [{"ID": R, "Name": "crew", "Description": "all hands", "NodeIdentities": [{"NodeName": "n7", "Datacenter": "east"}]}],
        "NamespaceDefaultPolicyIDs": null, "NamespaceDefaultRoleIDs": null,
        "AgentACLDefaultPolicy": "deny", "AgentACLDownPolicy": "allow", "ResolvedByAgent": "one", "CreateIndex": 3, "ModifyIndex": 4})
    .to_string();
    let (out, fake) = ok(
        &[(200, &answer)],
        "acl token read -expanded -accessor-id",
        &[A],
    );
    assert_eq!(
        fake.lines(),
        [format!("GET /v1/acl/token/{A}?expanded=true")]
    );
    let expected = format!(
        "AccessorID:       {A}\nSecretID:         s\nDescription:      \nLocal:            false\nCreate Time:      2031-02-03 04:05:06 +0000 UTC\n\
        Policies:\n\tPolicy Name: readers\n\t\tID: {P}\n\t\tDescription: may look\n\t\tRules:\n\t\t\tacl = \"read\"\n\t\t\tmesh = \"read\"\n\n\
        Service Identities:\n\tName: web (Datacenters: all)\n\t\tDescription: synthetic policy generated from templated policy: builtin/service\n\
        \t\tRules:\n\t\t\tservice \"web\" {{\n\t\t\t\tpolicy = \"write\"\n\t\t\t}}\n\n\
        Templated Policies:\n\tbuiltin/node\n\t\tName: n9\n\t\tDatacenters: all\n\t\tDescription: synthetic policy generated from templated policy: builtin/node\n\
        \t\tRules:\n\t\t\tnode \"n9\" {{\n\t\t\t\tpolicy = \"write\"\n\t\t\t}}\n\n\
        Roles:\n\tRole Name: crew\n\t\tID: {R}\n\t\tDescription: all hands\n\
        \t\tNode Identities:\n\t\t\tName: n7 (Datacenter: east)\n\t\t\t\tDescription: synthetic policy generated from templated policy: builtin/node\n\
        \t\t\t\tRules:\n\t\t\t\t\tnode \"n7\" {{\n\t\t\t\t\t\tpolicy = \"write\"\n\t\t\t\t\t}}\n\n\
        === End of Authorizer Layer 0: Token ===\n"
    );
    assert!(out.starts_with(&expected), "{out}");
    assert!(out.contains("\nResolved By Agent: \"one\"\n\nDefault Policy: deny\n\tDescription: "));
    assert!(out.contains("\n\nDown Policy: allow\n\tDescription: "));
    assert!(out.ends_with("down_policy option in agent configuration)\n\n\n"));
    let (out, _) = ok(
        &[(200, &answer)],
        "acl token read -expanded -format=json -accessor-id",
        &[A],
    );
    assert!(out.starts_with("{\n    \"ExpandedPolicies\": [\n"));
    assert!(out.contains("    \"NamespaceDefaultRoleIDs\": null,\n    \"AgentACLDefaultPolicy\": \"deny\",\n    \"AgentACLDownPolicy\": \"allow\",\n    \"ResolvedByAgent\": \"one\",\n    \"CreateIndex\": 3,\n"), "{out}");
}

#[test]
fn tokens_are_cloned_and_deleted() {
    let (_, fake) = ok(
        &[(200, &token())],
        "acl token clone -description=copy -accessor-id",
        &[A],
    );
    assert_eq!(fake.lines(), [format!("PUT /v1/acl/token/{A}/clone")]);
    assert_eq!(fake.last(), json!({"Description": "copy"}));
    let (done, _) = run(&[(403, "no")], "acl token clone -id", &[A]);
    assert_eq!(
        done.err,
        "The -id parameter is deprecated. Use the -accessor-id parameter instead.\nError cloning token: Unexpected response code: 403 (no)\n"
    );
    let (out, fake) = ok(&[(200, "true")], "acl token delete -accessor-id", &[A]);
    assert_eq!(out, format!("Token \"{A}\" deleted successfully\n"));
    assert_eq!(fake.lines(), [format!("DELETE /v1/acl/token/{A}")]);
    for (words, expected) in [
        (
            "acl token clone",
            "Cannot update a token without specifying the -accessor-id parameter\n",
        ),
        (
            "acl token delete",
            "Must specify the -accessor-id parameter\n",
        ),
    ] {
        assert_eq!(fails(&[], words, &[]), expected);
    }
    assert_eq!(
        fails(&[(404, "gone")], "acl token delete -accessor-id", &[A]),
        format!("Error deleting token \"{A}\": Unexpected response code: 404 (gone)\n")
    );
}

/// Runs `acl token update` on the token above; gives what it writes back, and the warnings.
fn updated(flags: &[&str]) -> (serde_json::Value, String) {
    let script = [(200, &*token()), (200, &*token())];
    let (done, fake) = run(
        &script,
        "acl token update -accessor-id",
        &[&[A][..], flags].concat(),
    );
    assert_eq!(done.status, 0, "{}", done.err);
    assert_eq!(fake.lines()[1], format!("PUT /v1/acl/token/{A}"));
    (fake.last(), done.err)
}

#[test]
fn tokens_are_updated() {
    let (sent, _) = updated(&["-description="]);
    let mut expected: serde_json::Value = serde_json::from_str(&token()).expect("JSON");
    let members = expected.as_object_mut().expect("an object");
    members.remove("ServiceIdentities");
    members.remove("NodeIdentities");
    members["TemplatedPolicies"][0]["TemplateVariables"] = json!({"Name": "pay"});
    assert_eq!(sent, expected, "identities are lost, the rest stays");

    let (sent, warned) = updated(&[
        "-description=new",
        "-policy-name=only",
        "-append-role-name=crew",
        "-append-role-name=more",
        "-append-service-identity=db:north",
        "-append-node-identity=n7:east",
        "-append-node-identity=n7:west",
        "-append-templated-policy=builtin/node",
        "-var=name:n9",
    ]);
    assert_eq!(warned, "");
    assert_eq!(sent["Description"], "new");
    assert_eq!(sent["Policies"], json!([{"ID": "", "Name": "only"}]));
    assert_eq!(
        sent["Roles"],
        json!([{"ID": R, "Name": "crew"}, {"ID": "", "Name": "more"}])
    );
    assert_eq!(
        sent["ServiceIdentities"][1],
        json!({"ServiceName": "db", "Datacenters": ["north"]})
    );
    assert_eq!(sent["NodeIdentities"].as_array().map(Vec::len), Some(2));
    assert_eq!(sent["TemplatedPolicies"].as_array().map(Vec::len), Some(3));

    let (sent, warned) = updated(&[
        "-merge-policies",
        "-policy-id",
        B,
        "-merge-roles",
        "-role-id",
        B,
        "-merge-service-identities",
        "-merge-node-identities",
        "-node-identity=n8:west",
        "-replace-templated-policy=builtin/dns",
    ]);
    assert_eq!(
        sent["Policies"],
        json!([{"ID": P, "Name": "readers"}, {"ID": B, "Name": ""}])
    );
    assert_eq!(
        sent["Roles"],
        json!([{"ID": R, "Name": "crew"}, {"ID": "", "Name": B}])
    );
    assert_eq!(sent["ServiceIdentities"].as_array().map(Vec::len), Some(2));
    assert_eq!(sent["NodeIdentities"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        sent["TemplatedPolicies"],
        json!([{"TemplateName": "builtin/dns", "TemplateVariables": {}}])
    );
    assert_eq!(
        warned,
        "merge-policies is deprecated and will be removed in a future Consul version. Use `append-policy-name` or `append-policy-id` instead.\n\
         merge-roles is deprecated and will be removed in a future Consul version. Use `append-role-name` or `append-role-id` instead.\n"
    );

    for (flags, start) in [
        (
            ["-policy-name=a", "-append-policy-id=b"],
            "Cannot combine the use of policy-id/policy-name flags with append- variants. ",
        ),
        (
            ["-role-id=a", "-append-role-id=b"],
            "Cannot combine the use of role-id/role-name flags with append- variants. ",
        ),
        (
            ["-service-identity=a", "-append-service-identity=b"],
            "Cannot combine the use of service-identity flag with append-service-identity. ",
        ),
        (
            ["-node-identity=a:b", "-append-node-identity=b:c"],
            "Cannot combine the use of node-identity flag with append-node-identity. ",
        ),
        (
            [
                "-append-templated-policy=a",
                "-replace-templated-policy-file=b",
            ],
            "Cannot combine the use of -append-templated-policy flags with replace-templated-policy. ",
        ),
    ] {
        let flags = [A, flags[0], flags[1]];
        let text = fails(&[(200, &token())], "acl token update -accessor-id", &flags);
        assert!(text.starts_with(start), "{text}");
    }
    assert_eq!(
        fails(&[(403, "no")], "acl token update -accessor-id", &[A]),
        "Error when retrieving current token: Unexpected response code: 403 (no)\n"
    );
    let script = [(200, &*token()), (500, "no such policy")];
    assert_eq!(
        fails(&script, "acl token update -accessor-id", &[A]),
        format!("Failed to update token {A}: Unexpected response code: 500 (no such policy)\n")
    );
}
