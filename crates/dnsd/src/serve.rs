//! Sockets: datagrams and streams.

use crate::door::{Desk, Door, Now};
use dns::Transport;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use ports::Places;
use rt::Room;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::WriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Open connections of one listener.
const CONNECTIONS_MAX: usize = 2048;
/// Of these at most so many for one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one host may have.
const CONNECTIONS_PER_CLIENT_MAX: usize = 256;
/// Largest datagram read.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Threads that answer datagrams of one socket.
const UDP_THREADS_MAX: usize = 4;
/// How long a thread waits for a datagram before it looks whether to close; closing wakes it earlier.
const RECEIVE_PATIENCE: Duration = Duration::from_secs(1);
/// How long a datagram may wait for room in the send buffer before it is given up.
const SEND_PATIENCE: Duration = Duration::from_millis(10);
/// Datagrams waiting for a slow answer at the same time, per socket. Beyond it: SERVFAIL.
const PENDING_MAX: usize = 4096;
/// Kernel buffer for datagrams that come in while others are being answered, bytes; the system may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// Slow answers in flight on one connection; until one is done no further question is read from it.
const PIPELINE_MAX: usize = 32;
/// A connection is closed when its next question is not there, whole, this long after it could be asked: bytes that trickle
/// in do not buy more time.
const IDLE: Duration = Duration::from_secs(8);
/// How long answers under way may take at the end of the process.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// Replies are collected up to this many bytes before they are written.
const WRITE_BATCH_BYTES: usize = 64 << 10;
/// Pause after a failed accept: usually the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bound sockets, not served yet.
pub struct Listeners {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

/// Binds UDP and TCP on every address. Port 0 takes a free port, the same for both. `0.0.0.0` means every address of the
/// machine, of either family: a pair of its own answers on IPv6, where the machine has it.
///
/// # Errors
/// Those of `bind`, as Go words them: `listen udp 127.0.0.1:53: bind: permission denied`.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<Listeners> {
    let mut listeners = Listeners {
        udp: Vec::new(),
        tcp: Vec::new(),
    };
    for address in addresses {
        let address = listeners.add(*address, false)?;
        let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
        let any = address.ip() == IpAddr::from(Ipv4Addr::UNSPECIFIED);
        if any && !addresses.contains(&six) && has_ipv6() {
            listeners.add(six, true)?;
        }
    }
    Ok(listeners)
}

/// Whether the machine was built and set up with IPv6.
fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn named(network: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    let text = error.to_string();
    let why = text.split(" (os error ").next().unwrap_or_default();
    let why = why.to_lowercase();
    io::Error::new(
        error.kind(),
        format!("listen {network} {address}: bind: {why}"),
    )
}

fn bind_tcp(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    if only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

fn bind_udp(address: SocketAddr, only_v6: bool) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::DGRAM,
        Some(socket2::Protocol::UDP),
    )?;
    if only_v6 {
        socket.set_only_v6(true)?;
    }
    // The system caps what it grants; a smaller buffer only loses datagrams under bursts, so a refusal is no error.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.set_read_timeout(Some(RECEIVE_PATIENCE))?;
    socket.set_write_timeout(Some(SEND_PATIENCE))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

impl Listeners {
    /// Binds one pair and gives the address it got.
    fn add(&mut self, address: SocketAddr, only_v6: bool) -> io::Result<SocketAddr> {
        let tcp = bind_tcp(address, only_v6).map_err(|error| named("tcp", address, &error))?;
        let bound = tcp.local_addr()?;
        let udp = bind_udp(bound, only_v6).map_err(|error| named("udp", bound, &error))?;
        self.tcp.push(tcp);
        self.udp.push(udp);
        Ok(bound)
    }

    /// The bound addresses, the same for UDP and TCP.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.udp
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }

    /// Serves until the room closes.
    pub fn serve(self, door: &Arc<Door>, room: &Room) {
        door.listens_on(self.addresses());
        for socket in self.udp {
            let Ok(address) = socket.local_addr() else {
                continue;
            };
            tracing::info!(target: "agent", %address, network = "udp", "Started DNS server");
            let (socket, pending) = (Arc::new(socket), Arc::new(Semaphore::new(PENDING_MAX)));
            for _ in 0..udp_threads() {
                let (socket, door, room_here, pending) =
                    (socket.clone(), door.clone(), room.clone(), pending.clone());
                room.spawn_blocking("dns udp", move || {
                    serve_udp(&socket, &door, &room_here, &pending)
                });
            }
            let closing = room.closing();
            room.spawn_to_end("dns udp end", async move {
                closing.await;
                wake(address);
            });
        }
        for listener in self.tcp {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(target: "agent", %address, network = "tcp", "Started DNS server");
            }
            room.spawn("dns tcp", serve_tcp(listener, door.clone(), room.clone()));
        }
    }
}

/// Answers datagrams on a thread of its own until the room closes.
///
/// A plain blocking socket costs two system calls a question and wakes nobody else; under an asynchronous runtime it would be
/// four and the wake-up of a second worker.
fn serve_udp(socket: &Arc<UdpSocket>, door: &Arc<Door>, room: &Room, pending: &Arc<Semaphore>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut out = Vec::with_capacity(DATAGRAM_BYTES_MAX);
    let mut desk = Desk::new();
    while !room.is_closing() {
        // Errors are the timeout that lets us look whether to close, or an earlier reply refused by its receiver; neither
        // says anything about this socket.
        let Ok((bytes, remote)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let packet = buffer.get(..bytes).unwrap_or_default();
        out.clear();
        match door.answer_now(packet, Transport::Udp, remote, &mut desk, &mut out) {
            Now::Replied => send(socket, &out, remote),
            Now::Silent => {}
            Now::Later => later(socket, door, room, pending, packet, remote),
        }
    }
}

fn send(socket: &UdpSocket, reply: &[u8], remote: SocketAddr) {
    if let Err(error) = socket.send_to(reply, remote) {
        tracing::debug!(target: "agent.dns", %remote, %error, "failed to respond");
    }
}

/// Leaves a question to a task of its own.
fn later(
    socket: &Arc<UdpSocket>,
    door: &Arc<Door>,
    room: &Room,
    pending: &Arc<Semaphore>,
    packet: &[u8],
    remote: SocketAddr,
) {
    let Ok(permit) = pending.clone().try_acquire_owned() else {
        if let Some(reply) = door.busy(packet) {
            send(socket, &reply, remote);
        }
        return;
    };
    let (socket, door, packet) = (socket.clone(), door.clone(), packet.to_vec());
    let over = over(room, &door);
    room.spawn_to_end("dns question", async move {
        let _permit = permit;
        tokio::select! {
            biased;
            reply = door.answer(&packet, Transport::Udp, remote) => {
                if let Some(reply) = reply {
                    send(&socket, &reply, remote);
                }
            }
            () = over => {}
        }
    });
}

/// Resolves when answers under way have had their time after the room began to close.
fn over(room: &Room, door: &Door) -> impl Future<Output = ()> + Send + use<> {
    let (closing, time) = (room.closing(), door.time().clone());
    async move {
        closing.await;
        time.sleep(END_PATIENCE).await;
    }
}

/// Wakes the threads that wait for datagrams on `address`: an empty datagram has no reply, but ends the wait.
fn wake(address: SocketAddr) {
    let reachable = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let from: IpAddr = if reachable.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    // Failing to wake them only makes them wait for their timeout.
    if let Ok(socket) = UdpSocket::bind((from, 0)) {
        for _ in 0..UDP_THREADS_MAX {
            let _ = socket.send_to(&[], (reachable, address.port()));
        }
    }
}

/// Threads for one socket: waking a second thread for a question costs more than answering it, so small machines have one.
fn udp_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, UDP_THREADS_MAX)
}

async fn serve_tcp(listener: TcpListener, door: Arc<Door>, room: Room) {
    let places = Places::new(CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT_MAX);
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(target: "agent.dns", %error, "failed to accept a connection");
                door.time().sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.take(Some(remote.ip())) else {
            door.counters()
                .refused_connections
                .fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let (door, closing) = (door.clone(), room.closing());
        let over = over(&room, &door);
        room.spawn_to_end("dns connection", async move {
            let _place = place;
            let outcome = tokio::select! {
                biased;
                outcome = serve_stream(stream, remote, &door, closing) => outcome,
                () = over => Ok(()),
            };
            // A broken connection concerns nobody but its client.
            if let Err(error) = outcome {
                tracing::trace!(target: "agent.dns", %remote, %error, "connection ended");
            }
        });
    }
}

/// Length-prefixed questions, answered as they get ready (RFC 7766 §7). After `closing` no more are read; those that were are
/// answered.
async fn serve_stream(
    mut stream: TcpStream,
    remote: SocketAddr,
    door: &Door,
    closing: impl Future<Output = ()>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.split();
    let mut incoming = Vec::with_capacity(512);
    let mut out = Vec::new();
    let mut desk = Desk::new();
    let mut slow = FuturesUnordered::new();
    let mut ended = false;
    let mut patience = door.time().sleep(IDLE);
    tokio::pin!(closing);
    loop {
        while let Some(packet) = next_packet(&incoming).filter(|_| slow.len() < PIPELINE_MAX) {
            let frame_bytes = 2 + packet.len();
            let start = out.len();
            out.extend_from_slice(&[0, 0]);
            match door.answer_now(packet, Transport::Tcp, remote, &mut desk, &mut out) {
                Now::Replied => set_length(&mut out, start),
                Now::Silent => out.truncate(start),
                Now::Later => {
                    out.truncate(start);
                    let packet = packet.to_vec();
                    slow.push(async move { door.answer(&packet, Transport::Tcp, remote).await });
                }
            }
            incoming.drain(..frame_bytes);
            patience = door.time().sleep(IDLE);
            if out.len() > WRITE_BATCH_BYTES {
                flush(&mut writer, &mut out, door).await?;
            }
        }
        flush(&mut writer, &mut out, door).await?;
        if ended && slow.is_empty() {
            return Ok(());
        }
        tokio::select! {
            biased;
            read = reader.read_buf(&mut incoming), if !ended && slow.len() < PIPELINE_MAX => {
                if read? == 0 {
                    ended = true;
                }
            }
            Some(reply) = slow.next(), if !slow.is_empty() => {
                if let Some(reply) = reply {
                    let start = out.len();
                    out.extend_from_slice(&[0, 0]);
                    out.extend_from_slice(&reply);
                    set_length(&mut out, start);
                }
                patience = door.time().sleep(IDLE);
            }
            () = &mut closing, if !ended => ended = true,
            () = &mut patience, if slow.is_empty() => return Ok(()),
        }
    }
}

/// Sends what is collected; a client that does not take it in time is given up.
async fn flush(writer: &mut WriteHalf<'_>, out: &mut Vec<u8>, door: &Door) -> io::Result<()> {
    if !out.is_empty() {
        tokio::select! {
            biased;
            written = writer.write_all(out) => written?,
            () = door.time().sleep(IDLE) => return Err(io::ErrorKind::TimedOut.into()),
        }
        out.clear();
    }
    Ok(())
}

/// The first whole packet of what came in.
fn next_packet(incoming: &[u8]) -> Option<&[u8]> {
    let (length, rest) = incoming.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

fn set_length(out: &mut [u8], start: usize) {
    let bytes = (out.len() - start - 2) as u16;
    if let Some(length) = out.get_mut(start..start + 2) {
        length.copy_from_slice(&bytes.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_wildcard_of_ipv4_answers_on_ipv6_too() {
        let listeners = bind(&[(Ipv4Addr::UNSPECIFIED, 0).into()]).unwrap();
        let bound = listeners.addresses();
        assert_eq!(bound.len(), 1 + usize::from(has_ipv6()));
        assert!(
            bound
                .iter()
                .all(|address| address.port() == bound[0].port())
        );
        let one = bind(&[(Ipv4Addr::LOCALHOST, 0).into()]).unwrap();
        assert_eq!(one.addresses().len(), 1);
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_as_go_does() {
        let first = bind(&[(Ipv4Addr::LOCALHOST, 0).into()]).unwrap();
        let taken = first.addresses()[0];
        let error = bind(&[taken]).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("listen tcp {taken}: bind: address already in use")
        );
    }
}
