//! From text to a [`Url`].

use super::escape::{Part, quote, settled, unescape};
use super::{Url, UrlError, User};

pub(super) fn parse(text: &str) -> Result<Url, UrlError> {
    let wrong = |of: &str, why: String| UrlError {
        url: of.to_owned(),
        why,
    };
    let (main, fragment) = text.split_once('#').unwrap_or((text, ""));
    let mut url = without_fragment(main).map_err(|why| wrong(main, why))?;
    url.fragment = settled(fragment, Part::Fragment).map_err(|why| wrong(text, why))?;
    Ok(url)
}

fn without_fragment(text: &str) -> Result<Url, String> {
    let mut url = Url::default();
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".into());
    }
    if text == "*" {
        url.path = text.into();
        return Ok(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query.to_owned())),
        None => (rest, None),
    };
    url.query = query;
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            url.opaque = rest.into();
            return Ok(url);
        }
        if rest
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':'))
        {
            return Err("first path segment in URL cannot contain colon".into());
        }
    }
    let authority = rest
        .strip_prefix("//")
        .filter(|after| !scheme.is_empty() || !after.starts_with('/'));
    let path = match authority {
        Some(after) => {
            let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
            (url.user, url.host) = user_and_host(authority)?;
            path
        }
        None => {
            url.omit_host = !scheme.is_empty() && rest.starts_with('/');
            rest
        }
    };
    url.path = settled(path, Part::Path)?;
    Ok(url)
}

/// Scheme and what follows its colon; no scheme where the text does not begin with one.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".into()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn user_and_host(authority: &str) -> Result<(Option<User>, String), String> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Ok((None, host(authority)?));
    };
    let host = self::host(host)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(allowed) {
        return Err("net/url: invalid userinfo".into());
    }
    let (name, password) = match user.split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (user, None),
    };
    let user = User {
        name: unescape(name, Part::User)?,
        password: password
            .map(|password| unescape(password, Part::User))
            .transpose()?,
    };
    Ok((Some(user), host))
}

fn host(text: &str) -> Result<String, String> {
    let mut plain = Vec::with_capacity(text.len());
    if text.starts_with('[') {
        let end = text.rfind(']').ok_or("missing ']' in host")?;
        let (address, port) = text.split_at(end);
        optional_port(&port[1..])?;
        match address.find("%25") {
            Some(zone) => {
                plain.extend(unescape(&address[..zone], Part::Host)?);
                plain.extend(unescape(&address[zone..], Part::Zone)?);
                plain.extend(unescape(port, Part::Host)?);
            }
            None => plain.extend(unescape(text, Part::Host)?),
        }
    } else {
        if let Some(colon) = text.rfind(':') {
            optional_port(&text[colon..])?;
        }
        plain.extend(unescape(text, Part::Host)?);
    }
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

/// "" or a colon and digits, of which there may be none.
fn optional_port(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix(':').unwrap_or(text);
    if text.is_empty() || text.starts_with(':') && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        Ok(())
    } else {
        Err(format!(
            "invalid port {} after host",
            quote(text.as_bytes())
        ))
    }
}
