//! Heads of requests: request line, headers, and what they say of the body.

use super::body::Framing;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

/// Headers that fit without an allocation for parsing.
const USUAL_HEADERS: usize = 32;
/// Most headers of one request.
const MAX_HEADERS: usize = 1024;

/// What the door sees of a request's head.
#[derive(Debug)]
pub(crate) struct Head {
    pub method: Method,
    /// Path and query string as sent, ASCII.
    target: String,
    pub headers: HeaderMap,
}

impl Head {
    /// The path, still escaped.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query string, still escaped.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

impl From<hyper::http::request::Parts> for Head {
    fn from(parts: hyper::http::request::Parts) -> Self {
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
            .to_owned();
        Self {
            method: parts.method,
            target,
            headers: parts.headers,
        }
    }
}

/// A parsed head with what the connection has to know.
#[derive(Debug)]
pub(super) struct Request {
    pub head: Head,
    pub framing: Framing,
    /// Whether the connection may go on afterwards.
    pub keep: bool,
    pub http10: bool,
    /// Whether the client waits for `100 Continue`.
    pub expects: bool,
}

/// Why a head is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    NoHost,
    TooLarge,
    Encoding,
    Version,
}

impl Refusal {
    /// Status line and body.
    pub fn text(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::NoHost => "400 Bad Request: missing required Host header",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Encoding => "501 Not Implemented: Unsupported transfer encoding",
            Self::Version => "505 HTTP Version Not Supported: unsupported protocol version",
        }
    }
}

/// Where the first head of `input` ends; bytes before `seen` were looked at before.
pub(super) fn end(input: &[u8], seen: usize) -> Option<usize> {
    // Empty lines before a request are allowed, and must not end it.
    let start = input.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
    let from = start.max(seen.saturating_sub(3));
    memchr::memchr_iter(b'\n', input.get(from..)?)
        .map(|at| from + at)
        .find_map(|at| match input.get(at + 1..)? {
            [b'\n', ..] => Some(at + 2),
            [b'\r', b'\n', ..] => Some(at + 3),
            _ => None,
        })
}

/// Whether input begins as no request does, a TLS handshake for instance: its end may never come, so it is not waited for.
pub(super) fn is_foreign(input: &[u8]) -> bool {
    let first = input.iter().find(|b| !matches!(b, b'\r' | b'\n'));
    first.is_some_and(|b| !(b' '..=b'~').contains(b))
}

/// Parses a whole head.
pub(super) fn parse(text: Bytes) -> Result<Request, Refusal> {
    let start = text
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(0);
    let text = text.slice(start..);
    let line_end = memchr::memchr(b'\n', &text).ok_or(Refusal::Malformed)?;
    let line = text.get(..line_end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|b| *b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::Malformed);
    };
    let method = Method::from_bytes(method).map_err(|_| Refusal::Malformed)?;
    let http10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        other if other.starts_with(b"HTTP/") => return Err(Refusal::Version),
        _ => return Err(Refusal::Malformed),
    };
    let target = target_text(target)?;
    let headers = headers(&text, line_end + 1)?;
    if !http10 && !headers.contains_key(HOST) {
        return Err(Refusal::NoHost);
    }
    let framing = framing(&headers)?;
    let says = |word: &str| {
        let mut values = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values.any(|value| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(word))
        })
    };
    let keep = if http10 {
        says("keep-alive")
    } else {
        !says("close")
    };
    let expects = !http10
        && headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let head = Head {
        method,
        target,
        headers,
    };
    Ok(Request {
        head,
        framing,
        keep,
        http10,
        expects,
    })
}

/// The origin form of a target; bytes outside ASCII are escaped.
fn target_text(target: &[u8]) -> Result<String, Refusal> {
    use std::fmt::Write as _;
    if target.is_empty() || target.iter().any(u8::is_ascii_control) {
        return Err(Refusal::Malformed);
    }
    let mut text = String::with_capacity(target.len());
    for byte in target {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    // A fragment is not for us.
    if let Some(at) = text.find('#') {
        text.truncate(at);
    }
    for scheme in ["http://", "https://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            let path = rest
                .find(['/', '?'])
                .and_then(|at| rest.get(at..))
                .unwrap_or_default();
            return Ok(if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            });
        }
    }
    Ok(text)
}

fn headers(text: &Bytes, from: usize) -> Result<HeaderMap, Refusal> {
    let block = text.get(from..).unwrap_or_default();
    let mut usual = [httparse::EMPTY_HEADER; USUAL_HEADERS];
    match httparse::parse_headers(block, &mut usual) {
        Ok(httparse::Status::Complete((_, found))) => collect(text, found),
        Err(httparse::Error::TooManyHeaders) => {
            let mut many = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
            match httparse::parse_headers(block, &mut many) {
                Ok(httparse::Status::Complete((_, found))) => collect(text, found),
                Err(httparse::Error::TooManyHeaders) => Err(Refusal::TooLarge),
                _ => Err(Refusal::Malformed),
            }
        }
        _ => Err(Refusal::Malformed),
    }
}

fn collect(text: &Bytes, found: &[httparse::Header<'_>]) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::with_capacity(found.len());
    for header in found {
        let name =
            HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Refusal::Malformed)?;
        let value = HeaderValue::from_maybe_shared(text.slice_ref(header.value))
            .map_err(|_| Refusal::Malformed)?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// How the body is delimited. A transfer coding wins over a length; lengths that differ are refused.
fn framing(headers: &HeaderMap) -> Result<Framing, Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        let chunked =
            coding.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
        return if chunked {
            Ok(Framing::chunked())
        } else {
            Err(Refusal::Encoding)
        };
    }
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let digits = value.as_bytes().trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::Malformed);
        }
        let text = std::str::from_utf8(digits).map_err(|_| Refusal::Malformed)?;
        let this: u64 = text.parse().map_err(|_| Refusal::Malformed)?;
        if length.is_some_and(|length| length != this) {
            return Err(Refusal::Malformed);
        }
        length = Some(this);
    }
    Ok(Framing::length(length.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Request, Refusal> {
        assert_eq!(end(text.as_bytes(), 0), Some(text.len()), "{text:?}");
        parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn a_usual_head() {
        let request =
            parsed("PUT /v1/kv/a?x=`<> HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").unwrap();
        assert_eq!(request.head.method, Method::PUT);
        assert_eq!(
            (request.head.path(), request.head.query()),
            ("/v1/kv/a", Some("x=`<>"))
        );
        assert!(request.keep && request.expects && !request.http10);
        assert_eq!(request.framing.declared(), 3);
    }

    #[test]
    fn unusual_heads() {
        let request =
            parsed("\r\n\r\nGET http://h:1/v1/x?y HTTP/1.0\nConnection: Keep-Alive\n\n").unwrap();
        assert_eq!(
            (request.head.path(), request.head.query()),
            ("/v1/x", Some("y"))
        );
        assert!(request.keep && request.http10);
        assert!(!parsed("GET / HTTP/1.0\r\n\r\n").unwrap().keep);
        assert!(
            !parsed("GET / HTTP/1.1\r\nHost:\r\nConnection: x, Close\r\n\r\n")
                .unwrap()
                .keep
        );
        let request = parse(Bytes::from_static(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
        assert_eq!(request.head.path(), "/%FF");
        let request = parsed("GET http://h HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(request.head.path(), "/");
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("GET / HTTP/1.1\r\n\r\n", Refusal::NoHost),
            ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", Refusal::Version),
            ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", Refusal::Malformed),
            ("GET /\r\nHost: x\r\n\r\n", Refusal::Malformed),
            ("G(T / HTTP/1.1\r\nHost: x\r\n\r\n", Refusal::Malformed),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                Refusal::Malformed,
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
                Refusal::Malformed,
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                Refusal::Encoding,
            ),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", Refusal::Malformed),
        ] {
            assert_eq!(parsed(text).map(|_| ()).unwrap_err(), want, "{text:?}");
        }
        let many = "A: b\r\n".repeat(MAX_HEADERS);
        assert_eq!(
            parsed(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")).unwrap_err(),
            Refusal::TooLarge
        );
        let some = "A: b\r\n".repeat(MAX_HEADERS - 1);
        assert!(parsed(&format!("GET / HTTP/1.1\r\nHost: x\r\n{some}\r\n")).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(at) = end(&text, 0) {
                let _ = parse(Bytes::from(text)).map(|request| request.head.path().len());
                prop_assert!(at > 0);
            }
        }

        #[test]
        fn any_line(line in "[A-Z]{0,4} [ -~é]{0,30} HTTP/1.[01]", header in "[ -~]{0,30}") {
            let _ = parse(Bytes::from(format!("{line}\r\nHost: x\r\n{header}\r\n\r\n")));
        }

        #[test]
        fn the_end_is_found_however_input_arrives(cut in 0usize..60) {
            let text = b"\r\nGET / HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\nGET";
            let cut = cut.min(text.len());
            let first = end(&text[..cut], 0);
            prop_assert_eq!(first.or_else(|| end(text, cut)), Some(text.len() - 3));
        }
    }
}
