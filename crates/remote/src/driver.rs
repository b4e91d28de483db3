//! One multiplexed connection, driven by one task: it holds the session and the calls that run on it.

use crate::limits::{IDLE, IDLE_STREAMS_MAX, PIECE, REPLY_MAX};
use bytes::{Buf, Bytes, BytesMut};
use dialect::msgpack::{self, Scan};
use rt::{Instant, Room, Time};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use wire::rpc::ResponseHeader;
use yamux::{Event, OpenError, Role, Session, StreamId};

/// The first byte of multiplexed connections (spec/wire.md §3.1).
const MULTIPLEX: u8 = 4;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Why the call failed; empty when it did not.
    pub(crate) error: String,
    pub(crate) body: Bytes,
}

/// The connection or the call's stream is gone; why.
#[derive(Clone, Debug)]
pub(crate) struct Lost(pub(crate) String);

pub(crate) type Answer = Result<Reply, Lost>;

/// What callers want of the task.
pub(crate) enum Command {
    /// A call: its number, head and body, and who waits.
    Call(u64, Bytes, oneshot::Sender<Answer>),
    /// Nobody waits for this call any more.
    Cancel(u64),
}

/// A call that runs.
struct Running {
    call: u64,
    /// What the window had no room for.
    out: Bytes,
    input: BytesMut,
    scan: Scan,
    head: Option<ResponseHeader>,
    waiter: oneshot::Sender<Answer>,
}

struct Driver {
    time: Time,
    session: Session,
    running: HashMap<StreamId, Running>,
    streams: HashMap<u64, StreamId>,
    /// Streams whose calls are over.
    idle: Vec<StreamId>,
    /// Calls for which no stream could be opened yet; bounded by the permits of the callers.
    queue: VecDeque<(u64, Bytes, oneshot::Sender<Answer>)>,
    quiet_since: Instant,
}

/// Drives a connection until it ends, nobody calls any more, or the room closes.
pub(crate) async fn drive(
    stream: TcpStream,
    commands: mpsc::UnboundedReceiver<Command>,
    time: Time,
    room: Room,
) {
    let now = time.now();
    let driver = Driver {
        session: Session::new(Role::Client, yamux::Limits::default(), since(now)),
        running: HashMap::new(),
        streams: HashMap::new(),
        idle: Vec::new(),
        queue: VecDeque::new(),
        quiet_since: now,
        time,
    };
    driver.run(stream, commands, room).await;
}

fn since(now: Instant) -> Duration {
    Duration::from_nanos(now.nanos())
}

impl Driver {
    async fn run(
        mut self,
        stream: TcpStream,
        mut commands: mpsc::UnboundedReceiver<Command>,
        room: Room,
    ) {
        let ended = self.exchange(stream, &mut commands, &room).await;
        let why = match (ended, self.session.closed()) {
            (_, Some(closed)) => closed.to_string(),
            (Err(error), None) => error.to_string(),
            (Ok(()), None) => "EOF".to_owned(),
        };
        let queued = self.queue.drain(..).map(|(_, _, waiter)| waiter);
        let running = self.running.drain().map(|(_, running)| running.waiter);
        for waiter in queued.chain(running) {
            // Who went away hears nothing.
            let _ = waiter.send(Err(Lost(why.clone())));
        }
    }

    async fn exchange(
        &mut self,
        stream: TcpStream,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        room: &Room,
    ) -> io::Result<()> {
        let (mut input, mut output) = tokio::io::split(stream);
        let closing = room.closing();
        tokio::pin!(closing);
        let (mut read, mut out) = (BytesMut::new(), BytesMut::new());
        out.extend_from_slice(&[MULTIPLEX]);
        loop {
            self.events();
            while out.len() < PIECE
                && let Some(piece) = self.session.take_output()
            {
                out.extend_from_slice(&piece);
            }
            if self.session.closed().is_some() && out.is_empty() {
                return Ok(());
            }
            let quiet = self.running.is_empty() && self.queue.is_empty();
            let mut deadline = self.session.deadline().map(instant);
            if quiet {
                let end = self.quiet_since.after(IDLE);
                deadline = Some(deadline.map_or(end, |deadline| deadline.min(end)));
            }
            let deadline = deadline.unwrap_or(Instant::from_nanos(u64::MAX));
            read.reserve(PIECE);
            tokio::select! {
                biased;
                () = &mut closing => return Ok(()),
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return Ok(()),
                },
                () = self.time.sleep_until(deadline) => {
                    let now = self.time.now();
                    if quiet && now >= self.quiet_since.after(IDLE) {
                        return Ok(());
                    }
                    self.session.tick(since(now));
                }
                wrote = output.write(&out), if !out.is_empty() => match wrote? {
                    0 => return Ok(()),
                    count => out.advance(count),
                },
                got = input.read_buf(&mut read), if self.session.wants_input() => match got? {
                    0 => return Ok(()),
                    _ => {
                        let now = since(self.time.now());
                        self.session.receive(now, read.split().freeze());
                    }
                },
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Call(call, request, waiter) => {
                self.queue.push_back((call, request, waiter));
                self.begin();
            }
            Command::Cancel(call) => {
                self.queue.retain(|(queued, _, _)| *queued != call);
                if let Some(id) = self.streams.get(&call).copied() {
                    self.over(id);
                    // Its server notices and lets the call go.
                    self.session.reset(id);
                }
                self.begin();
            }
        }
    }

    /// Begins what waits, as far as there are streams.
    fn begin(&mut self) {
        while !self.queue.is_empty() {
            let id = match self.idle.pop() {
                Some(id) => Ok(id),
                None => self.session.open(since(self.time.now())),
            };
            let id = match id {
                Ok(id) => id,
                // An event makes room.
                Err(OpenError::Busy) => return,
                Err(error) => {
                    let why = error.to_string();
                    for (_, _, waiter) in self.queue.drain(..) {
                        let _ = waiter.send(Err(Lost(why.clone())));
                    }
                    return;
                }
            };
            let Some((call, out, waiter)) = self.queue.pop_front() else {
                return;
            };
            self.streams.insert(call, id);
            self.running.insert(
                id,
                Running {
                    call,
                    out,
                    input: BytesMut::new(),
                    scan: Scan::default(),
                    head: None,
                    waiter,
                },
            );
            self.send(id);
        }
    }

    fn send(&mut self, id: StreamId) {
        let Some(running) = self.running.get_mut(&id) else {
            return;
        };
        if !running.out.is_empty() && self.session.send(id, &mut running.out).is_err() {
            self.lose(id, "stream closed");
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.session.next_event() {
            match event {
                Event::Data(id, piece) => self.data(id, &piece),
                Event::Ended(id) => {
                    self.lose(id, "EOF");
                    self.idle.retain(|idle| *idle != id);
                    self.session.end(id, since(self.time.now()));
                }
                Event::Reset(id) => {
                    self.lose(id, "stream closed");
                    self.idle.retain(|idle| *idle != id);
                }
                Event::Writable(id) => self.send(id),
                // Servers open no streams.
                Event::Opened(id) => self.session.reset(id),
                // The rest is told when the connection ends.
                Event::GoAway | Event::Closed(_) => {}
            }
            self.begin();
        }
    }

    fn data(&mut self, id: StreamId, piece: &[u8]) {
        self.session.consumed(id, piece.len());
        let Some(running) = self.running.get_mut(&id) else {
            // Nothing was asked.
            self.idle.retain(|idle| *idle != id);
            return self.session.reset(id);
        };
        running.input.extend_from_slice(piece);
        match running.whole() {
            Ok(None) => {}
            Ok(Some(reply)) => {
                let failed = !reply.error.is_empty();
                if let Some(running) = self.over(id) {
                    let _ = running.waiter.send(Ok(reply));
                }
                if failed || self.idle.len() >= IDLE_STREAMS_MAX {
                    self.session.end(id, since(self.time.now()));
                } else {
                    self.idle.push(id);
                }
            }
            Err(why) => {
                self.lose(id, &why);
                self.session.reset(id);
            }
        }
    }

    fn lose(&mut self, id: StreamId, why: &str) {
        if let Some(running) = self.over(id) {
            let _ = running.waiter.send(Err(Lost(why.to_owned())));
        }
    }

    fn over(&mut self, id: StreamId) -> Option<Running> {
        let running = self.running.remove(&id)?;
        self.streams.remove(&running.call);
        self.quiet_since = self.time.now();
        Some(running)
    }
}

fn instant(at: Duration) -> Instant {
    Instant::from_nanos(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))
}

impl Running {
    /// The reply, once it is whole.
    fn whole(&mut self) -> Result<Option<Reply>, String> {
        loop {
            let end = self
                .scan
                .advance(&self.input)
                .map_err(|error| error.to_string())?;
            let least = end.map_or(self.scan.at_least(), |end| end as u64);
            if least > REPLY_MAX as u64 {
                return Err(format!("a reply of more than {REPLY_MAX} bytes"));
            }
            let Some(end) = end else {
                return Ok(None);
            };
            self.scan = Scan::default();
            let value = self.input.split_to(end).freeze();
            match self.head.take() {
                None => {
                    let head = msgpack::from_slice(&value).map_err(|error| error.to_string())?;
                    self.head = Some(head);
                }
                Some(head) => {
                    return Ok(Some(Reply {
                        error: head.error,
                        body: value,
                    }));
                }
            }
        }
    }
}
