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
    /// A head without headers.
    #[cfg(test)]
    pub fn new(method: Method, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: HeaderMap::new(),
        }
    }

    /// A head of which only the target is known.
    pub fn of_target(target: String) -> Self {
        Self {
            method: Method::GET,
            target,
            headers: HeaderMap::new(),
        }
    }

    /// Path and query string as sent.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Path and query string as sent, without the rest.
    pub fn into_target(self) -> String {
        self.target
    }

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
    fn from(mut parts: hyper::http::request::Parts) -> Self {
        // What HTTP/1 says in `Host`, HTTP/2 says in the authority.
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
            parts.headers.insert(HOST, host);
        }
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
    ManyHosts,
    BadHost,
    Expectation,
    Slow,
    Busy,
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
            Self::ManyHosts => "400 Bad Request: too many Host headers",
            Self::BadHost => "400 Bad Request: malformed Host header",
            Self::Expectation => "417 Expectation Failed",
            Self::Slow => "408 Request Timeout",
            Self::Busy => "503 Service Unavailable",
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

/// Parses a whole head. What can be understood but is not written as RFC 9112 wants it is served once: the connection ends
/// with the answer, since somebody on the way may have understood it otherwise.
pub(super) fn parse(text: Bytes) -> Result<Request, Refusal> {
    let start = text
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(0);
    let mut doubtful = !lines_end_well(&text)?;
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
    let target = target_text(&method, target)?;
    let block = text.slice(line_end + 1..);
    let mut headers = match unfolded(&block)? {
        None => headers(&block)?,
        Some(block) => {
            doubtful = true;
            headers(&block)?
        }
    };
    host(&headers, http10)?;
    let framing = framing(&headers, http10)?;
    if headers.contains_key(TRANSFER_ENCODING) && headers.remove(CONTENT_LENGTH).is_some() {
        doubtful = true;
    }
    let waits = expectation(&headers)?;
    let keep = if http10 {
        has_token(&headers, &CONNECTION, "keep-alive")
    } else {
        !has_token(&headers, &CONNECTION, "close")
    };
    let head = Head {
        method,
        target,
        headers,
    };
    Ok(Request {
        head,
        framing,
        keep: keep && !doubtful,
        http10,
        expects: waits && !http10,
    })
}

/// Whether every line ends with CR LF; some end with LF alone if not. A CR anywhere else is refused.
fn lines_end_well(text: &[u8]) -> Result<bool, Refusal> {
    let (mut well, mut carriage) = (true, None);
    for at in memchr::memchr2_iter(b'\r', b'\n', text) {
        let feeds = text.get(at) == Some(&b'\n');
        match carriage {
            Some(before) if !feeds || before + 1 != at => return Err(Refusal::Malformed),
            None if feeds => well = false,
            _ => {}
        }
        carriage = (!feeds).then_some(at);
    }
    Ok(well)
}

/// Header lines with those that continue another joined to it by a blank; `None` if there are none. The first line cannot
/// continue anything.
fn unfolded(block: &[u8]) -> Result<Option<Bytes>, Refusal> {
    let folds = |at: &usize| matches!(block.get(at + 1), Some(b' ' | b'\t'));
    if matches!(block, [b' ' | b'\t', ..]) {
        return Err(Refusal::Malformed);
    }
    if memchr::memchr_iter(b'\n', block).find(folds).is_none() {
        return Ok(None);
    }
    let (mut out, mut done) = (Vec::with_capacity(block.len()), 0);
    for at in memchr::memchr_iter(b'\n', block).filter(folds) {
        let line = block.get(done..at).unwrap_or_default();
        out.extend_from_slice(line.trim_ascii_end());
        out.push(b' ');
        let blanks = block.get(at + 1..).unwrap_or_default();
        let blanks = blanks.iter().take_while(|b| matches!(b, b' ' | b'\t'));
        done = at + 1 + blanks.count();
    }
    out.extend_from_slice(block.get(done..).unwrap_or_default());
    Ok(Some(out.into()))
}

/// One `Host`, as RFC 9112 §3.2 wants it; old clients may leave it out.
fn host(headers: &HeaderMap, http10: bool) -> Result<(), Refusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if http10 => Ok(()),
        (None, _) => Err(Refusal::NoHost),
        (_, Some(_)) => Err(Refusal::ManyHosts),
        (Some(host), None) if crate::host::is_valid(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(Refusal::BadHost),
    }
}

/// Whether a header that is a list has this word, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    values.filter_map(|value| value.to_str().ok()).any(|value| {
        value
            .split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(word))
    })
}

/// Whether the client waits for `100 Continue`. Beside that anything may stand in the list; without it, nothing.
fn expectation(headers: &HeaderMap) -> Result<bool, Refusal> {
    let said = headers.get(EXPECT).is_some_and(|value| !value.is_empty());
    match has_token(headers, &EXPECT, "100-continue") {
        false if said => Err(Refusal::Expectation),
        waits => Ok(waits),
    }
}

/// The origin form of a target; bytes outside ASCII are escaped.
fn target_text(method: &Method, target: &[u8]) -> Result<String, Refusal> {
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
    if text.starts_with('/') || (text == "*" && *method == Method::OPTIONS) {
        Ok(text)
    } else {
        Err(Refusal::Malformed)
    }
}

fn headers(text: &Bytes) -> Result<HeaderMap, Refusal> {
    let block = text.as_ref();
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

/// How the body is delimited. A transfer coding wins over a length; lengths that differ are refused, and codings in a
/// version of HTTP that has none.
fn framing(headers: &HeaderMap, http10: bool) -> Result<Framing, Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if http10 {
            return Err(Refusal::Malformed);
        }
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
            parsed("\r\n\r\nGET http://h:1/v1/x?y HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                .unwrap();
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
    fn what_is_doubtful_is_served_once() {
        for text in [
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n  c\r\n\td\r\nB: e\r\n\r\n",
        ] {
            let request = parsed(text).unwrap();
            assert!(!request.keep, "{text:?}");
            if let Some(value) = request.head.headers.get("a") {
                assert!(value == "b" || value == "b c d", "{value:?}");
            }
        }
        let both =
            "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        let request = parsed(both).unwrap();
        assert!(!request.keep && request.framing == Framing::chunked());
        assert!(!request.head.headers.contains_key(CONTENT_LENGTH));
        let request = parsed("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n").unwrap();
        assert!(request.keep && request.head.path() == "*");
        for value in ["100-continue, x", "x, 100-Continue"] {
            let text = format!("PUT / HTTP/1.1\r\nHost: x\r\nExpect: {value}\r\n\r\n");
            assert!(parsed(&text).unwrap().expects, "{value}");
        }
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
            ("GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", Refusal::Malformed),
            (
                "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n",
                Refusal::Malformed,
            ),
            ("GET / HTTP/1.1\r\n Host: x\r\n\r\n", Refusal::Malformed),
            ("GET v1 HTTP/1.1\r\nHost: x\r\n\r\n", Refusal::Malformed),
            ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", Refusal::Malformed),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
                Refusal::ManyHosts,
            ),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Refusal::BadHost),
            ("GET / HTTP/1.0\r\nHost: x/y\r\n\r\n", Refusal::BadHost),
            (
                "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                Refusal::Malformed,
            ),
            (
                "PUT / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n",
                Refusal::Expectation,
            ),
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
