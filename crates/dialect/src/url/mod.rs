//! URLs as Go's `net/url` reads, joins and writes them: what a Go client asks for is decided by this, not by the RFC alone.
//!
//! A [`Url`] keeps its parts as they go onto the wire. What may stand as it was written stays; a part with one byte that may
//! not is unescaped and escaped anew as a whole, as Go does it.

mod escape;
mod parse;

use escape::Part;
use std::fmt;
use thiserror::Error;

pub use escape::quote;

/// Why a text is no URL. `Display` is Go's text, such as `parse "http://h:x/": invalid port ":x" after host`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("parse {}: {why}", quote(.url.as_bytes()))]
pub struct UrlError {
    /// What was read.
    pub url: String,
    /// What is wrong with it.
    pub why: String,
}

/// User information before the host, unescaped.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Name; bytes, because escapes may stand for any.
    pub name: Vec<u8>,
    /// `None` without a colon.
    pub password: Option<Vec<u8>>,
}

/// The password is a secret.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}

/// A URL or a reference to one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// Lower case; "" in a relative reference.
    pub scheme: String,
    /// What follows the scheme where that is no `/`, as in `mailto:x`; then there is neither host nor path.
    pub opaque: String,
    /// Before the `@`.
    pub user: Option<User>,
    /// `host` or `host:port`, unescaped.
    pub host: String,
    /// With its escapes.
    path: String,
    /// As written; `None` without a question mark.
    query: Option<String>,
    /// With its escapes; "" for none.
    fragment: String,
    /// `scheme:/path`, which has no `//`.
    omit_host: bool,
}

impl Url {
    /// Reads a URL or a relative reference.
    ///
    /// # Errors
    /// As Go's `url.Parse`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        parse::parse(text)
    }

    /// What a reference means that was found at this URL (`URL.Parse` of Go).
    ///
    /// # Errors
    /// The reference is none.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        Ok(self.resolve(Self::parse(reference)?))
    }

    fn resolve(&self, reference: Self) -> Self {
        let mut url = reference;
        let absolute = !url.scheme.is_empty();
        if !absolute {
            url.scheme.clone_from(&self.scheme);
        }
        if absolute || !url.host.is_empty() || url.user.is_some() {
            url.path = resolved_path(&url.path, "");
            return url;
        }
        if url.path.is_empty() && url.query.is_none() {
            if self.query.as_ref().is_some_and(|query| !query.is_empty()) {
                url.query.clone_from(&self.query);
            }
            if url.fragment.is_empty() {
                url.fragment.clone_from(&self.fragment);
            }
        }
        if url.path.is_empty() && !self.opaque.is_empty() {
            url.opaque.clone_from(&self.opaque);
            return url;
        }
        url.host.clone_from(&self.host);
        url.user.clone_from(&self.user);
        url.path = resolved_path(&self.path, &url.path);
        url
    }

    /// Whether it has a scheme.
    pub fn is_absolute(&self) -> bool {
        !self.scheme.is_empty()
    }

    /// What stands in a request line: path and query, or what is opaque.
    pub fn request_target(&self) -> String {
        let mut out = match (self.opaque.as_str(), self.path.as_str()) {
            ("", "") => "/".to_owned(),
            ("", path) => path.to_owned(),
            (opaque, _) if opaque.starts_with("//") => format!("{}:{opaque}", self.scheme),
            (opaque, _) => opaque.to_owned(),
        };
        if let Some(query) = &self.query {
            out.push('?');
            out.push_str(query);
        }
        out
    }

    /// The host without port and brackets.
    pub fn hostname(&self) -> &str {
        let host = match split_port(&self.host) {
            Some((host, _)) => host,
            None => &self.host,
        };
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port as written, "" for none.
    pub fn port(&self) -> &str {
        split_port(&self.host).map_or("", |(_, port)| port)
    }

    /// Drops a colon without a port behind it.
    pub fn remove_empty_port(&mut self) {
        if split_port(&self.host).is_some_and(|(_, port)| port.is_empty()) {
            self.host.pop();
        }
    }

    /// The same without user information.
    pub fn without_user(&self) -> Self {
        Self {
            user: None,
            ..self.clone()
        }
    }

    /// The text for people: `***` in place of the password.
    pub fn shown(&self) -> String {
        match &self.user {
            Some(user) if user.password.is_some() => self.written(Some(&format!(
                "{}:***",
                escape::escape(&user.name, Part::User)
            ))),
            _ => self.to_string(),
        }
    }

    fn written(&self, user: Option<&str>) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            let hidden = self.omit_host && self.host.is_empty() && user.is_none();
            let named = !self.host.is_empty() || user.is_some();
            let any = !self.scheme.is_empty() || named;
            if any && !hidden && (named || !self.path.is_empty()) {
                out.push_str("//");
            }
            if let Some(user) = user {
                out.push_str(user);
                out.push('@');
            }
            out.push_str(&escape::escape(self.host.as_bytes(), Part::Host));
            if !self.path.is_empty() && !self.path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            // A first segment with a colon would read as a scheme.
            let first = self.path.split('/').next().unwrap_or_default();
            if out.is_empty() && first.contains(':') {
                out.push_str("./");
            }
            out.push_str(&self.path);
        } else {
            out.push_str(&self.opaque);
        }
        if let Some(query) = &self.query {
            out.push('?');
            out.push_str(query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&self.fragment);
        }
        out
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|user| {
            let name = escape::escape(&user.name, Part::User);
            match &user.password {
                Some(password) => format!("{name}:{}", escape::escape(password, Part::User)),
                None => name,
            }
        });
        f.write_str(&self.written(user.as_deref()))
    }
}

/// Host and port behind the last colon, if what follows it may be a port.
fn split_port(host: &str) -> Option<(&str, &str)> {
    let (name, port) = host.rsplit_once(':')?;
    port.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some((name, port))
}

/// The path of a reference seen from a base, without dot segments (RFC 3986 §5.2.4 as Go does it).
fn resolved_path(base: &str, reference: &str) -> String {
    let full = if reference.is_empty() {
        base.to_owned()
    } else if reference.starts_with('/') {
        reference.to_owned()
    } else {
        let folder = base.rfind('/').map_or("", |at| &base[..=at]);
        format!("{folder}{reference}")
    };
    if full.is_empty() {
        return full;
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut last = "";
    for segment in full.split('/') {
        last = segment;
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = kept.join("/");
    if !out.starts_with('/') {
        out.insert(0, '/');
    }
    if matches!(last, "." | "..") && !out.ends_with('/') {
        out.push('/');
    }
    out
}

#[cfg(test)]
mod tests;
