//! Requests and replies of the server port, by service (spec/wire.md §4, §5).
