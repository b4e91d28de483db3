//! Requests as logs may show them: the one place that takes secrets out of a URL.
//!
//! A token in a log is a token for whoever reads logs, so what a client sent as one is never shown, wherever in the URL it
//! stands and however it is escaped.

use crate::h1::Head;
use crate::params::{escape, unescape};
use crate::path;
use crate::request::{TOKEN_HEADER, bearer};
use std::borrow::Cow;

/// Stands for what is not shown, as the reference writes it.
const HIDDEN: &str = "<hidden>";
/// Paths whose rest was a token in the days of legacy ACLs; old clients still ask for them.
const LEGACY: [&str; 6] = [
    "/v1/acl/create/",
    "/v1/acl/update/",
    "/v1/acl/info/",
    "/v1/acl/destroy/",
    "/v1/acl/clone/",
    "/v1/acl/list/",
];
/// A token shorter than this is only hidden where tokens stand: a word that short may be part of anything.
const MIN_FOUND: usize = 4;

/// Path and query of a request with its secrets hidden: the parameter `token` under any spelling that reads as one, what
/// follows `token=` in a path, the rest of paths that name a token, and anywhere in the path or a parameter the token that
/// the request brought by query or header.
pub(crate) fn url(head: &Head) -> String {
    let pairs: Vec<&str> = head
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .collect();
    let tokens = brought(head, &pairs);
    let mut shown = path_of(head.path(), &tokens);
    for (at, pair) in pairs.into_iter().enumerate() {
        shown.push(if at == 0 { '?' } else { '&' });
        if is_token(pair) {
            shown.push_str("token=");
            shown.push_str(HIDDEN);
        } else {
            for (at, part) in pair.splitn(2, '=').enumerate() {
                shown.push_str(if at == 0 { "" } else { "=" });
                shown.push_str(&part_of(part, &tokens));
            }
        }
    }
    shown
}

/// Whether a pair of the query is the token. A name that cannot be read is taken for one: the request is refused anyway.
fn is_token(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    unescape(name).is_none_or(|name| name.trim().eq_ignore_ascii_case("token"))
}

/// The tokens that a request brings.
fn brought(head: &Head, pairs: &[&str]) -> Vec<String> {
    let mut tokens: Vec<String> = pairs
        .iter()
        .filter(|pair| is_token(pair))
        .filter_map(|pair| unescape(pair.split_once('=')?.1))
        .collect();
    let header = head.headers.get(TOKEN_HEADER);
    tokens.extend(header.and_then(|value| Some(value.to_str().ok()?.to_owned())));
    tokens.extend(bearer(&head.headers).map(str::to_owned));
    tokens.retain(|token| token.len() >= MIN_FOUND);
    tokens
}

/// A parameter's name or value.
fn part_of<'a>(raw: &'a str, tokens: &[String]) -> Cow<'a, str> {
    without(raw, unescape(raw).map(Cow::Owned), tokens, |text| {
        let mut out = String::new();
        escape(&mut out, text);
        out
    })
}

fn path_of(raw: &str, tokens: &[String]) -> String {
    let decoded = path::decode(raw).map(|path| match path {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    });
    if let Some(legacy) = decoded
        .as_deref()
        .and_then(|path| LEGACY.iter().find(|legacy| path.starts_with(**legacy)))
    {
        return format!("{legacy}{HIDDEN}");
    }
    without(raw, decoded, tokens, |text| text.replace(' ', "%20")).into_owned()
}

/// `raw`, unless what it says when `decoded` holds one of the tokens or a `token=`: then that, without them.
fn without<'a>(
    raw: &'a str,
    decoded: Option<Cow<'a, str>>,
    tokens: &[String],
    encode: impl Fn(&str) -> String,
) -> Cow<'a, str> {
    let Some(decoded) = decoded else {
        // It cannot be read, so nobody can say what stands in it.
        return Cow::Borrowed(HIDDEN);
    };
    let lower = decoded.to_ascii_lowercase();
    let named = lower.match_indices("token=").map(|(at, name)| {
        let from = at + name.len();
        let rest = decoded.get(from..).unwrap_or_default();
        from..from + rest.find(['&', '/', ';', ' ']).unwrap_or(rest.len())
    });
    let found = tokens.iter().flat_map(|token| {
        let places = decoded.match_indices(token.as_str());
        places.map(|(at, token)| at..at + token.len())
    });
    let mut secrets: Vec<_> = named
        .chain(found)
        .filter(|range| !range.is_empty())
        .collect();
    if secrets.is_empty() {
        return Cow::Borrowed(raw);
    }
    secrets.sort_by_key(|range| range.start);
    let (mut out, mut done) = (String::new(), 0);
    for secret in secrets {
        if secret.start >= done {
            out.push_str(&encode(decoded.get(done..secret.start).unwrap_or_default()));
            out.push_str(HIDDEN);
        }
        done = done.max(secret.end);
    }
    out.push_str(&encode(decoded.get(done..).unwrap_or_default()));
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(target: &str, headers: &[(&str, &str)]) -> String {
        let mut request = hyper::Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        url(&request.body(()).unwrap().into_parts().0.into())
    }

    #[test]
    fn what_is_no_secret_stays_as_it_was_sent() {
        for target in [
            "/v1/kv/a%2Fb%20c?dc=dc1&raw",
            "/v1/acl/token/self",
            "/v1/acl/token/8c1b5c6e-5a3e-4c7f-9a44-0123456789ab",
            "/v1/kv/tokens?keys",
            "/?a",
        ] {
            assert_eq!(shown(target, &[]), target);
        }
    }

    #[test]
    fn tokens_are_hidden_wherever_they_stand() {
        let secret = "5ec4e7-5ec4e7";
        let escaped = "%35ec4e7-5ec4e7";
        for (target, want) in [
            (
                "/v1/kv/a?token=5ec4e7-5ec4e7&raw",
                "/v1/kv/a?token=<hidden>&raw",
            ),
            ("/v1/kv/a?t%6Fken=5ec4e7-5ec4e7", "/v1/kv/a?token=<hidden>"),
            (
                "/v1/kv/a?raw&%54OKEN=5ec4e7-5ec4e7",
                "/v1/kv/a?raw&token=<hidden>",
            ),
            (
                "/v1/kv/a?token=5ec4e7-5ec4e7&token=5ec4e7-5ec4e7",
                "/v1/kv/a?token=<hidden>&token=<hidden>",
            ),
            (
                "/v1/kv/a?x=5ec4e7-5ec4e7&token=5ec4e7-5ec4e7",
                "/v1/kv/a?x=<hidden>&token=<hidden>",
            ),
            ("/v1/kv/a%3Ftoken=5ec4e7-5ec4e7", "/v1/kv/a?token=<hidden>"),
            (
                "/v1/kv/a%3Ftoken%3D5ec4e7-5ec4e7%26x",
                "/v1/kv/a?token=<hidden>&x",
            ),
            (
                "/v1/kv/a?next=%2Fv1%3Ftoken%3D5ec4e7-5ec4e7",
                "/v1/kv/a?next=%2Fv1%3Ftoken%3D<hidden>",
            ),
            ("/v1/acl/info/5ec4e7-5ec4e7?x", "/v1/acl/info/<hidden>?x"),
            ("/v1/acl/in%66o/5ec4e7-5ec4e7", "/v1/acl/info/<hidden>"),
            ("/v1/kv/a?%zz=5ec4e7-5ec4e7", "/v1/kv/a?token=<hidden>"),
        ] {
            assert_eq!(shown(target, &[]), want, "{target}");
        }
        for header in [
            ("x-consul-token", secret),
            ("authorization", "bearer 5ec4e7-5ec4e7"),
        ] {
            for text in [secret, escaped] {
                let target = format!("/v1/acl/token/{text}?filter={text}");
                assert_eq!(
                    shown(&target, &[header]),
                    "/v1/acl/token/<hidden>?filter=<hidden>"
                );
            }
        }
    }
}
