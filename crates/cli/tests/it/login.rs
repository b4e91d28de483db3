//! `consul login`, `consul logout` against a scripted agent (spec: cli.md §21).

use crate::fake::Fake;
use crate::run::{Done, consul_with};
use serde_json::json;

fn run(fake: &Fake, args: &[&str]) -> Done {
    let env = [
        ("CONSUL_HTTP_ADDR", fake.address.as_str()),
        ("CONSUL_HTTP_TOKEN", "key"),
    ];
    consul_with(args, &env, "")
}

#[test]
fn a_login_writes_the_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (proof, sink) = (path("proof"), path("sub/sink"));
    std::fs::write(&proof, "a.b.c\n").expect("writes");
    let fake = Fake::new(&[(200, "{\"SecretID\": \"s3cret\"}")]);
    let flags = [
        "login",
        "-method=ci",
        "-token-sink-file",
        &sink,
        "-bearer-token-file",
        &proof,
        "-meta=k=v",
        "-token=unused",
    ];
    let done = run(&fake, &flags);
    assert_eq!(
        (done.status, done.out, done.err),
        (0, String::new(), String::new())
    );
    assert_eq!(std::fs::read_to_string(&sink).expect("reads"), "s3cret");
    let asked = &fake.asked()[0];
    assert_eq!(
        (asked.line.as_str(), asked.token.as_str()),
        ("POST /v1/acl/login", "")
    );
    let expected = json!({"AuthMethod": "ci", "BearerToken": "a.b.c", "Meta": {"k": "v"}});
    assert_eq!(fake.last(), expected);
}

#[test]
fn a_login_from_aws_credentials() {
    let folder = tempfile::tempdir().expect("a folder");
    let sink = folder.path().join("sink");
    let sink = sink.to_str().expect("text");
    let fake = Fake::new(&[(403, "no")]);
    let flags = [
        "login",
        "-method=aws",
        "-token-sink-file",
        sink,
        "-aws-auto-bearer-token",
        "-aws-access-key-id=A",
        "-aws-secret-access-key=B",
        "-aws-region=eu-west-1",
    ];
    let done = run(&fake, &flags);
    assert_eq!(
        done.err,
        "Error logging in: Unexpected response code: 403 (no)\n"
    );
    let proof = fake.last()["BearerToken"]
        .as_str()
        .expect("text")
        .to_owned();
    let proof: serde_json::Value = serde_json::from_str(&proof).expect("JSON");
    assert_eq!(proof["iam_http_request_method"], "POST");
}

#[test]
fn what_is_missing() {
    let fake = Fake::new(&[]);
    for (args, expected) in [
        ("login x", "Should have no non-flag arguments."),
        ("login", "Missing required '-method' flag"),
        (
            "login -method=m",
            "Missing required '-token-sink-file' flag",
        ),
        (
            "login -method=m -token-sink-file=s",
            "Missing required '-bearer-token-file' flag",
        ),
        (
            "login -method=m -token-sink-file=s -bearer-token-file=/no/such",
            "open /no/such: no such file or directory",
        ),
        (
            "login -method=m -token-sink-file=s -bearer-token-file=b -aws-auto-bearer-token",
            "Cannot use '-bearer-token-file' flag with '-aws-auto-bearer-token'",
        ),
        (
            "login -method=m -token-sink-file=s -aws-include-entity",
            "Missing '-aws-auto-bearer-token' flag",
        ),
        (
            "login -method=m -token-sink-file=s -aws-auto-bearer-token -aws-access-key-id=a",
            "Missing '-aws-secret-access-key' flag",
        ),
        (
            "login -method=m -token-sink-file=s -aws-auto-bearer-token -aws-secret-access-key=a",
            "Missing '-aws-access-key-id' flag",
        ),
        (
            "login -method=m -token-sink-file=s -aws-auto-bearer-token",
            "Error with aws-iam auth method: no AWS credentials in flags, environment or credentials file",
        ),
        ("logout x", "Should have no non-flag arguments."),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        let done = run(&fake, &args);
        assert_eq!(
            (done.status, done.out.as_str(), done.err),
            (1, "", format!("{expected}\n")),
            "{args:?}"
        );
    }
}

#[test]
fn logout() {
    let fake = Fake::new(&[(200, "true"), (403, "ACL not found")]);
    let done = run(&fake, &["logout"]);
    assert_eq!(
        (done.status, done.out, done.err),
        (0, String::new(), String::new())
    );
    assert_eq!(fake.asked()[0].token, "key");
    let done = run(&fake, &["logout", "-token=other"]);
    assert_eq!(
        (done.status, done.err.as_str()),
        (
            1,
            "Error destroying token: Unexpected response code: 403 (ACL not found)\n"
        )
    );
    assert_eq!(fake.asked()[1].token, "other");
}
