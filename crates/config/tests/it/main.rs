//! Configuration from the outside: texts and flags in, a configuration or the exact refusal out.

mod effects;
mod files;
mod host;
mod keys;
mod refusals;
mod template_language;
mod templates;
mod values;
