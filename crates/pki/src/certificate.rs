//! Making X.509 certificates with exactly the fields and order that `consul tls` produces.
//!
//! The DER is written here because the order of extensions and the form of keys are part of what users compare; signing is
//! left to the cryptographic library.

use rcgen::{KeyPair, PublicKeyData, SigningKey};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

/// What a certificate says.
pub struct Request {
    /// 128 random bits.
    pub serial: u128,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// Common name.
    pub name: String,
    /// DNS names.
    pub dns: Vec<String>,
    /// IP addresses.
    pub ips: Vec<IpAddr>,
    /// URIs.
    pub uris: Vec<String>,
    /// What it is for.
    pub usage: Usage,
}

/// What a certificate is for.
pub enum Usage {
    /// An authority, perhaps for these domains only.
    Authority {
        /// DNS domains that it may issue for; empty: all.
        permitted: Vec<String>,
    },
    /// The root of a mesh: named by its common name alone, key identifiers over the whole public key structure
    /// (spec/mesh.md §8.4).
    MeshRoot,
    /// Both ends of TLS; the first use named is the main one.
    Endpoint {
        /// In the order in which they are to stand.
        extended: Vec<Extended>,
    },
}

/// Extended key usages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    /// TLS server.
    Server,
    /// TLS client.
    Client,
}

/// An authority read from its files.
pub struct Authority {
    key: KeyPair,
    subject: Vec<u8>,
    key_id: Vec<u8>,
    permitted: Vec<String>,
}

// DER.

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let start = bytes.iter().position(|b| *b != 0).unwrap_or(0);
            let digits = &bytes[start..];
            // A length has at most eight bytes.
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(arcs: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    if let [first, second, rest @ ..] = arcs {
        for arc in std::iter::once(&(first * 40 + second)).chain(rest) {
            let mut digits = vec![(arc & 0x7f) as u8];
            let mut left = arc >> 7;
            while left > 0 {
                digits.push((left & 0x7f) as u8 | 0x80);
                left >>= 7;
            }
            out.extend(digits.iter().rev());
        }
    }
    tlv(6, &out)
}

fn integer(value: u128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let start = bytes.iter().position(|b| *b != 0).unwrap_or(15);
    let mut content = bytes[start..].to_vec();
    if content[0] >= 0x80 {
        content.insert(0, 0);
    }
    tlv(2, &content)
}

fn bits(content: &[u8], unused: u8) -> Vec<u8> {
    tlv(3, &[&[unused], content].concat())
}

fn text(value: &str) -> Vec<u8> {
    let printable = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b);
    let tag = if value.bytes().all(printable) {
        0x13
    } else {
        0x0c
    };
    tlv(tag, value.as_bytes())
}

fn extension(id: u64, critical: bool, content: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(&[2, 5, 29, id])];
    if critical {
        parts.push(vec![1, 1, 0xff]);
    }
    parts.push(tlv(4, content));
    seq(&parts)
}

/// Year, month, day, hour, minute, second of a moment, in UTC.
pub fn civil(seconds: i64) -> (i64, i64, i64, i64, i64, i64) {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days are counted from 0000-03-01, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, date, rest / 3600, rest / 60 % 60, rest % 60)
}

fn time(seconds: i64) -> Vec<u8> {
    let (year, month, day, hour, minute, second) = civil(seconds);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if (1950..2050).contains(&year) {
        tlv(0x17, format!("{:02}{rest}", year % 100).as_bytes())
    } else {
        tlv(0x18, format!("{year:04}{rest}").as_bytes())
    }
}

const ECDSA_SHA256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
const EC_PUBLIC_KEY: &[u64] = &[1, 2, 840, 10045, 2, 1];
const P256: &[u64] = &[1, 2, 840, 10045, 3, 1, 7];

fn public_key(key: &KeyPair) -> Vec<u8> {
    let algorithm = seq(&[oid(EC_PUBLIC_KEY), oid(P256)]);
    seq(&[algorithm, bits(key.der_bytes(), 0)])
}

fn key_id(key: &KeyPair) -> Vec<u8> {
    Sha256::digest(key.der_bytes()).to_vec()
}

/// The identifier that a certificate gives its own key.
pub(crate) fn own_id(request: &Request, key: &KeyPair) -> Vec<u8> {
    match request.usage {
        Usage::MeshRoot => Sha256::digest(public_key(key)).to_vec(),
        Usage::Authority { .. } | Usage::Endpoint { .. } => key_id(key),
    }
}

/// Attributes that stand before the common name of an authority: arc below 2.5.4, value.
const AUTHORITY_SUBJECT: &[(u64, &str)] = &[
    (6, "US"),
    (8, "CA"),
    (7, "San Francisco"),
    (9, "101 Second Street"),
    (17, "94105"),
    (10, "HashiCorp Inc."),
];

fn subject(request: &Request) -> Vec<u8> {
    let attribute =
        |(arc, value): (u64, &str)| tlv(0x31, &seq(&[oid(&[2, 5, 4, arc]), text(value)]));
    let fixed = match request.usage {
        Usage::Authority { .. } => AUTHORITY_SUBJECT,
        Usage::MeshRoot | Usage::Endpoint { .. } => &[],
    };
    let mut names: Vec<_> = fixed.iter().copied().map(attribute).collect();
    names.push(attribute((3, &request.name)));
    seq(&names)
}

fn alternative_names(request: &Request) -> Vec<u8> {
    let mut names: Vec<_> = request
        .dns
        .iter()
        .map(|d| tlv(0x82, d.as_bytes()))
        .collect();
    for ip in &request.ips {
        names.push(match ip {
            IpAddr::V4(v4) => tlv(0x87, &v4.octets()),
            IpAddr::V6(v6) => tlv(0x87, &v6.octets()),
        });
    }
    names.extend(request.uris.iter().map(|u| tlv(0x86, u.as_bytes())));
    seq(&names)
}

fn extensions(request: &Request, key: &KeyPair, authority_key_id: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    match &request.usage {
        // digitalSignature, keyCertSign, cRLSign
        Usage::Authority { .. } | Usage::MeshRoot => {
            all.push(extension(15, true, &bits(&[0x86], 1)));
        }
        // digitalSignature, keyEncipherment
        Usage::Endpoint { extended } => {
            all.push(extension(15, true, &bits(&[0xa0], 5)));
            let purpose = |e: &Extended| {
                oid(&[
                    1,
                    3,
                    6,
                    1,
                    5,
                    5,
                    7,
                    3,
                    if *e == Extended::Server { 1 } else { 2 },
                ])
            };
            if !extended.is_empty() {
                let list: Vec<_> = extended.iter().map(purpose).collect();
                all.push(extension(37, false, &seq(&list)));
            }
        }
    }
    let is_authority = !matches!(request.usage, Usage::Endpoint { .. });
    let basic = if is_authority {
        seq(&[vec![1, 1, 0xff]])
    } else {
        seq(&[])
    };
    all.push(extension(19, true, &basic));
    all.push(extension(14, false, &tlv(4, &own_id(request, key))));
    all.push(extension(35, false, &seq(&[tlv(0x80, authority_key_id)])));
    if !(request.dns.is_empty() && request.ips.is_empty() && request.uris.is_empty()) {
        all.push(extension(17, false, &alternative_names(request)));
    }
    if let Usage::Authority { permitted } = &request.usage
        && !permitted.is_empty()
    {
        let subtree = |domain: &String| seq(&[tlv(0x82, domain.as_bytes())]);
        let subtrees: Vec<_> = permitted.iter().map(subtree).collect();
        let content = seq(&[tlv(0xa0, &subtrees.concat())]);
        all.push(extension(30, true, &content));
    }
    tlv(0xa3, &seq(&all))
}

fn sign(
    request: &Request,
    key: &KeyPair,
    issuer: &[u8],
    issuer_key: &KeyPair,
    issuer_key_id: &[u8],
) -> Result<Vec<u8>, String> {
    let algorithm = seq(&[oid(ECDSA_SHA256)]);
    let body = seq(&[
        tlv(0xa0, &integer(2)),
        integer(request.serial),
        algorithm.clone(),
        issuer.to_vec(),
        seq(&[time(request.not_before), time(request.not_after)]),
        subject(request),
        public_key(key),
        extensions(request, key, issuer_key_id),
    ]);
    let signature = issuer_key.sign(&body).map_err(|e| e.to_string())?;
    Ok(seq(&[body, algorithm, bits(&signature, 0)]))
}

/// A certificate that signs itself, DER.
///
/// # Errors
/// The cryptographic library refuses to sign.
pub fn self_signed(request: &Request, key: &KeyPair) -> Result<Vec<u8>, String> {
    sign(request, key, &subject(request), key, &own_id(request, key))
}

impl Authority {
    /// Reads certificate and key, PEM.
    ///
    /// # Errors
    /// In the reference's words: no PEM, another type, a key that does not belong to the certificate.
    pub fn read(certificate: &[u8], key: &[u8]) -> Result<Self, String> {
        let key = read_key(key)?;
        let none = "no PEM-encoded data found";
        let (label, der) =
            pem_block(certificate).ok_or_else(|| format!("failed to parse CA: {none}"))?;
        if label != "CERTIFICATE" {
            return Err(
                "failed to parse CA: first PEM-block should be CERTIFICATE type".to_owned(),
            );
        }
        let (_, parsed) = X509Certificate::from_der(&der)
            .map_err(|_| "failed to parse CA: x509: malformed certificate".to_owned())?;
        let theirs = parsed.public_key().subject_public_key.data.as_ref();
        if theirs != key.der_bytes() {
            return Err("failed to create certificate: x509: provided PrivateKey doesn't match parent's PublicKey".to_owned());
        }
        let mut authority = Self {
            subject: parsed.subject().as_raw().to_vec(),
            key_id: key_id(&key),
            permitted: Vec::new(),
            key,
        };
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => authority.key_id = id.0.to_vec(),
                ParsedExtension::NameConstraints(names) => {
                    for tree in names.permitted_subtrees.iter().flatten() {
                        if let GeneralName::DNSName(name) = tree.base {
                            authority.permitted.push(name.to_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(authority)
    }

    /// Issues a certificate, DER.
    ///
    /// # Errors
    /// A name is outside the authority's constraints, or the cryptographic library refuses to sign.
    pub fn issue(&self, request: &Request, key: &KeyPair) -> Result<Vec<u8>, String> {
        for name in &request.dns {
            if !self.permitted.is_empty() && !self.permitted.iter().any(|p| is_within(name, p)) {
                return Err(format!(
                    "x509: a root or intermediate certificate is not authorized to sign for this name: DNS name \"{name}\" is not permitted by any constraint"
                ));
            }
        }
        sign(request, key, &self.subject, &self.key, &self.key_id)
            .map_err(|e| format!("failed to create certificate: {e}"))
    }
}

/// Whether a name is the domain or below it.
fn is_within(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_lowercase(), domain.to_lowercase());
    let domain = domain.trim_start_matches('.');
    name == domain
        || name
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

// PEM and keys.

/// A PEM text of one block.
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// Label and content of the first block of a PEM text.
fn pem_block(text: &[u8]) -> Option<(String, Vec<u8>)> {
    use base64::Engine;
    let text = String::from_utf8_lossy(text);
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let plain: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(plain)
        .ok()?;
    Some((label.to_owned(), der))
}

/// A new P-256 key with its PEM in the SEC 1 form.
///
/// # Errors
/// The system has no randomness.
pub fn new_key() -> Result<(KeyPair, String), String> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|e| e.to_string())?;
    let secret = secret_of_pkcs8(key.serialized_der()).ok_or("unexpected form of a new key")?;
    let der = seq(&[
        integer(1),
        tlv(4, &secret),
        tlv(0xa0, &oid(P256)),
        tlv(0xa1, &bits(key.der_bytes(), 0)),
    ]);
    let text = pem("EC PRIVATE KEY", &der);
    Ok((key, text))
}

/// Tag, content and rest of the first DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits.iter().fold(0, |n, b| n << 8 | usize::from(*b));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The private number inside a SEC 1 structure.
fn secret_of_sec1(der: &[u8]) -> Option<Vec<u8>> {
    let (0x30, inner, _) = element(der)? else {
        return None;
    };
    let (2, _, rest) = element(inner)? else {
        return None;
    };
    let (4, secret, _) = element(rest)? else {
        return None;
    };
    Some(secret.to_vec())
}

/// The private number inside a PKCS #8 structure.
fn secret_of_pkcs8(der: &[u8]) -> Option<Vec<u8>> {
    let (0x30, inner, _) = element(der)? else {
        return None;
    };
    let (2, _, rest) = element(inner)? else {
        return None;
    };
    let (0x30, _, rest) = element(rest)? else {
        return None;
    };
    let (4, sec1, _) = element(rest)? else {
        return None;
    };
    secret_of_sec1(sec1)
}

/// Reads a key in the SEC 1 or PKCS #8 form.
fn read_key(text: &[u8]) -> Result<KeyPair, String> {
    let (label, der) = pem_block(text).ok_or("no PEM-encoded data found")?;
    let pkcs8 = match label.as_str() {
        "EC PRIVATE KEY" => {
            let algorithm = seq(&[oid(EC_PUBLIC_KEY), oid(P256)]);
            seq(&[integer(0), algorithm, tlv(4, &der)])
        }
        "PRIVATE KEY" => der,
        other => return Err(format!("unknown PEM block type for signing key: {other}")),
    };
    let text = pem("PRIVATE KEY", &pkcs8);
    KeyPair::from_pkcs8_pem_and_sign_algo(&text, &rcgen::PKCS_ECDSA_P256_SHA256)
        .map_err(|e| format!("failed to parse key: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, usage: Usage, dns: &[&str]) -> Request {
        Request {
            serial: u128::MAX / 3,
            not_before: 1_700_000_000,
            not_after: 4_000_000_000,
            name: name.into(),
            dns: dns.iter().map(|d| (*d).to_owned()).collect(),
            ips: Vec::new(),
            uris: Vec::new(),
            usage,
        }
    }

    #[test]
    fn dates() {
        assert_eq!(civil(0), (1970, 1, 1, 0, 0, 0));
        assert_eq!(civil(951_782_400), (2000, 2, 29, 0, 0, 0));
        assert_eq!(civil(1_700_000_000), (2023, 11, 14, 22, 13, 20));
        assert_eq!(civil(-1), (1969, 12, 31, 23, 59, 59));
    }

    #[test]
    fn an_authority_issues_what_it_may() {
        let (key, key_pem) = new_key().expect("a key");
        let permitted = vec!["foo".to_owned(), "localhost".to_owned()];
        let ca = request("CA", Usage::Authority { permitted }, &[]);
        let ca_pem = pem("CERTIFICATE", &self_signed(&ca, &key).expect("signs"));
        let authority = Authority::read(ca_pem.as_bytes(), key_pem.as_bytes()).expect("reads");
        let (leaf_key, other_pem) = new_key().expect("a key");
        let both = || Usage::Endpoint {
            extended: vec![Extended::Server, Extended::Client],
        };
        let leaf = request("server.dc1.foo", both(), &["server.dc1.foo", "localhost"]);
        let der = authority.issue(&leaf, &leaf_key).expect("issues");
        let (_, parsed) = X509Certificate::from_der(&der).expect("parses");
        assert_eq!(parsed.subject().to_string(), "CN=server.dc1.foo");
        assert!(parsed.issuer().to_string().ends_with("CN=CA"));
        let refused = authority.issue(&request("x", both(), &["not.allowed"]), &leaf_key);
        assert!(refused.is_err_and(|e| e.contains("DNS name \"not.allowed\" is not permitted")));
        let mixed = Authority::read(ca_pem.as_bytes(), other_pem.as_bytes()).err();
        assert!(mixed.is_some_and(|e| e.contains("doesn't match parent's PublicKey")));
        let junk = Authority::read(b"junk", key_pem.as_bytes()).err();
        assert_eq!(
            junk.as_deref(),
            Some("failed to parse CA: no PEM-encoded data found")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_key_text_panics(der in proptest::collection::vec(0u8.., 0..64)) {
            let _ = secret_of_pkcs8(&der);
            let _ = read_key(pem("EC PRIVATE KEY", &der).as_bytes());
        }
    }
}
