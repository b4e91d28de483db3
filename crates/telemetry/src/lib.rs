//! What an agent says of itself: its log, its metrics, and its readiness to the service manager.
//!
//! This crate must never learn what the numbers and lines mean.

pub mod logging;
pub mod metrics;
pub mod systemd;

pub use metrics::{Metrics, MetricsConfig, Series, names};

/// Name of this machine, "" when it has none that is text.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_default()
}
