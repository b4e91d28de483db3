//! IPv6 beside `0.0.0.0`: the reference's wildcard listens on both families.

use crate::Listener;
use crate::listener::BACKLOG;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

/// The listener on `[::]` that belongs to one bound to `0.0.0.0`. It takes IPv6 only, so that callers over IPv4 keep their
/// addresses. `None` for other addresses, and on a machine without IPv6. Needs a runtime.
///
/// # Errors
/// Those of `bind` and `listen`, such as an address in use.
pub fn bind_tcp_twin(bound: SocketAddr) -> io::Result<Option<Listener>> {
    if !bound.ip().is_unspecified() || bound.is_ipv6() {
        return Ok(None);
    }
    match listen(bound.port()) {
        Ok(listener) => Ok(Some(Listener::Tcp(listener))),
        Err(error) if lacks_ipv6(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::IPV6,
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_only_v6(true)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Whether the machine was built or set up without IPv6.
fn lacks_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn the_wildcard_of_ipv4_answers_on_ipv6_too() {
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let four = crate::bind_tcp(any).unwrap();
        let address = four.local_addr().unwrap();
        let Some(six) = bind_tcp_twin(address).unwrap() else {
            let loopback = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
            assert!(loopback.is_err(), "the machine has IPv6");
            return;
        };
        for (listener, ip) in [
            (four, Ipv4Addr::LOCALHOST.into()),
            (six, std::net::IpAddr::from(Ipv6Addr::LOCALHOST)),
        ] {
            let client = TcpStream::connect((ip, address.port())).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert!(!format!("{peer:?}").contains("ffff"), "{peer:?}");
            assert_eq!(client.peer_addr().unwrap().ip(), ip);
        }
        let one = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        assert!(bind_tcp_twin(one).unwrap().is_none());
    }
}
