//! As much of an HTTP client as the benches need: one connection, requests one after the other.

use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take; a bench that waits longer is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `X-Consul-Index`, 0 if there is none.
    pub(crate) index: u64,
    pub(crate) body: Vec<u8>,
}

/// A connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            // Small: thousands of them are open at a time.
            stream: BufReader::with_capacity(512, stream),
        })
    }

    /// Lets answers take so long.
    pub(crate) fn patience(&self, limit: Duration) -> Result<()> {
        Ok(self.stream.get_ref().set_read_timeout(Some(limit))?)
    }

    pub(crate) fn send(&mut self, method: &str, target: &str, body: &[u8]) -> Result<()> {
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        Ok(())
    }

    pub(crate) fn receive(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("status line {line:?}"))?;
        let (mut index, mut length) = (0, None);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "x-consul-index" => index = value.trim().parse()?,
                "content-length" => length = Some(value.trim().parse::<usize>()?),
                _ => {}
            }
        }
        let body = match length {
            Some(length) => {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body)?;
                body
            }
            None => self.chunks()?,
        };
        Ok(Answer {
            status,
            index,
            body,
        })
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let Ok(length) = usize::from_str_radix(line.trim_end(), 16) else {
                bail!("chunk header {line:?}");
            };
            let start = body.len();
            body.resize(start + length + 2, 0);
            self.stream
                .read_exact(body.get_mut(start..).unwrap_or_default())?;
            body.truncate(start + length);
            if length == 0 {
                return Ok(body);
            }
        }
    }

    /// Whether the answer to what was sent has begun to come, or the connection has ended. Does not wait.
    pub(crate) fn is_answered(&self) -> Result<bool> {
        if !self.stream.buffer().is_empty() {
            return Ok(true);
        }
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true)?;
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
            other => Ok(other.map(|_| true)?),
        }
    }

    pub(crate) fn ask(&mut self, method: &str, target: &str, body: &[u8]) -> Result<Answer> {
        self.send(method, target, body)?;
        self.receive()
    }

    /// Asks and insists on 200.
    pub(crate) fn must(&mut self, method: &str, target: &str, body: &[u8]) -> Result<Answer> {
        let answer = self.ask(method, target, body)?;
        ensure!(
            answer.status == 200,
            "{method} {target}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(answer)
    }
}
