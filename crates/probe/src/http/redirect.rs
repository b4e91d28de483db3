//! From one request to the next: what follows a redirect and what is left behind.

use super::{Headers, Request, head};
use dialect::url::{Url, quote};

/// Headers that are for one host only (Go 1.23's list).
const SENSITIVE: &[&str] = &[
    "Authorization",
    "Www-Authenticate",
    "Cookie",
    "Cookie2",
    "Proxy-Authorization",
    "Proxy-Authenticate",
];

/// One request of a chain.
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) method: String,
    /// Overrides the URL's host in the `Host` line; "" does not.
    pub(super) host: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
    /// Host name of the first request.
    origin: String,
    /// The chain has been at another host: credentials do not come back, even if it returns.
    abroad: bool,
}

impl Hop {
    pub(super) fn first(request: &Request<'_>, url: Url) -> Self {
        Self {
            method: request.method.to_owned(),
            host: request.host.to_owned(),
            headers: request.headers.clone(),
            body: request.body.to_owned(),
            origin: url.hostname().to_ascii_lowercase(),
            abroad: false,
            url,
        }
    }

    /// The request that an answer with this code and location asks for.
    ///
    /// # Errors
    /// A location that is no URL.
    pub(super) fn next(
        &self,
        request: &Request<'_>,
        code: u16,
        location: &str,
    ) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| {
            let shown = quote(location.as_bytes());
            format!("failed to parse Location header {shown}: {why}")
        };
        let reference = Url::parse(location).map_err(|error| wrong(&error))?;
        let url = self.url.join(location).map_err(|error| wrong(&error))?;
        let keeps = matches!(code, 307 | 308);
        let method = match self.method.as_str() {
            "GET" | "HEAD" => self.method.clone(),
            method if keeps => method.to_owned(),
            _ => "GET".to_owned(),
        };
        // A 307 sends the first request's body again, whatever redirects came between.
        let body = if keeps { request.body } else { b"" };
        let abroad = self.abroad || !within_domain(&url, &self.origin);
        let mut headers = Headers::default();
        for (name, values) in request.headers.iter() {
            if abroad && SENSITIVE.contains(&head::canonical(name).as_str()) {
                continue;
            }
            for value in values {
                headers.add(name, value);
            }
        }
        if let Some(referer) = self.referer(&url, request.headers.get("Referer")) {
            headers.set("Referer", &referer);
        }
        Ok(Self {
            host: if reference.is_absolute() {
                String::new()
            } else {
                self.host.clone()
            },
            method,
            headers,
            body: body.to_owned(),
            origin: self.origin.clone(),
            abroad,
            url,
        })
    }

    /// Where the next request comes from; nothing about `https` is told over plain connections.
    fn referer(&self, next: &Url, own: &str) -> Option<String> {
        if self.url.scheme == "https" && next.scheme == "http" {
            None
        } else if own.is_empty() {
            Some(self.url.without_user().to_string())
        } else {
            Some(own.to_owned())
        }
    }

    /// `host:port` to dial.
    pub(super) fn address(&self) -> String {
        let port = match (self.url.port(), self.url.scheme.as_str()) {
            ("", "https") => "443",
            ("", _) => "80",
            (port, _) => port,
        };
        let host = self.url.hostname();
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

/// Whether a URL's host is this one or belongs to its domain.
fn within_domain(url: &Url, origin: &str) -> bool {
    let host = url.hostname().to_ascii_lowercase();
    if host == origin {
        return true;
    }
    // Addresses have no domains.
    let named = !host.contains([':', '%']);
    named
        && host
            .strip_suffix(origin)
            .is_some_and(|front| front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(headers: &[(&str, &str)], first: &str, locations: &[(u16, &str)]) -> Hop {
        let mut map = Headers::default();
        for (name, value) in headers {
            map.add(name, value);
        }
        let request = Request {
            method: "POST",
            url: first,
            host: "virtual",
            headers: &map,
            body: b"body",
            follow: true,
        };
        let mut hop = Hop::first(&request, Url::parse(first).unwrap());
        for (code, location) in locations {
            hop = hop.next(&request, *code, location).unwrap();
        }
        hop
    }

    #[test]
    fn credentials_stay_with_their_host() {
        let own = [
            ("Authorization", "a"),
            ("cookie", "c"),
            ("Proxy-Authorization", "p"),
            ("X-Mine", "m"),
        ];
        let names = |hop: &Hop| {
            let names = hop.headers.iter().map(|(name, _)| name.to_owned());
            names.collect::<Vec<_>>().join(" ")
        };
        let all = "Authorization Proxy-Authorization Referer X-Mine cookie";
        for (locations, want, host) in [
            (vec![(302, "/x")], all, "virtual"),
            (vec![(302, "http://a:9/x")], all, ""),
            (vec![(302, "http://sub.A/x")], all, ""),
            (vec![(302, "http://b/x")], "Referer X-Mine", ""),
            (vec![(302, "//b/x")], "Referer X-Mine", "virtual"),
            (vec![(302, "http://ba/x")], "Referer X-Mine", ""),
            (
                vec![(302, "http://b/x"), (302, "http://a/")],
                "Referer X-Mine",
                "",
            ),
        ] {
            let hop = chain(&own, "http://a/", &locations);
            assert_eq!(
                (names(&hop).as_str(), hop.host.as_str()),
                (want, host),
                "{locations:?}"
            );
        }
    }

    #[test]
    fn methods_and_bodies() {
        for (locations, method, body) in [
            (vec![(302, "/x")], "GET", ""),
            (vec![(307, "/x")], "POST", "body"),
            (vec![(308, "/x"), (303, "/y")], "GET", ""),
        ] {
            let hop = chain(&[], "http://a/", &locations);
            let body_of = String::from_utf8(hop.body.clone()).unwrap();
            assert_eq!((hop.method.as_str(), body_of.as_str()), (method, body));
        }
    }

    #[test]
    fn where_it_comes_from() {
        let referer = |headers: &[(&str, &str)], first: &str, location: &str| {
            let hop = chain(headers, first, &[(302, location)]);
            hop.headers.get("Referer").to_owned()
        };
        assert_eq!(referer(&[], "http://u:p@a/b?c", "/x"), "http://a/b?c");
        assert_eq!(referer(&[], "https://a/b", "http://a/x"), "");
        assert_eq!(referer(&[("Referer", "own")], "http://a/b", "/x"), "own");
    }
}
