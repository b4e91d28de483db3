//! The way in.

use crate::build::build;
use crate::effect::{Idle, idle};
use crate::error::ConfigError;
use crate::flags::Flags;
use crate::host::Host;
use crate::model::Config;
use crate::reload::Keys;
use crate::sources::{self, Sources};

/// A configuration with what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings in order; logged at WARN, or printed by `validate`.
    pub warnings: Vec<String>,
    /// Keys that were given and have no effect, in table order.
    pub idle: Vec<Idle>,
    /// Effective value of every key, to compare with a later load.
    pub keys: Keys,
}

/// Loads, merges and validates. Does the same again on every reload.
pub fn load(flags: &Flags, host: &dyn Host) -> Result<Loaded, ConfigError> {
    let mut warnings = Vec::new();
    let Sources { merged, given } = sources::load(host, flags, &mut warnings)?;
    let config = build(host, &merged, flags.dev, &mut warnings)?;
    Ok(Loaded {
        config,
        warnings,
        idle: idle(&merged, &given, flags.dev),
        keys: Keys::of(&merged),
    })
}

impl Loaded {
    /// What is in force once a process that started with the keys `started` has taken over this load: keys that do not
    /// reload keep their values, whatever the files say now (agent-config.md §13).
    ///
    /// # Errors
    /// Values that are right by themselves and not together with those that stay.
    pub fn in_force(
        &self,
        started: &Keys,
        flags: &Flags,
        host: &dyn Host,
    ) -> Result<Config, ConfigError> {
        // What there is to say about the files was said when they were loaded.
        let mut warnings = Vec::new();
        build(
            host,
            &started.reloaded(&self.keys),
            flags.dev,
            &mut warnings,
        )
    }
}

/// A level of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Trace,
    /// For developers.
    Debug,
    /// For operators.
    Info,
    /// Something is odd.
    Warn,
    /// Something failed.
    Error,
}

/// Reads a level; the refusal is that of the start (agent-config.md §12.4).
pub fn log_level(text: &str) -> Result<Level, String> {
    match text.to_ascii_uppercase().as_str() {
        "TRACE" => Ok(Level::Trace),
        "DEBUG" => Ok(Level::Debug),
        "INFO" => Ok(Level::Info),
        "WARN" => Ok(Level::Warn),
        "ERR" | "ERROR" => Ok(Level::Error),
        _ => Err(format!(
            "Invalid log level: {text}. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]"
        )),
    }
}

/// Policies that only the start of the agent refuses (agent-config.md §8, "at server/client creation").
pub fn policy_error(config: &Config) -> Option<String> {
    let acl = &config.acl;
    if acl.enabled && !matches!(acl.default_policy.as_str(), "allow" | "deny") {
        return Some(format!(
            "Unsupported default ACL policy: {}",
            acl.default_policy
        ));
    }
    if acl.enabled
        && !matches!(
            acl.down_policy.as_str(),
            "allow" | "deny" | "extend-cache" | "async-cache"
        )
    {
        return Some(format!("Unsupported down ACL policy: {}", acl.down_policy));
    }
    if !matches!(acl.default_intention_policy.as_str(), "" | "allow" | "deny") {
        return Some(format!(
            "Unsupported default intention policy: {}",
            acl.default_intention_policy
        ));
    }
    None
}
