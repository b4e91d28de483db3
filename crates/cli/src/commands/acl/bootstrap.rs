//! `consul acl bootstrap` (spec: cli.md §8.1).

use super::{Acl, FORMAT, Outcome, after, file, finish, print, show};
use crate::command::{CS, Call, Command, FLAG_ERRORS};

pub(crate) const COMMAND: Command = Command {
    path: "acl bootstrap",
    synopsis: "Creates the first token",
    usage: "[options]",
    about: "Creates a token that may do everything, for a cluster that has none yet. The secret is a random one, or that of the given file (- reads standard input). This works once.",
    groups: CS,
    flags: &[FORMAT],
    flag_errors: FLAG_ERRORS,
    run: Some(|call| finish(call, run)),
};

fn run(call: &mut Call<'_>) -> Outcome {
    let secret = match call.args.as_slice() {
        [] => None,
        [path] => {
            let path = path.clone();
            let read = file(call, &path).map_err(after("Error reading provided token"))?;
            Some(read.trim().to_owned())
        }
        _ => return Err("This command takes up to one argument".into()),
    };
    let acl = Acl::connect(call)?;
    let token = acl
        .wait(acl.client.acl_bootstrap(secret.as_deref(), &acl.options))
        .map_err(after("Failed ACL bootstrapping"))?;
    print(call, &token, || show::token(&token, false))
}
