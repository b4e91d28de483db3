//! Schemas of the rows that `?filter=` works on (spec/http-api.md §6.4).
//!
//! One static table per row type; [`bexpr::Filter`] compiles a text against one of them. A selector exists only if it
//! stands here: indexes, localities, definitions and free-form configuration are not selectable.

mod catalog;
mod member;
mod proxy;
mod service;

pub use bexpr::{Error as FilterError, Filter, Schema, check_syntax, regexp};
pub use catalog::{CHECK_SERVICE_NODE, HEALTH_CHECK, NODE, NODE_DUMP, SERVICE_NODE};
pub use member::{MEMBER, MemberRow};
pub use service::{AGENT_SERVICE, NODE_SERVICE};

/// What stands before the text of a [`FilterError`] in an answer (spec/http-api.md §6.3).
pub const FILTER_ERROR_PREFIX: &str = "Failed to create boolean expression evaluator: ";

/// Compiles a filter parameter; an empty one filters nothing.
///
/// # Errors
/// The text of the answer, prefix included.
pub fn compile<T: 'static>(
    text: &str,
    schema: &'static Schema<T>,
) -> Result<Option<Filter<T>>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Filter::compile(text, schema)
        .map(Some)
        .map_err(|e| format!("{FILTER_ERROR_PREFIX}{e}"))
}

/// Longest filter that is taken to cost little, bytes.
const LIGHT_BYTES_MAX: usize = 1 << 10;

/// Whether compiling or using a filter may take milliseconds: it has patterns, or is long.
pub fn is_heavy(text: &str) -> bool {
    text.len() > LIGHT_BYTES_MAX || text.contains("matches")
}
