//! Who may write from a browser: pages of another origin may not, nor those that reach a loopback listener under a name of
//! their own (DNS rebinding). Programs send neither `Origin` nor `Sec-Fetch-Site` and name the host that they were given.

use crate::config::Prepared;
use crate::fault::Fault;
use crate::host;
use hyper::Method;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use std::net::IpAddr;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The key that allows an origin; the refusal names it.
const KEY: &str = "http_config.allowed_origins";

/// Refuses a write that a page of another origin sends. `loopback`: it came by a plain listener of a loopback address; over
/// TLS a name that was bound anew has no certificate.
pub(crate) fn check(
    settings: &Prepared,
    method: &Method,
    headers: &HeaderMap,
    loopback: bool,
) -> Result<(), Fault> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &HeaderName| headers.get(name).map(shown);
    let (origin, host) = (text(&ORIGIN), text(&HOST).unwrap_or_default());
    if origin.is_some_and(|origin| settings.allows_origin(origin)) {
        return Ok(());
    }
    let authority = origin.map(|origin| origin.split_once("://").map_or("", |(_, rest)| rest));
    let same = match (text(&FETCH_SITE), authority) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
        (None, Some(authority)) => {
            let forwarded = text(&FORWARDED_HOST).unwrap_or_default();
            !authority.is_empty()
                && [host, forwarded]
                    .iter()
                    .any(|own| own.eq_ignore_ascii_case(authority))
        }
    };
    if !same {
        return Err(refused(
            "a page of another origin",
            origin.unwrap_or_default(),
        ));
    }
    let strange = |named: &str| loopback && !is_local(named) && !settings.allows_host(named);
    match authority {
        Some(authority) if strange(authority) => {
            Err(refused("a name that is not this machine's", authority))
        }
        _ if strange(host) => Err(refused("a name that is not this machine's", host)),
        _ => Ok(()),
    }
}

fn refused(from: &str, what: &str) -> Fault {
    Fault::new(
        403,
        format!("Writes are refused from {from} (\"{what}\"); {KEY} may allow it"),
    )
}

fn shown(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("?")
}

/// Whether a host is an address, `localhost` or none at all.
fn is_local(authority: &str) -> bool {
    let (name, _) = host::split(authority);
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    name.is_empty()
        || name.eq_ignore_ascii_case("localhost")
        || bare.unwrap_or(name).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn allowed(config: Config, loopback: bool, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let settings = Prepared::new(config);
        assert!(check(&settings, &Method::GET, &map, loopback).is_ok());
        let checked = check(&settings, &Method::PUT, &map, loopback);
        if let Err(fault) = &checked {
            assert!(
                fault.status == 403 && fault.text.contains(KEY),
                "{}",
                fault.text
            );
        }
        checked.is_ok()
    }

    #[test]
    fn writes_of_pages_and_programs() {
        let own = ("host", "127.0.0.1:8500");
        let page = ("origin", "https://ui.example");
        for (headers, want) in [
            (&[own][..], true),
            (&[], true),
            (&[("host", "[::1]:8500")], true),
            (&[("host", "LOCALHOST:1")], true),
            (&[own, ("origin", "http://127.0.0.1:8500")], true),
            (&[own, ("origin", "http://127.0.0.1:80")], false),
            (&[own, ("origin", "null")], false),
            (&[own, page], false),
            (&[own, page, ("x-forwarded-host", "ui.example")], false),
            (&[own, ("sec-fetch-site", "same-origin")], true),
            (&[own, ("sec-fetch-site", "none")], true),
            (&[own, ("sec-fetch-site", "same-site")], false),
            (&[own, ("sec-fetch-site", "cross-site"), page], false),
            (&[("host", "rebound.example:8500")], false),
            (
                &[
                    ("host", "rebound.example"),
                    ("origin", "http://rebound.example"),
                ],
                false,
            ),
        ] {
            assert_eq!(
                allowed(Config::default(), true, headers),
                want,
                "{headers:?}"
            );
        }
        let behind = [
            ("host", "consul.example"),
            ("origin", "https://consul.example"),
        ];
        assert!(allowed(Config::default(), false, &behind));
        assert!(allowed(
            Config::default(),
            false,
            &[own, page, ("x-forwarded-host", "ui.example")]
        ));
    }

    #[test]
    fn what_is_configured_passes() {
        let keyed = Config {
            allowed_origins: vec!["https://ui.example".into()],
            ..Config::default()
        };
        let cors = Config {
            response_headers: vec![(
                "Access-Control-Allow-Origin".into(),
                "https://ui.example".into(),
            )],
            ..Config::default()
        };
        for config in [keyed, cors] {
            let far = [
                ("host", "127.0.0.1:8500"),
                ("origin", "https://ui.example"),
                ("sec-fetch-site", "cross-site"),
            ];
            assert!(allowed(config.clone(), true, &far));
            assert!(allowed(config.clone(), true, &[("host", "ui.example")]));
            assert!(!allowed(
                config,
                true,
                &[("host", "x"), ("origin", "https://ui.example.evil")]
            ));
        }
    }
}
