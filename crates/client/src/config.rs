//! Configuration, given in code or read from the environment.

use crate::Error;
use std::path::PathBuf;
use std::time::Duration;

/// Address of an agent when none is given.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8500";

/// How to reach an agent and who asks. All texts may be empty.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `host:port`, or a URL with scheme `http`, `https` or `unix`; empty means `127.0.0.1:8500`.
    pub address: String,
    /// Use TLS where the address does not name a scheme; an `https` address turns it on by itself.
    pub tls_enabled: bool,
    /// TLS settings.
    pub tls: TlsConfig,
    /// ACL token.
    pub token: String,
    /// File with the token; stronger than `token`. An empty file leaves `token` in force.
    pub token_file: Option<PathBuf>,
    /// `user:password` for HTTP Basic authentication.
    pub basic_auth: String,
    /// Datacenter to ask; empty for the agent's.
    pub datacenter: String,
    /// Sent as `ns`; only Enterprise servers accept one.
    pub namespace: String,
    /// Sent as `partition`; only Enterprise servers accept one.
    pub partition: String,
    /// Longest wait of blocking queries whose options name none.
    pub wait: Option<Duration>,
}

/// TLS settings.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// File with authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Directory of such files.
    pub ca_path: Option<PathBuf>,
    /// Client certificate; needs `client_key`.
    pub client_cert: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
    /// Name to ask for and to verify instead of the host's.
    pub server_name: String,
    /// Accept any certificate.
    pub insecure: bool,
}

impl TlsConfig {
    /// Whom to trust, without who we are.
    pub(crate) fn without_identity(&self) -> Self {
        Self {
            client_cert: None,
            client_key: None,
            server_name: String::new(),
            ..self.clone()
        }
    }
}

impl Config {
    /// Reads the `CONSUL_…` variables through `lookup`; an empty variable counts as absent. The second value holds warnings
    /// about booleans that cannot be read: such a variable counts as false, which turns verification **off** for
    /// `CONSUL_HTTP_SSL_VERIFY`, as in the reference.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> (Self, Vec<String>) {
        let get = |name: &str| lookup(name).filter(|v| !v.is_empty());
        let text = |name: &str| get(name).unwrap_or_default();
        let path = |name: &str| get(name).map(PathBuf::from);
        let mut warnings = Vec::new();
        let mut flag = |name: &str, absent: bool| match get(name).as_deref() {
            None => absent,
            Some("1" | "t" | "T" | "TRUE" | "true" | "True") => true,
            Some("0" | "f" | "F" | "FALSE" | "false" | "False") => false,
            Some(_) => {
                warnings.push(format!("could not parse {name}"));
                false
            }
        };
        let config = Self {
            address: text("CONSUL_HTTP_ADDR"),
            tls_enabled: flag("CONSUL_HTTP_SSL", false),
            tls: TlsConfig {
                insecure: !flag("CONSUL_HTTP_SSL_VERIFY", true),
                ca_file: path("CONSUL_CACERT"),
                ca_path: path("CONSUL_CAPATH"),
                client_cert: path("CONSUL_CLIENT_CERT"),
                client_key: path("CONSUL_CLIENT_KEY"),
                server_name: text("CONSUL_TLS_SERVER_NAME"),
            },
            token: text("CONSUL_HTTP_TOKEN"),
            token_file: path("CONSUL_HTTP_TOKEN_FILE"),
            basic_auth: text("CONSUL_HTTP_AUTH"),
            datacenter: String::new(),
            namespace: text("CONSUL_NAMESPACE"),
            partition: text("CONSUL_PARTITION"),
            wait: None,
        };
        (config, warnings)
    }

    /// The token in force: the content of the file, or else `token`.
    pub(crate) fn effective_token(&self) -> Result<String, Error> {
        if let Some(file) = &self.token_file {
            let read = std::fs::read_to_string(file).map_err(|e| {
                let file = file.display();
                let reason = crate::error::os_text(&e);
                Error::Config(format!(
                    "Error loading token file {file} : open {file}: {reason}"
                ))
            })?;
            let token = read.trim();
            if !token.is_empty() {
                return Ok(token.to_owned());
            }
        }
        Ok(self.token.clone())
    }
}
