//! What names may look like (spec/acl.md §4). Lengths are bytes.

use super::{Invalid, refuse};

/// Longest name of a policy and of an auth method.
const POLICY_NAME_MAX: usize = 128;
const METHOD_NAME_MAX: usize = 128;
/// Longest name of a role and of an identity.
const ROLE_NAME_MAX: usize = 256;
const IDENTITY_NAME_MAX: usize = 256;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_words(name: &str, max: usize) -> bool {
    (1..=max).contains(&name.len()) && name.bytes().all(is_word)
}

/// Letters, digits, `-`, `_`, and one `/` that is not the first character; not below `builtin/`.
pub fn is_policy_name(name: &str) -> bool {
    policy_name(name).is_ok()
}

/// Letters, digits, `-` and `_`.
pub fn is_role_name(name: &str) -> bool {
    is_words(name, ROLE_NAME_MAX)
}

/// Of services and nodes: small letters, digits, `-` and `_`, with a letter or digit at both ends.
pub fn is_identity_name(name: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    (1..=IDENTITY_NAME_MAX).contains(&name.len())
        && bytes.iter().all(|b| small(*b) || matches!(b, b'-' | b'_'))
        && ends.into_iter().flatten().all(|b| small(*b))
}

pub(super) fn policy_name(name: &str) -> Result<(), Invalid> {
    let one_slash = || {
        let (head, tail) = name.split_once('/').unwrap_or((name, ""));
        !head.is_empty() && head.bytes().all(is_word) && tail.bytes().all(is_word)
    };
    if name.is_empty() {
        refuse("Invalid Policy: no Name is set")
    } else if name.len() > POLICY_NAME_MAX {
        refuse("Invalid Policy: invalid Name. Length must be greater than 0 and less than 128")
    } else if name.starts_with('/') || name.starts_with("builtin/") {
        refuse("Invalid Policy: invalid Name. Names cannot be prefixed with '/' or 'builtin/'")
    } else if !one_slash() {
        refuse(
            "Invalid Policy: invalid Name. Only alphanumeric characters, a single '/', '-' and '_' are allowed",
        )
    } else {
        Ok(())
    }
}

pub(super) fn role_name(name: &str) -> Result<(), Invalid> {
    match name {
        "" => refuse("Invalid Role: no Name is set"),
        name if is_role_name(name) => Ok(()),
        _ => refuse(
            "Invalid Role: invalid Name. Only alphanumeric characters, '-' and '_' are allowed",
        ),
    }
}

pub(super) fn method_name(name: &str) -> Result<(), Invalid> {
    match name {
        "" => refuse("Invalid Auth Method: no Name is set"),
        name if is_words(name, METHOD_NAME_MAX) => Ok(()),
        _ => refuse(
            "Invalid Auth Method: invalid Name. Only alphanumeric characters, '-' and '_' are allowed",
        ),
    }
}

/// 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_letters_and_lengths() {
        for (name, expected) in [
            ("a", true),
            ("a_b-c9", true),
            ("x_", false),
            ("-x", false),
            ("Web", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(is_identity_name(name), expected, "{name}");
        }
        assert!(is_identity_name(&"a".repeat(256)) && !is_identity_name(&"a".repeat(257)));
        assert!(is_role_name(&"a".repeat(256)) && !is_role_name(&"a".repeat(257)));
        for (name, expected) in [
            ("a/b", true),
            ("a/", true),
            ("builtin", true),
            ("a//b", false),
            ("a/b/c", false),
            ("/a", false),
            ("builtin/x", false),
            ("\u{fc}n", false),
        ] {
            assert_eq!(is_policy_name(name), expected, "{name}");
        }
        assert!(is_policy_name(&"a".repeat(128)) && !is_policy_name(&"a".repeat(129)));
        assert!(is_uuid("11111111-bbbb-0000-0000-00000000000F"));
        assert!(!is_uuid("11111111-bbbb-0000-0000-00000000000g"));
        assert!(!is_uuid("111111111bbbb-0000-0000-000000000001"));
    }
}
