//! From the claims of a verified JSON web token to the texts that selectors and names see (spec/acl.md §11.2).

use dialect::Any;

use super::claims::Claims;
use super::config::Jwt;
use crate::validate::Invalid;

/// Takes the mapped claims out of a token's payload. A claim is named by its key, or by a JSON pointer if the name begins with
/// `/`; what is absent or null stays absent.
///
/// # Errors
/// A claim that is neither text, number nor truth value.
pub fn claims_of_jwt(config: &Jwt, payload: &Any) -> Result<Claims, Invalid> {
    let mut claims = Claims::default();
    for (claim, name) in &config.claims {
        if let Some(value) = found(payload, claim) {
            claims.value.insert(name.clone(), text(claim, value)?);
        }
    }
    for (claim, name) in &config.list_claims {
        if let Some(value) = found(payload, claim) {
            let texts = match value {
                Any::List(items) => items.iter().map(|item| text(claim, item)).collect(),
                one => text(claim, one).map(|text| vec![text]),
            };
            claims.list.insert(name.clone(), texts?);
        }
    }
    Ok(claims)
}

fn found<'a>(payload: &'a Any, claim: &str) -> Option<&'a Any> {
    let value = match claim.strip_prefix('/') {
        Some(path) => path.split('/').try_fold(payload, |value, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            match value {
                Any::List(items) => items.get(part.parse::<usize>().ok()?),
                other => other.as_map()?.get(&part),
            }
        }),
        None => payload.as_map()?.get(claim),
    };
    value.filter(|value| **value != Any::Null)
}

/// Numbers lose their fraction.
fn text(claim: &str, value: &Any) -> Result<String, Invalid> {
    let kind = match value {
        Any::Str(text) => return Ok(text.to_string()),
        Any::Bool(truth) => return Ok(truth.to_string()),
        Any::Int(number) => return Ok(number.to_string()),
        Any::Uint(number) => return Ok(number.to_string()),
        Any::Float(number) => return Ok((*number as i64).to_string()),
        Any::List(_) => "[]interface {}",
        Any::Map(_) => "map[string]interface {}",
        Any::Null => "<nil>",
        Any::Bytes(_) => "[]uint8",
    };
    Err(format!("error converting claim '{claim}' to string from unknown type {kind}").into())
}
