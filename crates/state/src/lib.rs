//! The replicated tables: a pure function of the log.
