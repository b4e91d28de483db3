//! `Session`: reads and renewals.

use std::sync::Arc;

use dialect::{List, record};
use model::Session;

use super::{QueryMeta, QueryOptions};

record! {
    /// Asks about one session.
    pub struct SessionSpecificRequest {
        datacenter: String = "Datacenter",
        session_id: String = "SessionID",
        /// Older spelling; counts when `session_id` is empty.
        session: String = "Session",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Sessions.
    pub struct IndexedSessions {
        sessions: List<Arc<Session>> = "Sessions",
        #flatten meta: QueryMeta,
    }
}
