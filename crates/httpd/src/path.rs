//! Path rules: decoding, unprintable characters, cleaning (spec/http-api.md §1.2).

use std::borrow::Cow;

/// Decodes `%XX`. `None` for a broken escape.
pub(crate) fn decode(raw: &str) -> Option<Cow<'_, [u8]>> {
    decode_with(raw, |byte| byte)
}

/// The form routes are compared with: decoded, but an escaped slash (or zero) is a byte that no route has. It is as long
/// as the decoded path, so what follows a route's prefix starts at the same place in both.
pub(crate) fn for_matching(raw: &str) -> Option<Cow<'_, [u8]>> {
    decode_with(raw, |byte| if byte == b'/' { 0 } else { byte })
}

fn decode_with(raw: &str, keep: impl Fn(u8) -> u8) -> Option<Cow<'_, [u8]>> {
    let bytes = raw.as_bytes();
    let Some(first) = memchr::memchr(b'%', bytes) else {
        return Some(Cow::Borrowed(bytes));
    };
    let (plain, mut rest) = bytes.split_at_checked(first)?;
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(plain);
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            let [high, low] = digits else { return None };
            out.push(keep(hex(*high)? << 4 | hex(*low)?));
            rest = tail;
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    Some(Cow::Owned(out))
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Whether a decoded path has only characters that print. Bytes that are no UTF-8 read as U+FFFD, which does.
pub(crate) fn printable(path: &[u8]) -> bool {
    if path.iter().all(|b| (0x20..0x7f).contains(b)) {
        return true;
    }
    String::from_utf8_lossy(path).chars().all(|c| {
        if c.is_ascii() {
            !c.is_ascii_control()
        } else {
            prints(c)
        }
    })
}

/// The standard library knows which characters print, but tells only through its escapes; inside a string (not at its
/// start) it escapes exactly controls, formats, separators, private and unassigned ones.
fn prints(c: char) -> bool {
    let mut buffer = [b'a'; 5];
    let len = c.encode_utf8(buffer.get_mut(1..).unwrap_or_default()).len();
    let text = buffer
        .get(..=len)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default();
    text.escape_debug().nth(1) == Some(c)
}

/// The escaped path without duplicate slashes and `.`/`..` segments; `None` if it has none.
pub(crate) fn cleaned(raw: &str) -> Option<String> {
    if raw.starts_with('/') && !has_dirt(raw.as_bytes()) {
        return None;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut out = String::with_capacity(raw.len() + 1);
    for segment in &segments {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || raw.ends_with('/') {
        out.push('/');
    }
    (out != raw).then_some(out)
}

fn has_dirt(raw: &[u8]) -> bool {
    memchr::memchr_iter(b'/', raw).any(|at| {
        let tail = raw.get(at + 1..).unwrap_or_default();
        matches!(
            tail,
            [b'/', ..] | [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..]
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cleaning() {
        for (raw, want) in [
            ("/", None),
            ("/v1/kv/a", None),
            ("/v1/kv/", None),
            ("//v1/status/leader", Some("/v1/status/leader")),
            ("/v1/./status/leader", Some("/v1/status/leader")),
            ("/v1/x/../status/leader", Some("/v1/status/leader")),
            ("/v1/kv//a//b", Some("/v1/kv/a/b")),
            ("/..", Some("/")),
            ("/a/.", Some("/a")),
            ("/a//", Some("/a/")),
            ("*", Some("/*")),
            ("/a/..b/.c/d..", None),
            ("/v1/kv/a%2F%2Fb", None),
        ] {
            assert_eq!(cleaned(raw).as_deref(), want, "{raw}");
        }
    }

    #[test]
    fn printing() {
        for good in ["/v1/kv/a b", "/é☃", "/a\u{301}", "/\u{fffd}", "/'\"\\"] {
            assert!(printable(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "/\n",
            "/\0",
            "/\u{200b}",
            "/\u{2028}",
            "/\u{a0}",
            "/\u{e000}",
            "/\u{7f}",
        ] {
            assert!(!printable(bad.as_bytes()), "{bad:?}");
        }
        assert!(printable(b"/bad\xff"));
    }

    #[test]
    fn decoding() {
        assert_eq!(decode("/a%2Fb%ff").unwrap().as_ref(), b"/a/b\xff");
        assert_eq!(for_matching("/%61%2Fb").unwrap().as_ref(), b"/a\0b");
        assert!(decode("/%").is_none());
        assert!(decode("/%4").is_none());
        assert!(decode("/%zz").is_none());
    }

    proptest! {
        #[test]
        fn any_path(raw in "[/.%a-f0-9é ]{0,40}") {
            let _ = decode(&raw).map(|path| printable(&path));
            if let Some(clean) = cleaned(&raw) {
                prop_assert!(cleaned(&clean).is_none(), "{} -> {}", raw, clean);
            }
            if let (Some(a), Some(b)) = (decode(&raw), for_matching(&raw)) {
                prop_assert_eq!(a.len(), b.len());
            }
        }
    }
}
