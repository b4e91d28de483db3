//! Hosts as requests name them.

/// Whether `text` is a host with or without a port (RFC 3986 §3.2.2, §3.2.3); an empty one is.
pub(crate) fn is_valid(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let (name, port) = split(text);
    let name_is_valid = match name.strip_prefix('[') {
        Some(inside) => inside
            .strip_suffix(']')
            .is_some_and(|inside| !inside.is_empty() && inside.bytes().all(is_in_brackets)),
        None => name.bytes().all(is_in_name) && escapes_are_whole(name),
    };
    name_is_valid && port.bytes().all(|b| b.is_ascii_digit())
}

/// Host and port, "" without one. Brackets of IPv6 stay.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let from = text.rfind(']').map_or(0, |at| at + 1);
    match text.get(from..).and_then(|rest| rest.find(':')) {
        Some(at) => (
            text.get(..from + at).unwrap_or_default(),
            text.get(from + at + 1..).unwrap_or_default(),
        ),
        None => (text, ""),
    }
}

fn is_in_brackets(b: u8) -> bool {
    is_in_name(b) || b == b':'
}

fn is_in_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&b)
}

fn escapes_are_whole(name: &str) -> bool {
    name.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            "",
            "x",
            "a.b:1",
            "127.0.0.1:8500",
            "[::1]",
            "[::1]:8500",
            "a_b",
            "x:",
            "a%2db",
            "[fe80::1%25eth0]",
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b", "a/b", "a@b", "a:b", "a:1:2", "[::1", "::1", "[]", "[::1]x", "a%2", "a\\b",
            "a\"", "<a>", "a#b",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
        assert!(!is_valid("é".as_bytes()));
        assert_eq!(split("[::1]:80"), ("[::1]", "80"));
        assert_eq!(split("a"), ("a", ""));
    }
}
