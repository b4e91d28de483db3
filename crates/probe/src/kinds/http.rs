//! HTTP: one request a probe on a connection of its own, redirects followed as Go's client does.

use super::within;
use crate::output::Tail;
use crate::{Health, Kind, Observation, ProbeTls, dial};
use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
    LOCATION, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::time::Duration;

/// Redirects followed before giving up.
const REDIRECTS_MAX: usize = 10;

pub(super) async fn run(
    kind: &Kind,
    limit: Duration,
    output_max: usize,
    room: &rt::Room,
    time: &rt::Time,
) -> Observation {
    let Kind::Http {
        url,
        method,
        headers,
        body,
        disable_redirects,
        tls,
    } = kind
    else {
        return Observation::critical("not an HTTP check");
    };
    let shown = if method.is_empty() { "GET" } else { method };
    let verb = title(shown);
    let check = Fetch {
        headers,
        disable_redirects: *disable_redirects,
        tls,
        room,
    };
    let probe = async {
        let response = check.follow(url, shown, body).await?;
        let status = status_line(&response);
        let found = health(response.status());
        let mut tail = Tail::new(output_max);
        let mut stream = response.into_body();
        // A body that breaks off still has a status; what came so far is the output.
        while let Some(Ok(frame)) = stream.frame().await {
            if let Some(data) = frame.data_ref() {
                tail.write(data);
            }
        }
        Ok::<_, Failure>((found, status, tail.text()))
    };
    match within(time, limit, probe).await {
        Some(Ok((found, status, text))) => Observation::new(
            found,
            format!("HTTP {shown} {url}: {status} Output: {text}"),
        ),
        Some(Err(Failure { at, text })) => {
            let at = at.as_deref().unwrap_or(url);
            Observation::critical(format!("{verb} \"{at}\": {text}"))
        }
        None => Observation::critical(format!(
            "{verb} \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )),
    }
}

/// Why a request failed.
struct Failure {
    /// The URL that is shown; `None` for the check's own.
    at: Option<String>,
    text: String,
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self { at: None, text }
    }
}

impl From<&str> for Failure {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Code and reason as the server sent them.
fn status_line(response: &Response<hyper::body::Incoming>) -> String {
    let code = response.status();
    let sent = response.extensions().get::<hyper::ext::ReasonPhrase>();
    let reason = match sent {
        Some(sent) => String::from_utf8_lossy(sent.as_bytes()).into_owned(),
        None => code.canonical_reason().unwrap_or_default().to_owned(),
    };
    if reason.is_empty() {
        code.as_str().to_owned()
    } else {
        format!("{} {reason}", code.as_str())
    }
}

/// Go's client errors begin with the method in title case.
fn title(method: &str) -> String {
    let (first, rest) = method.split_at(method.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + &rest.to_lowercase()
}

fn health(status: StatusCode) -> Health {
    match status.as_u16() {
        200..=299 => Health::Passing,
        429 => Health::Warning,
        _ => Health::Critical,
    }
}

struct Fetch<'a> {
    headers: &'a [(String, String)],
    disable_redirects: bool,
    tls: &'a ProbeTls,
    room: &'a rt::Room,
}

impl Fetch<'_> {
    async fn follow(
        &self,
        url: &str,
        method: &str,
        body: &str,
    ) -> Result<Response<hyper::body::Incoming>, Failure> {
        let mut target: Uri = url.parse().map_err(|e| format!("parse {url:?}: {e}"))?;
        let mut method = Method::from_bytes(method.as_bytes())
            .map_err(|_| format!("net/http: invalid method {method:?}"))?;
        let mut body = body.to_owned();
        // A failure after a redirect shows where it led, and in the end what the last one said.
        let mut at = None;
        for _ in 0..=REDIRECTS_MAX {
            let response = self
                .once(&target, &method, &body)
                .await
                .map_err(|text| Failure {
                    at: at.as_ref().map(|_| target.to_string()),
                    text,
                })?;
            let status = response.status().as_u16();
            if self.disable_redirects || !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let Some(location) = response.headers().get(LOCATION) else {
                return if matches!(status, 301..=303) {
                    Err(format!("{status} response missing Location header").into())
                } else {
                    Ok(response)
                };
            };
            let location = location
                .to_str()
                .map_err(|_| "failed to parse Location header")?;
            target = join(&target, location)
                .ok_or_else(|| format!("failed to parse Location header {location:?}"))?;
            at = Some(location.to_owned());
            if matches!(status, 301..=303) {
                body.clear();
                if method != Method::HEAD {
                    method = Method::GET;
                }
            }
        }
        Err(Failure {
            at,
            text: format!("stopped after {REDIRECTS_MAX} redirects"),
        })
    }

    async fn once(
        &self,
        target: &Uri,
        method: &Method,
        body: &str,
    ) -> Result<Response<hyper::body::Incoming>, String> {
        let secure = match target.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => return Err(format!("unsupported protocol scheme {other:?}")),
            None => return Err("unsupported protocol scheme \"\"".into()),
        };
        let authority = target.authority().ok_or("http: no Host in request URL")?;
        let (user, host) = authority
            .as_str()
            .rsplit_once('@')
            .map_or((None, authority.as_str()), |(u, h)| (Some(u), h));
        let port = authority
            .port_u16()
            .unwrap_or(if secure { 443 } else { 80 });
        let address = format!("{}:{port}", authority.host());
        let stream = dial::stream(&address, secure.then_some(self.tls)).await?;
        let (mut requests, connection) = hyper::client::conn::http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| e.to_string())?;
        self.room.spawn("http-check", async move {
            // Its error is the request's error too.
            let _ = connection.await;
        });
        let path = target.path_and_query().map_or("/", |p| p.as_str());
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().map_err(|_| "invalid path".to_owned())?;
        *request.headers_mut() = self.head(host, user)?;
        // Methods that usually have a body say so when they have none.
        if body.is_empty() && matches!(method.as_str(), "POST" | "PUT" | "PATCH") {
            request
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        requests.send_request(request).await.map_err(describe)
    }

    fn head(&self, host: &str, user: Option<&str>) -> Result<HeaderMap, String> {
        let mut map = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("net/http: invalid header field name {name:?}"))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("net/http: invalid header field value for {name:?}"))?;
            if name == HOST {
                map.insert(HOST, value);
            } else {
                map.append(name, value);
            }
        }
        let mut missing = |name: HeaderName, value: &str| {
            if let (false, Ok(value)) = (map.contains_key(&name), HeaderValue::from_str(value)) {
                map.insert(name, value);
            }
        };
        missing(HOST, host);
        missing(USER_AGENT, "Consul Health Check");
        missing(ACCEPT, "text/plain, text/*, */*");
        if let Some(user) = user {
            let pair = if user.contains(':') {
                user.to_owned()
            } else {
                format!("{user}:")
            };
            let secret = base64::engine::general_purpose::STANDARD.encode(pair);
            missing(AUTHORIZATION, &format!("Basic {secret}"));
        }
        map.insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(map)
    }
}

fn describe(error: hyper::Error) -> String {
    if error.is_incomplete_message() {
        "EOF".into()
    } else if error.is_parse() {
        format!("net/http: HTTP/1.x transport connection broken: malformed HTTP response: {error}")
    } else {
        error.to_string()
    }
}

/// The target that a `Location` means, relative to where it was found (RFC 3986 §5.2, without dot segments).
fn join(base: &Uri, location: &str) -> Option<Uri> {
    if location.contains("://") {
        return location.parse().ok();
    }
    let scheme = base.scheme_str()?;
    if let Some(rest) = location.strip_prefix("//") {
        return format!("{scheme}://{rest}").parse().ok();
    }
    let authority = base.authority()?;
    let path = if location.starts_with('/') {
        location.to_owned()
    } else if location.starts_with('?') {
        format!("{}{location}", base.path())
    } else {
        let folder = base
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{folder}/{location}")
    };
    format!("{scheme}://{authority}{path}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined() {
        let base: Uri = "http://h:1/a/b?c".parse().unwrap();
        let check = |location: &str, want: &str| {
            assert_eq!(join(&base, location).unwrap().to_string(), want)
        };
        check("/x", "http://h:1/x");
        check("x", "http://h:1/a/x");
        check("?q", "http://h:1/a/b?q");
        check("//o/x", "http://o/x");
        check("https://o/x", "https://o/x");
    }

    #[test]
    fn methods_in_errors() {
        assert_eq!(title("POST"), "Post");
        assert_eq!(title(""), "");
    }
}
