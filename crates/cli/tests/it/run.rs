//! Runs one command in this process.

use cli::{AgentMain, BuildInfo, Environment, Io, Process};
use std::collections::HashMap;

/// What a command printed and returned.
pub struct Done {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// An agent that tells its flags as its exit status' companion text would.
struct NoAgent;

impl AgentMain for NoAgent {
    fn run(&self, flags: config::Flags, _: &BuildInfo) -> i32 {
        // 40 + number of given flags: enough to see that they arrived.
        40 + flags.given.len() as i32
    }
}

/// Runs `consul args…`.
pub fn consul(args: &[&str]) -> Done {
    consul_with(args, &[], "")
}

/// Runs `consul args…` with these variables and this standard input.
pub fn consul_with(args: &[&str], env: &[(&str, &str)], stdin: &str) -> Done {
    let args: Vec<String> = args.iter().map(|s| s.to_string()).collect();
    let env: HashMap<_, _> = env
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let env = Environment(env);
    let build = BuildInfo {
        version: "1.21.4".into(),
        prerelease: String::new(),
        metadata: String::new(),
        revision: "abcdef12".into(),
        build_date: "2025-08-13T15:25:21Z".into(),
    };
    let process = Process {
        agent: &NoAgent,
        build,
    };
    let (mut stdin, mut out, mut err) = (stdin.as_bytes(), Vec::new(), Vec::new());
    let io = Io {
        stdin: &mut stdin,
        stdout: &mut out,
        stderr: &mut err,
    };
    let status = cli::run(&args, &env, io, &process);
    Done {
        status,
        out: String::from_utf8(out).expect("output is text"),
        err: String::from_utf8(err).expect("output is text"),
    }
}
