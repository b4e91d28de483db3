//! `consul acl …` against a scripted agent: what is asked, what is printed (spec: cli.md §8, http-api.md §22).

use crate::fake::Fake;
use crate::run::{Done, consul_with};
use serde_json::json;

const A: &str = "11111111-aaaa-4aaa-8aaa-000000000001";
const P: &str = "22222222-bbbb-4bbb-8bbb-000000000001";
const R: &str = "33333333-cccc-4ccc-8ccc-000000000001";
const B: &str = "44444444-dddd-4ddd-8ddd-000000000001";

/// Runs a command against an agent with this script.
fn run(script: &[(u16, &str)], words: &str, more: &[&str]) -> (Done, Fake) {
    run_with(script, words, more, "")
}

fn run_with(script: &[(u16, &str)], words: &str, more: &[&str], stdin: &str) -> (Done, Fake) {
    let fake = Fake::new(script);
    let args: Vec<&str> = words.split(' ').chain(more.iter().copied()).collect();
    let env = [
        ("CONSUL_HTTP_ADDR", fake.address.as_str()),
        ("CONSUL_HTTP_TOKEN", "key"),
    ];
    let done = consul_with(&args, &env, stdin);
    assert_eq!(
        fake.asked().len(),
        script.len(),
        "{words}: {}{}",
        done.out,
        done.err
    );
    (done, fake)
}

/// Output of a command that must succeed.
fn ok(script: &[(u16, &str)], words: &str, more: &[&str]) -> (String, Fake) {
    let (done, fake) = run(script, words, more);
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{words}");
    (done.out, fake)
}

/// Error text of a command that must fail with status 1 and no output.
fn fails(script: &[(u16, &str)], words: &str, more: &[&str]) -> String {
    let (done, _) = run(script, words, more);
    assert_eq!((done.status, done.out.as_str()), (1, ""), "{words}");
    done.err
}

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

fn policy() -> String {
    json!({"ID": P, "Name": "readers", "Description": "may look", "Rules": "acl = \"read\"\n", "Datacenters": ["east", "west"],
        "Hash": "AQI=", "CreateIndex": 5, "ModifyIndex": 6})
    .to_string()
}

const POLICY: &str = "ID:           22222222-bbbb-4bbb-8bbb-000000000001\nName:         readers\nDescription:  may look\nDatacenters:  east, west\n";
const POLICY_META: &str = "Hash:         0102\nCreate Index: 5\nModify Index: 6\n";
const POLICY_RULES: &str = "Rules:\nacl = \"read\"\n\n";

#[test]
fn policies() {
    let flags = [
        "-description=d",
        "-valid-datacenter=east",
        "-rules",
        "node_prefix \"\" {}",
    ];
    let (out, fake) = ok(
        &[(200, &policy())],
        "acl policy create -name=readers",
        &flags,
    );
    assert_eq!(out, format!("{POLICY}{POLICY_RULES}"));
    assert_eq!(fake.lines(), ["PUT /v1/acl/policy"]);
    let expected = json!({"ID": "", "Name": "readers", "Description": "d", "Rules": "node_prefix \"\" {}", "Datacenters": ["east"],
        "Hash": null, "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    let missing = fails(&[], "acl policy create", &[]);
    assert!(missing.starts_with(
        "Missing required '-name' flag\nUsage: consul acl policy create -name NAME [options]\n"
    ));

    let stub = json!({"ID": B, "Name": "empty", "Datacenters": null, "Hash": "AQI="});
    let list = format!("[{},{stub}]", policy());
    let (out, _) = ok(&[(200, &list)], "acl policy list -meta", &[]);
    let expected = format!(
        "readers:\n   ID:           {P}\n   Description:  may look\n   Datacenters:  east, west\n   Hash:         0102\n   Create Index: 5\n   Modify Index: 6\n\
        empty:\n   ID:           {B}\n   Description:  \n   Datacenters:  \n   Hash:         0102\n   Create Index: 0\n   Modify Index: 0\n\n"
    );
    assert_eq!(out, expected);

    let (out, fake) = ok(
        &[(200, &policy())],
        "acl policy read -meta -name",
        &["team/a b"],
    );
    assert_eq!(out, format!("{POLICY}{POLICY_META}{POLICY_RULES}"));
    assert_eq!(fake.lines(), ["GET /v1/acl/policy/name/team%252Fa+b"]);
    let (out, fake) = ok(
        &[(200, &policy())],
        "acl policy read -format=json -id=builtin/global-read-only",
        &[],
    );
    assert_eq!(
        fake.lines(),
        ["GET /v1/acl/policy/00000000-0000-0000-0000-000000000002"]
    );
    assert!(
        out.starts_with("{\n    \"ID\": ")
            && out.ends_with("\"CreateIndex\": 5,\n    \"ModifyIndex\": 6\n}\n")
    );
    for (script, words, expected) in [
        (
            &[][..],
            "acl policy read",
            "Must specify either the -id or -name parameters\n",
        ),
        (
            &[(404, "none")],
            "acl policy read -name=x",
            "Error policy not found: x\n",
        ),
        (
            &[(500, "e")],
            "acl policy read -name=x",
            "Error reading policy \"name:x\": Failed to find policy with name x: Unexpected response code: 500 (e)\n",
        ),
        (
            &[(200, "[]")],
            "acl policy read -id=x",
            "Error determining policy ID: No such policy ID with prefix: x\n",
        ),
        (
            &[(404, "none")],
            "acl policy delete -name=x",
            "Error determining policy ID: No such policy with name: x\n",
        ),
        (
            &[(404, "none")],
            "acl policy delete -id=22222222-bbbb-4bbb-8bbb-000000000001",
            "Error deleting policy \"22222222-bbbb-4bbb-8bbb-000000000001\": Unexpected response code: 404 ()\n",
        ),
    ] {
        assert_eq!(fails(script, words, &[]), expected);
    }
    let (out, fake) = ok(
        &[(200, &policy()), (200, "true")],
        "acl policy delete -name=readers",
        &[],
    );
    assert_eq!(out, format!("Policy \"{P}\" deleted successfully\n"));
    assert_eq!(fake.lines()[1], format!("DELETE /v1/acl/policy/{P}"));
}

#[test]
fn policies_are_updated() {
    let answers = [(200, &*policy()), (200, &*policy())];
    let (_, fake) = ok(
        &answers,
        "acl policy update -id",
        &[P, "-name=renamed", "-rules="],
    );
    let mut expected: serde_json::Value = serde_json::from_str(&policy()).expect("JSON");
    expected["Name"] = "renamed".into();
    expected["Rules"] = "".into();
    assert_eq!(fake.last(), expected);
    let (_, fake) = ok(
        &answers,
        "acl policy update -name=readers -no-merge -description=d",
        &[],
    );
    assert_eq!(
        fake.lines(),
        [
            "GET /v1/acl/policy/name/readers".to_owned(),
            format!("PUT /v1/acl/policy/{P}")
        ]
    );
    let expected = json!({"ID": P, "Name": "readers", "Description": "d", "Rules": "", "Datacenters": null, "Hash": null,
        "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    assert_eq!(
        fails(&[], "acl policy update -rules=@/no/such -id", &[P]),
        "Error loading data source: Failed to read file: open /no/such: no such file or directory\n"
    );
}

fn role() -> String {
    json!({"ID": R, "Name": "crew", "Description": "hands", "Policies": [{"ID": P, "Name": "readers"}],
        "ServiceIdentities": [{"ServiceName": "web"}], "NodeIdentities": [{"NodeName": "n7", "Datacenter": "east"}],
        "TemplatedPolicies": [{"TemplateName": "builtin/service", "TemplateVariables": {"name": "pay"}}],
        "Hash": "AQI=", "CreateIndex": 5, "ModifyIndex": 6})
    .to_string()
}

const ROLE: &str =
    "ID:           33333333-cccc-4ccc-8ccc-000000000001\nName:         crew\nDescription:  hands\n";
const ROLE_LINKS: &str = "Policies:\n   22222222-bbbb-4bbb-8bbb-000000000001 - readers\nService Identities:\n   web (Datacenters: all)\n\
    Node Identities:\n   n7 (Datacenter: east)\nTemplated Policies:\n   builtin/service\n      Name: pay\n      Datacenters: all\n\n";

#[test]
fn roles() {
    let flags = ["-policy-name=readers", "-node-identity=n7:east", "-meta"];
    let (out, fake) = ok(&[(200, &role())], "acl role create -name=crew", &flags);
    assert_eq!(out, format!("{ROLE}{POLICY_META}{ROLE_LINKS}"));
    assert_eq!(fake.lines(), ["PUT /v1/acl/role"]);
    let expected = json!({"ID": "", "Name": "crew", "Description": "", "Policies": [{"ID": "", "Name": "readers"}],
        "NodeIdentities": [{"NodeName": "n7", "Datacenter": "east"}], "Hash": null, "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    assert!(
        fails(&[], "acl role create", &[])
            .starts_with("Missing required '-name' flag\nUsage: consul acl role create ")
    );
    assert_eq!(
        fails(&[], "acl role create -name=r", &[]),
        "Cannot create a role without specifying -policy-name, -policy-id, -service-identity, -node-identity, -templated-policy-file or -templated-policy at least once\n"
    );

    let list = format!("[{}]", role());
    let (out, _) = ok(&[(200, &list)], "acl role list", &[]);
    let expected = format!(
        "crew:\n   ID:           {R}\n   Description:  hands\n   Policies:\n      {P} - readers\n   Service Identities:\n      web (Datacenters: all)\n\
        \x20  Node Identities:\n      n7 (Datacenter: east)\n   Templated Policies:\n      builtin/service\n         Name: pay\n         Datacenters: all\n\n"
    );
    assert_eq!(out, expected);

    let (out, fake) = ok(&[(200, &role())], "acl role read -name=crew", &[]);
    assert_eq!(out, format!("{ROLE}{ROLE_LINKS}"));
    assert_eq!(fake.lines(), ["GET /v1/acl/role/name/crew"]);
    let (_, fake) = ok(
        &[(200, &list), (200, "true")],
        "acl role delete -id=33",
        &[],
    );
    assert_eq!(
        fake.lines(),
        [
            "GET /v1/acl/roles".to_owned(),
            format!("DELETE /v1/acl/role/{R}")
        ]
    );
    for (script, words, expected) in [
        (
            &[][..],
            "acl role read",
            "Must specify either the -id or -name parameters\n",
        ),
        (
            &[],
            "acl role delete",
            "Must specify the -id or -name parameters\n",
        ),
        (
            &[],
            "acl role update -name=x",
            "Cannot update a role without specifying the -id parameter\n",
        ),
        (
            &[(404, "")],
            "acl role read -name=x",
            "Role not found with name \"x\"\n",
        ),
        (
            &[(404, "")],
            "acl role read -id=33333333-cccc-4ccc-8ccc-000000000001",
            "Role not found with ID \"33333333-cccc-4ccc-8ccc-000000000001\"\n",
        ),
        (
            &[(404, "")],
            "acl role delete -name=x",
            "Error determining role ID: No such role with name x\n",
        ),
        (
            &[(200, "[]")],
            "acl role update -id=x",
            "Error determining role ID: No such role ID with prefix: x\n",
        ),
    ] {
        assert_eq!(fails(script, words, &[]), expected);
    }
}

#[test]
fn roles_are_updated() {
    let answers = [(200, &*role()), (200, &*role())];
    let flags = [
        R,
        "-policy-name=readers",
        "-policy-name=writers",
        "-service-identity=web:west",
        "-node-identity=n7:west",
        "-description=more",
        "-replace-templated-policy=builtin/dns",
    ];
    let (_, fake) = ok(&answers, "acl role update -id", &flags);
    let sent = fake.last();
    assert_eq!(
        [&sent["Name"], &sent["Description"]],
        [&json!("crew"), &json!("more")]
    );
    assert_eq!(
        sent["Policies"],
        json!([{"ID": P, "Name": "readers"}, {"ID": "", "Name": "writers"}])
    );
    assert_eq!(
        sent["ServiceIdentities"],
        json!([{"ServiceName": "web", "Datacenters": ["west"]}])
    );
    assert_eq!(
        sent["NodeIdentities"],
        json!([{"NodeName": "n7", "Datacenter": "east"}])
    );
    assert_eq!(sent["TemplatedPolicies"].as_array().map(Vec::len), Some(1));
    let (_, fake) = ok(
        &[(200, &role())],
        "acl role update -no-merge -name=new -policy-name=a -id",
        &["abc"],
    );
    assert_eq!(fake.lines(), ["PUT /v1/acl/role/abc"]);
    let expected = json!({"ID": "abc", "Name": "new", "Description": "", "Policies": [{"ID": "", "Name": "a"}], "Hash": null,
        "CreateIndex": 0, "ModifyIndex": 0});
    assert_eq!(fake.last(), expected);
    assert_eq!(
        fails(&[(404, "")], "acl role update -id", &[R]),
        format!("Role not found with ID \"{R}\"\n")
    );
}

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

#[test]
fn templates() {
    let template = |name: &str, schema: &str| json!({"TemplateName": name, "Schema": schema, "Template": "rules", "Description": "what"});
    let list =
        json!({"builtin/node": template("builtin/node", "{}"), "builtin/dns": template("builtin/dns", "")})
            .to_string();
    let (out, _) = ok(&[(200, &list)], "acl templated-policy list", &[]);
    assert_eq!(out, "builtin/dns\nbuiltin/node\n\n");
    let (out, _) = ok(
        &[(200, &list)],
        "acl templated-policy list -format=json",
        &[],
    );
    assert!(out.starts_with("{\n    \"builtin/dns\": {\n        \"TemplateName\": \"builtin/dns\",\n        \"Schema\": \"\",\n        \"Template\": \"rules\",\n"), "{out}");
    let one = template("builtin/node", "{}").to_string();
    let (out, fake) = ok(
        &[(200, &one)],
        "acl templated-policy read -meta -name=builtin/node",
        &[],
    );
    assert_eq!(
        fake.lines(),
        ["GET /v1/acl/templated-policy/name/builtin/node"]
    );
    assert_eq!(
        out,
        "Name:            builtin/node\nDescription:     what\nInput variables:\n\tName: String - Required - The node name.\n\
         Example usage:\n\tconsul acl token create -templated-policy builtin/node -var name:node-1\nSchema:\n{}\nRaw Template:\nrules\n\n"
    );
    let (out, fake) = ok(
        &[(200, &policy())],
        "acl templated-policy preview -name=builtin/node -var=name:n9",
        &[],
    );
    assert_eq!(out, format!("{POLICY}{POLICY_RULES}"));
    assert_eq!(
        fake.lines(),
        ["POST /v1/acl/templated-policy/preview/builtin/node"]
    );
    assert_eq!(fake.last(), json!({"Name": "n9"}));
    let two =
        "TemplatedPolicy \"builtin/node\" { Name = \"a\" }\nTemplatedPolicy \"builtin/dns\" {}";
    let (done, _) = run_with(&[], "acl templated-policy preview -file=-", &[], two);
    assert_eq!(
        done.err,
        "Can only preview a single templated policy at a time.\n"
    );
    for (script, words, expected) in [
        (
            &[][..],
            "acl templated-policy read",
            "Must specify the -name parameter\n",
        ),
        (
            &[],
            "acl templated-policy preview",
            "Cannot preview a templated policy without specifying -name or -file\n",
        ),
        (
            &[(400, "e")],
            "acl templated-policy read -name=x",
            "Error reading templated policy \"x\": Unexpected response code: 400 (e)\n",
        ),
        (
            &[(400, "e")],
            "acl templated-policy preview -name=x",
            "Failed to generate the templated policy preview: Unexpected response code: 400 (e)\n",
        ),
        (
            &[(200, "{}")],
            "acl templated-policy list -format=x",
            "unknown format: \"x\"\n",
        ),
    ] {
        assert_eq!(fails(script, words, &[]), expected);
    }
}
