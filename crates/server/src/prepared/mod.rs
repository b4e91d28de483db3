//! Prepared queries: validation, templates, execution (spec/server.md §14).

mod execute;
mod expression;
pub(crate) mod template;
pub(crate) mod validate;
