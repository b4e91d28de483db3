//! The DNS door: UDP and TCP listeners, recursors.
