//! HTTP requests as Go's client makes them: byte for byte what it sends, the redirects it follows and the credentials it
//! leaves behind, the words in which it fails. Checks and watch handlers ask through this.
//!
//! One connection for each request, HTTP/1.1. What a request is for is not known here.

mod body;
mod head;
mod redirect;

use crate::{ProbeTls, dial};
use body::Framing;
pub use body::{Body, UNPACKED_MAX};
use bytes::BytesMut;
use dialect::url::{Url, quote};
use head::Head;
pub use head::canonical;
use net::Stream;
use redirect::Hop;
use rt::{Instant, Time};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Redirects after which a request is given up.
const REDIRECTS_MAX: usize = 10;
/// Answers of the kind "100 Continue" that are passed over before the real one.
const INFORMATIONAL_MAX: usize = 5;
/// Longest head of an answer. Go's client takes 10 MiB, which many checks at once must not hold.
const HEAD_MAX: usize = 64 * 1024;
/// What a caller that runs out of time is told.
const TIMEOUT: &str = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";

/// Headers by the names they are sent with: names differ by case, as in Go's map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(BTreeMap<String, Vec<String>>);

impl Headers {
    /// Adds a value under exactly this name.
    pub fn add(&mut self, name: &str, value: &str) {
        let values = self.0.entry(name.to_owned()).or_default();
        values.push(value.to_owned());
    }

    /// Replaces the values under exactly this name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), vec![value.to_owned()]);
    }

    /// The first value under exactly this name, "" for none.
    pub fn get(&self, name: &str) -> &str {
        let first = self.0.get(name).and_then(|values| values.first());
        first.map_or("", String::as_str)
    }

    /// Whether there is such a name, with whatever value.
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Vec<String>)> {
        self.0.iter().map(|(name, values)| (name.as_str(), values))
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Any token.
    pub method: &'a str,
    /// Absolute.
    pub url: &'a str,
    /// The `Host` of the first request and of redirects to the same host; "" takes the URL's.
    pub host: &'a str,
    /// Names that decide the framing are left out.
    pub headers: &'a Headers,
    /// Sent with its length.
    pub body: &'a [u8],
    /// Whether redirects are followed.
    pub follow: bool,
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Response {
    /// Three digits.
    pub code: u16,
    /// Code and reason as they were sent, such as `200 OK`.
    pub status: String,
    /// What follows the head, unpacked.
    pub body: Body,
    location: Option<String>,
}

/// Sends a request and reads the answer's head, until `end` at most.
///
/// # Errors
/// Go's text, such as `Get "http://h/": dial tcp 1.2.3.4:80: connect: connection refused`. It shows no password.
pub async fn send(
    request: &Request<'_>,
    tls: &ProbeTls,
    time: &Time,
    end: Instant,
) -> Result<Response, String> {
    if !head::is_token(request.method) {
        return Err(format!(
            "net/http: invalid method {}",
            quote(request.method.as_bytes())
        ));
    }
    let mut url = Url::parse(request.url).map_err(|error| error.to_string())?;
    url.remove_empty_port();
    let failed = |url: &str, why: &str| {
        Err(format!(
            "{} {}: {why}",
            title(request.method),
            quote(url.as_bytes())
        ))
    };
    let mut hop = Hop::first(request, url);
    for asked in 1.. {
        let answered = tokio::select! {
            biased;
            answered = exchange(&hop, tls) => answered,
            () = time.sleep_until(end) => Err(TIMEOUT.into()),
        };
        let response = match answered {
            Ok(response) => response,
            Err(why) => return failed(&hop.url.shown(), &why),
        };
        let Some(location) = response.location.as_deref().filter(|_| request.follow) else {
            return Ok(response);
        };
        hop = match hop.next(request, response.code, location) {
            Ok(next) => next,
            Err(why) => return failed(&hop.url.shown(), &why),
        };
        if asked == REDIRECTS_MAX {
            return failed(
                location,
                &format!("stopped after {REDIRECTS_MAX} redirects"),
            );
        }
    }
    // The loop ends with the last redirect.
    failed(request.url, "stopped after too many redirects")
}

/// Go's client errors begin with the method in title case.
fn title(method: &str) -> String {
    let (first, rest) = method.split_at(method.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + &rest.to_lowercase()
}

/// Whether an answer is a redirect that is followed.
fn redirects(code: u16) -> bool {
    matches!(code, 301 | 302 | 303 | 307 | 308)
}

async fn exchange(hop: &Hop, tls: &ProbeTls) -> Result<Response, String> {
    let (bytes, packed) = head::request(hop)?;
    let secure = hop.url.scheme == "https";
    let mut stream = dial::stream(&hop.address(), secure.then_some(tls))
        .await
        .map_err(|why| plain_for_tls(secure, why))?;
    let route = dial::route(&stream);
    let io = |call: &str, error: &std::io::Error| {
        format!("{call} tcp {route}: {}", dial::syscall(call, error))
    };
    let mut written = stream.write_all(&bytes).await;
    if written.is_ok() {
        written = stream.write_all(&hop.body).await;
    }
    if written.is_ok() {
        written = stream.flush().await;
    }
    let mut buffer = BytesMut::new();
    let answered = answer(&mut stream, &mut buffer, io).await;
    // A server may answer and close before it has read everything.
    let head = match (written, answered) {
        (_, Ok(head)) => head,
        (Err(error), Err(_)) => return Err(io("write", &error)),
        (Ok(()), Err(why)) => return Err(why),
    };
    let framing = Framing::of(&head, &hop.method).map_err(broken)?;
    let unpack = packed && head.get("Content-Encoding").eq_ignore_ascii_case("gzip");
    Ok(Response {
        code: head.code,
        location: (redirects(head.code) && !head.get("Location").is_empty())
            .then(|| head.get("Location").to_owned()),
        body: Body::new(stream, buffer, framing, unpack),
        status: head.status,
    })
}

/// The head of the final answer; what follows it stays in `buffer`.
async fn answer(
    stream: &mut Stream,
    buffer: &mut BytesMut,
    io: impl Fn(&str, &std::io::Error) -> String,
) -> Result<Head, String> {
    for _ in 0..=INFORMATIONAL_MAX {
        let length = loop {
            if let Some(length) = head::complete(buffer) {
                break length;
            }
            if buffer.len() > HEAD_MAX {
                return Err(format!(
                    "net/http: server response headers exceeded {HEAD_MAX} bytes; aborted"
                ));
            }
            match stream.read_buf(buffer).await {
                Ok(0) if buffer.is_empty() => return Err("EOF".into()),
                Ok(0) => return Err(broken("unexpected EOF".into())),
                Ok(_) => {}
                // A peer that ends TLS without a word has closed.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Err("EOF".into());
                }
                Err(error) => return Err(io("read", &error)),
            }
        };
        let bytes = buffer.split_to(length);
        let head = Head::parse(&bytes).map_err(broken)?;
        if head.code == 101 || !(100..200).contains(&head.code) {
            return Ok(head);
        }
    }
    Err(broken(
        "net/http: too many 1xx informational responses".into(),
    ))
}

fn broken(why: String) -> String {
    format!("net/http: HTTP/1.x transport connection broken: {why}")
}

/// A plain server behind an `https` URL is called that.
fn plain_for_tls(secure: bool, why: String) -> String {
    if secure && why == "tls: first record does not look like a TLS handshake" {
        "http: server gave HTTP response to HTTPS client".into()
    } else {
        why
    }
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn methods_in_errors() {
        assert_eq!(title("POST"), "Post");
        assert_eq!(title(""), "");
    }
}
