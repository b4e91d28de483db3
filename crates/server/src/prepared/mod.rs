//! Prepared queries: validation, templates, execution (spec/server.md §14).

mod execute;
pub(crate) mod template;
pub(crate) mod validate;
