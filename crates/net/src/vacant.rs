//! Whether an address could be bound, without taking it: for ports that are told to others before anything serves them.

use std::io;
use std::net::SocketAddr;

/// Fails as binding for TCP would: an address that this machine does not have, or one that somebody else listens on.
///
/// Nothing listens here, and with address reuse two that look at the same time do not disturb each other.
///
/// # Errors
/// Those of `bind`.
pub fn vacant_tcp(address: SocketAddr) -> io::Result<()> {
    look(address, socket2::Type::STREAM)
}

/// The same for UDP.
///
/// # Errors
/// Those of `bind`.
pub fn vacant_udp(address: SocketAddr) -> io::Result<()> {
    look(address, socket2::Type::DGRAM)
}

fn look(address: SocketAddr, kind: socket2::Type) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), kind, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn what_is_taken_is_told() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = tcp.local_addr().unwrap();
        let error = vacant_tcp(taken).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = vacant_udp(udp.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        // A documentation address (RFC 5737) is nobody's.
        let error = vacant_tcp("192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        // Two that look at once do not see each other.
        let free = "127.0.0.1:0".parse().unwrap();
        vacant_tcp(free).unwrap();
        vacant_udp(free).unwrap();
    }
}
