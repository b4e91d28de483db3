//! What a pool is started with.

use crate::keyring::{Key, KeyError};
use crate::log::Logger;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use thiserror::Error;

/// Keys of a pool and how strict it is about them. No `Debug` form: it holds keys.
#[derive(Clone)]
pub struct Encryption {
    /// The key to begin with, if there is no keyring file yet; without both nothing is encrypted.
    pub key: Option<Key>,
    /// Where the keys are kept; `None` keeps them in memory.
    pub file: Option<PathBuf>,
    /// Whether what is not encrypted is refused.
    pub verify_incoming: bool,
    /// Whether what is sent is encrypted.
    pub verify_outgoing: bool,
}

impl Default for Encryption {
    fn default() -> Self {
        Self {
            key: None,
            file: None,
            verify_incoming: true,
            verify_outgoing: true,
        }
    }
}

/// Settings of a pool. No `Debug` form: they hold keys.
#[derive(Clone)]
pub struct Settings {
    /// The node and the pool's behaviour. Its address is where others are told to reach it: an unspecified one is replaced by the
    /// bound one, port 0 by the bound port.
    pub serf: serf::Config,
    /// Where to listen, packets and streams alike. Port 0 is any that is free for both; a wildcard takes both families.
    pub bind: SocketAddr,
    /// Keys.
    pub encryption: Encryption,
    /// Where members are remembered; `None` forgets them.
    pub snapshot: Option<PathBuf>,
    /// Whether a node that left in order joins its old pool when it starts.
    pub rejoin_after_leave: bool,
    /// Whose lines of the log they are.
    pub logger: Logger,
}

impl Settings {
    /// A node of Consul's LAN pool that listens at `bind` and tells others so, without keys and files.
    pub fn lan(name: &str, bind: SocketAddr) -> Self {
        Self {
            serf: serf::Config::lan(name, bind),
            bind,
            encryption: Encryption::default(),
            snapshot: None,
            rejoin_after_leave: false,
            logger: Logger::ServerLan,
        }
    }

    /// The address that others are told, when `bound` is where it listens.
    pub(crate) fn advertised(&self, bound: SocketAddr) -> Result<SocketAddr, StartError> {
        let told = self.serf.addr;
        let ip: IpAddr = match told.ip().is_unspecified() {
            true => bound.ip(),
            false => told.ip(),
        };
        if ip.is_unspecified() {
            return Err(StartError::NoAddress);
        }
        let port = match told.port() {
            0 => bound.port(),
            port => port,
        };
        Ok(SocketAddr::new(ip, port))
    }
}

/// Why a pool does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The sockets. The text is the reference's.
    #[error("Failed to start TCP listener on {address:?} port {port}: {error}", address = .0.ip().to_string(), port = .0.port(), error = .1)]
    Bind(SocketAddr, String),
    /// It listens everywhere and was not told where others reach it.
    #[error("an address to advertise is needed where the bind address is a wildcard")]
    NoAddress,
    /// The keyring.
    #[error("Failed to configure keyring: {0}")]
    Keys(#[from] KeyError),
    /// The snapshot.
    #[error("failed to open snapshot: {0}")]
    Snapshot(io::Error),
    /// The node itself.
    #[error(transparent)]
    Refused(#[from] serf::Refused),
}
