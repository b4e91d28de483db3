//! Nouns: records of the catalog, KV, sessions, queries, coordinates.
