//! Texts that Go's `net/url` documents or that were observed of programs that use it.

use super::*;

fn target(text: &str) -> String {
    Url::parse(text).unwrap().request_target()
}

#[test]
fn what_is_asked_for() {
    for (url, want) in [
        ("http://h", "/"),
        ("http://h:1?x=1", "/?x=1"),
        ("http://h/?", "/?"),
        ("http://h/a b", "/a%20b"),
        (
            "http://h/<a>\"{b}\"|^`\\",
            "/%3Ca%3E%22%7Bb%7D%22%7C%5E%60%5C",
        ),
        ("http://h/é", "/%C3%A9"),
        ("http://h/a%2Fb", "/a%2Fb"),
        ("http://h/a%2fb c", "/a/b%20c"),
        ("http://h/a(b)!*'", "/a(b)!*'"),
        ("http://h/a(b) c", "/a%28b%29%20c"),
        ("http://h/[x]", "/[x]"),
        ("http://h/?a b=<\"é\">&{c}", "/?a b=<\"é\">&{c}"),
        ("http://h/a?b?c", "/a?b?c"),
        ("http://h/a#f?g", "/a"),
        ("http://h//a//b", "//a//b"),
        ("mailto:a@b", "a@b"),
    ] {
        assert_eq!(target(url), want, "{url}");
    }
}

#[test]
fn what_is_refused() {
    for (url, why) in [
        ("http://h/a%b", "invalid URL escape \"%b\""),
        ("http://h/%zz1", "invalid URL escape \"%zz\""),
        ("http://h:http/", "invalid port \":http\" after host"),
        ("http://[::1", "missing ']' in host"),
        ("http://[::1]x", "invalid port \"x\" after host"),
        ("http://a b/", "invalid character \" \" in host name"),
        ("http://a%41/", "invalid URL escape \"%41\""),
        ("http://u\"x@h/", "net/url: invalid userinfo"),
        ("http://h/\n", "net/url: invalid control character in URL"),
        (":x", "missing protocol scheme"),
        (
            "127.0.0.1:80/x",
            "first path segment in URL cannot contain colon",
        ),
    ] {
        let error = Url::parse(url).unwrap_err();
        assert_eq!(error.why, why, "{url}");
    }
    assert_eq!(
        Url::parse("http://h/\n").unwrap_err().to_string(),
        "parse \"http://h/\\n\": net/url: invalid control character in URL"
    );
}

#[test]
fn parts_of_the_authority() {
    let url = Url::parse("HTTP://a%40b:p%3a%20w@Example:80/").unwrap();
    let user = url.user.clone().unwrap();
    assert_eq!(user.name, b"a@b");
    assert_eq!(user.password.as_deref(), Some(&b"p: w"[..]));
    assert_eq!((url.hostname(), url.port()), ("Example", "80"));
    assert_eq!(url.to_string(), "http://a%40b:p%3A%20w@Example:80/");
    assert_eq!(url.shown(), "http://a%40b:***@Example:80/");
    assert_eq!(url.without_user().to_string(), "http://Example:80/");
    assert!(
        !format!("{url:?}").contains("112"),
        "no password in a debug form"
    );
    let six = Url::parse("http://[fe80::1%25en0]:8080/").unwrap();
    assert_eq!((six.hostname(), six.port()), ("fe80::1%en0", "8080"));
    let mut empty = Url::parse("http://h:/").unwrap();
    assert_eq!(empty.port(), "");
    empty.remove_empty_port();
    assert_eq!(empty.host, "h");
}

#[test]
fn what_is_written() {
    for url in [
        "http://h",
        "http://h/?",
        "http://h/a%2Fb?c#d",
        "http:/a",
        "file:///a",
        "//h/a",
        "/a",
        "?q",
        "mailto:x",
    ] {
        assert_eq!(Url::parse(url).unwrap().to_string(), url);
    }
    assert_eq!(Url::parse("./a:b").unwrap().to_string(), "./a:b");
}

/// RFC 3986 §5.4, and what Go adds.
#[test]
fn references() {
    let base = Url::parse("http://u:p@a/b/c/d;p?q").unwrap();
    for (reference, want) in [
        ("g", "http://u:p@a/b/c/g"),
        ("./g", "http://u:p@a/b/c/g"),
        ("g/", "http://u:p@a/b/c/g/"),
        ("/g", "http://u:p@a/g"),
        ("//g", "http://g"),
        ("?y", "http://u:p@a/b/c/d;p?y"),
        ("g?y", "http://u:p@a/b/c/g?y"),
        ("#s", "http://u:p@a/b/c/d;p?q#s"),
        ("", "http://u:p@a/b/c/d;p?q"),
        (".", "http://u:p@a/b/c/"),
        ("..", "http://u:p@a/b/"),
        ("../..", "http://u:p@a/"),
        ("../../../g", "http://u:p@a/g"),
        ("/./g", "http://u:p@a/g"),
        ("/../g", "http://u:p@a/g"),
        ("g;x=1/../y", "http://u:p@a/b/c/y"),
        ("https://x/a/../b", "https://x/b"),
        ("g b", "http://u:p@a/b/c/g%20b"),
    ] {
        assert_eq!(
            base.join(reference).unwrap().to_string(),
            want,
            "{reference}"
        );
    }
    let bare = Url::parse("http://h").unwrap();
    assert_eq!(bare.join("x").unwrap().to_string(), "http://h/x");
}
