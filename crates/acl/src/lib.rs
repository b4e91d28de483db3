//! Access control as values (spec/acl.md): rule texts in, decisions out.
//!
//! Owns the rule language, how policies come to one decision and why, the built-in and synthetic policies, what is wrong with an
//! object before it is stored, and what a login is bound to. Must never learn where tokens are kept or who asks; time is an
//! argument.
//!
//! The door: [`Policy::parse`] once for every policy, [`Authorizer::compile`] once for every set of policies ([`Authorizers`]
//! shares them),
//! [`Authorizer::allows`] for every request, [`Denied`] for its refusal, [`explain`] for people.

pub mod audit;
mod authorizer;
mod builtin;
mod denied;
mod explain;
pub mod login;
mod merge;
pub mod report;
mod right;
mod rules;
mod shared;
pub mod synthetic;
mod table;
pub mod templates;
pub mod validate;

pub use authorizer::{Authorizer, AuthorizerId};
pub use builtin::{Builtin, GLOBAL_MANAGEMENT, GLOBAL_READ_ONLY, RESERVED_PREFIX, recovery_rules};
pub use denied::{ANONYMOUS_ACCESSOR, ANONYMOUS_SECRET, Denied};
pub use explain::{By, RuleRef, Source, Why, explain, merged_rules};
pub use right::{Access, Context, Decision, Fallback, Level, QuestionError, Resource, Right};
pub use rules::{Policy, RuleError};
pub use shared::Authorizers;
