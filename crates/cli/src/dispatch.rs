//! From arguments to a command and its exit status (spec: cli.md §1).

use crate::command::{Call, Command, Environment, Io, Process};
use crate::commands::TABLE;
use crate::flag::FlagError;
use crate::{flag, help, suggest};
use std::io::Write;

/// Exit status for a missing or unknown first word.
const EXIT_UNKNOWN: i32 = 127;

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Request<'a> {
    Version,
    TopHelp,
    /// No such first word, or none.
    Unknown,
    Command {
        path: &'static str,
        args: &'a [String],
        help: bool,
        /// Flags stood before the command word.
        misplaced: bool,
    },
}

fn is_help(arg: &str) -> bool {
    matches!(arg, "-h" | "-help" | "--help")
}

fn is_version(arg: &str) -> bool {
    matches!(arg, "-v" | "-version" | "--version")
}

/// The longest command whose words `args` begins with; words end at the first flag.
fn longest(args: &[String]) -> Option<(&'static Command, usize)> {
    let words = args
        .iter()
        .take_while(|a| !a.is_empty() && !a.starts_with('-') && !a.contains(' '));
    let mut path = String::new();
    let mut found = None;
    for (i, word) in words.enumerate() {
        if i > 0 {
            path.push(' ');
        }
        path.push_str(word);
        match TABLE.find(&path) {
            Some(c) => found = Some((c, i + 1)),
            None => break,
        }
    }
    found
}

fn request(args: &[String]) -> Request<'_> {
    let end = args.iter().position(|a| a == "--").unwrap_or(args.len());
    let head = args.get(..end).unwrap_or(args);
    let help = head.iter().any(|a| is_help(a));
    let first = head
        .iter()
        .position(|a| !a.is_empty() && !a.starts_with('-'));
    let before = head.iter().take(first.unwrap_or(usize::MAX));
    if before.clone().any(|a| is_version(a)) {
        return Request::Version;
    }
    let misplaced = before.clone().any(|a| a.starts_with('-') && !is_help(a));
    let Some(first) = first else {
        return if help {
            Request::TopHelp
        } else {
            Request::Unknown
        };
    };
    let rest = args.get(first..).unwrap_or_default();
    match longest(rest) {
        Some((command, words)) => Request::Command {
            path: command.path,
            args: rest.get(words..).unwrap_or_default(),
            help,
            misplaced,
        },
        None => Request::Unknown,
    }
}

/// Runs the command that `args` (without the name of the binary) ask for; returns the exit status.
pub fn run<'a>(args: &[String], env: &'a Environment, io: Io<'a>, process: &'a Process<'a>) -> i32 {
    // A shell that completes a line calls the program itself (`complete -C consul consul`).
    if let Some(line) = env.get("COMP_LINE") {
        let point = env.get("COMP_POINT").and_then(|text| text.parse().ok());
        for word in crate::commands::completion::candidates(&TABLE, line, point) {
            let _ = writeln!(io.stdout, "{word}");
        }
        return 0;
    }
    let (path, rest, asked_help, misplaced) = match request(args) {
        Request::Version => ("version", &[][..], false, false),
        Request::TopHelp => {
            let _ = io.stdout.write_all(help::top(&TABLE).as_bytes());
            return 0;
        }
        Request::Unknown => {
            let _ = io.stderr.write_all(help::top(&TABLE).as_bytes());
            let first = args.iter().find(|arg| !arg.starts_with('-'));
            suggest_command(first, "", io.stderr);
            return EXIT_UNKNOWN;
        }
        Request::Command {
            path,
            args,
            help,
            misplaced,
        } => (path, args, help, misplaced),
    };
    let Some(command) = TABLE.find(path) else {
        let _ = writeln!(io.stderr, "Error executing CLI: no command {path}");
        return 1;
    };
    if asked_help {
        let _ = io
            .stdout
            .write_all(help::of_command(&TABLE, command).as_bytes());
        return 0;
    }
    if misplaced {
        let _ = io.stderr.write_all(
            b"Invalid flags before the subcommand. If these flags are for\nthe subcommand, please put them after the subcommand.\n\n",
        );
        let _ = io
            .stderr
            .write_all(help::of_command(&TABLE, command).as_bytes());
        return 1;
    }
    execute(command, rest, env, io, process)
}

/// Names the command under `parent` that may have been meant, on the last line.
fn suggest_command(word: Option<&String>, parent: &str, stderr: &mut dyn Write) {
    let children = TABLE.children(parent).map(Command::name);
    let near = word.and_then(|word| suggest::line(word, "", children));
    near.map(|line| writeln!(stderr, "{line}"));
}

fn execute<'a>(
    command: &'static Command,
    args: &[String],
    env: &'a Environment,
    io: Io<'a>,
    process: &'a Process<'a>,
) -> i32 {
    let Some(work) = command.run else {
        let _ = io
            .stderr
            .write_all(help::of_command(&TABLE, command).as_bytes());
        suggest_command(args.first(), command.path, io.stderr);
        return 1;
    };
    let (flags, args) = match flag::parse(&command.all_flags(), args) {
        Ok(parsed) => parsed,
        Err(e) => {
            let _ = write!(io.stderr, "{e}\n{}", help::usage_after_error(command));
            if !command.flag_errors.again.is_empty() {
                let _ = writeln!(io.stderr, "{}{e}", command.flag_errors.again);
            }
            if let FlagError::Unknown(name) = &e {
                let flags = command.listed_flags();
                let near = suggest::line(name, "-", flags.iter().map(|flag| flag.name));
                near.map(|line| writeln!(io.stderr, "{line}"));
            }
            return command.flag_errors.exit;
        }
    };
    let mut call = Call {
        table: &TABLE,
        command,
        flags,
        args,
        env,
        io,
        process,
    };
    let status = work(&mut call);
    let _ = call.io.stdout.flush();
    let _ = call.io.stderr.flush();
    status
}
