//! The port to user events (spec/http-api.md §16): messages broadcast to agents, kept in a ring by each that received them.

use crate::{BoxFuture, Caller, RpcError};
use bytes::Bytes;
use std::sync::Arc;

/// A user event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserEvent {
    /// UUID text; set by whoever fires it.
    pub id: String,
    /// Name.
    pub name: String,
    /// Payload, `None` without one.
    pub payload: Option<Bytes>,
    /// Regular expression on node names, "" for all.
    pub node_filter: String,
    /// Regular expression on service names, "" for all.
    pub service_filter: String,
    /// Regular expression on tags, "" for all; needs a service filter.
    pub tag_filter: String,
    /// Version of the message format.
    pub version: u64,
    /// Lamport time; 0 until received.
    pub ltime: u64,
}

/// The port to user events.
pub trait Events: Send + Sync + 'static {
    /// Checks and broadcasts an event; answers it with its ID. Filters that do not compile, a tag filter without a service
    /// filter and too large events are refused with the reference's texts.
    fn fire<'a>(
        &'a self,
        caller: &'a Caller,
        datacenter: &'a str,
        event: UserEvent,
    ) -> BoxFuture<'a, Result<UserEvent, RpcError>>;

    /// Events that this agent received and that concern it, oldest first, those the caller may read. `true` if some were
    /// held back.
    fn received(&self, caller: &Caller) -> (Vec<Arc<UserEvent>>, bool);

    /// Number of events received since the agent started; changes with every event.
    fn count(&self) -> u64;

    /// Resolves when [`Events::count`] is no longer `seen`.
    fn arrived<'a>(&'a self, seen: u64) -> BoxFuture<'a, ()>;
}
