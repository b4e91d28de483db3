//! `ConnectCA`: what the mesh trusts.

use std::sync::Arc;

use dialect::{List, record};
use model::CaRoot;

use super::QueryMeta;

record! {
    /// Root certificates.
    pub struct IndexedCaRoots {
        active_root_id: String = "ActiveRootID",
        trust_domain: String = "TrustDomain",
        roots: List<Arc<CaRoot>> = "Roots",
        #flatten meta: QueryMeta,
    }
}
