//! The load generators and the yardsticks.

use super::process::{Process, Scratch, output, until};
use anyhow::{Context, Result, ensure};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

/// Seconds of load per measurement.
const SECONDS: u32 = 2;
/// Where the yardsticks listen.
const HOST: &str = "127.0.93.2";

/// Operations that `wrk` did in its time; every answer must be a 200.
pub(crate) fn wrk(url: &str, connections: u32, script: Option<&Path>) -> Result<u64> {
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{connections}"), &format!("-d{SECONDS}s")]);
    if let Some(script) = script {
        command.arg("-s").arg(script);
    }
    let text = output(command.arg(url))?;
    ensure!(!text.contains("Non-2xx"), "{url}: {text}");
    text.lines()
        .find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok())
        .with_context(|| text.clone())
}

/// Queries answered in `dnsperf`'s time; each with NOERROR.
pub(crate) fn dnsperf(server: &str, port: u16, queries: &Path) -> Result<u64> {
    let text = output(
        Command::new("dnsperf")
            .args(["-s", server, "-p", &port.to_string(), "-q", "64", "-c", "8"])
            .args(["-l", &SECONDS.to_string()])
            .arg("-d")
            .arg(queries),
    )?;
    let codes = text.lines().find(|line| line.contains("Response codes"));
    ensure!(
        codes.is_some_and(|line| line.contains("NOERROR") && line.contains("(100.00%)")),
        "{text}"
    );
    text.lines()
        .find_map(|line| line.trim().strip_prefix("Queries completed:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .with_context(|| text.clone())
}

/// `nginx`, one process, that answers everything with 140 bytes of JSON.
pub(crate) struct Nginx {
    pub(crate) process: Process,
    _scratch: Scratch,
}

impl Nginx {
    pub(crate) fn start() -> Result<Self> {
        let scratch = Scratch::new("nginx")?;
        let body = format!(r#"{{"value":"{}"}}"#, "x".repeat(128));
        ensure!(
            body.len() == 140,
            "the fixed answer has {} bytes",
            body.len()
        );
        let dir = scratch.0.display();
        let config = scratch.file(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{ access_log off; keepalive_requests 100000000; default_type application/json;\n\
                 client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;\n\
                 scgi_temp_path {dir}/s;\n\
                 server {{ listen {HOST}:8080; location / {{ return 200 '{body}'; }} }} }}\n"
            ),
        )?;
        let process = Process::spawn(Command::new("nginx").arg("-c").arg(&config))?;
        until("nginx", || TcpStream::connect((HOST, 8080)).is_ok())?;
        Ok(Self {
            process,
            _scratch: scratch,
        })
    }

    /// CPU microseconds per request.
    pub(crate) fn cost(&self, connections: u32) -> Result<f64> {
        super::agent::cost(&self.process, || {
            wrk(&format!("http://{HOST}:8080/"), connections, None)
        })
    }
}

/// `nsd` with one name that has three addresses.
pub(crate) struct Nsd {
    pub(crate) process: Process,
    scratch: Scratch,
}

impl Nsd {
    pub(crate) fn start() -> Result<Self> {
        let scratch = Scratch::new("nsd")?;
        let dir = scratch.0.display();
        scratch.file("queries", "web.bench. A\n")?;
        scratch.file(
            "zone",
            "$ORIGIN bench.\n$TTL 0\n@ SOA ns. admin. 1 3600 600 86400 0\n@ NS ns.bench.\nns A 10.0.0.9\n\
             web A 10.0.0.1\nweb A 10.0.0.2\nweb A 10.0.0.3\n",
        )?;
        let config = scratch.file(
            "nsd.conf",
            &format!(
                "server:\n server-count: 1\n ip-address: {HOST}@5300\n username: \"\"\n chroot: \"\"\n zonesdir: \"{dir}\"\n \
                 pidfile: \"{dir}/nsd.pid\"\n database: \"\"\n xfrdfile: \"{dir}/xfrd\"\n zonelistfile: \"{dir}/zones\"\n \
                 xfrdir: \"{dir}\"\n rrl-ratelimit: 0\n hide-version: yes\n minimal-responses: yes\nremote-control:\n \
                 control-enable: no\nzone:\n name: bench\n zonefile: \"{dir}/zone\"\n"
            ),
        )?;
        let process = Process::spawn(Command::new("nsd").arg("-d").arg("-c").arg(&config))?;
        until("nsd", || TcpStream::connect((HOST, 5300)).is_ok())?;
        Ok(Self { process, scratch })
    }

    /// CPU microseconds per query.
    pub(crate) fn cost(&self) -> Result<f64> {
        super::agent::cost(&self.process, || {
            dnsperf(HOST, 5300, &self.scratch.0.join("queries"))
        })
    }
}
