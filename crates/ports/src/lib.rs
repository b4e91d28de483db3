//! The traits where doors and rooms meet: Rpc, LocalAgent, Members; Caller, RpcError, Query, Answer.
