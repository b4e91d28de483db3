//! The first bytes of a connection between servers, and what is answered.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// First byte of a connection between servers. None that a server of the reference knows (spec/wire.md §3.1): it closes such a
/// connection, and takes no part of it for a message of its own consensus.
pub const FIRST_BYTE: u8 = b'P';

const VERSION: u8 = 1;
const WELCOME: u8 = 0;
const LEN: usize = 1 + 1 + 16 + 8 + 8;

/// What a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Votes, heartbeats, answers: small, and never late.
    Urgent,
    /// Messages with entries.
    Entries,
    /// One snapshot.
    Snapshot,
}

impl Lane {
    const ALL: [(u8, Lane); 3] = [(1, Lane::Urgent), (2, Lane::Entries), (3, Lane::Snapshot)];

    fn byte(self) -> u8 {
        match self {
            Lane::Urgent => 1,
            Lane::Entries => 2,
            Lane::Snapshot => 3,
        }
    }
}

/// Why a server does not talk to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Both know their cluster, and it is not the same.
    #[error("it belongs to another cluster")]
    OtherCluster,
    /// Whoever was meant is not at this address (any more).
    #[error("another server answers at its address")]
    OtherServer,
    /// The sender is no member of the receiver's cluster.
    #[error(
        "this server is no member of its cluster: it was removed, or its data directory is a copy of another server's"
    )]
    NotMember,
    /// The receiver has not read its log yet.
    #[error("it is starting")]
    Starting,
    /// The receiver cannot read the greeting.
    #[error("it speaks another version of the protocol between servers")]
    Version,
}

impl Refusal {
    const ALL: [(u8, Refusal); 5] = [
        (1, Refusal::OtherCluster),
        (2, Refusal::OtherServer),
        (3, Refusal::NotMember),
        (4, Refusal::Starting),
        (5, Refusal::Version),
    ];

    /// Whether the server that was meant is not there: waiting for it is in vain.
    pub(crate) fn says_gone(self) -> bool {
        self == Refusal::OtherServer
    }
}

/// Who calls whom, for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The sender's cluster, if it knows one.
    pub cluster: Option<[u8; 16]>,
    /// Raft id of the sender.
    pub from: u64,
    /// Raft id of the server that is meant.
    pub to: u64,
    /// What follows.
    pub lane: Lane,
}

impl Greeting {
    fn encode(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[0] = VERSION;
        out[1] = self.lane.byte();
        out[2..18].copy_from_slice(&self.cluster.unwrap_or_default());
        out[18..26].copy_from_slice(&self.from.to_le_bytes());
        out[26..34].copy_from_slice(&self.to.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; LEN]) -> Option<Greeting> {
        let number = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        let mut cluster = [0; 16];
        cluster.copy_from_slice(&bytes[2..18]);
        let lane = Lane::ALL.iter().find(|(byte, _)| *byte == bytes[1])?.1;
        (bytes[0] == VERSION).then_some(Greeting {
            cluster: (cluster != [0; 16]).then_some(cluster),
            from: number(18),
            to: number(26),
            lane,
        })
    }

    /// Says who calls, behind [`FIRST_BYTE`], and hears what is answered.
    ///
    /// # Errors
    /// What the connection reports; [`Refusal`] inside of an error of kind `ConnectionRefused`.
    pub async fn send<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S) -> io::Result<()> {
        let mut out = [FIRST_BYTE; 1 + LEN];
        out[1..].copy_from_slice(&self.encode());
        stream.write_all(&out).await?;
        let answer = stream.read_u8().await?;
        if answer == WELCOME {
            return Ok(());
        }
        let known = Refusal::ALL.iter().find(|(byte, _)| *byte == answer);
        let refusal = known.map_or(Refusal::Version, |(_, refusal)| *refusal);
        Err(io::Error::new(io::ErrorKind::ConnectionRefused, refusal))
    }

    /// Reads who calls; [`FIRST_BYTE`] was read already. `None` when it cannot be understood.
    ///
    /// # Errors
    /// What the connection reports.
    pub async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<Greeting>> {
        let mut bytes = [0; LEN];
        stream.read_exact(&mut bytes).await?;
        Ok(Greeting::decode(&bytes))
    }
}

/// Answers a greeting.
///
/// # Errors
/// What the connection reports.
pub async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    refusal: Option<Refusal>,
) -> io::Result<()> {
    let known = Refusal::ALL
        .iter()
        .find(|(_, known)| Some(*known) == refusal);
    stream
        .write_u8(known.map_or(WELCOME, |(byte, _)| *byte))
        .await
}

/// The refusal inside of an error, if that is what it is.
pub fn refusal(error: &io::Error) -> Option<Refusal> {
    error.get_ref()?.downcast_ref::<Refusal>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_comes_back_as_it_was() {
        for (_, lane) in Lane::ALL {
            for cluster in [None, Some([7; 16])] {
                let greeting = Greeting {
                    cluster,
                    from: 1,
                    to: u64::MAX,
                    lane,
                };
                assert_eq!(Greeting::decode(&greeting.encode()), Some(greeting));
            }
        }
    }

    #[test]
    fn what_is_no_greeting_is_not_taken_for_one() {
        let whole = Greeting {
            cluster: None,
            from: 1,
            to: 2,
            lane: Lane::Urgent,
        }
        .encode();
        for (at, byte) in [(0, 0), (0, 2), (1, 0), (1, 4)] {
            let mut other = whole;
            other[at] = byte;
            assert_eq!(Greeting::decode(&other), None);
        }
    }
}
