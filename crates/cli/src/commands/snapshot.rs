//! `consul snapshot …` (spec: cli.md §17).

mod inspect;

pub(crate) use inspect::{DECODE, INSPECT};

use crate::command::{CS, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use crate::{api, archive};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(crate) const GROUP: Command = Command::group(
    "snapshot",
    "Saves, restores and looks into snapshots",
    "Saves the whole replicated state of a datacenter into an archive, restores one, and looks into one.",
);

pub(crate) const SAVE: Command = Command {
    path: "snapshot save",
    synopsis: "Saves a snapshot",
    usage: "[options] FILE",
    about: "Fetches an archive of the replicated state, verifies it and writes it to a file that only its owner can read.",
    groups: CS,
    flags: &[Flag::string(
        "append-filename",
        "Add version, dc or both (comma-separated) to the name of the file.",
    )],
    flag_errors: FLAG_ERRORS,
    run: Some(save),
};

pub(crate) const RESTORE: Command = Command {
    path: "snapshot restore",
    synopsis: "Restores a snapshot",
    usage: "[options] FILE",
    about: "Replaces the replicated state by that of an archive. Meant for disasters and for moving a datacenter.",
    groups: CS,
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(restore),
};

/// The one file argument; a wrong number of arguments is printed.
fn file_argument(call: &mut Call<'_>) -> Result<String, i32> {
    match call.args.as_slice() {
        [] => Err(call.fail("Missing FILE argument")),
        [file] => Ok(file.clone()),
        _ => Err(api::too_many(call, 1).unwrap_or(1)),
    }
}

fn open(call: &mut Call<'_>, file: &str) -> Result<File, i32> {
    File::open(file).map_err(|e| {
        let reason = api::os_text(&e);
        call.fail(format!(
            "Error opening snapshot file: open {file}: {reason}"
        ))
    })
}

fn save(call: &mut Call<'_>) -> i32 {
    let file = match file_argument(call) {
        Ok(file) => file,
        Err(status) => return status,
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let append = call.flags.string("append-filename").to_owned();
    let file = match extended_name(&api, &file, &append) {
        Ok(file) => file,
        Err(e) => return call.fail(e),
    };
    let mut answer = match api.wait(api.client.snapshot_save(&api::options(call))) {
        Ok(answer) => answer,
        Err(e) => return call.fail(format!("Error saving snapshot: {e}")),
    };
    let index = match answer.meta() {
        Ok(meta) => meta.index,
        Err(e) => return call.fail(format!("Error saving snapshot: {e}")),
    };
    let unverified = Unverified(format!(
        "{file}.unverified.tmp{:016x}",
        rand::random::<u64>()
    ));
    let path = &unverified.0;
    let fetched = api.wait(async {
        let mut options = OpenOptions::new();
        let mut out = options
            .write(true)
            // The name is drawn, so nobody can have put a file or link of theirs there.
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|e| format!("open {path}: {}", api::os_text(&e)))?;
        while let Some(chunk) = answer.chunk().await.map_err(|e| e.to_string())? {
            out.write_all(&chunk).map_err(|e| api::os_text(&e))?;
        }
        out.sync_all().map_err(|e| api::os_text(&e))
    });
    if let Err(e) = fetched {
        return call.fail(format!("Error writing unverified snapshot file: {e}"));
    }
    let verified = File::open(path)
        .map_err(|e| api::os_text(&e))
        .and_then(|read| archive::read(read, &mut std::io::sink()).map_err(archive::reason));
    if let Err(e) = verified {
        return call.fail(format!("Error verifying snapshot file: {e}"));
    }
    if let Err(e) = std::fs::rename(path, &file) {
        let (from, to) = (crate::text::quote(path), crate::text::quote(&file));
        return call.fail(format!(
            "Error renaming {from} to {to}: {}",
            api::os_text(&e)
        ));
    }
    call.out(format!("Saved and verified snapshot to index {index}"));
    0
}

/// A file that is removed unless it was renamed.
struct Unverified(String);

impl Drop for Unverified {
    fn drop(&mut self) {
        // After a rename there is nothing under this name.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Adds the leader's version and the datacenter to the base name, before its extension.
fn extended_name(api: &api::Api, file: &str, append: &str) -> Result<String, String> {
    let wanted: Vec<&str> = append.split(',').collect();
    let mut suffix = String::new();
    let this = if append.is_empty() {
        serde_json::Value::Null
    } else {
        api.wait(api.client.agent_self())
            .map_err(|e| format!("Error connecting to Consul agent: {e}"))?
    };
    if wanted.contains(&"version") {
        suffix.push('-');
        suffix.push_str(this["Config"]["Version"].as_str().unwrap_or_default());
    }
    if wanted.contains(&"dc") {
        suffix.push('-');
        suffix.push_str(this["Config"]["Datacenter"].as_str().unwrap_or_default());
    }
    Ok(insert_suffix(file, &suffix))
}

fn insert_suffix(file: &str, suffix: &str) -> String {
    let base = file.rfind('/').map_or(0, |at| at + 1);
    match file[base..].rfind('.') {
        Some(dot) => {
            let (stem, extension) = file.split_at(base + dot);
            format!("{stem}{suffix}{extension}")
        }
        None => format!("{file}{suffix}"),
    }
}

fn restore(call: &mut Call<'_>) -> i32 {
    let path = match file_argument(call) {
        Ok(file) => file,
        Err(status) => return status,
    };
    let file = match open(call, &path) {
        Ok(file) => file,
        Err(status) => return status,
    };
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let sent = api.wait(async {
        let file = tokio::fs::File::from_std(file);
        api.client.snapshot_restore(file).await
    });
    match sent {
        Err(e) => call.fail(format!("Error restoring snapshot: {e}")),
        Ok(()) => {
            call.out("Restored snapshot");
            0
        }
    }
}

/// Whether the file is the state of a snapshot folder rather than an archive.
fn is_state_file(path: &str) -> bool {
    let name = Path::new(path).file_name();
    name.is_some_and(|n| n.eq_ignore_ascii_case("state.bin"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names() {
        for (file, expected) in [
            ("c.snap", "c-dc1.snap"),
            ("a.b/c", "a.b/c-dc1"),
            ("a/c.tar.gz", "a/c.tar-dc1.gz"),
        ] {
            assert_eq!(super::insert_suffix(file, "-dc1"), expected);
        }
    }
}
