//! Verbs: replicated commands, RPC requests and replies, exact error texts.
