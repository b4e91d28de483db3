//! What is looked at before anything starts, in the order in which the reference meets it (spec/agent-config.md §8, §12.1):
//! keys, protocol and policies, then the ports that servers open for each other.
//!
//! Nothing serves the gossip and server ports yet, but they are told to others: an address that this machine does not have,
//! or a port that somebody else serves, ends the start as it does there.

use crate::listeners::error_text;
use crate::material;
use config::{Config, Loaded};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Protocol versions that are spoken.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=3;
/// Lengths of gossip keys, bytes.
const KEY_LENGTHS: [usize; 3] = [16, 24, 32];

/// The data directory, unless this start keeps nothing: in development mode, or when it will be refused for a promise that
/// nobody keeps. Then every other check still runs, and nothing is written.
pub(crate) fn data_folder(config: &Config) -> Option<PathBuf> {
    let keeps = !config.node.dev && config::unmet(config).is_none();
    config.node.data_dir.clone().filter(|_| keeps)
}

/// Refuses a log file whose folder is not there.
///
/// # Errors
/// The reference's text.
pub(crate) fn log_file(config: &Config) -> Result<(), String> {
    let file = config.logging.file.as_str();
    let folder = match file {
        "" => return Ok(()),
        folder if folder.ends_with('/') => Path::new(folder),
        file => match Path::new(file).parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => return Ok(()),
        },
    };
    std::fs::metadata(folder).map(|_| ()).map_err(|error| {
        format!(
            "Failed to setup logging: stat {}: {}",
            folder.display(),
            error_text(&error)
        )
    })
}

/// Tells once what is configured and has no effect.
pub(crate) fn tell(loaded: &Loaded) {
    for config::Idle { key, reason } in &loaded.idle {
        tracing::warn!(target: "agent", key, reason, "Configuration key has no effect");
    }
    for suite in material::missing_suites(&loaded.config) {
        tracing::warn!(target: "agent", suite, "Cipher suite is not supported, the others of its list are used");
    }
    let ports = &loaded.config.ports;
    tracing::info!(
        target: "agent",
        serf_wan = ports.serf_wan,
        grpc = ports.grpc,
        grpc_tls = ports.grpc_tls,
        "Ports that are told to others and not open in this version"
    );
}

/// Everything else.
///
/// # Errors
/// What the start ends with.
pub(crate) fn check(config: &Config) -> Result<(), String> {
    keyring(config)?;
    let role = if config.node.server {
        "server"
    } else {
        "client"
    };
    core(config).map_err(|why| format!("Failed to start Consul {role}: {why}"))
}

fn keyring(config: &Config) -> Result<(), String> {
    let Some(key) = config
        .gossip
        .encrypt
        .as_deref()
        .filter(|key| !key.is_empty())
    else {
        return Ok(());
    };
    let key = config::meta::decode_base64(key)?;
    if KEY_LENGTHS.contains(&key.len()) {
        Ok(())
    } else {
        Err("Failed to configure keyring: Invalid key: key size must be 16, 24 or 32 bytes".into())
    }
}

fn core(config: &Config) -> Result<(), String> {
    let protocol = config.node.protocol;
    if !PROTOCOLS.contains(&protocol) {
        let side = if protocol < *PROTOCOLS.start() {
            "low"
        } else {
            "high"
        };
        return Err(format!(
            "Protocol version '{protocol}' too {side}. Must be in range: [{}, {}]",
            PROTOCOLS.start(),
            PROTOCOLS.end()
        ));
    }
    if let Some(why) = config::policy_error(config) {
        return Err(why);
    }
    let net = &config.net;
    if config.node.server {
        let address = net.rpc_bind;
        net::vacant_tcp(address).map_err(|error| {
            let why = error_text(&error);
            format!("Failed to start RPC layer: listen tcp {address}: bind: {why}")
        })?;
        if let Some(wan) = net.serf_wan_bind {
            pool("WAN", wan)?;
        }
    }
    pool("LAN", net.serf_lan_bind)
}

fn pool(name: &str, address: SocketAddr) -> Result<(), String> {
    let failed = |protocol: &str, error: &std::io::Error| {
        let (ip, port, why) = (address.ip(), address.port(), error_text(error));
        let listener = protocol.to_uppercase();
        format!(
            "Failed to start {name} Serf: Failed to create memberlist: Could not set up network transport: failed to obtain an \
             address: Failed to start {listener} listener on \"{ip}\" port {port}: listen {protocol} {address}: bind: {why}"
        )
    };
    net::vacant_tcp(address).map_err(|error| failed("tcp", &error))?;
    net::vacant_udp(address).map_err(|error| failed("udp", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::{FlagValue, Flags, ThisHost};

    /// A development agent with these flags, on ports that the system chooses when somebody binds them.
    fn config(given: &[(&str, FlagValue)], hcl: &str) -> Config {
        let flags = Flags {
            dev: true,
            given: given
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            hcl: vec![hcl.to_owned()],
            ..Flags::default()
        };
        let mut config = config::load(&flags, &ThisHost).unwrap().config;
        for address in [&mut config.net.rpc_bind, &mut config.net.serf_lan_bind] {
            address.set_port(0);
        }
        if let Some(wan) = &mut config.net.serf_wan_bind {
            wan.set_port(0);
        }
        config
    }

    fn text(value: &str) -> FlagValue {
        FlagValue::Text(value.into())
    }

    #[test]
    fn a_sound_configuration_passes() {
        let key = (
            "encrypt",
            text("pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="),
        );
        check(&config(&[key, ("protocol", FlagValue::Int(3))], "")).unwrap();
    }

    #[test]
    fn keys_protocols_policies() {
        for (config, wanted) in [
            (
                config(&[("encrypt", text("aGVsbG8="))], ""),
                "Failed to configure keyring: Invalid key: key size must be 16, 24 or 32 bytes",
            ),
            (
                config(&[("protocol", FlagValue::Int(9))], ""),
                "Failed to start Consul server: Protocol version '9' too high. Must be in range: [2, 3]",
            ),
            (
                config(&[("protocol", FlagValue::Int(1))], ""),
                "Failed to start Consul server: Protocol version '1' too low. Must be in range: [2, 3]",
            ),
            (
                config(&[], "acl { enabled = true default_policy = \"maybe\" }"),
                "Failed to start Consul server: Unsupported default ACL policy: maybe",
            ),
        ] {
            assert_eq!(check(&config).unwrap_err(), wanted);
        }
    }

    #[test]
    fn addresses_and_ports_that_cannot_be_had() {
        let absent = config(&[("bind", text("192.0.2.7"))], "");
        assert_eq!(
            check(&absent).unwrap_err(),
            "Failed to start Consul server: Failed to start RPC layer: listen tcp 192.0.2.7:0: bind: cannot assign requested address"
        );
        // An address of this process's own: its TCP port of that number is nobody's.
        let [.., high, low] = std::process::id().to_be_bytes();
        let own = std::net::Ipv4Addr::new(127, 93, high, low.clamp(1, 254));
        let taken = std::net::UdpSocket::bind((own, 0)).unwrap();
        let at = taken.local_addr().unwrap();
        let port = at.port();
        let mut busy = config(&[], "");
        busy.net.serf_lan_bind = at;
        assert_eq!(
            check(&busy).unwrap_err(),
            format!(
                "Failed to start Consul server: Failed to start LAN Serf: Failed to create memberlist: Could not set up network \
                 transport: failed to obtain an address: Failed to start UDP listener on \"{own}\" port {port}: listen udp \
                 {own}:{port}: bind: address already in use"
            )
        );
    }

    #[test]
    fn the_folder_of_the_log_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().display();
        let refusal = |file: String| {
            let mut config = config(&[], "");
            config.logging.file = file;
            log_file(&config).err()
        };
        assert_eq!(refusal(String::new()), None);
        assert_eq!(refusal("here.log".into()), None);
        assert_eq!(refusal(format!("{folder}/x.log")), None);
        assert_eq!(refusal(format!("{folder}/")), None);
        let none =
            format!("Failed to setup logging: stat {folder}/none: no such file or directory");
        assert_eq!(refusal(format!("{folder}/none/x.log")), Some(none));
    }
}
