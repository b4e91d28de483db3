//! `consul completion …`: scripts for shells and a manual page, made from the table of commands.

use crate::command::{Call, Command, FLAG_ERRORS, Table};
use crate::flag::{Flag, FlagKind};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) const COMMAND: Command = Command {
    path: "completion",
    synopsis: "Prints a completion script or the manual page",
    usage: "bash|zsh|fish|man",
    about: "Prints what a shell needs to complete commands and flags, or the manual page, to be put where the system keeps such files. No agent is asked.

 $ consul completion bash > /etc/bash_completion.d/consul
 $ consul completion man > /usr/local/share/man/man1/consul.1",
    groups: &[],
    flags: &[],
    flag_errors: FLAG_ERRORS,
    run: Some(run),
};

fn run(call: &mut Call<'_>) -> i32 {
    let table = call.table;
    let text = match call.args.as_slice() {
        [shell] if shell == "bash" => bash(table),
        [shell] if shell == "zsh" => format!(
            "#compdef consul\nautoload -U bashcompinit\nbashcompinit\n{}",
            bash(table)
        ),
        [shell] if shell == "fish" => fish(table),
        [page] if page == "man" => man(table, &call.process.build.version),
        _ => {
            return crate::api::fail_with_help(
                call,
                "One of bash, zsh, fish or man must be given.",
            );
        }
    };
    crate::api::out_bytes(call, text.as_bytes());
    0
}

/// Words that may follow each path: names of children and flags.
fn words(table: &Table) -> BTreeMap<&'static str, Vec<String>> {
    let mut words: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for command in table.commands {
        words
            .entry(command.parent())
            .or_default()
            .push(command.name().to_owned());
        let flags = command
            .listed_flags()
            .into_iter()
            .map(|f| format!("-{}", f.name));
        words.entry(command.path).or_default().extend(flags);
    }
    for list in words.values_mut() {
        list.sort();
    }
    words
}

/// What may stand where a line is being written: for shells that ask the program itself. `point` is the place in bytes, the
/// end of the line if it is unknown.
pub(crate) fn candidates(table: &Table, line: &str, point: Option<usize>) -> Vec<String> {
    let written = point.and_then(|at| line.get(..at)).unwrap_or(line);
    let mut typed: Vec<&str> = written.split_whitespace().skip(1).collect();
    let current = match written.ends_with(char::is_whitespace) {
        true => "",
        false => typed.pop().unwrap_or_default(),
    };
    let words = words(table);
    let mut path = String::new();
    for word in typed.iter().take_while(|word| !word.starts_with('-')) {
        let next = match path.as_str() {
            "" => (*word).to_owned(),
            path => format!("{path} {word}"),
        };
        if table.find(&next).is_none() {
            break;
        }
        path = next;
    }
    let known = words.get(path.as_str()).into_iter().flatten();
    known
        // Flags are offered once somebody asks for them.
        .filter(|word| {
            word.starts_with(current) && (current.starts_with('-') || !word.starts_with('-'))
        })
        .cloned()
        .collect()
}

fn bash(table: &Table) -> String {
    let mut cases = String::new();
    for (path, words) in words(table) {
        let _ = writeln!(cases, "    {:?}) words={:?} ;;", path, words.join(" "));
    }
    format!(
        r#"# Completion of consul; made by `consul completion`.
_consul() {{
  local word path="" words="" known=" {paths} " i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${{COMP_WORDS[i]}}"
    case "$word" in -*) break ;; esac
    case "$known" in
      *" ${{path:+${{path// /_}}_}}$word "*) path="${{path:+$path }}$word" ;;
      *) break ;;
    esac
  done
  case "$path" in
{cases}  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
  [ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -F _consul consul
"#,
        paths = paths(table).join(" "),
    )
}

/// Paths with underscores for spaces, so that a shell can look one up as a word.
fn paths(table: &Table) -> Vec<String> {
    table
        .commands
        .iter()
        .map(|c| c.path.replace(' ', "_"))
        .collect()
}

fn fish(table: &Table) -> String {
    let mut out = String::from(
        "# Completion of consul; made by `consul completion`.
function __consul_at
    set -l words (commandline -opc)[2..-1]
    set -l path
    for word in $words
        string match -q -- '-*' $word; and break
        set path $path $word
    end
    test \"$path\" = \"$argv\"
end
complete -c consul -f
",
    );
    let quote = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    for command in table.commands {
        let (parent, name) = command.path.rsplit_once(' ').unwrap_or(("", command.path));
        let condition = quote(&format!("__consul_at {parent}"));
        let about = quote(command.synopsis);
        let _ = writeln!(
            out,
            "complete -c consul -n {condition} -a {name} -d {about}"
        );
        let condition = quote(&format!("__consul_at {}", command.path));
        for flag in command.listed_flags() {
            let value = if flag.kind == FlagKind::Bool {
                ""
            } else {
                " -r"
            };
            let about = quote(&first_sentence(flag));
            let _ = writeln!(
                out,
                "complete -c consul -n {condition} -o {}{value} -d {about}",
                flag.name
            );
        }
    }
    out
}

fn first_sentence(flag: &Flag) -> String {
    let text = flag.description();
    text.split_inclusive(". ")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// A manual page in the man macros.
fn man(table: &Table, version: &str) -> String {
    let plain = |text: &str| {
        let text = text.replace('\\', "\\e").replace('-', "\\-");
        // A line that begins with a dot or quote would be a request.
        let lines: Vec<_> = text
            .lines()
            .map(|l| {
                if l.starts_with(['.', '\'']) {
                    format!("\\&{l}")
                } else {
                    l.to_owned()
                }
            })
            .collect();
        lines.join("\n")
    };
    let mut out = format!(
        ".TH CONSUL 1 \"\" \"consul {version}\" \"User Commands\"\n.SH NAME\nconsul \\- agent and command line of a service registry\n\
         .SH SYNOPSIS\n.B consul\n.RI [ command ...]\n.RI [ options ]\n.RI [ arguments ...]\n.SH COMMANDS\n"
    );
    for command in table.commands {
        let _ = writeln!(
            out,
            ".SS consul {} {}",
            plain(command.path),
            plain(command.usage)
        );
        for paragraph in command.about.split("\n\n") {
            let example = paragraph.starts_with(' ');
            let (open, close) = if example {
                (".nf", "\n.fi")
            } else {
                (".PP", "")
            };
            let _ = writeln!(out, "{open}\n{}{close}", plain(paragraph));
        }
        let mut flags = command.listed_flags();
        flags.sort_by_key(|f| f.name);
        for flag in flags {
            let hint = flag.hint();
            let value = if hint.is_empty() {
                String::new()
            } else {
                format!("={hint}")
            };
            let name = plain(&format!("-{}{value}", flag.name));
            let _ = writeln!(out, ".TP\n.B {name}\n{}", plain(&flag.description()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::TABLE;

    #[test]
    fn a_line_is_completed_by_the_program_itself() {
        let at = |line: &str| candidates(&TABLE, line, None);
        assert_eq!(at("consul kv g"), ["get"]);
        assert_eq!(
            at("consul kv "),
            ["delete", "export", "get", "import", "put"]
        );
        assert_eq!(at("/usr/bin/consul kv get -rec"), ["-recurse"]);
        assert_eq!(at("consul kv get -keys -rec"), ["-recurse"]);
        assert!(at("consul ").iter().any(|word| word == "members"));
        assert!(at("consul").iter().any(|word| word == "members"));
        assert_eq!(at("consul nonsense -x"), Vec::<String>::new());
        assert_eq!(candidates(&TABLE, "consul kv get x", Some(11)), ["get"]);
        // A place inside a letter is none.
        assert_eq!(
            candidates(&TABLE, "consul é", Some(8)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_command_and_flag_is_completed() {
        let words = words(&TABLE);
        assert!(words[""].iter().any(|w| w == "kv"));
        assert!(words["kv"].iter().any(|w| w == "get"));
        assert!(words["kv get"].iter().any(|w| w == "-recurse"));
        let (bash, fish, man) = (bash(&TABLE), fish(&TABLE), man(&TABLE, "1"));
        for command in TABLE.commands {
            assert!(
                bash.contains(&format!("    {:?}) words=", command.path))
                    || command.all_flags().is_empty()
            );
            assert!(fish.contains(&format!("-a {} ", command.name())));
            assert!(man.contains(&format!(".SS consul {}", command.path.replace('-', "\\-"))));
        }
    }
}
