//! Registrations, anti-entropy, caches, watches, reload.
