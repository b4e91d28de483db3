//! The session: what frames do to streams, and what ends it all.

use crate::Limits;
use crate::frame::{Code, HEADER_LEN, Header, Kind, flag};
use crate::limits::{BACKLOG, FRAME_MAX};
use crate::stream::{Opening, Stream, StreamId};
use bytes::{Buf, Bytes};
use hashbrown::HashMap;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use thiserror::Error;

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Dialled: its streams have odd numbers.
    Client,
    /// Accepted the connection: its streams have even numbers.
    Server,
}

/// What happened to a session; to be taken in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer opened a stream, which waits to be [`accept`](Session::accept)ed or [`reset`](Session::reset).
    Opened(StreamId),
    /// Bytes of a stream; they count against its window until they are [`consumed`](Session::consumed).
    Data(StreamId, Bytes),
    /// The peer writes no more on the stream.
    Ended(StreamId),
    /// The stream is gone, by the peer or by a limit.
    Reset(StreamId),
    /// A stream whose [`send`](Session::send) took less than all has room again.
    Writable(StreamId),
    /// The peer takes no new streams; those that are there go on.
    GoAway,
    /// The session is over: every stream is gone, and the connection has to be closed once the output is written.
    Closed(Closed),
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Closed {
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// The peer says that it cannot go on.
    #[error("the peer went away ({0:?})")]
    Peer(Code),
    /// A ping was not answered in time.
    #[error("keepalive timeout")]
    Keepalive,
    /// A stream was not acknowledged in time.
    #[error("a stream was not acknowledged in time")]
    Unacknowledged,
}

/// Why no stream can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The session is over.
    #[error("session shutdown")]
    Closed,
    /// The peer takes no new streams.
    #[error("remote end is not accepting connections")]
    GoAway,
    /// All numbers are used; a new session is needed.
    #[error("streams exhausted")]
    Exhausted,
    /// Too many streams are open or wait to be acknowledged; try again after an event.
    #[error("too many streams are open or wait to be acknowledged")]
    Busy,
}

/// Why nothing can be sent on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// There is no such stream, or not any more.
    #[error("stream reset")]
    Gone,
    /// We ended it.
    #[error("stream closed")]
    Ended,
}

/// Where the input stands within a frame.
enum Input {
    Header {
        bytes: [u8; HEADER_LEN],
        have: usize,
    },
    /// Payload of a data frame; without a stream it is dropped.
    Payload {
        stream: Option<StreamId>,
        left: usize,
        ends: bool,
    },
}

impl Input {
    const START: Self = Self::Header {
        bytes: [0; HEADER_LEN],
        have: 0,
    };
}

/// One end of a multiplexed connection.
pub struct Session {
    role: Role,
    limits: Limits,
    input: Input,
    streams: HashMap<StreamId, Stream>,
    /// Number of our next stream.
    next: Option<StreamId>,
    /// Streams of ours that are not acknowledged, oldest first.
    unacknowledged: BTreeSet<(Duration, StreamId)>,
    /// Streams that we ended and the peer did not, oldest first.
    half_closed: BTreeSet<(Duration, StreamId)>,
    /// Streams of the peer that are not accepted.
    waiting: usize,
    /// Bytes handed out and not consumed.
    unread: usize,
    events: VecDeque<Event>,
    output: VecDeque<Bytes>,
    output_len: usize,
    /// Streams that want to be told when the output has room; each at most once.
    starved: VecDeque<StreamId>,
    ping: Ping,
    /// The last ping's value.
    pings: u32,
    /// The peer takes no new streams.
    refused: bool,
    /// We take no new streams.
    leaving: bool,
    closed: Option<Closed>,
}

/// The keep-alive's clock.
enum Ping {
    /// The next one leaves then.
    At(Duration),
    /// Not answered; over then.
    Until(Duration),
}

impl Session {
    /// A fresh session; nothing is sent before the first stream or ping.
    pub fn new(role: Role, limits: Limits, now: Duration) -> Self {
        Self {
            role,
            limits,
            input: Input::START,
            streams: HashMap::new(),
            next: Some(match role {
                Role::Client => 1,
                Role::Server => 2,
            }),
            unacknowledged: BTreeSet::new(),
            half_closed: BTreeSet::new(),
            waiting: 0,
            unread: 0,
            events: VecDeque::new(),
            output: VecDeque::new(),
            output_len: 0,
            starved: VecDeque::new(),
            ping: Ping::At(now + limits.keepalive),
            pings: 0,
            refused: false,
            leaving: false,
            closed: None,
        }
    }

    /// Why the session is over, if it is.
    pub fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// Streams that are there.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether the socket may be read: not while nobody takes the output, or a peer could have us hoard answers.
    pub fn wants_input(&self) -> bool {
        self.closed.is_none() && self.output_len < self.limits.output
    }

    /// The next event, in order.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next piece to write to the socket.
    pub fn take_output(&mut self) -> Option<Bytes> {
        let piece = self.output.pop_front()?;
        self.output_len -= piece.len();
        if self.output_len < self.limits.output {
            while let Some(id) = self.starved.pop_front() {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.queued = false;
                    self.events.push_back(Event::Writable(id));
                }
            }
        }
        Some(piece)
    }

    /// Bytes that came from the peer, cut anywhere. Behind a broken frame nothing counts.
    pub fn receive(&mut self, now: Duration, mut input: Bytes) {
        while !input.is_empty() && self.closed.is_none() {
            match &mut self.input {
                Input::Header { bytes, have } => {
                    let count = input.len().min(HEADER_LEN - *have);
                    input.copy_to_slice(&mut bytes[*have..*have + count]);
                    *have += count;
                    if *have == HEADER_LEN {
                        let bytes = *bytes;
                        self.input = Input::START;
                        match Header::decode(bytes) {
                            Some(header) => self.header(header, now),
                            None => self.fail(Closed::Protocol("unknown version or type")),
                        }
                    }
                }
                Input::Payload { left, stream, ends } => {
                    let (stream, ends) = (*stream, *ends);
                    let piece = input.split_to(input.len().min(*left));
                    *left -= piece.len();
                    let whole = *left == 0;
                    if whole {
                        self.input = Input::START;
                    }
                    if let Some(id) = stream {
                        self.data(id, piece);
                        if whole && ends {
                            self.peer_ended(id);
                        }
                    }
                }
            }
        }
    }

    /// Opens a stream; it may be written to at once.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, now: Duration) -> Result<StreamId, OpenError> {
        if self.closed.is_some() {
            return Err(OpenError::Closed);
        }
        if self.refused {
            return Err(OpenError::GoAway);
        }
        if self.unacknowledged.len() >= BACKLOG || self.streams.len() >= self.limits.streams {
            return Err(OpenError::Busy);
        }
        let id = self.next.ok_or(OpenError::Exhausted)?;
        self.next = id.checked_add(2);
        self.streams.insert(id, Stream::new(Opening::Ours(now)));
        self.unacknowledged.insert((now, id));
        self.window(id, flag::SYN, 0);
        Ok(id)
    }

    /// Takes a stream that the peer opened; without effect for any other.
    pub fn accept(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.opening == Opening::Theirs
        {
            stream.opening = Opening::Done;
            self.waiting -= 1;
            self.window(id, flag::ACK, 0);
        }
    }

    /// Sends from the front of `data` what the window and the output have room for, and leaves the rest; [`Event::Writable`]
    /// tells when more goes.
    ///
    /// # Errors
    /// The stream is gone or was ended by us.
    pub fn send(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), SendError> {
        let stream = self.streams.get_mut(&id).ok_or(SendError::Gone)?;
        if stream.ended.is_some() {
            return Err(SendError::Ended);
        }
        while !data.is_empty() {
            if stream.may_send == 0 {
                stream.starved = true;
                break;
            }
            if self.output_len >= self.limits.output {
                if !std::mem::replace(&mut stream.queued, true) {
                    self.starved.push_back(id);
                }
                break;
            }
            let count = data.len().min(stream.may_send as usize).min(FRAME_MAX);
            let length = count as u32;
            stream.may_send -= length;
            let header = Header {
                kind: Kind::Data,
                flags: 0,
                stream: id,
                length,
            };
            for piece in [
                Bytes::copy_from_slice(&header.encode()),
                data.split_to(count),
            ] {
                self.output_len += piece.len();
                self.output.push_back(piece);
            }
        }
        Ok(())
    }

    /// The application has read `count` bytes of [`Event::Data`]; the peer may send as much again.
    pub fn consumed(&mut self, id: StreamId, count: usize) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(stream.unread);
        self.unread -= count as usize;
        if let Some(credit) = stream.consume(count) {
            self.window(id, 0, credit);
        }
    }

    /// We write no more on the stream; what the peer still sends is read.
    pub fn end(&mut self, id: StreamId, now: Duration) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.ended.is_some() {
            return;
        }
        stream.ended = Some(now);
        let over = stream.is_over();
        self.window(id, flag::FIN, 0);
        if over {
            self.remove(id);
        } else {
            self.half_closed.insert((now, id));
        }
    }

    /// Gives the stream up, both ways.
    pub fn reset(&mut self, id: StreamId) {
        if self.remove(id) {
            self.window(id, flag::RST, 0);
        }
    }

    /// Takes no new streams of the peer; those that are there go on.
    pub fn go_away(&mut self) {
        if !std::mem::replace(&mut self.leaving, true) && self.closed.is_none() {
            self.frame(Kind::GoAway, 0, 0, Code::Normal.number());
        }
    }

    /// When [`Session::tick`] has something to do.
    pub fn deadline(&self) -> Option<Duration> {
        if self.closed.is_some() {
            return None;
        }
        let (Ping::At(ping) | Ping::Until(ping)) = self.ping;
        let opening = self.unacknowledged.first();
        let opening = opening.map(|(at, _)| *at + self.limits.open_timeout);
        let closing = self.half_closed.first();
        let closing = closing.map(|(at, _)| *at + self.limits.close_timeout);
        [Some(ping), opening, closing].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) {
        if self.closed.is_some() {
            return;
        }
        match self.ping {
            Ping::At(at) if at <= now => {
                self.pings = self.pings.wrapping_add(1);
                self.ping = Ping::Until(now + self.limits.ping_timeout);
                self.frame(Kind::Ping, flag::SYN, 0, self.pings);
            }
            Ping::Until(at) if at <= now => return self.fail(Closed::Keepalive),
            _ => {}
        }
        if let Some((at, _)) = self.unacknowledged.first()
            && *at + self.limits.open_timeout <= now
        {
            return self.fail(Closed::Unacknowledged);
        }
        while let Some((at, id)) = self.half_closed.first().copied()
            && at + self.limits.close_timeout <= now
        {
            self.reset(id);
            self.events.push_back(Event::Reset(id));
        }
    }

    fn header(&mut self, header: Header, now: Duration) {
        match header.kind {
            Kind::Data | Kind::Window => self.stream_frame(header),
            Kind::Ping if header.has(flag::SYN) => {
                self.frame(Kind::Ping, flag::ACK, 0, header.length);
            }
            // Any answer shows that the peer lives; an old one too.
            Kind::Ping => self.ping = Ping::At(now + self.limits.keepalive),
            Kind::GoAway => match Code::of(header.length) {
                Code::Normal => {
                    if !std::mem::replace(&mut self.refused, true) {
                        self.events.push_back(Event::GoAway);
                    }
                }
                code => self.fail(Closed::Peer(code)),
            },
        }
    }

    fn stream_frame(&mut self, header: Header) {
        let id = header.stream;
        if header.has(flag::SYN) && !self.opened(id) {
            return;
        }
        let known = self.streams.get_mut(&id);
        let is_data = header.kind == Kind::Data && header.length > 0;
        if let Some(stream) = known {
            if header.has(flag::ACK)
                && let Opening::Ours(at) = stream.opening
            {
                stream.opening = Opening::Done;
                self.unacknowledged.remove(&(at, id));
            }
            if header.has(flag::RST) {
                self.remove(id);
                self.events.push_back(Event::Reset(id));
            } else if header.kind == Kind::Window {
                // A hostile sum stops at the top instead of wrapping.
                stream.may_send = stream.may_send.saturating_add(header.length);
                if stream.may_send > 0 && std::mem::take(&mut stream.starved) {
                    self.events.push_back(Event::Writable(id));
                }
            } else if stream.peer_ended && is_data {
                return self.fail(Closed::Protocol("data behind the end of a stream"));
            } else if !stream.announce(header.length) {
                return self.fail(Closed::Protocol("data beyond the window"));
            }
        }
        let known = self.streams.contains_key(&id);
        if is_data {
            self.input = Input::Payload {
                stream: known.then_some(id),
                left: header.length as usize,
                ends: header.has(flag::FIN),
            };
        } else if known && header.has(flag::FIN) {
            self.peer_ended(id);
        }
    }

    /// The peer opens a stream; `false` when that ends the session.
    fn opened(&mut self, id: StreamId) -> bool {
        let odd = id % 2 == 1;
        if id == 0 || odd != (self.role == Role::Server) {
            self.fail(Closed::Protocol("a stream number of the wrong side"));
            return false;
        }
        if self.streams.contains_key(&id) {
            self.fail(Closed::Protocol("a stream number twice"));
            return false;
        }
        let full = self.waiting >= BACKLOG || self.streams.len() >= self.limits.streams;
        if full || self.leaving {
            self.window(id, flag::RST, 0);
            return true;
        }
        self.waiting += 1;
        self.streams.insert(id, Stream::new(Opening::Theirs));
        self.events.push_back(Event::Opened(id));
        true
    }

    fn data(&mut self, id: StreamId, piece: Bytes) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if self.unread + piece.len() > self.limits.unread {
            self.reset(id);
            self.events.push_back(Event::Reset(id));
            return;
        }
        self.unread += piece.len();
        stream.unread += piece.len() as u32;
        self.events.push_back(Event::Data(id, piece));
    }

    fn peer_ended(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut stream.peer_ended, true) {
            return;
        }
        let over = stream.is_over();
        self.events.push_back(Event::Ended(id));
        if over {
            self.remove(id);
        }
    }

    /// Forgets a stream; whether there was one.
    fn remove(&mut self, id: StreamId) -> bool {
        let Some(stream) = self.streams.remove(&id) else {
            return false;
        };
        match stream.opening {
            Opening::Ours(at) => {
                self.unacknowledged.remove(&(at, id));
            }
            Opening::Theirs => self.waiting -= 1,
            Opening::Done => {}
        }
        if let Some(at) = stream.ended {
            self.half_closed.remove(&(at, id));
        }
        self.unread -= stream.unread as usize;
        true
    }

    fn fail(&mut self, why: Closed) {
        let code = match why {
            Closed::Protocol(_) => Some(Code::Protocol),
            Closed::Peer(_) => None,
            Closed::Keepalive | Closed::Unacknowledged => Some(Code::Internal),
        };
        if let Some(code) = code {
            self.frame(Kind::GoAway, 0, 0, code.number());
        }
        self.streams.clear();
        self.unacknowledged.clear();
        self.half_closed.clear();
        (self.waiting, self.unread) = (0, 0);
        self.closed = Some(why);
        self.events.push_back(Event::Closed(why));
    }

    fn window(&mut self, id: StreamId, flags: u16, credit: u32) {
        self.frame(Kind::Window, flags, id, credit);
    }

    fn frame(&mut self, kind: Kind, flags: u16, stream: StreamId, length: u32) {
        let header = Header {
            kind,
            flags,
            stream,
            length,
        };
        self.output_len += HEADER_LEN;
        self.output
            .push_back(Bytes::copy_from_slice(&header.encode()));
    }
}
