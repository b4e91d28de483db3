//! A typed async Rust client of the HTTP API.
