//! The proof of an AWS identity: a signed request that the server sends on to AWS (spec: acl.md §11.3).

use super::sigv4::{self, Credentials, Message, Scope};
use crate::command::{Call, Environment};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proconsul_client::{Client, Config, Method, Request};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const GET_CALLER: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Region of services that have none, and of the token service's global address.
const GLOBAL_REGION: &str = "us-east-1";
const GLOBAL_STS: &str = "https://sts.amazonaws.com";
const IAM: &str = "https://iam.amazonaws.com";
const SERVER_ID: &str = "X-Consul-IAM-ServerID";

/// Checks the flags against each other before anything is asked.
pub(super) fn check_flags(call: &Call<'_>) -> Result<(), String> {
    let given = |name: &str| !call.flags.string(name).is_empty();
    if call.flags.bool("aws-auto-bearer-token") {
        if given("bearer-token-file") {
            return Err(
                "Cannot use '-bearer-token-file' flag with '-aws-auto-bearer-token'".to_owned(),
            );
        }
    } else {
        let others = [
            "aws-sts-endpoint",
            "aws-region",
            "aws-server-id-header-value",
            "aws-access-key-id",
            "aws-secret-access-key",
            "aws-session-token",
        ];
        if call.flags.bool("aws-include-entity") || others.into_iter().any(given) {
            return Err("Missing '-aws-auto-bearer-token' flag".to_owned());
        }
    }
    match (given("aws-access-key-id"), given("aws-secret-access-key")) {
        (true, false) => Err("Missing '-aws-secret-access-key' flag".to_owned()),
        (false, true) => Err("Missing '-aws-access-key-id' flag".to_owned()),
        _ => Ok(()),
    }
}

/// A request that is signed and ready to be sent by anybody.
struct Signed {
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Who signs, and when.
struct Signer {
    credentials: Credentials,
    /// `20150830T123600Z`.
    time: String,
}

impl Signer {
    fn sign(
        &self,
        url: &str,
        region: &str,
        service: &str,
        body: &str,
        more: &[(&str, String)],
    ) -> Signed {
        let url = format!("{}/", url.trim_end_matches('/'));
        let (_, rest) = url.split_once("://").unwrap_or(("", &url));
        let at = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(at);
        let mut headers: Vec<(String, String)> = [
            ("Content-Type", FORM.to_owned()),
            ("Content-Length", body.len().to_string()),
            ("X-Amz-Date", self.time.clone()),
        ]
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
        let session = &self.credentials.session_token;
        if !session.is_empty() {
            headers.push(("X-Amz-Security-Token".to_owned(), session.clone()));
        }
        headers.push(("Host".to_owned(), host.to_owned()));
        let scope = Scope {
            region,
            service,
            time: &self.time,
        };
        let message = Message {
            method: "POST",
            path,
            headers: &headers,
            body,
        };
        let authorization = sigv4::authorization(&message, &self.credentials, &scope);
        // Whoever sends the request takes the host from the URL.
        headers.retain(|(name, _)| name != "Host");
        headers.push(("Authorization".to_owned(), authorization));
        Signed {
            url,
            headers,
            body: body.to_owned(),
        }
    }
}

impl Signed {
    /// Headers as the server reads them: an object of lists.
    fn headers_json(&self) -> String {
        let lists: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), json!([value])))
            .collect();
        Value::Object(lists).to_string()
    }

    /// The whole request as a proof.
    fn bearer(&self) -> String {
        json!({
            "iam_http_request_method": "POST",
            "iam_request_url": STANDARD.encode(&self.url),
            "iam_request_body": STANDARD.encode(&self.body),
            "iam_request_headers": STANDARD.encode(self.headers_json()),
        })
        .to_string()
    }
}

/// The proof for this moment.
pub(super) fn bearer_token(call: &Call<'_>) -> Result<String, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
    let signer = Signer {
        credentials: credentials(call)?,
        time: timestamp(seconds),
    };
    let flag = |name: &str| call.flags.string(name).to_owned();
    let region = [flag("aws-region")]
        .into_iter()
        .chain(["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| variable(call.env, name)))
        .find(|region| !region.is_empty());
    let endpoint = match (flag("aws-sts-endpoint"), &region) {
        (given, _) if !given.is_empty() => given,
        (_, Some(region)) => format!("https://sts.{region}.amazonaws.com"),
        (_, None) => GLOBAL_STS.to_owned(),
    };
    let region = region.unwrap_or_else(|| GLOBAL_REGION.to_owned());
    let server_id = flag("aws-server-id-header-value");
    let mut headers = Vec::new();
    if !server_id.is_empty() {
        headers.push((SERVER_ID, server_id));
    }
    if call.flags.bool("aws-include-entity") {
        let caller = signer.sign(&endpoint, &region, "sts", GET_CALLER, &[]);
        let arn = caller_arn(&send(&caller)?)?;
        let entity = signer.sign(IAM, GLOBAL_REGION, "iam", &entity_query(&arn)?, &headers);
        headers.extend(entity_headers(&entity));
    }
    let request = signer.sign(&endpoint, &region, "sts", GET_CALLER, &headers);
    Ok(request.bearer())
}

/// `20150830T123600Z`.
fn timestamp(seconds: i64) -> String {
    let (year, month, day, hour, minute, second) = pki::civil(seconds);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn variable(env: &Environment, name: &str) -> String {
    env.get(name).unwrap_or_default().to_owned()
}

/// Credentials of the flags, of the environment, or of the file that AWS's own tools keep.
fn credentials(call: &Call<'_>) -> Result<Credentials, String> {
    let flag = |name: &str| call.flags.string(name).to_owned();
    let given = Credentials {
        access_key: flag("aws-access-key-id"),
        secret_key: flag("aws-secret-access-key"),
        session_token: flag("aws-session-token"),
    };
    if !given.access_key.is_empty() {
        return Ok(given);
    }
    let env = |name: &str| variable(call.env, name);
    let from_env = Credentials {
        access_key: env("AWS_ACCESS_KEY_ID"),
        secret_key: env("AWS_SECRET_ACCESS_KEY"),
        session_token: env("AWS_SESSION_TOKEN"),
    };
    if !from_env.access_key.is_empty() && !from_env.secret_key.is_empty() {
        return Ok(from_env);
    }
    let file = match call.env.get("AWS_SHARED_CREDENTIALS_FILE") {
        Some(file) => Some(PathBuf::from(file)),
        None => call
            .env
            .get("HOME")
            .map(|home| Path::new(home).join(".aws/credentials")),
    };
    let profile = call.env.get("AWS_PROFILE").unwrap_or("default");
    file.and_then(|file| std::fs::read_to_string(file).ok())
        .and_then(|text| credentials_of(&text, profile))
        .ok_or_else(|| "no AWS credentials in flags, environment or credentials file".to_owned())
}

/// A profile of a credentials file: `[name]`, then lines `key = value`.
fn credentials_of(text: &str, profile: &str) -> Option<Credentials> {
    let mut found = Credentials::default();
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            within = name.trim() == profile;
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| within) else {
            continue;
        };
        let place = match key.trim() {
            "aws_access_key_id" => &mut found.access_key,
            "aws_secret_access_key" => &mut found.secret_key,
            "aws_session_token" => &mut found.session_token,
            _ => continue,
        };
        value.trim().clone_into(place);
    }
    let whole = !found.access_key.is_empty() && !found.secret_key.is_empty();
    whole.then_some(found)
}

/// Sends a signed request and gives back the answer's body.
fn send(request: &Signed) -> Result<String, String> {
    let config = Config {
        address: request.url.clone(),
        ..Config::default()
    };
    let client = Client::new(&config).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let mut message = Request::new(Method::POST, "/").body(FORM, request.body.clone());
    for (name, value) in &request.headers {
        // These two follow from the body.
        if name != "Content-Type" && name != "Content-Length" {
            message = message.header(name, value);
        }
    }
    runtime
        .block_on(async { client.call(message).await?.bytes().await })
        .map(|body| String::from_utf8_lossy(&body).into_owned())
        .map_err(|e| e.to_string())
}

/// The ARN in the token service's answer.
fn caller_arn(answer: &str) -> Result<String, String> {
    answer
        .split_once("<Arn>")
        .and_then(|(_, rest)| rest.split_once("</Arn>"))
        .map(|(arn, _)| arn.trim().to_owned())
        .ok_or_else(|| "no ARN in the answer of the token service".to_owned())
}

/// The request for the role or user behind an ARN: `…:assumed-role/NAME/SESSION`, `…:role/PATH/NAME`, `…:user/PATH/NAME`.
fn entity_query(arn: &str) -> Result<String, String> {
    let resource = arn.rsplit(':').next().unwrap_or_default();
    let parts: Vec<&str> = resource.split('/').collect();
    let (action, parameter, name) = match parts.as_slice() {
        ["assumed-role", name, _] => ("GetRole", "RoleName", name),
        ["role", .., name] => ("GetRole", "RoleName", name),
        ["user", .., name] => ("GetUser", "UserName", name),
        _ => return Err(format!("unsupported entity of ARN {arn}")),
    };
    // Names of roles and users hold letters, digits and these signs (AWS: "IAM and AWS STS quotas").
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let mut encoded = String::new();
    for c in name.chars() {
        match c {
            c if plain(c) => encoded.push(c),
            '+' | '=' | ',' | '@' => encoded.push_str(&format!("%{:02X}", u32::from(c))),
            _ => return Err(format!("unsupported entity of ARN {arn}")),
        }
    }
    Ok(format!(
        "Action={action}&{parameter}={encoded}&Version=2010-05-08"
    ))
}

/// The second request, as it travels in headers of the first.
fn entity_headers(entity: &Signed) -> [(&'static str, String); 4] {
    [
        ("X-Consul-IAM-GetEntity-Method", "POST".to_owned()),
        ("X-Consul-IAM-GetEntity-URL", STANDARD.encode(&entity.url)),
        (
            "X-Consul-IAM-GetEntity-Headers",
            STANDARD.encode(entity.headers_json()),
        ),
        ("X-Consul-IAM-GetEntity-Body", STANDARD.encode(&entity.body)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(session_token: &str) -> Signer {
        Signer {
            credentials: Credentials {
                access_key: "AKIDEXAMPLE".into(),
                secret_key: "secret".into(),
                session_token: session_token.into(),
            },
            time: timestamp(1_440_938_160),
        }
    }

    #[test]
    fn a_proof_is_a_request_for_the_token_service() {
        let more = [(SERVER_ID, "us".to_owned())];
        let proof = signer("t")
            .sign(
                "https://sts.eu-west-1.amazonaws.com",
                "eu-west-1",
                "sts",
                GET_CALLER,
                &more,
            )
            .bearer();
        let proof: Value = serde_json::from_str(&proof).expect("JSON");
        let part = |name: &str| {
            let text = proof[name].as_str().expect("a text");
            String::from_utf8(STANDARD.decode(text).expect("base64")).expect("text")
        };
        assert_eq!(proof["iam_http_request_method"], "POST");
        assert_eq!(
            part("iam_request_url"),
            "https://sts.eu-west-1.amazonaws.com/"
        );
        assert_eq!(part("iam_request_body"), GET_CALLER);
        let headers: Value = serde_json::from_str(&part("iam_request_headers")).expect("JSON");
        assert_eq!(headers["X-Amz-Date"], json!(["20150830T123600Z"]));
        assert_eq!(headers["X-Amz-Security-Token"], json!(["t"]));
        assert_eq!(headers[SERVER_ID], json!(["us"]));
        let authorization = headers["Authorization"][0].as_str().expect("a text");
        assert!(authorization.contains("/20150830/eu-west-1/sts/aws4_request, SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-token;x-consul-iam-serverid, "), "{authorization}");
    }

    #[test]
    fn entities() {
        let query = |arn: &str| entity_query(arn).ok();
        let role = Some("Action=GetRole&RoleName=ci&Version=2010-05-08".to_owned());
        assert_eq!(query("arn:aws:sts::1:assumed-role/ci/session"), role);
        assert_eq!(query("arn:aws:iam::1:role/a/b/ci"), role);
        let user = Some("Action=GetUser&UserName=jo%40x&Version=2010-05-08".to_owned());
        assert_eq!(query("arn:aws:iam::1:user/jo@x"), user);
        for odd in ["arn:aws:iam::1:root", "", "arn:aws:iam::1:user/a&b"] {
            assert_eq!(query(odd), None, "{odd}");
        }
        let answer = "<R><Arn>arn:aws:iam::1:user/jo</Arn><UserId>x</UserId></R>";
        assert_eq!(caller_arn(answer).as_deref(), Ok("arn:aws:iam::1:user/jo"));
        assert!(caller_arn("<R/>").is_err());
    }

    #[test]
    fn profiles() {
        let file = "[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[other]\naws_access_key_id=C\naws_session_token=T\naws_secret_access_key = D=\n[half]\naws_access_key_id=E\n";
        let found = credentials_of(file, "other").expect("there");
        assert_eq!(
            [&found.access_key, &found.secret_key, &found.session_token],
            ["C", "D=", "T"]
        );
        assert_eq!(
            credentials_of(file, "default").expect("there").access_key,
            "A"
        );
        assert_eq!(credentials_of(file, "half"), None);
        assert_eq!(credentials_of(file, "none"), None);
    }
}
