//! What a definition must satisfy before it reaches the log (spec/http-api.md §19.3).

use dialect::{Dict, duration};
use model::PreparedQuery;

/// Pairs of `NodeMeta`.
const META_PAIRS_MAX: usize = 64;
/// Bytes of a metadata key.
const META_KEY_MAX: usize = 128;
/// Bytes of a metadata value.
const META_VALUE_MAX: usize = 512;
/// What reads show in place of a token.
const REDACTED: &str = "<hidden>";

/// Checks a definition; the text of the first rule broken, with the method's prefix.
pub(crate) fn definition(query: &PreparedQuery) -> Result<(), String> {
    check(query).map_err(|why| format!("Invalid prepared query: {why}"))
}

fn check(query: &PreparedQuery) -> Result<(), String> {
    let service = &query.service;
    if query.name.is_empty() && query.template.template_type.is_empty() && query.session.is_empty()
    {
        return Err("Must be bound to a session".to_owned());
    }
    if query.token == REDACTED {
        return Err("Bad Token '<hidden>', it looks like a query definition with a redacted token was submitted".to_owned());
    }
    if !service.sameness_group.is_empty() {
        return Err("sameness-groups are an enterprise-only feature".to_owned());
    }
    if service.service.is_empty() {
        return Err("Must provide a Service name to query".to_owned());
    }
    let failover = &service.failover;
    if failover.nearest_n < 0 {
        return Err(format!(
            "Bad NearestN '{}', must be >= 0",
            failover.nearest_n
        ));
    }
    if !failover.targets.is_empty() && (failover.nearest_n != 0 || !failover.datacenters.is_empty())
    {
        return Err("Targets cannot be populated with NearestN or Datacenters".to_owned());
    }
    meta(&service.node_meta)?;
    if !query.dns.ttl.is_empty() {
        let ttl = duration::parse(&query.dns.ttl)
            .map_err(|why| format!("Bad DNS TTL '{}': {why}", query.dns.ttl))?;
        if ttl < 0 {
            return Err(format!("DNS TTL '{ttl}', must be >=0"));
        }
    }
    Ok(())
}

fn meta(meta: &Dict<String>) -> Result<(), String> {
    if meta.len() > META_PAIRS_MAX {
        return Err(wire::errors::state::too_much_meta(META_PAIRS_MAX));
    }
    for (key, value) in meta.iter() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let why = if key.is_empty() {
            "Key cannot be blank"
        } else if !key.bytes().all(plain) {
            "Key contains invalid characters"
        } else if key.len() > META_KEY_MAX {
            "Key is too long (limit: 128 characters)"
        } else if value.len() > META_VALUE_MAX {
            "Value is too long (limit: 512 characters)"
        } else {
            continue;
        };
        return Err(wire::errors::state::meta_pair(key, value, why));
    }
    Ok(())
}
