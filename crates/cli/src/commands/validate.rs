//! `consul validate` (spec: cli.md §24).

use crate::command::{Call, Command, FLAG_ERRORS};
use crate::flag::Flag;
use config::{Flags, ThisHost};

pub(crate) const COMMAND: Command = Command {
    path: "validate",
    synopsis: "Checks configuration files and directories",
    usage: "[options] FILE_OR_DIRECTORY...",
    about: "Reads configuration as an agent would and says whether it would start with it. All files together must make a complete configuration; definitions of services and checks alone do not.

Directories are read file by file in the order of their names; only .json and .hcl files count, and subdirectories are not entered.

The exit status is 0 when an agent would accept the configuration and 1 otherwise. Warnings go to the standard error.",
    groups: &[],
    flags: &[
        Flag::string("config-format", "Format of all files, hcl or json, whatever their names end in."),
        Flag::bool("quiet", "Print nothing when the configuration is valid."),
        Flag::bool("hints", "Name on the standard error what this program would do otherwise: keys without effect, and what it would refuse to start with.").beyond(),
    ],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    if call.args.is_empty() {
        return call.fail("Must specify at least one config file or directory");
    }
    let format = call.flags.string("config-format").to_string();
    if !matches!(format.as_str(), "" | "hcl" | "json") {
        // The closing quote is missing in the reference as well.
        return call.fail("-config-format must be either 'hcl' or 'json");
    }
    let flags = Flags {
        paths: call.args.clone(),
        config_format: Some(format).filter(|f| !f.is_empty()),
        ..Flags::default()
    };
    match config::load(&flags, &ThisHost) {
        Err(e) => call.fail(format!("Config validation failed: {e}")),
        Ok(loaded) => {
            for warning in loaded.warnings {
                call.err(warning);
            }
            if call.flags.bool("hints") {
                for config::Idle { key, reason } in &loaded.idle {
                    call.err(format!("hint: {key} has no effect: {reason}"));
                }
                if let Some(promise) = config::unmet(&loaded.config) {
                    call.err(format!("hint: an agent would not start: {promise}"));
                }
            }
            if !call.flags.bool("quiet") {
                call.out("Configuration is valid!");
            }
            0
        }
    }
}
