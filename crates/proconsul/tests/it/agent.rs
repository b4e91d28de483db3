//! The agent as a process of its own.

use crate::http::Client;
use nix::sys::signal::Signal;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long an agent may take to accept its first write, on a slow machine.
const START_LIMIT: Duration = Duration::from_secs(60);

pub struct Agent {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

/// A loopback address that nobody else uses, so that all ports are free there.
pub fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    // 127.16.0.0 and up: away from what people use by hand.
    let third = 16 + u8::try_from(number % 200).unwrap_or_default();
    Ipv4Addr::new(127, third, high, low.clamp(1, 254))
}

/// The address of the agent on `home`, in all its lives.
fn address_of(home: &Path) -> Ipv4Addr {
    let file = home.join("address");
    let known = std::fs::read_to_string(&file).ok();
    known.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let address = own_address();
        std::fs::write(&file, address.to_string()).unwrap();
        address
    })
}

/// How an agent on `home` is run, where it answers, and where its log goes.
fn command(home: &Path) -> (Command, Ipv4Addr, PathBuf) {
    let address = address_of(home);
    let config = home.join("agent.json");
    std::fs::write(
        &config,
        r#"{"limits": {"http_max_conns_per_client": 1000}, "enable_script_checks": true}"#,
    )
    .unwrap();
    let more = home.join("config.d");
    std::fs::create_dir_all(&more).unwrap();
    let log = home.join("agent.log");
    let out = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_proconsul"));
    command
        .args(["agent", "-server", "-bootstrap-expect=1", "-node=n1"])
        .args([
            "-bind",
            &address.to_string(),
            "-client",
            &address.to_string(),
        ])
        .arg("-data-dir")
        .arg(home.join("data"))
        .arg("-config-file")
        .arg(config)
        .arg("-config-dir")
        .arg(more)
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .process_group(0);
    (command, address, log)
}

impl Agent {
    /// Starts on `home`, which holds the data directory and the log, and waits until a write is accepted.
    pub fn start(home: &Path, variables: &[(&str, PathBuf)]) -> Agent {
        Agent::spawn(home, variables).ready()
    }

    /// The same with further arguments and with standard output there instead of in the log's file.
    pub fn with_output(home: &Path, arguments: &[&str], output: Stdio) -> Agent {
        let (mut command, address, log) = command(home);
        command.args(arguments).stdout(output);
        Agent::run(command, address, log).ready()
    }

    /// The same with further arguments, which may name the agent's address.
    pub fn with_arguments(home: &Path, arguments: impl Fn(Ipv4Addr) -> Vec<String>) -> Agent {
        let (mut command, address, log) = command(home);
        command.args(arguments(address));
        Agent::run(command, address, log).ready()
    }

    /// The same as the first process of a process namespace of its own.
    pub fn as_first_process(home: &Path, arguments: &[&str]) -> Agent {
        let (agent, address, log) = command(home);
        let out = File::create(&log).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child"])
            .arg(agent.get_program())
            .args(agent.get_args())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .process_group(0);
        Agent::run(command, address, log).ready()
    }

    /// Starts as the entry point of a container on `home`, with folders `data` and `config`, and waits until a write is accepted.
    pub fn in_container(home: &Path, variables: &[(&str, &str)]) -> Agent {
        let (address, log) = (own_address(), home.join("agent.log"));
        let entry = home.join("docker-entrypoint.sh");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_proconsul"), &entry).unwrap();
        let out = File::create(&log).unwrap();
        let mut command = Command::new(entry);
        command
            .args(["agent", "-server", "-bootstrap-expect=1", "-node=n1"])
            .env("CONSUL_BIND", format!("-bind={address} -client={address}"))
            .env("CONSUL_DATA_DIR", home.join("data"))
            .env("CONSUL_CONFIG_DIR", home.join("config"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .process_group(0);
        Agent::run(command, address, log).ready()
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn ready(self) -> Agent {
        let accepted = || {
            let mut client = Client::connect(self.address).ok()?;
            let answer = client.ask("PUT", "/v1/kv/ready", b"1").ok()?;
            answer.is_acknowledgement().then_some(())
        };
        testkit::until(START_LIMIT, accepted, || {
            format!("no start: {}", self.log())
        });
        self
    }

    fn run(mut command: Command, address: Ipv4Addr, log: PathBuf) -> Agent {
        Agent {
            child: command.spawn().expect("the binary starts"),
            address: SocketAddr::from((address, 8500)),
            log,
        }
    }

    /// Starts without waiting.
    pub fn spawn(home: &Path, variables: &[(&str, PathBuf)]) -> Agent {
        let (mut command, address, log) = command(home);
        for (name, value) in variables {
            command.env(name, value);
        }
        Agent::run(command, address, log)
    }

    /// Standard output of an agent that has it as a pipe.
    pub fn take_output(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("a pipe, not taken yet")
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address).expect("the agent accepts connections")
    }

    /// What it has logged, in all its lives on this home.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end, and waits for that.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        self.wait();
    }

    pub fn signal(&self, signal: Signal) {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(id, signal).unwrap();
    }

    /// Waits for its end; the exit code, unless a signal ended it.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// `kill -9`, and waits for the end.
    pub fn kill(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}
