//! `consul kv delete`.

use super::without_slash;
use crate::api;
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;

pub(crate) const COMMAND: Command = Command {
    path: "kv delete",
    synopsis: "Deletes a key or a tree of them",
    usage: "[options] KEY_OR_PREFIX",
    about: "Deletes a key; one that does not exist is no error. With -recurse everything that begins with the given text goes, and without one everything.",
    groups: CSN,
    flags: &[
        Flag::bool(
            "cas",
            "Delete only if the index of the key is still that of -modify-index.",
        ),
        Flag::uint("modify-index", "Index for -cas.").with_default("0"),
        Flag::bool("recurse", "Delete all keys under a prefix."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    let key = match call.args.as_slice() {
        [] => String::new(),
        [key] => without_slash(key),
        _ => return api::too_many(call, 1).unwrap_or(1),
    };
    let (cas, recurse) = (call.flags.bool("cas"), call.flags.bool("recurse"));
    let index = call.flags.uint("modify-index");
    if key.is_empty() && !recurse {
        return call.fail("Error! Missing KEY argument");
    }
    if cas && index == 0 {
        return call.fail(
            "Cannot delete a key that does not exist. Provide a -modify-index greater than than 0.",
        );
    }
    if index > 0 && !cas {
        return call.fail("Cannot specify -modify-index without -cas!");
    }
    if cas && recurse {
        return call.fail("Cannot specify both -cas and -recurse!");
    }
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    if recurse {
        return match api.wait(api.client.kv_delete_tree(&key)) {
            Ok(()) => {
                call.out(format!("Success! Deleted keys with prefix: {key}"));
                0
            }
            Err(e) => call.fail(format!("Error! Did not delete prefix {key}: {e}")),
        };
    }
    if cas {
        return match api.wait(api.client.kv_delete_cas(&key, index)) {
            Ok(true) => {
                call.out(format!("Success! Deleted key: {key}"));
                0
            }
            Ok(false) => call.fail(format!("Error! Did not delete key {key}: CAS failed")),
            Err(e) => call.fail(format!("Error! Did not delete key {key}: {e}")),
        };
    }
    match api.wait(api.client.kv_delete(&key)) {
        Ok(()) => {
            call.out(format!("Success! Deleted key: {key}"));
            0
        }
        Err(e) => call.fail(format!("Error deleting key {key}: {e}")),
    }
}
