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
        .map_err(|error| net::error_text(&error))
}

/// `from->to` of a connection, for errors.
pub(crate) fn route(stream: &Stream) -> String {
    let tcp = match stream {
        Stream::Tcp(tcp) => tcp,
        Stream::ServerTls(tls) => tls.get_ref().0,
        Stream::ClientTls(tls) => tls.get_ref().0,
        Stream::Unix(_) => return String::new(),
    };
    match (tcp.local_addr(), tcp.peer_addr()) {
        (Ok(from), Ok(to)) => format!("{from}->{to}"),
        _ => String::new(),
    }
}

/// An error of an HTTP/2 connection.
pub(crate) fn h2_text(error: &h2::Error) -> String {
    match (error.get_io(), error.reason()) {
        (Some(io), _) => net::error_text(io),
        // Its own text would show what a peer sent.
        (None, Some(reason)) if error.is_go_away() && error.is_remote() => {
            format!("http2: server sent GOAWAY and closed the connection; ErrCode={reason:?}")
        }
        (None, _) => error.to_string(),
    }
}

/// `connect: connection refused` and alike.
pub(crate) fn syscall(call: &str, error: &io::Error) -> String {
    let text = net::error_text(error);
    match error.raw_os_error() {
        Some(_) => format!("{call}: {text}"),
        None => text,
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
