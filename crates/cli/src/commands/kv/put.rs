//! `consul kv put`.

use crate::api;
use crate::command::{CSN, Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use proconsul_client::{Bytes64, Error, KvPair};

pub(crate) const COMMAND: Command = Command {
    path: "kv put",
    synopsis: "Writes a value",
    usage: "[options] KEY [DATA]",
    about: "Writes a value. DATA is taken literally, or from a file (@FILE) or the standard input (-); without DATA the value is empty.

 $ consul kv put config/file @app.json
 $ consul kv put -cas -modify-index=844 config/connections 5",
    groups: CSN,
    flags: &[
        Flag::bool("acquire", "Take the lock of the key; needs -session."),
        Flag::bool("base64", "DATA is base64."),
        Flag::bool("cas", "Write only if the index of the key is still that of -modify-index."),
        Flag::uint("flags", "Number kept with the value.").with_default("0"),
        Flag::uint("modify-index", "Index for -cas; 0 writes only a key that does not exist.").with_default("0"),
        Flag::bool("release", "Give up the lock of the key; needs -session."),
        Flag::string("session", "Session that locks the key."),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    let (key, text) = match call.args.as_slice() {
        [] => return call.fail("Error! Missing KEY argument"),
        [key] => (key.clone(), String::new()),
        [key, text] => (key.clone(), text.clone()),
        more => {
            let got = more.len();
            return call.fail(format!(
                "Error! Too many arguments (expected 1 or 2, got {got})"
            ));
        }
    };
    let mut value = match api::data(call, &text) {
        Ok(value) => value,
        Err(e) => return call.fail(format!("Error! {e}")),
    };
    if call.flags.bool("base64") {
        value = dialect::base64::decode(&value).unwrap_or_else(|fault| {
            // The reference goes on with what it could decode.
            call.err(format!("Error! Cannot base 64 decode data: {fault}"));
            fault.decoded
        });
    }
    let session = call.flags.string("session").to_owned();
    let locking = call.flags.bool("acquire") || call.flags.bool("release");
    if session.is_empty() && locking {
        return call.fail("Error! Missing -session (required with -acquire and -release)");
    }
    let pair = KvPair {
        key,
        value: Bytes64(value),
        flags: call.flags.uint("flags"),
        modify_index: call.flags.uint("modify-index"),
        session,
        ..KvPair::default()
    };
    write(call, &pair)
}

fn write(call: &mut Call<'_>, pair: &KvPair) -> i32 {
    let api = match api::connect(call) {
        Ok(api) => api,
        Err(status) => return status,
    };
    let key = &pair.key;
    if call.flags.bool("cas") {
        return match api.wait(api.client.kv_cas(pair)) {
            Err(e) => call.fail(format!("Error! Did not write to {key}: {e}")),
            Ok(true) => success(call, &format!("Success! Data written to: {key}")),
            Ok(false) if pair.modify_index == 0 => call.fail(format!(
                "Error! Did not write to {key}: CAS performed with index=0 and key already exists."
            )),
            Ok(false) => call.fail(format!("Error! Did not write to {key}: CAS failed")),
        };
    }
    let (asked, done, refused): (Result<bool, Error>, _, _) = if call.flags.bool("acquire") {
        (
            api.wait(api.client.kv_acquire(pair)),
            "Success! Lock acquired on: ",
            "Error! Did not acquire lock",
        )
    } else if call.flags.bool("release") {
        (
            api.wait(api.client.kv_release(pair)),
            "Success! Lock released on: ",
            "Error! Did not release lock",
        )
    } else {
        let written = api.wait(api.client.kv_put_pair(pair));
        (written.map(|_| true), "Success! Data written to: ", "")
    };
    match asked {
        Err(e) => call.fail(format!("Error! Failed writing data: {e}")),
        Ok(true) => success(call, &format!("{done}{key}")),
        Ok(false) => call.fail(refused),
    }
}

fn success(call: &mut Call<'_>, text: &str) -> i32 {
    call.out(text);
    0
}
