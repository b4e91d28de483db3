//! Listeners, TLS with reload, unix sockets, HTTP/TLS client plumbing.
