//! The two sockets of a pool, which have one number. A wildcard takes both families, as Go's does.

use crate::limits::{PORT_TRIES, SOCKET_BUFFER};
use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpListener, UdpSocket};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds both for one pool; with port 0 one that is free for both. Needs a runtime.
///
/// # Errors
/// Those of `bind`.
pub(crate) fn bind(address: SocketAddr) -> io::Result<(Packets, TcpListener)> {
    if address.ip().is_unspecified() {
        let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), address.port());
        match bind_free(six, true) {
            // A machine without IPv6.
            Err(error) if lacks_family(&error) => {}
            bound => return bound,
        }
    }
    bind_free(address, false)
}

fn bind_free(address: SocketAddr, mapped: bool) -> io::Result<(Packets, TcpListener)> {
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_both(address, mapped) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            bound => return bound,
        }
    }
}

fn bind_both(address: SocketAddr, mapped: bool) -> io::Result<(Packets, TcpListener)> {
    let tcp = socket(address, Type::STREAM, Protocol::TCP, mapped)?;
    tcp.set_reuse_address(true)?;
    tcp.bind(&address.into())?;
    tcp.listen(BACKLOG)?;
    let tcp = TcpListener::from_std(tcp.into())?;
    let address = tcp.local_addr()?;
    let udp = socket(address, Type::DGRAM, Protocol::UDP, mapped)?;
    widen(|size| udp.set_recv_buffer_size(size));
    widen(|size| udp.set_send_buffer_size(size));
    udp.bind(&address.into())?;
    let packets = Packets {
        udp: UdpSocket::from_std(udp.into())?,
        mapped,
        buffer: vec![0; swim::PACKET_MAX],
    };
    Ok((packets, tcp))
}

/// The socket for packets.
pub(crate) struct Packets {
    udp: UdpSocket,
    /// Addresses of IPv4 are written in the form of IPv6.
    mapped: bool,
    buffer: Vec<u8>,
}

impl Packets {
    /// Where it is bound, which is where the streams' listener is too.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr().map(canonical)
    }

    /// Resolves when a packet may be there.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.udp.readable().await
    }

    /// A packet, if one is there.
    pub(crate) fn receive(&mut self) -> io::Result<Option<(SocketAddr, Bytes)>> {
        match self.udp.try_recv_from(&mut self.buffer) {
            Ok((len, from)) => {
                let packet = Bytes::copy_from_slice(&self.buffer[..len]);
                Ok(Some((canonical(from), packet)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends a packet, or lets it go: packets may be lost, and a full buffer is one way.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let to = match (self.mapped, to) {
            (true, SocketAddr::V4(four)) => {
                SocketAddr::new(four.ip().to_ipv6_mapped().into(), four.port())
            }
            (_, to) => to,
        };
        match self.udp.try_send_to(bytes, to) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// An address of IPv4 in its own form, whichever socket told it.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol, mapped: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(!mapped)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// As large as the system agrees to.
fn widen(set: impl Fn(usize) -> io::Result<()>) {
    let mut size = SOCKET_BUFFER;
    while size > 0 && set(size).is_err() {
        size /= 2;
    }
}

fn lacks_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT of Linux and of BSD.
    error.kind() == io::ErrorKind::AddrNotAvailable || matches!(error.raw_os_error(), Some(97 | 47))
}
