//! `Status`: who leads, who votes, how far a server is.

use dialect::record;

record! {
    /// How far a server's log is, asked by the leader's autopilot.
    pub struct RaftStats {
        /// Time since the leader was heard: a duration text, `never`, or `0` on the leader.
        last_contact: String = "LastContact",
        last_term: u64 = "LastTerm",
        last_index: u64 = "LastIndex",
    }
}
