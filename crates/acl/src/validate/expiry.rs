//! When a token ends (spec/acl.md §8.1).

use dialect::Nanos;
use dialect::duration::format;
use model::AclToken;

use super::{Invalid, refuse};

/// Shortest life of a token, nanoseconds.
pub const TTL_MIN: i64 = 60_000_000_000;

/// Longest life of a token, nanoseconds.
pub const TTL_MAX: i64 = i64::MAX;

/// Checks the wishes of a new token and turns a length into a moment. A zero length and the zero time are no wishes.
pub(super) fn settle(token: &mut AclToken) -> Result<(), Invalid> {
    let ttl = std::mem::take(&mut token.expiration_ttl).0;
    if token.expiration_time.is_some_and(|at| at.is_zero_time()) {
        token.expiration_time = None;
    }
    if ttl < 0 {
        let shown = format(ttl);
        return refuse(format!("Token Expiration TTL '{shown}' should be > 0"));
    }
    if ttl > 0 {
        if token.expiration_time.is_some() {
            return refuse("Token Expiration TTL and Expiration Time cannot both be set");
        }
        token.expiration_time = Some(token.create_time.plus(Nanos(ttl).to_duration()));
    }
    let Some(end) = token.expiration_time else {
        return Ok(());
    };
    if end < token.create_time {
        return refuse("ExpirationTime cannot be before CreateTime");
    }
    // As the reference's, the difference stops at 292 years.
    let life = end.nanos_since(&token.create_time);
    if life < TTL_MIN {
        let (min, shown) = (format(TTL_MIN), format(life));
        return refuse(format!(
            "ExpirationTime cannot be less than {min} in the future (was {shown})"
        ));
    }
    Ok(())
}

/// Checks the longest life that an auth method gives; zero is none.
///
/// # Errors
/// `MaxTokenTTL 59s cannot be less than 1m0s`.
pub fn ttl_within(ttl: i64) -> Result<(), Invalid> {
    match ttl {
        0 | TTL_MIN..=TTL_MAX => Ok(()),
        _ => {
            let (shown, min) = (format(ttl), format(TTL_MIN));
            refuse(format!("MaxTokenTTL {shown} cannot be less than {min}"))
        }
    }
}
