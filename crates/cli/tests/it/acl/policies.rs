//! Policies, roles, templates.

use super::{B, P, R, fails, ok, run_with};
use serde_json::json;

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
