//! The configuration of an auth method as a value (spec/acl.md §11), read as weakly as the reference reads it: keys in any case,
//! a text where a number or truth value is wanted, one text for a list of one.
//!
//! What needs cryptography to be checked is asked of a [`Material`]; what needs the other side is checked by who talks to it.

use std::collections::{BTreeMap, BTreeSet};

use dialect::url::quote;
use dialect::{Any, Dict};
use model::{AclAuthMethod, Secret};

use super::decode::Decoder;
use crate::validate::Invalid;

/// The configuration of one method.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    /// `jwt`.
    Jwt(Jwt),
    /// `kubernetes`.
    Kubernetes(Kubernetes),
    /// `aws-iam`.
    AwsIam(AwsIam),
}

/// Where the keys come from that a token must be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// PEM blocks: keys or certificates.
    Keys(Vec<String>),
    /// A key set at an URL, and the authorities (PEM, or "") that its server is verified with.
    KeySet {
        /// Where.
        url: String,
        /// Authorities.
        authorities: String,
    },
    /// What an issuer tells of itself, and the authorities (PEM, or "") that its server is verified with.
    Discovery {
        /// The issuer.
        url: String,
        /// Authorities.
        authorities: String,
    },
}

/// `jwt`. Leeways are in nanoseconds: 0 is the default, below it none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// Where keys come from.
    pub keys: KeySource,
    /// Algorithms; binds logins by discovery only.
    pub algorithms: Vec<String>,
    /// The audiences of which a token must name one.
    pub audiences: Vec<String>,
    /// The issuer that a token must name, or "".
    pub issuer: String,
    /// New names by claims.
    pub claims: BTreeMap<String, String>,
    /// New names by claims that are lists.
    pub list_claims: BTreeMap<String, String>,
    /// For tokens without `exp`.
    pub expiration_leeway: i64,
    /// For tokens without `nbf`.
    pub not_before_leeway: i64,
    /// Between clocks.
    pub clock_skew_leeway: i64,
}

/// `kubernetes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// The API server.
    pub host: String,
    /// The authorities that it is verified with, PEM.
    pub authorities: String,
    /// What we log in there with.
    pub service_account_jwt: Secret,
}

/// `aws-iam`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsIam {
    /// Who may log in: names of roles and users, the last part may end with `*`.
    pub principals: Vec<String>,
    /// Whether IAM is asked about them.
    pub details: bool,
    /// Tags that become fields.
    pub tags: BTreeSet<String>,
    /// What must be signed with the request, or "".
    pub server_id: String,
    /// How often a request is tried again.
    pub retries: i64,
    /// Instead of AWS's, or "".
    pub iam_endpoint: String,
    /// Instead of AWS's, or "".
    pub sts_endpoint: String,
    /// Further headers that a signed request may have.
    pub sts_headers: Vec<String>,
}

/// Who can read keys and certificates.
pub trait Material {
    /// Whether a PEM text holds certificates, and all of it can be read.
    fn has_certificates(&self, pem: &str) -> bool;
    /// Whether a PEM text is a public key (RSA, ECDSA, Ed25519), or a certificate with one.
    fn is_public_key(&self, pem: &str) -> bool;
    /// What is wrong with the form of a JSON web token.
    fn token_fault(&self, token: &str) -> Option<String>;
}

/// For what was checked when it was written.
struct Checked;

impl Material for Checked {
    fn has_certificates(&self, _: &str) -> bool {
        true
    }

    fn is_public_key(&self, _: &str) -> bool {
        true
    }

    fn token_fault(&self, _: &str) -> Option<String> {
        None
    }
}

/// Algorithms that a signature may be of.
const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
];

impl Config {
    /// Reads the configuration of a method that is to be written.
    ///
    /// # Errors
    /// `Invalid Auth Method: …`; an unknown type is told as [`crate::validate::auth_method`] tells it.
    pub fn of(method: &AclAuthMethod, material: &dyn Material) -> Result<Self, Invalid> {
        let config = &method.config;
        let read = match method.method_type.as_str() {
            "jwt" => jwt(config, material).map(Self::Jwt),
            "kubernetes" => kubernetes(config, material).map(Self::Kubernetes),
            "aws-iam" => aws_iam(config).map(Self::AwsIam),
            _ => {
                let known = crate::validate::METHOD_TYPES.join(" ");
                Err(format!("Type should be one of: [{known}]"))
            }
        };
        read.map_err(|detail| format!("Invalid Auth Method: {detail}").into())
    }

    /// Reads the configuration of a method that was checked when it was written.
    ///
    /// # Errors
    /// As [`Config::of`], but for keys and certificates.
    pub fn stored(method: &AclAuthMethod) -> Result<Self, Invalid> {
        Self::of(method, &Checked)
    }
}

fn jwt(config: &Dict<Any>, material: &dyn Material) -> Result<Jwt, String> {
    let mut decoder = Decoder::new(config);
    let keys = decoder.texts("JWTValidationPubKeys");
    let key_set = decoder.text("JWKSURL");
    let key_set_authorities = decoder.text("JWKSCACert");
    let discovery = decoder.text("OIDCDiscoveryURL");
    let discovery_authorities = decoder.text("OIDCDiscoveryCACert");
    let algorithms = decoder.texts("JWTSupportedAlgs");
    let audiences = decoder.texts("BoundAudiences");
    let issuer = decoder.text("BoundIssuer");
    let claims = decoder.map("ClaimMappings");
    let list_claims = decoder.map("ListClaimMappings");
    let expiration_leeway = decoder.number("ExpirationLeeway");
    let not_before_leeway = decoder.number("NotBeforeLeeway");
    let clock_skew_leeway = decoder.number("ClockSkewLeeway");
    decoder.finish()?;
    let keys = key_source(
        keys,
        (key_set, key_set_authorities),
        (discovery, discovery_authorities),
        material,
    )?;
    if let Some(unknown) = algorithms
        .iter()
        .find(|a| !ALGORITHMS.contains(&a.as_str()))
    {
        return Err(format!("Invalid supported algorithm: {unknown}"));
    }
    distinct("ClaimMappings", &claims)?;
    distinct("ListClaimMappings", &list_claims)?;
    Ok(Jwt {
        keys,
        algorithms,
        audiences,
        issuer,
        claims,
        list_claims,
        expiration_leeway,
        not_before_leeway,
        clock_skew_leeway,
    })
}

/// The one source that is given: PEM blocks, or an URL with authorities.
fn key_source(
    keys: Vec<String>,
    key_set: (String, String),
    discovery: (String, String),
    material: &dyn Material,
) -> Result<KeySource, String> {
    for (kind, (url, authorities)) in [("JWKS", &key_set), ("OIDCDiscovery", &discovery)] {
        if authorities.is_empty() {
            continue;
        }
        if url.is_empty() {
            return Err(format!(
                "'{kind}CACert' should not be set unless '{kind}URL' is set"
            ));
        }
        if !material.has_certificates(authorities) {
            return Err(format!(
                "error checking {kind}CACert: could not parse CA PEM value successfully"
            ));
        }
    }
    let (key_set, discovery) = match (keys.is_empty(), key_set, discovery) {
        (false, (a, _), (b, _)) if a.is_empty() && b.is_empty() => {
            if let Some(at) = keys.iter().position(|pem| !material.is_public_key(pem)) {
                return Err(format!(
                    "error parsing public key JWTValidationPubKeys[{at}]: data does not contain any valid RSA, ECDSA, or ED25519 public keys"
                ));
            }
            return Ok(KeySource::Keys(keys));
        }
        (true, key_set, discovery) => (key_set, discovery),
        (false, ..) => Default::default(),
    };
    match (key_set.0.is_empty(), discovery.0.is_empty()) {
        (false, true) => Ok(KeySource::KeySet {
            url: key_set.0,
            authorities: key_set.1,
        }),
        (true, false) => Ok(KeySource::Discovery {
            url: discovery.0,
            authorities: discovery.1,
        }),
        _ => Err("exactly one of 'JWTValidationPubKeys', 'JWKSURL', or 'OIDCDiscoveryURL' must be set for type \"jwt\"".to_owned()),
    }
}

/// No two claims may get one name.
fn distinct(member: &str, mapping: &BTreeMap<String, String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match mapping.values().find(|name| !seen.insert(*name)) {
        Some(name) => {
            let name = quote(name.as_bytes());
            Err(format!(
                "{member} contains multiple mappings for key {name}"
            ))
        }
        None => Ok(()),
    }
}

fn kubernetes(config: &Dict<Any>, material: &dyn Material) -> Result<Kubernetes, String> {
    let mut decoder = Decoder::new(config);
    let host = decoder.text("Host");
    let authorities = decoder.text("CACert");
    let service_account_jwt = decoder.text("ServiceAccountJWT");
    decoder.finish()?;
    if host.is_empty() {
        return Err("Config.Host is required".to_owned());
    }
    if authorities.is_empty() {
        return Err("Config.CACert is required".to_owned());
    }
    if !material.has_certificates(&authorities) {
        return Err("error parsing kubernetes ca cert: data does not contain any valid RSA or ECDSA certificates".to_owned());
    }
    if service_account_jwt.is_empty() {
        return Err("Config.ServiceAccountJWT is required".to_owned());
    }
    if let Some(fault) = material.token_fault(&service_account_jwt) {
        return Err(format!(
            "Config.ServiceAccountJWT is not a valid JWT: {fault}"
        ));
    }
    Ok(Kubernetes {
        host,
        authorities,
        service_account_jwt: service_account_jwt.into(),
    })
}

fn aws_iam(config: &Dict<Any>) -> Result<AwsIam, String> {
    let mut decoder = Decoder::new(config);
    let read = AwsIam {
        principals: decoder.texts("BoundIAMPrincipalARNs"),
        details: decoder.truth("EnableIAMEntityDetails"),
        tags: decoder.texts("IAMEntityTags").into_iter().collect(),
        server_id: decoder.text("ServerIDHeaderValue"),
        retries: decoder.number("MaxRetries"),
        iam_endpoint: decoder.text("IAMEndpoint"),
        sts_endpoint: decoder.text("STSEndpoint"),
        sts_headers: decoder.texts("AllowedSTSHeaderValues"),
    };
    decoder.finish()?;
    if read.principals.is_empty() {
        return Err("BoundIAMPrincipalARNs is required and must have at least 1 entry".to_owned());
    }
    for principal in &read.principals {
        principal_name(principal, read.details)?;
    }
    if !read.tags.is_empty() && !read.details {
        return Err("Must set EnableIAMEntityDetails=true to use IAMUserTags".to_owned());
    }
    Ok(read)
}

/// The name of an IAM role or user, or of many with `*` at its end.
fn principal_name(name: &str, details: bool) -> Result<(), String> {
    match name.find('*') {
        Some(_) if !details => {
            return Err(
                "Must set EnableIAMEntityDetails=true to use wildcards in BoundIAMPrincipalARNs"
                    .to_owned(),
            );
        }
        Some(at) if at + 1 < name.len() => {
            return Err(
                "Only one wildcard is allowed at the end of the bound IAM principal ARN".to_owned(),
            );
        }
        Some(_) => return Ok(()),
        None => {}
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let valid = match parts[..] {
        ["arn", partition, "iam", "", account, entity] => {
            let kind = entity.split_once('/').filter(|(_, name)| !name.is_empty());
            let known = kind.is_some_and(|(kind, _)| matches!(kind, "role" | "user"));
            known && !partition.is_empty() && !account.is_empty()
        }
        _ => false,
    };
    match valid {
        true => Ok(()),
        false => {
            let name = quote(name.as_bytes());
            Err(format!("Invalid principal ARN: {name}"))
        }
    }
}
