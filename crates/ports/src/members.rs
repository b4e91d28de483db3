//! The port to the pools of agents that gossip (spec/http-api.md §10.7).

use crate::BoxFuture;

/// A member as the agent endpoints show it.
pub use crate::filter::MemberRow as Member;

/// Status of a [`Member`] that is up.
pub const MEMBER_ALIVE: i64 = 1;

/// Whom this agent knows by gossip.
pub trait Members: Send + Sync + 'static {
    /// Whether this agent is a server: only those know the WAN pool.
    fn is_server(&self) -> bool;

    /// This agent in the LAN pool.
    fn own(&self) -> Member;

    /// The LAN pool, this agent included, in any order.
    fn lan(&self) -> Vec<Member>;

    /// The WAN pool; `None` on clients.
    fn wan(&self) -> Option<Vec<Member>>;

    /// Joins the pool of the agent at `host`, `ip` or `ip:port`. The error is the text that the client sees.
    fn join<'a>(&'a self, address: &'a str, wan: bool) -> BoxFuture<'a, Result<(), String>>;

    /// Declares a failed member left; `prune` also takes it off the list. The error is the text that the client sees.
    fn force_leave<'a>(
        &'a self,
        node: &'a str,
        prune: bool,
        wan: bool,
    ) -> BoxFuture<'a, Result<(), String>>;
}
