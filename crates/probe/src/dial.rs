//! Dialling with the error texts that Go programs show.

use crate::ProbeTls;
use net::Stream;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// Splits `host:port`; the error is the text shown.
pub(crate) fn split(address: &str) -> Result<(&str, &str), String> {
    let wrong = |why: &str| format!("dial tcp: address {address}: {why}");
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| wrong("missing ']' in address"))?;
        let port = rest
            .strip_prefix(':')
            .ok_or_else(|| wrong("missing port in address"))?;
        return Ok((host, port));
    }
    let (host, port) = address
        .rsplit_once(':')
        .ok_or_else(|| wrong("missing port in address"))?;
    if host.contains(':') {
        Err(wrong("too many colons in address"))
    } else {
        Ok((host, port))
    }
}

/// Resolves `host:port` to addresses.
pub(crate) async fn resolve(network: &str, address: &str) -> Result<Vec<SocketAddr>, String> {
    let (host, port) = split(address)?;
    let number: u16 = port.parse().map_err(|_| {
        if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
            format!("dial {network}: address {port}: invalid port")
        } else {
            format!("dial {network}: lookup {network}/{port}: unknown port")
        }
    })?;
    let host = if host.is_empty() { "localhost" } else { host };
    let found = tokio::net::lookup_host((host, number)).await;
    match found.map(Iterator::collect::<Vec<_>>) {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(format!("dial {network}: lookup {host}: no such host")),
    }
}

/// Connects to the first address that answers, IPv4 before IPv6.
pub(crate) async fn tcp(address: &str) -> Result<TcpStream, String> {
    let mut list = resolve("tcp", address).await?;
    list.sort_by_key(SocketAddr::is_ipv6);
    let mut first_error = None;
    for target in list {
        match TcpStream::connect(target).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                first_error.get_or_insert_with(|| {
                    format!("dial tcp {target}: {}", syscall("connect", &error))
                });
            }
        }
    }
    Err(first_error.unwrap_or_else(|| format!("dial tcp {address}: no addresses")))
}

/// Connects and, where asked, makes the handshake.
pub(crate) async fn stream(address: &str, tls: Option<&ProbeTls>) -> Result<Stream, String> {
    let tcp = tcp(address).await?;
    let Some(tls) = tls else {
        return Ok(Stream::Tcp(tcp));
    };
    let host = split(address)?.0;
    let name = if tls.server_name.is_empty() {
        host
    } else {
        &tls.server_name
    };
    net::tls::connect(tls.config.clone(), name, tcp)
        .await
        .map_err(|error| format!("tls: {error}"))
}

/// `connect: connection refused` and alike.
pub(crate) fn syscall(call: &str, error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => {
            let text = nix::errno::Errno::from_raw(code).desc();
            format!("{call}: {}", text.to_lowercase())
        }
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn addresses_are_split_as_go_does() {
        assert_eq!(split("127.0.0.1:80"), Ok(("127.0.0.1", "80")));
        assert_eq!(split("[::1]:80"), Ok(("::1", "80")));
        assert_eq!(
            split("127.0.0.1").unwrap_err(),
            "dial tcp: address 127.0.0.1: missing port in address"
        );
        assert_eq!(
            split("::1:80").unwrap_err(),
            "dial tcp: address ::1:80: too many colons in address"
        );
    }
}
