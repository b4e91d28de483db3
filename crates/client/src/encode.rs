//! Percent encoding as Go's `net/url` does it.

use std::fmt::Write;

fn encode(text: &str, out: &mut String, plain: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A path; slashes and the sub-delimiters that Go leaves alone stay.
pub(crate) fn path(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode(text, &mut out, |b| b"-_.~$&+,/:;=@".contains(&b));
    out
}

/// One segment of a path: slashes are encoded as well.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode(text, &mut out, |b| b"-_.~$&+:=@".contains(&b));
    out
}

/// `a=1&b=`, sorted by name; equal names keep their order.
pub(crate) fn query(params: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out = String::new();
    for (name, value) in sorted {
        if !out.is_empty() {
            out.push('&');
        }
        component(name, &mut out);
        out.push('=');
        component(value, &mut out);
    }
    out
}

/// A name that the server decodes once more after the path: encoded like a query's value.
pub(crate) fn twice(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    component(text, &mut out);
    path(&out)
}

fn component(text: &str, out: &mut String) {
    for (i, part) in text.split(' ').enumerate() {
        if i > 0 {
            out.push('+');
        }
        encode(part, out, |b| b"-_.~".contains(&b));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn like_go() {
        assert_eq!(super::path("a/b c%?é"), "a/b%20c%25%3F%C3%A9");
        assert_eq!(super::segment("a/b;c"), "a%2Fb%3Bc");
        assert_eq!(super::twice("a/b c"), "a%252Fb+c");
        let params = [("separator", "/"), ("keys", ""), ("a b", "c&d e")];
        let owned = params.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(super::query(&owned), "a+b=c%26d+e&keys=&separator=%2F");
    }
}
