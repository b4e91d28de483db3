//! HTTP/1 on one connection: read a head, ask the door, write the answer, again.
//!
//! Our own loop, because a parked watch must cost little: between requests and while an answer is waited for it holds no
//! buffer at all. (hyper's HTTP/1 engine costs about 17 KiB a connection, and refuses targets that clients do send.)
//! It must never learn what a path means.

mod body;
mod head;
mod write;

pub(crate) use body::{BodyFault, Slot};
pub(crate) use head::Head;

use crate::budget::{Charge, FREE, Meter};
use crate::door::{Door, Remote, Respond};
use crate::request::RequestBody;
use body::{Incoming, Want};
use bytes::{Buf as _, Bytes, BytesMut};
use head::Refusal;
use hyper::{Method, Response};
use net::{Peer, Stream};
use rt::Room;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Bytes read at once where no body is expected; they stand on the stack, not in the connection.
const CHUNK: usize = 4096;
/// Pipelined bytes taken in while an answer is waited for.
const MAX_AHEAD: usize = 64 << 10;
/// An unread body up to this size is read away so that the connection can go on.
const MAX_DRAIN: u64 = 256 << 10;
/// Empty lines before a head that are read over; clients of old sent one behind a body.
const MAX_BLANK_LINES: usize = 8;
/// How long a head may take from its first byte to its last.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection that is closed with unread input stays open, so that the answer is not lost to a reset.
const LINGER: Duration = Duration::from_millis(500);
/// Default of `http_config.max_header_bytes`.
pub(crate) const MAX_HEADER_BYTES: usize = 1 << 20;
/// What the header limit allows beyond itself, as Go's server does.
pub(crate) const HEADER_SLACK: usize = 4096;

/// What a connection does with the bytes of a head; whether it is one.
pub(crate) fn reads_head(input: &[u8]) -> bool {
    let Some(text) = head::end(input, 0).and_then(|end| input.get(..end)) else {
        return false;
    };
    let Ok(request) = head::parse(Bytes::copy_from_slice(text)) else {
        return false;
    };
    let path = request.head.path();
    let _ = crate::path::decode(path).map(|path| crate::path::printable(&path));
    crate::path::for_matching(path).is_some()
        && crate::params::Params::parse(request.head.query().unwrap_or_default()).is_some()
}

/// A connection's input and output.
pub(crate) struct Wire {
    stream: Stream,
    /// Read and not yet used.
    input: BytesMut,
    /// For a head beyond the usual.
    charge: Option<Box<Charge>>,
}

/// Serves a connection until it ends. When the room begins to close, an exchange under way is finished, then the connection
/// is closed.
pub(crate) async fn serve(door: &Arc<Door>, room: &Room, remote: Remote, stream: Stream) {
    let mut wire = Wire {
        stream,
        input: BytesMut::new(),
        charge: None,
    };
    // What fails here is the connection; there is nobody left to tell.
    let _ = wire.run(door, room, remote).await;
}

impl Wire {
    async fn run(&mut self, door: &Arc<Door>, room: &Room, remote: Remote) -> io::Result<()> {
        let peer = remote.peer;
        let mut closing = pin!(room.closing());
        loop {
            let limit = door.settings().header_limit();
            let head = tokio::select! {
                biased;
                head = self.head(door, peer, limit) => head?,
                () = &mut closing => return Ok(()),
            };
            let request = match head {
                None => return Ok(()),
                Some(Err(refusal)) => return self.refuse(door, refusal).await,
                Some(Ok(request)) => request,
            };
            let head::Request {
                head,
                framing,
                keep,
                http10,
                expects,
            } = request;
            let is_head = head.method == Method::HEAD;
            let patient = head.method != Method::GET;
            let slot = (!framing.is_done()).then(Arc::<Slot>::default);
            let body = slot
                .clone()
                .map_or_else(|| RequestBody::Whole(Bytes::new()), RequestBody::Socket);
            let meter = slot.as_ref().map(|_| {
                let charge = Charge::new(&door.budget, client(peer));
                Box::new(Meter::new(&door.ports.time, Arc::new(charge)))
            });
            let mut incoming = Incoming::new(framing, meter);
            let mut turn = Turn {
                respond: door.handle(head, body, &remote),
                slot,
                expects,
                reading: false,
                patient,
            };
            let Some(response) = self.answer(&mut turn, &mut incoming).await? else {
                return Ok(());
            };
            let unread = !incoming.framing.is_done();
            let hopeless = unread && (turn.expects || incoming.framing.declared() > MAX_DRAIN);
            let keep = keep && !hopeless && !incoming.broken && !room.is_closing();
            drop(turn);
            self.write(
                door,
                response,
                write::Manner {
                    keep,
                    http10,
                    is_head,
                },
            )
            .await?;
            if unread && keep && !self.drain(&mut incoming).await? {
                return self.linger(door).await;
            }
            if !keep {
                return if unread {
                    self.linger(door).await
                } else {
                    self.stream.shutdown().await
                };
            }
        }
    }

    /// The next head; `None` if the client is done.
    async fn head(
        &mut self,
        door: &Arc<Door>,
        peer: Peer,
        limit: usize,
    ) -> io::Result<Option<Result<head::Request, Refusal>>> {
        let (mut seen, mut blanks) = (0, 0);
        let mut late = None;
        self.charge = None;
        loop {
            while self.input.starts_with(b"\r\n") {
                self.input.advance(2);
                blanks += 1;
            }
            let refusal = if blanks > MAX_BLANK_LINES {
                Some(Refusal::Malformed)
            } else if let Some(end) = head::end(&self.input, seen) {
                if end <= limit {
                    let text = self.input.split_to(end).freeze();
                    if self.input.is_empty() {
                        // Gives the buffer to the head, which is dropped before a wait.
                        self.input = BytesMut::new();
                    }
                    return Ok(Some(head::parse(text)));
                }
                Some(Refusal::TooLarge)
            } else if self.input.len() > limit {
                Some(Refusal::TooLarge)
            } else if head::is_foreign(&self.input) {
                Some(Refusal::Malformed)
            } else {
                self.is_beyond_budget(door, peer).then_some(Refusal::Busy)
            };
            if refusal.is_some() {
                return Ok(refusal.map(Err));
            }
            seen = self.input.len();
            if (seen > 0 || blanks > 0) && late.is_none() {
                late = Some(Box::pin(door.ports.time.sleep(HEAD_PATIENCE)));
            }
            let read = std::future::poll_fn(|cx| {
                if let Poll::Ready(read) = self.poll_more(cx) {
                    return Poll::Ready(Some(read));
                }
                match &mut late {
                    Some(late) => late.as_mut().poll(cx).map(|()| None),
                    None => Poll::Pending,
                }
            });
            match read.await {
                None => return Ok(Some(Err(Refusal::Slow))),
                Some(read) => {
                    if read? == 0 {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Takes what a long head keeps from the budget; whether there is none left.
    fn is_beyond_budget(&mut self, door: &Arc<Door>, peer: Peer) -> bool {
        let held = self.input.len();
        if held <= FREE {
            return false;
        }
        let charge = self
            .charge
            .get_or_insert_with(|| Box::new(Charge::new(&door.budget, client(peer))));
        !charge.covers(held)
    }

    /// Reads what is there, at least a byte; 0 at the end.
    async fn more(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_more(cx)).await
    }

    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [0; CHUNK];
        let read = pin!(self.stream.read(&mut chunk)).poll(cx)?;
        read.map(|len| {
            self.input
                .extend_from_slice(chunk.get(..len).unwrap_or_default());
            Ok(len)
        })
    }

    /// Polls the answer; meanwhile reads the body when the handler asks for it, and looks whether the client is still there.
    async fn answer(
        &mut self,
        turn: &mut Turn,
        incoming: &mut Incoming,
    ) -> io::Result<Option<Response<crate::Body>>> {
        loop {
            let step = std::future::poll_fn(|cx| self.poll_answer(cx, turn, incoming)).await;
            match step {
                Step::Done(response) => return Ok(Some(response)),
                Step::Gone => return Ok(None),
                Step::Continue => {
                    turn.expects = false;
                    self.stream
                        .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                        .await?;
                    self.stream.flush().await?;
                }
            }
        }
    }

    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        turn: &mut Turn,
        incoming: &mut Incoming,
    ) -> Poll<Step> {
        loop {
            if let Poll::Ready(Ok(response)) = Pin::new(&mut turn.respond).poll(cx) {
                return Poll::Ready(Step::Done(response));
            }
            match turn.slot.as_ref().and_then(|slot| slot.wanted()) {
                Some(_) if turn.expects => return Poll::Ready(Step::Continue),
                Some(want) => {
                    if !std::mem::replace(&mut turn.reading, true) {
                        incoming.begin();
                    }
                    let Poll::Ready(read) = incoming.poll(cx, self, want) else {
                        return Poll::Pending;
                    };
                    turn.reading = false;
                    if let Some(slot) = &turn.slot {
                        slot.fill(read);
                    }
                }
                None => {
                    if self.input.len() >= MAX_AHEAD || turn.patient {
                        return Poll::Pending;
                    }
                    match self.poll_more(cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Step::Gone),
                        Poll::Ready(Ok(_)) => {}
                    }
                }
            }
        }
    }

    /// Reads the rest of a body away; `false` if there is too much of it or it is broken.
    async fn drain(&mut self, incoming: &mut Incoming) -> io::Result<bool> {
        incoming.begin();
        let read = std::future::poll_fn(|cx| incoming.poll(cx, self, Want::All(MAX_DRAIN))).await;
        Ok(read.is_ok())
    }

    /// Closes without losing the answer: says that we are done, then reads on for a while.
    async fn linger(&mut self, door: &Arc<Door>) -> io::Result<()> {
        self.stream.shutdown().await?;
        let mut timeout = pin!(door.ports.time.sleep(LINGER));
        loop {
            self.input.clear();
            tokio::select! {
                read = self.more() => if read? == 0 { return Ok(()) },
                () = &mut timeout => return Ok(()),
            }
        }
    }

    async fn refuse(&mut self, door: &Arc<Door>, refusal: Refusal) -> io::Result<()> {
        let text = refusal.text();
        if refusal == Refusal::Expectation {
            let answer =
                format!("HTTP/1.1 {text}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            self.stream.write_all(answer.as_bytes()).await?;
            return self.linger(door).await;
        }
        let answer = format!(
            "HTTP/1.1 {text}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{text}"
        );
        self.stream.write_all(answer.as_bytes()).await?;
        self.linger(door).await
    }
}

/// Whose part of the budget a request takes.
fn client(peer: Peer) -> Option<IpAddr> {
    peer.address().map(|address| address.ip())
}

/// A request that is being answered.
struct Turn {
    respond: Respond,
    /// Where the handler asks for the body, if there is one.
    slot: Option<Arc<Slot>>,
    /// The client waits for `100 Continue` before it sends the body.
    expects: bool,
    /// The handler waits for the body.
    reading: bool,
    /// The answer is finished even if the client closes its side: writes are not watches.
    patient: bool,
}

enum Step {
    Done(Response<crate::Body>),
    /// The client left.
    Gone,
    /// The body is wanted, and the client waits to be asked.
    Continue,
}
