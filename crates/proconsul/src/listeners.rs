//! Binds what the configuration asks for, before anything is served: a port in use ends the start.

use crate::material;
use crate::settings::{Settings, tls_files};
use config::Listen;
use std::net::{Ipv6Addr, SocketAddr};
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
        for socket in sockets(listen, &net.http, settings)? {
            http.push(httpd::Listener { socket, tls: None });
        }
    }
    let https = if net.https.is_empty() {
        None
    } else {
        let config = tls_files(&settings.config.tls.https)
            .server(HTTPS_ALPN)
            .map_err(|error| material::text(&error))?;
        Some(Arc::new(net::tls::Acceptor::new(
            config,
            settings.handshake_timeout(),
        )))
    };
    for listen in &net.https {
        for socket in sockets(listen, &net.https, settings)? {
            let tls = https.clone();
            http.push(httpd::Listener { socket, tls });
        }
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
            .map_err(|error| {
                format!(
                    "Failed reloading tls configuration: {}",
                    material::text(&error)
                )
            })?;
        acceptor.replace(config);
        Ok(())
    }
}

/// The listeners of one address: `0.0.0.0` means every address of the machine, of either family.
fn sockets(
    listen: &Listen,
    all: &[Listen],
    settings: &Settings<'_>,
) -> Result<Vec<net::Listener>, String> {
    let mut out = vec![socket(listen, settings)?];
    if let Listen::Tcp(address) = listen {
        let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
        if !all.contains(&Listen::Tcp(six)) {
            let twin = net::bind_tcp_twin(*address)
                .map_err(|error| format!("listen tcp {six}: bind: {}", error_text(&error)))?;
            out.extend(twin);
        }
    }
    Ok(out)
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

/// What the operating system says, as Go prints it.
pub(crate) fn error_text(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_lowercase(),
        None => error.to_string(),
    }
}
