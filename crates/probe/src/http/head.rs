//! Heads of HTTP/1.1 messages: how Go writes those of requests and reads those of answers.

use super::redirect::Hop;
use base64::Engine;
use dialect::url::quote;

/// What a request says of its sender unless it has a header of that name.
const USER_AGENT: &str = "Go-http-client/1.1";
/// Headers that the client itself decides.
const OWN: &[&str] = &[
    "Host",
    "User-Agent",
    "Content-Length",
    "Transfer-Encoding",
    "Trailer",
];

/// Whether a text is a token of HTTP (RFC 9110 §5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A header name in the usual case: `x-a` is `X-A`. Names that are no tokens stay as they are.
pub fn canonical(name: &str) -> String {
    if !is_token(name) {
        return name.to_owned();
    }
    let mut begins = true;
    let each = name.chars().map(|c| {
        let upper = std::mem::replace(&mut begins, c == '-');
        if upper {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    });
    each.collect()
}

/// The bytes of a request's head, and whether a packed answer is to be unpacked.
///
/// # Errors
/// Go's text for what cannot be sent.
pub(super) fn request(hop: &Hop) -> Result<(Vec<u8>, bool), String> {
    let url = &hop.url;
    let http = matches!(url.scheme.as_str(), "http" | "https");
    for (name, values) in hop.headers.iter().filter(|_| http) {
        let shown = quote(name.as_bytes());
        if !is_token(name) {
            return Err(format!("net/http: invalid header field name {shown}"));
        }
        let wrong = |byte: u8| byte < b' ' && byte != b'\t' || byte == 0x7f;
        if values.iter().any(|value| value.bytes().any(wrong)) {
            return Err(format!("net/http: invalid header field value for {shown}"));
        }
    }
    if !http {
        let scheme = quote(url.scheme.as_bytes());
        return Err(format!("unsupported protocol scheme {scheme}"));
    }
    if url.host.is_empty() {
        return Err("http: no Host in request URL".into());
    }
    let host = host_line(if hop.host.is_empty() {
        &url.host
    } else {
        &hop.host
    })?;
    let target = url.request_target();
    let mut out = format!("{} {target} HTTP/1.1\r\nHost: {host}\r\n", hop.method);
    let mut line = |name: &str, value: &str| {
        // Go trims values.
        out.extend([name, ": ", value.trim_matches([' ', '\t']), "\r\n"]);
    };
    let agent = if hop.headers.has("User-Agent") {
        hop.headers.get("User-Agent")
    } else {
        USER_AGENT
    };
    if !agent.is_empty() {
        line("User-Agent", agent);
    }
    // Methods that usually have a body say so when they have none.
    if !hop.body.is_empty() || matches!(hop.method.as_str(), "POST" | "PUT" | "PATCH") {
        line("Content-Length", &hop.body.len().to_string());
    }
    let mut headers = hop.headers.clone();
    if let Some(user) = &url.user
        && headers.get("Authorization").is_empty()
    {
        let password = user.password.as_deref().unwrap_or_default();
        let pair = [user.name.as_slice(), b":", password].concat();
        let secret = base64::engine::general_purpose::STANDARD.encode(pair);
        headers.set("Authorization", &format!("Basic {secret}"));
    }
    for (name, values) in headers.iter().filter(|(name, _)| !OWN.contains(name)) {
        for value in values {
            line(name, value);
        }
    }
    let packed = headers.get("Accept-Encoding").is_empty()
        && headers.get("Range").is_empty()
        && hop.method != "HEAD";
    if packed {
        line("Accept-Encoding", "gzip");
    }
    let closes = headers
        .get("Connection")
        .split(',')
        .any(|token| token.trim().eq_ignore_ascii_case("close"));
    if !closes {
        line("Connection", "close");
    }
    out.push_str("\r\n");
    Ok((out.into_bytes(), packed))
}

/// A host as it is told: without the zone of an address.
fn host_line(host: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!$%&()*+,-.:;=[]'_~".contains(&byte);
    if !host.bytes().all(allowed) {
        return Err("http: invalid Host header".into());
    }
    let zone = host
        .starts_with('[')
        .then(|| Some((host.find('%')?, host.rfind(']')?)))
        .flatten()
        .filter(|(zone, end)| zone < end);
    Ok(match zone {
        Some((zone, end)) => format!("{}{}", &host[..zone], &host[end..]),
        None => host.to_owned(),
    })
}

/// The head of an answer.
pub(super) struct Head {
    pub(super) code: u16,
    /// What follows the version.
    pub(super) status: String,
    /// Not HTTP/1.0.
    pub(super) at_least_1_1: bool,
    /// Names in the usual case.
    pub(super) fields: Vec<(String, String)>,
}

/// The length of the head at the beginning of these bytes, once it is complete.
pub(super) fn complete(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    // An empty line ends it, an empty first line is a status line that is wrong.
    while let Some(length) = memchr::memchr(b'\n', &bytes[from..]) {
        let line = &bytes[from..from + length];
        if line.is_empty() || line == b"\r" {
            return Some(from + length + 1);
        }
        from += length + 1;
    }
    None
}

impl Head {
    /// Reads a complete head.
    ///
    /// # Errors
    /// Go's text for what is none.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut lines = bytes
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().unwrap_or_default();
        let wrong = |what: &str, text: &[u8]| format!("{what} {}", quote(text));
        let Some(space) = first.iter().position(|byte| *byte == b' ') else {
            return Err(wrong("malformed HTTP response", first));
        };
        let (version, status) = first.split_at(space);
        let [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            major @ b'0'..=b'9',
            b'.',
            minor @ b'0'..=b'9',
        ] = version
        else {
            return Err(wrong("malformed HTTP version", version));
        };
        let status = status.trim_ascii_start();
        let digits = status
            .split(|byte| *byte == b' ')
            .next()
            .unwrap_or_default();
        let code = match digits {
            [a, b, c] if digits.iter().all(u8::is_ascii_digit) => [a, b, c]
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(**digit - b'0')),
            _ => return Err(wrong("malformed HTTP status code", digits)),
        };
        Ok(Self {
            code,
            status: crate::output::lossy(status),
            at_least_1_1: (*major, *minor) >= (b'1', b'1'),
            fields: fields(lines)?,
        })
    }

    /// The first value of a name, "" for none.
    pub(super) fn get(&self, name: &str) -> &str {
        let first = self.fields.iter().find(|(known, _)| known == name);
        first.map_or("", |(_, value)| value.as_str())
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.fields.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let text = crate::output::lossy(line);
        if text.starts_with([' ', '\t']) {
            match fields.last_mut() {
                // A folded line goes on with the value before it.
                Some((_, value)) => {
                    value.push(' ');
                    value.push_str(text.trim_matches([' ', '\t']));
                }
                None => return Err(format!("malformed MIME header initial line: {text}")),
            }
            continue;
        }
        match text.split_once(':') {
            Some((name, value)) if is_token(name.trim_end_matches(' ')) => {
                fields.push((canonical(name), value.trim_matches([' ', '\t']).to_owned()));
            }
            _ => return Err(format!("malformed MIME header line: {text}")),
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::super::{Headers, Request};
    use super::*;
    use dialect::url::Url;

    fn written(
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<String, String> {
        let mut map = Headers::default();
        for (name, value) in headers {
            map.add(name, value);
        }
        let request = Request {
            method,
            url,
            host: map.get("Host"),
            headers: &map,
            body: body.as_bytes(),
            follow: true,
        };
        let hop = Hop::first(&request, Url::parse(url).unwrap());
        super::request(&hop).map(|(bytes, _)| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_whole_head() {
        let sent = written(
            "PUT",
            "http://u%40x:p%20w@h:1/a b?c d",
            &[
                ("x-lower", "1"),
                ("X-Two", " a "),
                ("X-Two", "b"),
                ("Content-Length", "99"),
                ("Transfer-Encoding", "chunked"),
                ("Trailer", "x"),
                ("Host", "virtual"),
                ("User-Agent", "me"),
            ],
            "body",
        );
        let want = "PUT /a%20b?c d HTTP/1.1\r\nHost: virtual\r\nUser-Agent: me\r\nContent-Length: 4\r\n\
            Authorization: Basic dUB4OnAgdw==\r\nX-Two: a\r\nX-Two: b\r\nx-lower: 1\r\n\
            Accept-Encoding: gzip\r\nConnection: close\r\n\r\n";
        assert_eq!(sent.unwrap(), want);
    }

    #[test]
    fn what_goes_without_saying() {
        let plain = |method: &str| written(method, "http://h", &[], "").unwrap();
        let tail = "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n";
        assert_eq!(
            plain("GET"),
            format!("GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: Go-http-client/1.1\r\n{tail}")
        );
        assert!(plain("POST").contains("Content-Length: 0\r\n"));
        assert!(!plain("DELETE").contains("Content-Length"));
        assert!(!plain("HEAD").contains("Accept-Encoding"));
        let own = written(
            "GET",
            "http://h",
            &[("Connection", "Close"), ("Range", "bytes=0-")],
            "",
        );
        let own = own.unwrap();
        assert!(
            own.ends_with("Connection: Close\r\nRange: bytes=0-\r\n\r\n"),
            "{own}"
        );
        let six = written("GET", "http://[fe80::1%25lo]:8/", &[], "").unwrap();
        assert!(six.contains("Host: [fe80::1]:8\r\n"), "{six}");
    }

    #[test]
    fn what_cannot_be_sent() {
        for (url, headers, why) in [
            (
                "http://h",
                &[("a b", "c")][..],
                "net/http: invalid header field name \"a b\"",
            ),
            (
                "http://h",
                &[("A", "b\nc")],
                "net/http: invalid header field value for \"A\"",
            ),
            ("ftp://h", &[], "unsupported protocol scheme \"ftp\""),
            ("h", &[], "unsupported protocol scheme \"\""),
            ("http:///x", &[], "http: no Host in request URL"),
            ("http://h", &[("Host", "a b")], "http: invalid Host header"),
        ] {
            assert_eq!(written("GET", url, headers, "").unwrap_err(), why);
        }
    }

    #[test]
    fn answers() {
        let read = |text: &str| Head::parse(text.as_bytes());
        let head = read("HTTP/1.1 299 \r\nx-a:  b \r\n c\r\nX-A: d\r\n\r\n").unwrap();
        assert_eq!((head.code, head.status.as_str()), (299, "299 "));
        assert_eq!(head.all("X-A").collect::<Vec<_>>(), ["b c", "d"]);
        assert_eq!(read("HTTP/1.0 200\n\n").unwrap().status, "200");
        for (text, why) in [
            ("SSH-2.0-x\r\n\r\n", "malformed HTTP response \"SSH-2.0-x\""),
            ("HTTP/1 200 OK\r\n\r\n", "malformed HTTP version \"HTTP/1\""),
            (
                "HTTP/1.1 20 OK\r\n\r\n",
                "malformed HTTP status code \"20\"",
            ),
            (
                "HTTP/1.1 200 OK\r\nnope\r\n\r\n",
                "malformed MIME header line: nope",
            ),
            (
                "HTTP/1.1 200 OK\r\n a: b\r\n\r\n",
                "malformed MIME header initial line:  a: b",
            ),
        ] {
            assert_eq!(read(text).err().unwrap(), why);
        }
        assert_eq!(complete(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest"), Some(25));
        assert_eq!(complete(b"HTTP/1.1 200 OK\nA: b\n\nrest"), Some(22));
        assert_eq!(complete(b"HTTP/1.1 200 OK\r\nA: b\r\n"), None);
    }
}
