//! A machine made up for one test.

use config::host::FileKind;
use config::{Config, ConfigError, FlagValue, Flags, Host, Interface, Loaded, load};
use std::collections::BTreeMap;
use std::io;

/// Files by path; a directory is a prefix of some of them.
#[derive(Clone, Default)]
pub struct Machine {
    /// Content by path.
    pub files: BTreeMap<String, String>,
    /// Addresses.
    pub interfaces: Vec<Interface>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Limit of open files.
    pub open_files: Option<u64>,
}

impl Host for Machine {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
    fn kind(&self, path: &str) -> io::Result<FileKind> {
        let inside = format!("{}/", path.trim_end_matches('/'));
        if self.files.contains_key(path) {
            Ok(FileKind::File)
        } else if self.files.keys().any(|k| k.starts_with(&inside)) {
            Ok(FileKind::Directory)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let inside = format!("{}/", path.trim_end_matches('/'));
        let mut names: Vec<String> = self
            .files
            .keys()
            .filter_map(|k| k.strip_prefix(&inside))
            .map(|rest| rest.split('/').next().unwrap_or_default().to_string())
            .collect();
        names.dedup();
        names.reverse();
        Ok(names)
    }
    fn hostname(&self) -> String {
        "machine".to_string()
    }
    fn interfaces(&self) -> Vec<Interface> {
        self.interfaces.clone()
    }
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
    fn open_files_max(&self) -> Option<u64> {
        self.open_files
    }
}

/// An interface that is up.
pub fn interface(name: &str, index: u32, ip: &str, prefix: u8) -> Interface {
    let loopback = name == "lo";
    Interface {
        name: name.to_string(),
        ip: ip.parse().expect("an address"),
        prefix,
        index,
        mtu: 1500,
        mac: String::new(),
        up: true,
        loopback,
        broadcast: !loopback,
        point_to_point: false,
        multicast: !loopback,
        default_route: name == "eth0",
    }
}

/// `lo` and `eth0`.
pub fn machine() -> Machine {
    Machine {
        interfaces: vec![
            interface("lo", 1, "127.0.0.1", 8),
            interface("lo", 1, "::1", 128),
            interface("eth0", 2, "10.0.0.7", 24),
            interface("eth0", 2, "fe80::1", 64),
            interface("eth1", 3, "8.8.4.9", 24),
            interface("eth1", 3, "2600::9", 64),
        ],
        ..Machine::default()
    }
}

/// The smallest configuration that loads, without a look at the machine.
pub const BASE: &str =
    r#"{"data_dir": "/nowhere/data", "bind_addr": "127.0.0.1", "node_name": "n1"}"#;

/// Loads `BASE` and then a text in a file of the given name.
pub fn load_text(name: &str, text: &str) -> Result<Loaded, ConfigError> {
    load_on(
        machine(),
        &[("/base.json", BASE), (name, text)],
        &Flags::default(),
    )
}

/// Loads these files in this order.
pub fn load_on(
    mut machine: Machine,
    files: &[(&str, &str)],
    flags: &Flags,
) -> Result<Loaded, ConfigError> {
    let mut flags = flags.clone();
    for (path, text) in files {
        machine.files.insert(path.to_string(), text.to_string());
        flags.paths.push(path.to_string());
    }
    load(&flags, &machine)
}

/// Loads JSON that must be accepted.
pub fn accept(json: serde_json::Value) -> Config {
    match load_text("/case.json", &json.to_string()) {
        Ok(loaded) => loaded.config,
        Err(e) => panic!("{json}: {e}"),
    }
}

/// Flags by name.
pub fn flags(list: &[(&str, FlagValue)]) -> Flags {
    Flags {
        given: list
            .iter()
            .map(|(n, v)| (n.to_string(), v.clone()))
            .collect(),
        ..Flags::default()
    }
}

/// A text value of a flag.
pub fn text(value: &str) -> FlagValue {
    FlagValue::Text(value.to_string())
}
