//! As much of an HTTP client as the tests need: one connection, one request after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes that is not held back.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// `X-Consul-Index`, 0 without.
    pub index: u64,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether a write was acknowledged.
    pub fn is_acknowledgement(&self) -> bool {
        self.status == 200 && self.body.trim_ascii() == b"true"
    }
}

pub struct Client(BufReader<TcpStream>);

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Client {
    pub fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Client(BufReader::new(stream)))
    }

    pub fn send(&mut self, method: &str, target: &str, body: &[u8]) -> io::Result<()> {
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request)
    }

    pub fn receive(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| broken("status line"))?;
        let (mut length, mut chunked, mut index) = (0, false, 0);
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(broken("head ends early"));
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            chunked |= name.eq_ignore_ascii_case("transfer-encoding");
            if name.eq_ignore_ascii_case("x-consul-index") {
                index = value.trim().parse().map_err(|_| broken("index"))?;
            }
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| broken("length"))?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        while chunked {
            line.clear();
            self.0.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim_end(), 16).map_err(|_| broken("chunk"))?;
            let mut chunk = vec![0; length + 2];
            self.0.read_exact(&mut chunk)?;
            chunk.truncate(length);
            body.append(&mut chunk);
            chunked = length > 0;
        }
        Ok(Answer {
            status,
            body,
            index,
        })
    }

    pub fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> io::Result<Answer> {
        self.send(method, target, body)?;
        self.receive()
    }

    /// Asks again and again until the answer is as wanted.
    pub fn until(
        &mut self,
        limit: Duration,
        target: &str,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Answer {
        let last = std::cell::RefCell::new(None);
        let look = || {
            let answer = self.ask("GET", target, b"").expect("reads are served");
            let found = wanted(&answer).then(|| answer.clone());
            last.replace(Some(answer));
            found
        };
        testkit::until(limit, look, || format!("{target}: {:?}", last.borrow()))
    }

    /// The value of a key, `None` when there is none.
    pub fn value(&mut self, key: &str) -> Option<Vec<u8>> {
        let answer = self
            .ask("GET", &format!("/v1/kv/{key}?raw"), b"")
            .expect("reads are served");
        match answer.status {
            200 => Some(answer.body),
            404 => None,
            other => panic!("{key}: {other} {}", answer.text()),
        }
    }

    /// Whether an answer comes within `limit`.
    pub fn answers_within(&mut self, limit: Duration) -> bool {
        let stream = self.0.get_ref();
        stream.set_read_timeout(Some(limit)).unwrap();
        let there = !self.0.fill_buf().unwrap_or_default().is_empty();
        let stream = self.0.get_ref();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        there
    }
}
