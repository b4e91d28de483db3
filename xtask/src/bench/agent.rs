//! A durable agent of one server, and what it is filled with.

use super::http::Client;
use super::process::{Process, Scratch, until};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Everything listens here, so that no port can be in use.
pub(crate) const HOST: &str = "127.0.93.1";
/// Where a soak's agent listens, so that benches can run beside it.
pub(crate) const SOAK_HOST: &str = "127.0.93.3";

/// A running agent.
pub(crate) struct Agent {
    pub(crate) process: Process,
    binary: PathBuf,
    host: &'static str,
    pub(crate) scratch: Scratch,
}

impl Agent {
    /// Starts on an empty data directory and waits for the first accepted write.
    pub(crate) fn start(binary: &Path, name: &str) -> Result<Self> {
        Ok(Self::start_timed(binary, name)?.0)
    }

    /// Like [`Agent::start`], at another address.
    pub(crate) fn start_at(binary: &Path, name: &str, host: &'static str) -> Result<Self> {
        Ok(Self::launch(binary, name, host)?.0)
    }

    /// Like [`Agent::start`], with the time from the start of the process to the first accepted write.
    pub(crate) fn start_timed(binary: &Path, name: &str) -> Result<(Self, Duration)> {
        Self::launch(binary, name, HOST)
    }

    fn launch(binary: &Path, name: &str, host: &'static str) -> Result<(Self, Duration)> {
        let scratch = Scratch::new(name)?;
        // One address holds every connection of a bench.
        scratch.file(
            "agent.json",
            r#"{"limits": {"http_max_conns_per_client": 18000}, "log_level": "warn"}"#,
        )?;
        // Else the other one would be measured.
        ensure!(
            std::net::TcpStream::connect((host, 8500)).is_err(),
            "somebody listens at {host}:8500 already"
        );
        let start = Instant::now();
        let process = Self::spawn(binary, &scratch, host)?;
        let agent = Self {
            process,
            binary: binary.to_owned(),
            host,
            scratch,
        };
        writable(host)?;
        Ok((agent, start.elapsed()))
    }

    fn spawn(binary: &Path, scratch: &Scratch, host: &str) -> Result<Process> {
        Process::spawn(
            Command::new(binary)
                .args(["agent", "-server", "-bootstrap-expect=1", "-node=bench"])
                .args(["-bind", host, "-client", host, "-dns-port=8600"])
                .arg("-data-dir")
                .arg(scratch.0.join("data"))
                .arg("-config-file")
                .arg(scratch.0.join("agent.json")),
        )
    }

    /// `kill -9`, a start on the same directory; the time to the first accepted write.
    pub(crate) fn restart(&mut self) -> Result<Duration> {
        self.process.kill();
        let start = Instant::now();
        self.process = Self::spawn(&self.binary, &self.scratch, self.host)?;
        writable(self.host)?;
        Ok(start.elapsed())
    }

    pub(crate) fn client(&self) -> Result<Client> {
        Client::connect(&self.http())
    }

    /// Where its HTTP API listens.
    pub(crate) fn http(&self) -> String {
        format!("{}:8500", self.host)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http())
    }

    /// CPU microseconds of the agent per operation of `load`, which returns how many it did.
    pub(crate) fn cost(&self, load: impl FnOnce() -> Result<u64>) -> Result<f64> {
        cost(&self.process, load)
    }

    /// `count` instances of `service`, each on a node of its own with a check.
    pub(crate) fn service(&self, service: &str, count: usize) -> Result<()> {
        let mut client = self.client()?;
        for n in 0..count {
            client.must(
                "PUT",
                "/v1/catalog/register",
                instance(service, n, "passing").as_bytes(),
            )?;
        }
        Ok(())
    }
}

/// A registration of instance `n` with one service check.
pub(crate) fn instance(service: &str, n: usize, status: &str) -> String {
    format!(
        r#"{{"Node":"{service}-node-{n}","Address":"10.{}.{}.{}","Service":{{"ID":"{service}-{n}","Service":"{service}","Port":8080,"Tags":["v1","primary"]}},"Check":{{"CheckID":"service:{service}-{n}","Name":"{service} alive","Status":"{status}","ServiceID":"{service}-{n}","Output":"HTTP GET http://10.0.0.1/health: 200 OK"}}}}"#,
        n / 65536,
        n / 256 % 256,
        n % 256
    )
}

fn writable(host: &str) -> Result<Duration> {
    let address = format!("{host}:8500");
    let mut client = None;
    until("the agent", || {
        if client.is_none() {
            client = Client::connect(&address).ok();
        }
        let answer = client
            .as_mut()
            .map(|client: &mut Client| client.ask("PUT", "/v1/kv/ready", b"1"));
        match answer {
            Some(Ok(answer)) => answer.status == 200,
            _ => {
                client = None;
                false
            }
        }
    })
}

/// CPU microseconds of `process` per operation of `load`.
pub(crate) fn cost(process: &Process, load: impl FnOnce() -> Result<u64>) -> Result<f64> {
    let before = process.cpu()?;
    let done = load()?;
    Ok((process.cpu()? - before) / done.max(1) as f64)
}
