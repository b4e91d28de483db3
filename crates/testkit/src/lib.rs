//! In-process agents for tests.
