//! The `proconsul` binary: one program that is the command line and, as `proconsul agent`, the agent.
//!
//! It builds the rooms ([`start`]), hands them to the doors as ports, and carries the process: data directory, signals, exit
//! status. It owns no logic of the system itself.

mod autopilot;
mod container;
mod data_dir;
mod describe;
mod dns_watch;
mod file_watch;
mod host_id;
mod lan;
mod listeners;
mod material;
mod preflight;
mod private;
mod process;
mod retry_join;
mod rpc_door;
mod settings;
mod start;
mod told;

use std::io::Write;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The version of Consul that this program answers as.
const VERSION: &str = "1.21.4";
/// Build time of that version, shown where the reference shows it.
const BUILD_DATE: &str = "2025-08-13T15:25:21Z";

fn main() {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let environment = cli::Environment::of_process();
    let args = match container::asked(std::env::args_os().next().as_deref(), &args) {
        None => args,
        Some(rest) => container::enter(rest, &environment).unwrap_or_else(|refusal| {
            eprintln!("==> {}", refusal.1);
            std::process::exit(refusal.0);
        }),
    };
    let (mut stdin, mut stdout, mut stderr) =
        (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let io = cli::Io {
        stdin: &mut stdin,
        stdout: &mut stdout,
        stderr: &mut stderr,
    };
    let build = cli::BuildInfo {
        version: VERSION.into(),
        prerelease: String::new(),
        metadata: String::new(),
        revision: String::new(),
        build_date: BUILD_DATE.into(),
    };
    let process = cli::Process {
        agent: &process::AgentProcess,
        build,
    };
    let code = cli::run(&args, &environment, io, &process);
    // A closed pipe at the very end is nobody's error.
    let _ = std::io::stdout().flush();
    std::process::exit(code);
}
