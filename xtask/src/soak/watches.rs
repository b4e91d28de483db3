//! Watches that come and go: some are answered, some run out, some clients leave while they wait. A few are streams of
//! changes, of which some read and some do not.

use super::dice::Dice;
use crate::bench::http::Client;
use anyhow::{Result, ensure};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Watches looked at between two pauses.
const TURN: u64 = 20;
/// Time between two turns.
const PAUSE: Duration = Duration::from_millis(20);
/// One in so many looks at a watch that still waits ends it.
const LEAVES: u64 = 12;
/// One in so many that come is a stream of changes.
const STREAMS: u64 = 40;
/// Streams at a time; the agent serves 256.
const STREAMS_MAX: usize = 100;
/// One in so many looks at a stream reads what has come.
const READS: u64 = 2;
/// Read at one look, bytes.
const BITE: usize = 64 * 1024;

/// The crowd.
pub(super) struct Watches<'a> {
    address: &'a str,
    dice: Dice,
    most: usize,
    open: Vec<Watch>,
    streams: Vec<TcpStream>,
}

struct Watch {
    client: Client,
    target: String,
}

impl<'a> Watches<'a> {
    /// Up to `most` watches at a time.
    pub(super) fn new(address: &'a str, most: usize, dice: Dice) -> Self {
        Self {
            address,
            dice,
            most,
            open: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// Keeps the crowd moving until `stop`; counts watches that ended.
    pub(super) fn run(mut self, stop: &AtomicBool, ended: &AtomicU64) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..TURN {
                if self.streams.len() < STREAMS_MAX && self.dice.once_in(STREAMS) {
                    let stream = self.stream()?;
                    self.streams.push(stream);
                }
                if !self.streams.is_empty() {
                    let at = self.dice.below(self.streams.len() as u64) as usize;
                    ended.fetch_add(u64::from(self.follow(at)?), Ordering::Relaxed);
                }
                if self.open.len() < self.most {
                    let watch = self.come()?;
                    self.open.push(watch);
                }
                let at = self.dice.below(self.open.len() as u64) as usize;
                ended.fetch_add(u64::from(self.look(at)?), Ordering::Relaxed);
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn come(&mut self) -> Result<Watch> {
        let mut watch = Watch {
            client: Client::connect(self.address)?,
            target: self.target(),
        };
        // The first answer comes at once and tells the index to wait beyond.
        watch.client.send("GET", &watch.target, b"")?;
        Ok(watch)
    }

    /// A new stream of changes over a mix of subjects.
    fn stream(&mut self) -> Result<TcpStream> {
        let dice = &mut self.dice;
        let (service, node) = (dice.below(60), dice.below(80));
        let subjects = match dice.below(4) {
            0 => format!("kv=soak/{}/", dice.below(20)),
            1 => format!("service=service-{service}&service-check=service-{service}"),
            2 => format!("node=node-{node}&check=*"),
            _ => format!("kv=soak/{}/&service=*&format=sse", dice.below(20)),
        };
        let mut stream = TcpStream::connect(self.address)?;
        let head = format!("GET /v1/x/changes?{subjects} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    /// What happens to a stream now; whether it ended.
    fn follow(&mut self, at: usize) -> Result<bool> {
        let mut ended = self.dice.once_in(20 * LEAVES);
        if !ended && self.dice.once_in(READS) {
            let mut bite = [0; BITE];
            ended = match self.streams[at].read(&mut bite) {
                Ok(read) => {
                    let refused = bite[..read].starts_with(b"HTTP/1.1 ")
                        && !bite[..read].starts_with(b"HTTP/1.1 200");
                    ensure!(!refused, "{}", String::from_utf8_lossy(&bite[..read]));
                    read == 0
                }
                // Who reads too slowly is told so and cut off.
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
        }
        if ended {
            drop(self.streams.swap_remove(at));
        }
        Ok(ended)
    }

    /// What happens to a watch now; whether it ended.
    fn look(&mut self, at: usize) -> Result<bool> {
        let Some(watch) = self.open.get_mut(at) else {
            return Ok(false);
        };
        if !watch.client.is_answered()? {
            if self.dice.once_in(LEAVES) {
                // The client goes while it waits.
                drop(self.open.swap_remove(at));
                return Ok(true);
            }
            return Ok(false);
        }
        let answer = watch.client.receive()?;
        if self.dice.once_in(5) {
            drop(self.open.swap_remove(at));
            return Ok(true);
        }
        let (index, wait) = (answer.index.max(1), 1 + self.dice.below(90));
        let sign = if watch.target.contains('?') { '&' } else { '?' };
        let target = format!("{}{sign}index={index}&wait={wait}s", watch.target);
        watch.client.send("GET", &target, b"")?;
        Ok(true)
    }

    fn target(&mut self) -> String {
        let dice = &mut self.dice;
        let (service, node) = (dice.below(60), dice.below(80));
        match dice.below(12) {
            0 | 1 => format!("/v1/health/service/service-{service}"),
            2 => format!("/v1/health/service/service-{service}?passing"),
            3 => format!("/v1/health/service/service-{service}?cached"),
            4 => format!("/v1/kv/soak/{}/{}", dice.below(20), dice.below(50)),
            5 => format!("/v1/kv/soak/{}/?recurse", dice.below(20)),
            6 => format!("/v1/kv/soak/{}/?keys&separator=/", dice.below(20)),
            7 => format!("/v1/health/node/node-{node}"),
            8 => format!("/v1/catalog/node/node-{node}"),
            9 => "/v1/catalog/services".to_owned(),
            10 => format!(
                "/v1/health/state/{}",
                dice.of(&["any", "critical", "passing"])
            ),
            _ => format!("/v1/session/node/node-{node}"),
        }
    }
}
