//! `consul login`, `consul logout` (spec: cli.md §21).

mod aws;
mod sigv4;

use super::acl::{Acl, Failure, Outcome, after, finish};
use crate::api::os_text;
use crate::command::{CS, CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use proconsul_client::{AclLogin, QueryOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(crate) const LOGIN: Command = Command {
    path: "login",
    synopsis: "Trades a proof of identity for a token",
    usage: "[options]",
    about: "Shows an auth method the proof of who is asking, such as a JWT, and writes the secret of the token it gives to a file that only its owner can read.

 $ consul login -method ci -bearer-token-file jwt -token-sink-file token",
    groups: CSN,
    flags: &[
        Flag::string("aws-access-key-id", "Access key of the AWS credentials. Environment: AWS_ACCESS_KEY_ID."),
        Flag::bool("aws-auto-bearer-token", "Make the proof from AWS credentials, for auth methods of type aws-iam."),
        Flag::bool("aws-include-entity", "Let the auth method read the IAM role or user as well; it must be set up for that."),
        Flag::string("aws-region", "AWS region whose token service is asked. Environment: AWS_REGION."),
        Flag::string("aws-secret-access-key", "Secret of the AWS credentials. Environment: AWS_SECRET_ACCESS_KEY."),
        Flag::string("aws-server-id-header-value", "Value that the auth method expects, so that the proof is good for it only."),
        Flag::string("aws-session-token", "Session token of temporary AWS credentials. Environment: AWS_SESSION_TOKEN."),
        Flag::string("aws-sts-endpoint", "URL of the AWS token service."),
        Flag::string("bearer-token-file", "File that holds the proof."),
        Flag::map("meta", "A fact for the description of the token: NAME=VALUE. May be given many times."),
        Flag::string("method", "Name of the auth method."),
        Flag::string("token-sink-file", "File to write the secret to; an older one is replaced."),
        Flag::string("type", "Type of the auth method; not needed."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, login)),
};

pub(crate) const LOGOUT: Command = Command {
    path: "logout",
    synopsis: "Removes the token of a login",
    usage: "[options]",
    about: "Removes the token that the request shows. It must come from a login.

 $ consul logout -token-file token",
    groups: CS,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, logout)),
};

/// Mode of the file with the secret.
const SINK_MODE: u32 = 0o600;
/// Mode of folders made for it.
const FOLDER_MODE: u32 = 0o755;

fn no_arguments(call: &Call<'_>) -> Outcome {
    if call.args.is_empty() {
        return Ok(());
    }
    Err("Should have no non-flag arguments.".into())
}

fn login(call: &mut Call<'_>) -> Outcome {
    no_arguments(call)?;
    let text = |flag: &str| call.flags.string(flag).to_owned();
    let [method, sink, bearer_file] = ["method", "token-sink-file", "bearer-token-file"].map(text);
    for (flag, value) in [("method", &method), ("token-sink-file", &sink)] {
        if value.is_empty() {
            return Err(format!("Missing required '-{flag}' flag").into());
        }
    }
    aws::check_flags(call)?;
    let bearer_token = if call.flags.bool("aws-auto-bearer-token") {
        aws::bearer_token(call).map_err(after("Error with aws-iam auth method"))?
    } else {
        bearer(&bearer_file)?
    };
    let acl = Acl::connect(call)?;
    let options = QueryOptions {
        // A login shows no token, whatever flags and environment say.
        token: Some(String::new()),
        ..acl.options.clone()
    };
    let login = AclLogin {
        auth_method: method,
        bearer_token,
        meta: call.flags.map("meta").clone(),
    };
    let token = acl
        .wait(acl.client.acl_login(&login, &options))
        .map_err(after("Error logging in"))?;
    write_sink(Path::new(&sink), token.secret_id.as_bytes())
        .map_err(after("Error writing token to file sink"))
}

/// The proof in a file, without the white space around it.
fn bearer(file: &str) -> Result<String, Failure> {
    if file.is_empty() {
        return Err("Missing required '-bearer-token-file' flag".into());
    }
    let read = std::fs::read(file).map_err(|e| format!("open {file}: {}", os_text(&e)))?;
    match String::from_utf8_lossy(&read).trim() {
        "" => Err(format!("No bearer token found in {file}").into()),
        token => Ok(token.to_owned()),
    }
}

/// Writes beside the file and renames, so that readers see the old secret or the new one.
fn write_sink(path: &Path, secret: &[u8]) -> Result<(), String> {
    let text = |place: &Path, e: io::Error| format!("open {}: {}", place.display(), os_text(&e));
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|e| format!("mkdir {}: {}", folder.display(), os_text(&e)))?;
    let draft = draft_name(path)?;
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(SINK_MODE)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(secret)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|e| {
        let _ = std::fs::remove_file(&draft);
        text(path, e)
    })
}

/// A name in the same folder that nobody else has.
fn draft_name(path: &Path) -> Result<PathBuf, String> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|e| e.to_string())?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", u64::from_be_bytes(random)));
    Ok(path.with_file_name(name))
}

fn logout(call: &mut Call<'_>) -> Outcome {
    no_arguments(call)?;
    let acl = Acl::connect(call)?;
    acl.wait(acl.client.acl_logout(&acl.options))
        .map_err(after("Error destroying token"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_sink_is_private_and_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let sink = folder.path().join("deep/er/sink");
        for secret in ["first and longer", "second"] {
            write_sink(&sink, secret.as_bytes()).expect("writes");
            assert_eq!(std::fs::read_to_string(&sink).expect("reads"), secret);
        }
        let mode = std::fs::metadata(&sink)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, SINK_MODE);
        let entries = std::fs::read_dir(sink.parent().expect("a folder")).expect("reads");
        assert_eq!(entries.count(), 1);
        let error = write_sink(&sink.join("x"), b"").expect_err("a file is no folder");
        assert!(error.starts_with("mkdir "), "{error}");
    }

    #[test]
    fn proofs_are_trimmed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("proof");
        let name = path.to_str().expect("text");
        std::fs::write(&path, " a.b.c\n").expect("writes");
        assert_eq!(bearer(name).expect("a proof"), "a.b.c");
        std::fs::write(&path, "\n").expect("writes");
        let expected = format!("No bearer token found in {name}");
        assert!(matches!(bearer(name), Err(Failure::Text(text)) if text == expected));
    }
}
