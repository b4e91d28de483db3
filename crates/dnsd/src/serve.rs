//! Sockets: datagrams and streams.

use crate::door::{Desk, Door, Now};
use dns::Transport;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rt::Room;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

/// Largest datagram read.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Datagrams answered before other tasks get their turn.
const BATCH: usize = 64;
/// Datagrams waiting for a slow answer at the same time, per socket. Beyond it: SERVFAIL.
const PENDING_MAX: usize = 4096;
/// Kernel buffer for datagrams that come in while others are being answered, bytes; the system may grant less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// Open connections, per listener. Further ones are closed at once.
const CONNECTIONS_MAX: usize = 2048;
/// Slow answers in flight on one connection; until one is done no further question is read from it.
const PIPELINE_MAX: usize = 32;
/// A connection on which nothing is asked for this long is closed.
const IDLE: Duration = Duration::from_secs(8);
/// Replies are collected up to this many bytes before they are written.
const WRITE_BATCH_BYTES: usize = 64 << 10;
/// Pause after a failed accept: usually the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bound sockets, not served yet.
pub struct Listeners {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

/// Binds UDP and TCP on every address. Port 0 takes a free port, the same for both.
///
/// # Errors
/// Those of `bind`, with the address in the text.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<Listeners> {
    let mut listeners = Listeners {
        udp: Vec::new(),
        tcp: Vec::new(),
    };
    for address in addresses {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
        let tcp = bind_tcp(*address).map_err(named)?;
        let udp = bind_udp(tcp.local_addr().map_err(named)?).map_err(named)?;
        listeners.tcp.push(tcp);
        listeners.udp.push(udp);
    }
    Ok(listeners)
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::DGRAM,
        Some(socket2::Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    // The system caps what it grants; a smaller buffer only loses datagrams under bursts, so a refusal is no error.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

impl Listeners {
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
            if let Ok(address) = socket.local_addr() {
                tracing::info!(target: "agent.dns", %address, network = "udp", "Started DNS server");
            }
            room.spawn(
                "dns udp",
                serve_udp(Arc::new(socket), door.clone(), room.clone()),
            );
        }
        for listener in self.tcp {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(target: "agent.dns", %address, network = "tcp", "Started DNS server");
            }
            room.spawn("dns tcp", serve_tcp(listener, door.clone(), room.clone()));
        }
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, door: Arc<Door>, room: Room) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut out = Vec::with_capacity(DATAGRAM_BYTES_MAX);
    let mut desk = Desk::new();
    let pending = Arc::new(Semaphore::new(PENDING_MAX));
    loop {
        if let Err(error) = socket.readable().await {
            tracing::error!(target: "agent.dns", %error, "DNS socket failed");
            door.time().sleep(ACCEPT_PAUSE).await;
        }
        for _ in 0..BATCH {
            let (bytes, remote) = match socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An earlier reply was refused by its receiver; that says nothing about this socket.
                Err(_) => continue,
            };
            let packet = buffer.get(..bytes).unwrap_or_default();
            out.clear();
            match door.answer_now(packet, Transport::Udp, remote, &mut desk, &mut out) {
                Now::Replied => send(&socket, &out, remote).await,
                Now::Silent => {}
                Now::Later => later(&socket, &door, &room, &pending, packet, remote).await,
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn send(socket: &UdpSocket, reply: &[u8], remote: SocketAddr) {
    let sent = match socket.try_send_to(reply, remote) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            socket.send_to(reply, remote).await
        }
        sent => sent,
    };
    if let Err(error) = sent {
        tracing::debug!(target: "agent.dns", %remote, %error, "failed to respond");
    }
}

/// Leaves a question to a task of its own.
async fn later(
    socket: &Arc<UdpSocket>,
    door: &Arc<Door>,
    room: &Room,
    pending: &Arc<Semaphore>,
    packet: &[u8],
    remote: SocketAddr,
) {
    let Ok(permit) = pending.clone().try_acquire_owned() else {
        if let Some(reply) = door.busy(packet) {
            send(socket, &reply, remote).await;
        }
        return;
    };
    let (socket, door, packet) = (socket.clone(), door.clone(), packet.to_vec());
    room.spawn("dns question", async move {
        let _permit = permit;
        if let Some(reply) = door.answer(&packet, Transport::Udp, remote).await {
            send(&socket, &reply, remote).await;
        }
    });
}

async fn serve_tcp(listener: TcpListener, door: Arc<Door>, room: Room) {
    let open = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(target: "agent.dns", %error, "failed to accept a connection");
                door.time().sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = open.clone().try_acquire_owned() else {
            door.counters()
                .refused_connections
                .fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let door = door.clone();
        room.spawn("dns connection", async move {
            let _permit = permit;
            // A broken connection concerns nobody but its client.
            if let Err(error) = serve_stream(stream, remote, &door).await {
                tracing::trace!(target: "agent.dns", %remote, %error, "connection ended");
            }
        });
    }
}

/// Length-prefixed questions, answered as they get ready (RFC 7766 §7).
async fn serve_stream(mut stream: TcpStream, remote: SocketAddr, door: &Door) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.split();
    let mut incoming = Vec::with_capacity(512);
    let mut out = Vec::new();
    let mut desk = Desk::new();
    let mut slow = FuturesUnordered::new();
    let mut ended = false;
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
            if out.len() > WRITE_BATCH_BYTES {
                writer.write_all(&out).await?;
                out.clear();
            }
        }
        if !out.is_empty() {
            writer.write_all(&out).await?;
            out.clear();
        }
        if ended && slow.is_empty() {
            return Ok(());
        }
        tokio::select! {
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
            }
            () = door.time().sleep(IDLE), if slow.is_empty() => return Ok(()),
        }
    }
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
