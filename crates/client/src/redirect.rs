//! Redirects, followed as Go's HTTP client follows them: 301, 302 and 303 turn everything but HEAD into GET without a body,
//! 307 and 308 send the same again if the body can be sent again.
//!
//! Tokens and passwords go to the configured agent only: a redirect to another host is followed without them.

use crate::error::Error;
use crate::request::{Request, Response};
use crate::{Client, Config};
use hyper::Method;
use hyper::header::LOCATION;

/// Redirects that one call follows.
pub(crate) const REDIRECTS_MAX: usize = 10;

/// Where an answer sends the request next.
pub(crate) struct Next {
    pub(crate) client: Client,
    pub(crate) request: Request,
}

/// What is kept of a request before it is sent, to make the next one of it.
pub(crate) struct Sent {
    method: Method,
    headers: Vec<(String, String)>,
    token: Option<String>,
    content_type: Option<&'static str>,
    /// The body, if it can be sent again.
    body: Option<bytes::Bytes>,
}

impl Sent {
    pub(crate) fn of(request: &Request) -> Self {
        Self {
            method: request.method.clone(),
            headers: request.headers.clone(),
            token: request.token.clone(),
            content_type: request.content_type,
            body: request.again.clone(),
        }
    }

    /// The request that follows from an answer; `None` where the answer itself is the result.
    pub(crate) fn next(self, client: &Client, answer: &Response) -> Result<Option<Next>, Error> {
        let keeps = match answer.status() {
            301..=303 => false,
            307 | 308 => true,
            _ => return Ok(None),
        };
        let location = answer.headers().get(LOCATION);
        let Some(location) = location.and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        if keeps && self.body.is_none() {
            return Ok(None);
        }
        let method = match self.method {
            method if keeps || method == Method::HEAD => method,
            _ => Method::GET,
        };
        let (client, path) = client.at(location)?;
        let mut request = Request::encoded(method, path);
        request.whole_path = true;
        request.headers = self.headers;
        request.token = self.token.filter(|_| !client.0.elsewhere);
        if let (true, Some(body)) = (keeps, self.body) {
            request.content_type = self.content_type;
            request.set_body(body);
        }
        Ok(Some(Next { client, request }))
    }
}

impl Client {
    /// The client and path for a `Location`: this one, or one for another host that knows no secrets of ours.
    fn at(&self, location: &str) -> Result<(Client, String), Error> {
        let location = location.split('#').next().unwrap_or_default();
        let own_scheme = if self.0.address.tls { "https" } else { "http" };
        let absolute = if let Some(rest) = location.strip_prefix("//") {
            Some((own_scheme.to_owned(), rest))
        } else {
            let scheme = location.split_once("://");
            let scheme = scheme.filter(|(s, _)| s.chars().all(|c| c.is_ascii_alphanumeric()));
            scheme.map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest))
        };
        let Some((scheme, rest)) = absolute else {
            let path = match location.starts_with('/') {
                true => location.to_owned(),
                // Our paths are absolute; what is relative to one stays below the root.
                false => format!("/{location}"),
            };
            return Ok((self.clone(), path));
        };
        if scheme != "http" && scheme != "https" {
            return Err(Error::Config(format!(
                "unsupported protocol scheme {scheme:?}"
            )));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        let tls = scheme == "https";
        if host == self.0.address.host && tls == self.0.address.tls {
            return Ok((self.clone(), path));
        }
        let there = Config {
            address: format!("{scheme}://{host}"),
            tls_enabled: tls,
            tls: self.0.tls_config.without_identity(),
            ..Config::default()
        };
        Ok((Client::elsewhere(&there)?, path))
    }
}
