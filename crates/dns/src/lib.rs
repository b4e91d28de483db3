//! DNS name grammar, answer policy and truncation, without sockets.
