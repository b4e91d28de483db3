//! Gossip membership as memberlist speaks it (spec/wire.md §1), as a value.
//!
//! Owns messages, packets and streams with their wrappings (label, encryption, checksum, compression, compound), the keyring, and
//! the protocol: who is in the pool, who is suspected, dead or has left, and how that is told. It must never learn sockets, clocks,
//! where randomness comes from, or what the layer above carries in its own messages and in a node's metadata.
//!
//! A driver gives a [`Swim`] packets, streams' messages and the time, and does what [`Swim::next_output`] says.

mod compress;
mod exchange;
mod keyring;
mod messages;
mod node;
mod packet;
mod probe;
mod queue;
mod states;
mod stream;
mod suspicion;
mod swim;
mod timing;
mod upper;

pub use compress::DecompressError;
pub use keyring::{KEY_SIZES, Keyring, KeyringError, NONCE_LEN, SealError};
pub use messages::{
    Ack, Alive, Dead, ErrorReply, IndirectPing, Message, Nack, NodeState, Ping, PushPull, State,
    Suspect, Versions,
};
pub use node::Node;
pub use packet::{MESSAGES_MAX, PACKET_BUDGET, PACKET_MAX, PacketError, Wrapping};
pub use probe::RELAYS_MAX;
pub use queue::Queue;
pub use stream::{NODES_MAX, STREAM_MAX, Side, StreamError, StreamMessage, StreamReader};
pub use swim::{Config, MEMBERS_MAX, META_MAX, NAME_MAX, Output, StreamKey, Swim, Turn};
pub use timing::Timing;
pub use upper::{Note, Upper};
