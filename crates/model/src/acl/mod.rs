//! Who may do what: tokens, policies, roles, and what logs people in (spec/acl.md §2).
//!
//! Owns the records, their hash and the text that hides itself. What rules mean stands in the crate `acl`.

mod hash;
mod login;
mod secret;
mod token;

pub use hash::*;
pub use login::*;
pub use secret::*;
pub use token::*;
