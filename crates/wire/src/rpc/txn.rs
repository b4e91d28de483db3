//! `Txn`: transactions that only read.

use dialect::{List, record};

use super::{QueryMeta, QueryOptions};
use crate::command::{TxnError, TxnOp, TxnResult};

record! {
    /// A transaction without writes; it does not go through the log.
    pub struct TxnReadRequest {
        datacenter: String = "Datacenter",
        ops: List<TxnOp> = "Ops",
        #flatten options: QueryOptions,
    }
}

record! {
    /// Its answer.
    pub struct TxnReadResponse {
        results: List<TxnResult> = "Results",
        errors: List<TxnError> = "Errors",
        #flatten meta: QueryMeta,
    }
}
