//! RPC methods, query groups, blocking queries, leader duties.
