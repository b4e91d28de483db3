//! What an agent tells about itself, and to whom.

use super::TextMap;
use std::time::Duration;

/// Log output.
#[derive(Clone, Debug, PartialEq)]
pub struct Logging {
    /// Level as configured; see [`crate::log_level`].
    pub level: String,
    /// JSON lines.
    pub json: bool,
    /// File or directory (ending in `/`), may be empty.
    pub file: String,
    /// Age at which a file is rotated.
    pub rotate_duration: Duration,
    /// Size at which a file is rotated; 0 = never.
    pub rotate_bytes: i64,
    /// Rotated files to keep; 0 = all, negative = none.
    pub rotate_max_files: i64,
    /// To syslog as well.
    pub syslog: bool,
    /// Its facility.
    pub syslog_facility: String,
    /// File that holds the process id, may be empty.
    pub pid_file: String,
}

/// Metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// First part of every name.
    pub metrics_prefix: String,
    /// What holds for names no filter mentions.
    pub filter_default: bool,
    /// Prefixes to send.
    pub allowed_prefixes: Vec<String>,
    /// Prefixes to keep back.
    pub blocked_prefixes: Vec<String>,
    /// Gauges without host name.
    pub disable_hostname: bool,
    /// No tenancy labels.
    pub disable_per_tenancy_usage_metrics: bool,
    /// Metrics of the machine.
    pub enable_host_metrics: bool,
    /// Retry sinks that cannot be reached.
    pub retry_failed_connection: bool,
    /// Address of a statsd, may be empty.
    pub statsd_address: String,
    /// Address of a statsite, may be empty.
    pub statsite_address: String,
    /// Address of a dogstatsd, may be empty.
    pub dogstatsd_addr: String,
    /// Its tags.
    pub dogstatsd_tags: Vec<String>,
    /// How long Prometheus keeps dynamic metrics; 0 = no Prometheus.
    pub prometheus_retention: Duration,
    /// Circonus settings, as written.
    pub circonus: TextMap,
}

/// Hosted service: accepted, unused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cloud {
    /// Resource id.
    pub resource_id: String,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: String,
    /// Host name of the service.
    pub hostname: String,
    /// Where to log in.
    pub auth_url: String,
    /// Where to connect.
    pub scada_address: String,
}
