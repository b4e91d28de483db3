//! Check runners: what a check does to find out how something fares, and when it does it.
//!
//! A [`Prober`] keeps every running check as one entry of the timer wheel; a task exists only while a probe is under way. What
//! an observation means (thresholds, status of a check, catalog) is not known here: it goes to a [`Sink`].
//! Rules and texts: spec/agent-config.md §15.

mod dial;
pub mod http;
mod kinds;
mod output;
mod places;
mod prober;

pub use kinds::docker::DockerHost;
pub use kinds::script::start_error;
pub use prober::{Prober, ProberConfig, Running, Sink};

use std::sync::Arc;
use std::time::Duration;

/// The health that one probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All well.
    Passing,
    /// Degraded.
    Warning,
    /// Broken or unreachable.
    Critical,
}

/// The result of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What was found.
    pub health: Health,
    /// What people read; at most the check's output limit plus a short preamble, whatever a peer sends.
    pub output: String,
    /// Whether thresholds do not apply: scripts that could not start or ran out of time.
    pub immediate: bool,
}

impl Observation {
    pub(crate) fn new(health: Health, output: impl Into<String>) -> Self {
        Self {
            health,
            output: output.into(),
            immediate: false,
        }
    }

    pub(crate) fn critical(output: impl Into<String>) -> Self {
        Self::new(Health::Critical, output)
    }

    pub(crate) fn at_once(output: impl Into<String>) -> Self {
        Self {
            immediate: true,
            ..Self::critical(output)
        }
    }
}

/// TLS of a probe.
#[derive(Clone, Debug)]
pub struct ProbeTls {
    /// Made once per check from the agent's `tls` settings and the check's `tls_skip_verify`.
    pub config: Arc<rustls::ClientConfig>,
    /// `tls_server_name`; "" takes the host that is dialled.
    pub server_name: String,
}

/// What a check does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Runs a program without a shell.
    Script {
        /// Program and arguments.
        args: Vec<String>,
    },
    /// Requests a URL.
    Http {
        /// `http://` or `https://`.
        url: String,
        /// "" is GET.
        method: String,
        /// Name and value, in order.
        headers: Vec<(String, String)>,
        /// Request body.
        body: String,
        /// Shows the redirect's own status instead of following it.
        disable_redirects: bool,
        /// For `https`.
        tls: ProbeTls,
    },
    /// Opens a connection.
    Tcp {
        /// `host:port`
        address: String,
        /// Also makes a TLS handshake.
        tls: Option<ProbeTls>,
    },
    /// Sends an empty datagram.
    Udp {
        /// `host:port`
        address: String,
    },
    /// Asks `grpc.health.v1.Health/Check`.
    Grpc {
        /// `host:port[/service]`
        target: String,
        /// TLS, if any.
        tls: Option<ProbeTls>,
    },
    /// Sends an HTTP/2 PING.
    H2Ping {
        /// `host:port`
        address: String,
        /// TLS (ALPN `h2`), if any.
        tls: Option<ProbeTls>,
    },
    /// Runs a program inside a container.
    Docker {
        /// Container name or ID.
        container: String,
        /// Program and arguments; with a shell already in front where one is configured.
        args: Vec<String>,
    },
}

/// A check as the prober needs it.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What it does.
    pub kind: Kind,
    /// Pause between the end of one run and the start of the next; at least [`MIN_INTERVAL`].
    pub interval: Duration,
    /// Longest run; zero takes the kind's default.
    pub timeout: Duration,
    /// Bytes of output kept.
    pub output_max: usize,
}

/// Shorter intervals are raised to this.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Default time limit of scripts.
pub const SCRIPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Default time limit of everything that goes over a network.
pub const NETWORK_TIMEOUT: Duration = Duration::from_secs(10);
