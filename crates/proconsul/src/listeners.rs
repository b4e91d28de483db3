//! Binds what the configuration asks for, before anything is served: a port in use ends the start.

use crate::settings::{Settings, tls_files};
use config::Listen;
use std::path::Path;
use std::sync::Arc;

/// Protocols offered on HTTPS, preferred first.
const HTTPS_ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// The bound ways in.
pub(crate) struct Bound {
    /// HTTP, HTTPS and unix sockets.
    pub(crate) http: Vec<httpd::Listener>,
    /// The TLS end of HTTPS, to be replaced on reload.
    pub(crate) https: Option<Arc<net::tls::Acceptor>>,
    /// DNS; `None` when switched off.
    pub(crate) dns: Option<dnsd::Listeners>,
}

/// Binds all listeners.
///
/// # Errors
/// The address and what the operating system says of it; certificates that cannot be used.
pub(crate) fn bind(settings: &Settings<'_>) -> Result<Bound, String> {
    let net = &settings.config.net;
    let mut http = Vec::new();
    for listen in &net.http {
        http.push(httpd::Listener {
            socket: socket(listen, settings)?,
            tls: None,
        });
    }
    let https = if net.https.is_empty() {
        None
    } else {
        let config = tls_files(&settings.config.tls.https)
            .server(HTTPS_ALPN)
            .map_err(|error| format!("failed to load TLS of HTTPS: {error}"))?;
        Some(Arc::new(net::tls::Acceptor::new(
            config,
            settings.handshake_timeout(),
        )))
    };
    for listen in &net.https {
        http.push(httpd::Listener {
            socket: socket(listen, settings)?,
            tls: https.clone(),
        });
    }
    let dns = if net.dns.is_empty() {
        None
    } else {
        Some(dnsd::bind(&net.dns).map_err(|error| error.to_string())?)
    };
    Ok(Bound { http, https, dns })
}

impl Bound {
    /// The TLS end of HTTPS with other files.
    ///
    /// # Errors
    /// Certificates that cannot be used; the old ones stay in use.
    pub(crate) fn renew(
        acceptor: &net::tls::Acceptor,
        settings: &Settings<'_>,
    ) -> Result<(), String> {
        let config = tls_files(&settings.config.tls.https)
            .server(HTTPS_ALPN)
            .map_err(|error| format!("Failed reloading tls configuration: {}", tls_text(&error)))?;
        acceptor.replace(config);
        Ok(())
    }
}

fn socket(listen: &Listen, settings: &Settings<'_>) -> Result<net::Listener, String> {
    match listen {
        Listen::Tcp(address) => net::bind_tcp(*address)
            .map_err(|error| format!("listen tcp {address}: bind: {}", error_text(&error))),
        Listen::Unix(path) => {
            let net = &settings.config.net;
            let mode = net::SocketMode {
                user: net.unix_user.clone(),
                group: net.unix_group.clone(),
                mode: net.unix_mode.clone(),
            };
            net::bind_unix(Path::new(path), &mode)
                .map_err(|error| format!("listen unix {}: {}", path.display(), error_text(&error)))
        }
    }
}

/// The reference's words for a certificate or key that cannot be loaded.
fn tls_text(error: &net::tls::TlsError) -> String {
    match error {
        net::tls::TlsError::Read(path, error) => format!(
            "Failed to load cert/key pair: open {}: {}",
            path.display(),
            error_text(error)
        ),
        other => other.to_string(),
    }
}

fn error_text(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_lowercase(),
        None => error.to_string(),
    }
}
