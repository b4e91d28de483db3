//! Tests of the replicated tables as their users see them.

mod archives;
mod authority;
mod catalog;
mod common;
mod formats;
mod kv;
mod model;
mod naive;
mod sessions;
mod snapshots;
mod tables;
mod txn;
mod watches;
