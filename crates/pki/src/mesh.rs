//! The root certificate of a mesh (spec/mesh.md §8.1, §8.4).

use crate::certificate::{Request, Usage, new_key, own_id, pem, self_signed};
use sha1::{Digest, Sha1};

/// A root certificate with its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Root {
    /// SHA-1 of the certificate, as hexadecimal bytes with colons: the root's ID.
    pub id: String,
    /// The key's identifier in the certificate, in the same form.
    pub key_id: String,
    /// PEM, newline at the end.
    pub certificate: String,
    /// PEM (`EC PRIVATE KEY`), newline at the end. Secret.
    pub key: String,
}

// The key stays out of logs.
impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Bytes as lower-case hexadecimal pairs joined by colons.
pub fn hex_id(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

/// A new root for the cluster of that ID, with a new P-256 key. `uid` makes its common name differ from those of roots before
/// it; `serial` is its serial number; the times are seconds since 1970.
///
/// # Errors
/// The cryptographic library has no randomness or refuses to sign.
pub fn root(
    cluster_id: &str,
    uid: &str,
    serial: u64,
    not_before: i64,
    not_after: i64,
) -> Result<Root, String> {
    let cluster = cluster_id.to_lowercase();
    let request = Request {
        serial: u128::from(serial),
        not_before,
        not_after,
        name: format!("pri-{}.consul.ca.{}.consul", first(uid), first(&cluster)),
        dns: Vec::new(),
        ips: Vec::new(),
        uris: vec![format!("spiffe://{cluster}.consul")],
        usage: Usage::MeshRoot,
    };
    let (pair, key) = new_key()?;
    let der = self_signed(&request, &pair)?;
    Ok(Root {
        id: hex_id(&Sha1::digest(&der)),
        key_id: hex_id(&own_id(&request, &pair)),
        certificate: pem("CERTIFICATE", &der),
        key,
    })
}

/// What common names show of an identifier.
fn first(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::pem::parse_x509_pem;
    use x509_parser::prelude::{GeneralName, ParsedExtension};

    #[test]
    fn a_root_says_what_the_reference_lets_it_say() {
        let cluster = "11111111-2222-3333-4444-555555555555";
        let made = root(cluster, "k3x9abcdef", 7, 1_700_000_000, 2_000_000_000).unwrap();
        let (_, block) = parse_x509_pem(made.certificate.as_bytes()).unwrap();
        let parsed = block.parse_x509().unwrap();
        assert_eq!(
            parsed.subject().to_string(),
            "CN=pri-k3x9abcd.consul.ca.11111111.consul"
        );
        assert_eq!(parsed.subject(), parsed.issuer());
        assert!(parsed.is_ca());
        assert!(parsed.verify_signature(None).is_ok());
        assert_eq!(parsed.serial.to_string(), "7");
        let uri = parsed
            .extensions()
            .iter()
            .find_map(|e| match e.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => match names.general_names.first()
                {
                    Some(GeneralName::URI(uri)) => Some((*uri).to_owned()),
                    _ => None,
                },
                _ => None,
            });
        assert_eq!(uri, Some(format!("spiffe://{cluster}.consul")));
        assert_eq!(made.id.split(':').count(), 20);
        assert_eq!(made.key_id.split(':').count(), 32);
        assert!(made.key.starts_with("-----BEGIN EC PRIVATE KEY-----"));
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
