//! Gossip membership as memberlist speaks it (spec/wire.md §1), as a value.
//!
//! Owns messages, packets and streams with their wrappings (label, encryption, checksum, compression, compound), the keyring. It
//! must never learn sockets, clocks, randomness, or what the layer above carries in its own messages and in a node's metadata.

mod compress;
mod keyring;
mod messages;
mod packet;
mod stream;

pub use compress::DecompressError;
pub use keyring::{KEY_SIZES, Keyring, KeyringError, NONCE_LEN, SealError};
pub use messages::{
    Ack, Alive, Dead, ErrorReply, IndirectPing, Message, Nack, NodeState, Ping, PushPull, State,
    Suspect, Versions,
};
pub use packet::{MESSAGES_MAX, PACKET_BUDGET, PACKET_MAX, PacketError, Wrapping};
pub use stream::{NODES_MAX, STREAM_MAX, Side, StreamError, StreamMessage, StreamReader};
