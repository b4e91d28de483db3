//! Certificates and keys with exactly the fields and order that the reference produces (spec/cli.md `tls`, spec/mesh.md §8.4).
//!
//! Owns DER, PEM and what a certificate says. It must never learn where keys are kept: no files, no flags, no tables; time and
//! serial numbers come as arguments, only keys are made here.

mod certificate;
mod mesh;

pub use certificate::{Authority, Extended, Request, Usage, civil, new_key, pem, self_signed};
pub use mesh::{Root, hex_id, root};
