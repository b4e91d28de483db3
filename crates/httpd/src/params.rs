//! The query string (spec/http-api.md §1.3, §3).

use crate::path::hex;

/// Most parameters that one query string may hold; the rest is an error. Far above what any client sends.
const MAX_PARAMS: usize = 4096;

/// Parameters in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// `None` for a broken escape, a semicolon, or too many parameters.
    pub fn parse(raw: &str) -> Option<Self> {
        let mut pairs = Vec::new();
        if raw.is_empty() {
            return Some(Self(pairs));
        }
        for part in raw.split('&') {
            if part.is_empty() {
                continue;
            }
            if part.contains(';') || pairs.len() == MAX_PARAMS {
                return None;
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            pairs.push((unescape(name)?, unescape(value)?));
        }
        Some(Self(pairs))
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of `name`, "" if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Whether `name` is there, with any value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All of them, in the order they were sent.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All values of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Written again with sorted names; values of one name keep their order.
    pub fn encode(&self) -> String {
        let mut pairs: Vec<_> = self.0.iter().collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut out = String::new();
        for (name, value) in pairs {
            if !out.is_empty() {
                out.push('&');
            }
            escape(&mut out, name);
            out.push('=');
            escape(&mut out, value);
        }
        out
    }
}

/// Decodes `%XX` and `+`; `None` for a broken escape. What is no UTF-8 reads as U+FFFD.
pub(crate) fn unescape(text: &str) -> Option<String> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                let [high, low] = digits else { return None };
                out.push(hex(*high)? << 4 | hex(*low)?);
                rest = tail;
            }
            other => out.push(other),
        }
    }
    Some(
        String::from_utf8(out)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
    )
}

/// Writes `text` with everything escaped that has a meaning in a query.
pub(crate) fn escape(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte))
            }
            b' ' => out.push('+'),
            // Writing to a string does not fail.
            other => drop(write!(out, "%{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parsing() {
        let params = Params::parse("a=1&b&a=2&&c=x+y%2B&=z").unwrap();
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(params.get("b"), Some(""));
        assert_eq!(params.text("c"), "x y+");
        assert!(!params.has("d"));
        for wrong in ["a=%zz", "a=1;b=2", "%", "a=%4"] {
            assert!(Params::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn encoding_again() {
        let params = Params::parse("release=y&cas=0&flags=3&pretty&x=%2F+é").unwrap();
        assert_eq!(
            params.encode(),
            "cas=0&flags=3&pretty=&release=y&x=%2F+%C3%A9"
        );
    }

    proptest! {
        #[test]
        fn any_query(raw in "[&=%+;a-f0-9é]{0,60}") {
            if let Some(params) = Params::parse(&raw) {
                let again = Params::parse(&params.encode()).unwrap();
                prop_assert_eq!(again.encode(), params.encode());
            }
        }
    }
}
