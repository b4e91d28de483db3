//! Other name servers: asked one after the other until one answers.

use crate::config::{Config, Strategy};
use dns::{Question, Transport, UpstreamReply, same_question};
use rand::Rng;
use rand::seq::SliceRandom;
use rt::Time;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// Packets that are no reply to our question taken from one socket before its recursor counts as failed: forgeries must
/// not keep us busy.
const FOREIGN_MAX: usize = 64;
/// Largest message.
const MESSAGE_BYTES_MAX: usize = 65_535;

/// A reply from a recursor.
pub(crate) struct Reply {
    /// The packet, under the ID we sent.
    pub(crate) bytes: Vec<u8>,
    /// NOERROR or NXDOMAIN.
    pub(crate) done: bool,
}

/// Sends `packet` to one recursor after the other; the first reply that `takes` accepts wins. Transport errors and
/// silence move on. `None`: nobody helped.
pub(crate) async fn ask(
    config: &Config,
    own: &[SocketAddr],
    time: &Time,
    question: &Question,
    packet: &[u8],
    transport: Transport,
    takes: impl Fn(&Reply) -> bool,
) -> Option<Vec<u8>> {
    let mut order: Vec<SocketAddr> = config.recursors.clone();
    // A recursor that is this very agent would come back with the same question.
    order.retain(|address| !own.contains(address));
    if config.strategy == Strategy::Random {
        order.shuffle(&mut rand::rng());
    }
    for address in order {
        let exchange = async {
            match transport {
                Transport::Udp => over_udp(address, question, packet).await,
                Transport::Tcp => over_tcp(address, question, packet).await,
            }
        };
        let outcome = tokio::select! {
            outcome = exchange => outcome,
            () = time.sleep(config.recursor_timeout) => Err(io::ErrorKind::TimedOut.into()),
        };
        match outcome {
            Ok(reply) if takes(&reply) => {
                tracing::debug!(question = %question.name, recursor = %address, "recurse succeeded for question");
                return Some(reply.bytes);
            }
            Ok(_) => {
                tracing::debug!(question = %question.name, recursor = %address, "recurse failed for question");
            }
            Err(error) => {
                tracing::error!(recursor = %address, %error, "recurse failed");
            }
        }
    }
    tracing::error!(question = %question.name, "all resolvers failed for question from client");
    None
}

/// The packet under a random ID, so that a reply cannot be guessed (RFC 5452 §4).
fn under_new_id(packet: &[u8]) -> (u16, Vec<u8>) {
    let id: u16 = rand::rng().random();
    let mut packet = packet.to_vec();
    set_id(&mut packet, id);
    (id, packet)
}

pub(crate) fn set_id(packet: &mut [u8], id: u16) {
    if let Some(start) = packet.first_chunk_mut() {
        *start = id.to_be_bytes();
    }
}

fn judge(bytes: &[u8], question: &Question, id: u16) -> Option<Reply> {
    match same_question(bytes, question, id) {
        UpstreamReply::Foreign => None,
        judged => Some(Reply {
            bytes: bytes.to_vec(),
            done: judged == UpstreamReply::Final,
        }),
    }
}

async fn over_udp(address: SocketAddr, question: &Question, packet: &[u8]) -> io::Result<Reply> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    let (id, packet) = under_new_id(packet);
    socket.send(&packet).await?;
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    for _ in 0..FOREIGN_MAX {
        let bytes = socket.recv(&mut buffer).await?;
        if let Some(reply) = buffer
            .get(..bytes)
            .and_then(|bytes| judge(bytes, question, id))
        {
            return Ok(reply);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

async fn over_tcp(address: SocketAddr, question: &Question, packet: &[u8]) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address).await?;
    let (id, packet) = under_new_id(packet);
    let mut framed = (packet.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(&packet);
    stream.write_all(&framed).await?;
    let mut reply = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut reply).await?;
    judge(&reply, question, id).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
