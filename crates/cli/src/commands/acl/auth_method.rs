//! `consul acl auth-method …` (spec: cli.md §8.6).

use super::{
    Acl, DESCRIPTION, FORMAT, Failure, META, NO_MERGE, Outcome, after, data, finish, needed, print,
    required, show,
};
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::text;
use dialect::json::Mode;
use proconsul_client::{AclAuthMethod, AclAuthMethodEntry};
use serde_json::{Map, Value};
use std::fmt::Write;

pub(crate) const GROUP: Command = Command::group(
    "acl auth-method",
    "Manages ways to log in",
    "Creates, reads and changes auth methods: places that vouch for who somebody is, so that a login gives a token.

 $ consul acl auth-method create -type jwt -name ci -config @ci.json",
);

const CONFIG: Flag = Flag::string(
    "config",
    "Settings of the type, JSON; @file reads a file, - standard input.",
);
const DISPLAY_NAME: Flag = Flag::string("display-name", "Name for people.");
const KUBERNETES_CA_CERT: Flag = Flag::string(
    "kubernetes-ca-cert",
    "Certificates to trust the Kubernetes API server by, PEM; @file reads a file. Type kubernetes only.",
);
const KUBERNETES_HOST: Flag = Flag::string(
    "kubernetes-host",
    "URL of the Kubernetes API server. Type kubernetes only.",
);
const KUBERNETES_JWT: Flag = Flag::string(
    "kubernetes-service-account-jwt",
    "Token to ask the Kubernetes API server with. Type kubernetes only.",
);
const MAX_TOKEN_TTL: Flag = Flag::duration(
    "max-token-ttl",
    "How long tokens of logins live. Default: for ever.",
);
const TOKEN_LOCALITY: Flag = Flag::string(
    "token-locality",
    "Whether tokens of logins are `local` or global. Default: local.",
);

pub(crate) const CREATE: Command = Command {
    path: "acl auth-method create",
    synopsis: "Creates an auth method",
    usage: "-name NAME -type TYPE [options]",
    about: "Creates an auth method. Settings come from -config or, for the type kubernetes, from flags.",
    groups: CSN,
    flags: &[
        CONFIG,
        DESCRIPTION,
        DISPLAY_NAME,
        FORMAT,
        KUBERNETES_CA_CERT,
        KUBERNETES_HOST,
        KUBERNETES_JWT,
        MAX_TOKEN_TTL,
        META,
        Flag::string("name", "Name of the new auth method."),
        TOKEN_LOCALITY,
        Flag::string("type", "jwt, kubernetes or aws-iam."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, create)),
};

pub(crate) const DELETE: Command = Command {
    path: "acl auth-method delete",
    synopsis: "Removes an auth method",
    usage: "[options]",
    about: "Removes an auth method, its binding rules and the tokens of its logins.",
    groups: CSN,
    flags: &[Flag::string("name", "Name of the auth method.")],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, delete)),
};

pub(crate) const LIST: Command = Command {
    path: "acl auth-method list",
    synopsis: "Lists auth methods",
    usage: "[options]",
    about: "Prints all auth methods, without their settings.",
    groups: CSN,
    flags: &[FORMAT, META],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, list)),
};

pub(crate) const READ: Command = Command {
    path: "acl auth-method read",
    synopsis: "Prints an auth method",
    usage: "[options]",
    about: "Prints one auth method with its settings.",
    groups: CSN,
    flags: &[
        FORMAT,
        META,
        Flag::string("name", "Name of the auth method."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, read)),
};

pub(crate) const UPDATE: Command = Command {
    path: "acl auth-method update",
    synopsis: "Changes an auth method",
    usage: "-name NAME [options]",
    about: "Changes the given parts of an auth method; its type stays.",
    groups: CSN,
    flags: &[
        CONFIG,
        DESCRIPTION,
        DISPLAY_NAME,
        FORMAT,
        KUBERNETES_CA_CERT,
        KUBERNETES_HOST,
        KUBERNETES_JWT,
        MAX_TOKEN_TTL,
        META,
        Flag::string("name", "Name of the auth method."),
        NO_MERGE,
        TOKEN_LOCALITY,
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, update)),
};

/// Type whose settings have flags.
const KUBERNETES: &str = "kubernetes";
/// Those flags, with the member each fills.
const KUBERNETES_FLAGS: [(&str, &str); 3] = [
    ("kubernetes-host", "Host"),
    ("kubernetes-ca-cert", "CACert"),
    ("kubernetes-service-account-jwt", "ServiceAccountJWT"),
];

/// Words of the two commands for what is wrong with settings.
struct Words {
    exclusive: &'static str,
    parse: &'static str,
}

const CREATING: Words = Words {
    exclusive: "Cannot use command line arguments with '-config' flags",
    parse: "Error parsing JSON configuration file",
};
const UPDATING: Words = Words {
    exclusive: "Cannot use command line arguments with '-config' flag",
    parse: "Error parsing JSON for auth method config",
};

type Settings = Map<String, Value>;

/// What `-config` says, if it is given.
fn config_flag(call: &mut Call<'_>, words: &Words) -> Result<Option<Settings>, Failure> {
    let given = call.flags.string("config").to_owned();
    if given.is_empty() {
        return Ok(None);
    }
    let others = KUBERNETES_FLAGS.iter();
    if others
        .clone()
        .any(|(flag, _)| !call.flags.string(flag).is_empty())
    {
        return Err(words.exclusive.into());
    }
    let text = data(call, &given, "Error loading configuration file")?;
    settings(&text).map_err(|e| format!("{}: {e}", words.parse).into())
}

/// A JSON object, or `null`; refusals are worded as by encoding/json.
fn settings(text: &str) -> Result<Option<Settings>, String> {
    use dialect::Any;
    let kind = match dialect::json::unmarshal::<Any>(text.as_bytes(), Mode::Lax) {
        Err(e) => return Err(e.to_string()),
        Ok(Any::Null) => return Ok(None),
        Ok(Any::Map(_)) => return serde_json::from_str(text).map_err(|e| e.to_string()),
        Ok(Any::List(_)) => "array",
        Ok(Any::Bool(_)) => "bool",
        Ok(Any::Str(_) | Any::Bytes(_)) => "string",
        Ok(Any::Int(_) | Any::Uint(_) | Any::Float(_)) => "number",
    };
    Err(format!(
        "json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
    ))
}

/// The settings of type kubernetes that have a flag: all must have one if `all`, and what is given otherwise.
fn kubernetes(call: &mut Call<'_>, all: bool) -> Result<Settings, Failure> {
    let mut settings = Settings::new();
    for (flag, member) in KUBERNETES_FLAGS {
        let value = call.flags.string(flag);
        if !value.is_empty() {
            settings.insert(member.to_owned(), value.into());
        } else if all {
            return Err(format!("Missing required '-{flag}' flag").into());
        }
    }
    if let Some(certificate) = settings.get_mut("CACert") {
        let given = certificate.as_str().unwrap_or_default().to_owned();
        let read = data(call, &given, "Invalid '-kubernetes-ca-cert' value")?;
        if read.is_empty() {
            return Err("Kubernetes CA Cert is empty".into());
        }
        *certificate = read.into();
    }
    Ok(settings)
}

/// The length of `-max-token-ttl` as text; empty when there is none.
fn max_token_ttl(call: &Call<'_>) -> String {
    match call.flags.nanos("max-token-ttl") {
        0 => String::new(),
        nanos => dialect::duration::format(nanos),
    }
}

/// A method of nothing but the flags.
fn from_flags(
    call: &mut Call<'_>,
    name: String,
    kind: String,
    words: &Words,
) -> Result<AclAuthMethod, Failure> {
    let config = match config_flag(call, words)? {
        None if kind == KUBERNETES => Some(kubernetes(call, true)?),
        config => config,
    };
    let text = |flag: &str| call.flags.string(flag).to_owned();
    Ok(AclAuthMethod {
        max_token_ttl: max_token_ttl(call),
        name,
        kind,
        display_name: text("display-name"),
        description: text("description"),
        token_locality: text("token-locality"),
        config,
        ..AclAuthMethod::default()
    })
}

fn create(call: &mut Call<'_>) -> Outcome {
    let kind = needed(call, "type")?;
    let name = needed(call, "name")?;
    let method = from_flags(call, name, kind, &CREATING)?;
    let acl = Acl::connect(call)?;
    let method = acl
        .wait(acl.client.acl_auth_method_create(&method, &acl.options))
        .map_err(after("Failed to create new auth method"))?;
    print_method(call, method)
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let name = required(call, "name", "Must specify the -name parameter")?;
    let acl = Acl::connect(call)?;
    let quoted = text::quote(&name);
    acl.wait(acl.client.acl_auth_method_delete(&name, &acl.options))
        .map_err(after(&format!("Error deleting auth method {quoted}")))?;
    call.out(format!("Auth method {quoted} deleted successfully"));
    Ok(())
}

fn list(call: &mut Call<'_>) -> Outcome {
    let acl = Acl::connect(call)?;
    let methods = acl
        .wait(acl.client.acl_auth_methods(&acl.options))
        .map_err(after("Failed to retrieve the auth method list"))?;
    let meta = call.flags.bool("meta");
    print(call, &methods, || {
        methods.iter().map(|m| entry(m, meta)).collect()
    })
}

fn entry(method: &AclAuthMethodEntry, with_meta: bool) -> String {
    const WIDTH: usize = show::WIDTH;
    let mut out = format!("{}:\n", method.name);
    let _ = writeln!(out, "   {:WIDTH$}{}", "Type:", method.kind);
    if !method.display_name.is_empty() {
        let _ = writeln!(out, "   {:WIDTH$}{}", "DisplayName:", method.display_name);
    }
    let _ = writeln!(out, "   {:WIDTH$}{}", "Description:", method.description);
    if with_meta {
        let indexes = [method.create_index, method.modify_index];
        show::meta(&mut out, "   ", WIDTH, None, indexes);
    }
    out
}

fn read(call: &mut Call<'_>) -> Outcome {
    let name = required(call, "name", "Must specify the -name parameter")?;
    let acl = Acl::connect(call)?;
    let quoted = text::quote(&name);
    let method = acl
        .wait(acl.client.acl_auth_method(&name, &acl.options))
        .map_err(after(&format!("Error reading auth method {quoted}")))?
        .ok_or_else(|| format!("Auth method not found with name {quoted}"))?;
    print_method(call, method)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let missing = "Cannot update an auth method without specifying the -name parameter";
    let name = required(call, "name", missing)?;
    let acl = Acl::connect(call)?;
    let quoted = text::quote(&name);
    let current = acl
        .wait(acl.client.acl_auth_method(&name, &acl.options))
        .map_err(after("Error when retrieving current auth method"))?
        .ok_or_else(|| format!("Auth method not found with name {quoted}"))?;
    let method = if call.flags.bool("no-merge") {
        from_flags(call, current.name, current.kind, &UPDATING)?
    } else {
        merged(call, current)?
    };
    let method = acl
        .wait(acl.client.acl_auth_method_update(&method, &acl.options))
        .map_err(after(&format!("Error updating auth method {quoted}")))?;
    print_method(call, method)
}

/// The method as it is, with what the flags change.
fn merged(call: &mut Call<'_>, mut method: AclAuthMethod) -> Result<AclAuthMethod, Failure> {
    if let Some(config) = config_flag(call, &UPDATING)? {
        method.config = Some(config);
    } else if method.kind == KUBERNETES {
        let changed = kubernetes(call, false)?;
        method.config.get_or_insert_default().extend(changed);
    }
    let text = |flag: &str| call.flags.string(flag).to_owned();
    for (value, place) in [
        (text("display-name"), &mut method.display_name),
        (text("description"), &mut method.description),
        (text("token-locality"), &mut method.token_locality),
        (max_token_ttl(call), &mut method.max_token_ttl),
    ] {
        if !value.is_empty() {
            *place = value;
        }
    }
    Ok(method)
}

/// Members of settings in the order of their names, as Go prints maps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn print_method(call: &mut Call<'_>, mut method: AclAuthMethod) -> Outcome {
    if let Some(config) = method.config.take()
        && let Value::Object(config) = sorted(Value::Object(config))
    {
        method.config = Some(config);
    }
    let meta = call.flags.bool("meta");
    print(call, &method, || shown(&method, meta))
}

fn shown(method: &AclAuthMethod, with_meta: bool) -> String {
    const WIDTH: usize = show::WIDTH + 1;
    let mut out = String::new();
    for (label, value, always) in [
        ("Name:", &method.name, true),
        ("Type:", &method.kind, true),
        ("DisplayName:", &method.display_name, false),
        ("Description:", &method.description, true),
        ("MaxTokenTTL:", &method.max_token_ttl, false),
        ("TokenLocality:", &method.token_locality, false),
    ] {
        if always || !value.is_empty() {
            let _ = writeln!(out, "{label:WIDTH$}{value}");
        }
    }
    if with_meta {
        let indexes = [method.create_index, method.modify_index];
        show::meta(&mut out, "", WIDTH, None, indexes);
    }
    let _ = write!(out, "Config:\n{}", text::json(&method.config, "  "));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_an_object() {
        let read = |text: &str| settings(text);
        assert!(read("{\"a\": [1, {}]} ").expect("an object").is_some());
        assert_eq!(read("null"), Ok(None));
        for (text, expected) in [
            ("", "unexpected end of JSON input"),
            (
                "{x",
                "invalid character 'x' looking for beginning of object key string",
            ),
            (
                "[]",
                "json: cannot unmarshal array into Go value of type map[string]interface {}",
            ),
            (
                "7",
                "json: cannot unmarshal number into Go value of type map[string]interface {}",
            ),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn members_in_order() {
        let value = serde_json::json!({"b": [{"z": 1, "a": 2}], "a": null});
        let text = sorted(value).to_string();
        assert_eq!(text, r#"{"a":null,"b":[{"a":2,"z":1}]}"#);
    }
}
