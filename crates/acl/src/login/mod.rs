//! Logging in: what a method learns of somebody ([`Claims`]), and what its rules make of it ([`bind`]) (spec/acl.md §11).
//!
//! Must never learn how a credential is verified: claims come from who did that.

mod bind;
mod claims;
mod config;
mod convert;
mod decode;
mod rule;

pub use bind::{Bindings, bind, description};
pub use claims::{Claims, Method};
pub use config::{AwsIam, Config, Jwt, KeySource, Kubernetes, Material};
pub use convert::claims_of_jwt;
pub use rule::binding_rule;
