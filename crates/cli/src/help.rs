//! Help texts, made from the table (spec: cli.md §1).

use crate::command::{BEYOND, Call, Command, Table};
use crate::flag::{Flag, FlagKind};
use std::fmt::Write;

/// Texts are wrapped at this column.
const WIDTH: usize = 79;

impl Call<'_> {
    /// Help of the command on standard error.
    pub fn help_to_stderr(&mut self) {
        let text = of_command(self.table, self.command);
        let _ = self.io.stderr.write_all(text.as_bytes());
    }

    /// Help of the command on standard output (a few commands print it there).
    pub fn help_to_stdout(&mut self) {
        let text = of_command(self.table, self.command);
        let _ = self.io.stdout.write_all(text.as_bytes());
    }
}

/// Top-level help: every command of the first level.
pub fn top(table: &Table) -> String {
    let mut text = String::from(
        "Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n",
    );
    let (ours, known) = (table.children("")).partition(|c| table.beyond.contains(&c.path));
    list(&mut text, known);
    let _ = write!(text, "\n{BEYOND}\n\n");
    list(&mut text, ours);
    text
}

/// Help of a command or group: usage, prose, flags, subcommands.
pub fn of_command(table: &Table, command: &Command) -> String {
    let mut text = format!("Usage: consul {}", command.path);
    if !command.usage.is_empty() {
        let _ = write!(text, " {}", command.usage);
    }
    text.push('\n');
    prose(&mut text, command.about);
    let is_http = |f: &&Flag| {
        command
            .groups
            .iter()
            .filter(|g| g.is_http())
            .any(|g| g.flags().iter().any(|x| x.name == f.name))
            && !command.flags.iter().any(|own| own.name == f.name)
    };
    let (ours, known): (Vec<&Flag>, Vec<&Flag>) =
        command.listed_flags().into_iter().partition(|f| f.ours);
    let (http, own): (Vec<&Flag>, Vec<&Flag>) = known.into_iter().partition(is_http);
    flags(&mut text, "HTTP API Options", http);
    flags(&mut text, "Command Options", own);
    let children: Vec<&Command> = table.children(command.path).collect();
    if !children.is_empty() {
        text.push_str("\nSubcommands:\n\n");
        list(&mut text, children);
    }
    flags(&mut text, BEYOND, ours);
    text
}

/// What follows a refused flag: all flags in the form of Go's flag package.
pub fn usage_after_error(command: &Command) -> String {
    let mut text = String::from("Usage:\n");
    let mut all = command.all_flags();
    all.sort_by_key(|f| (f.ours, f.name));
    let mut beyond = false;
    for flag in all {
        if flag.ours && !beyond {
            beyond = true;
            let _ = writeln!(text, "{BEYOND}");
        }
        let _ = write!(text, "  -{}", flag.name);
        if !flag.hint().is_empty() {
            let _ = write!(text, " {}", flag.hint());
        }
        let _ = write!(
            text,
            "\n    \t{}",
            flag.description().replace('\n', "\n    \t")
        );
        if !flag.default.is_empty() && flag.default != "0" && flag.default != "false" {
            let _ = match flag.kind {
                FlagKind::String => write!(text, " (default {:?})", flag.default),
                _ => write!(text, " (default {})", flag.default),
            };
        }
        text.push('\n');
    }
    text
}

fn list(text: &mut String, mut commands: Vec<&Command>) {
    commands.sort_by_key(|c| c.name());
    let width = commands.iter().map(|c| c.name().len()).max().unwrap_or(0);
    for c in commands {
        let _ = writeln!(text, "    {:width$}    {}", c.name(), c.synopsis);
    }
}

fn flags(text: &mut String, title: &str, mut flags: Vec<&Flag>) {
    if flags.is_empty() {
        return;
    }
    flags.sort_by_key(|f| f.name);
    let _ = write!(text, "\n{title}\n\n");
    for (i, flag) in flags.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        let _ = write!(text, "  -{}", flag.name);
        if !flag.hint().is_empty() {
            let _ = write!(text, "=<{}>", flag.hint());
        }
        text.push('\n');
        wrap(text, &flag.description(), 5);
    }
}

fn prose(text: &mut String, about: &str) {
    for paragraph in about.trim().split("\n\n") {
        if paragraph.is_empty() {
            continue;
        }
        text.push('\n');
        let mut running = String::new();
        for line in paragraph.lines() {
            if line.starts_with(' ') {
                if !running.is_empty() {
                    wrap(text, &running, 2);
                    running.clear();
                }
                let _ = writeln!(text, "  {line}");
            } else {
                if !running.is_empty() {
                    running.push(' ');
                }
                running.push_str(line);
            }
        }
        if !running.is_empty() {
            wrap(text, &running, 2);
        }
    }
}

fn wrap(text: &mut String, prose: &str, indent: usize) {
    let mut column = 0;
    for word in prose.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            let _ = write!(text, "{:indent$}{word}", "");
            column = indent + width;
        } else {
            let _ = write!(text, " {word}");
            column += 1 + width;
        }
    }
    if column > 0 {
        text.push('\n');
    }
}
