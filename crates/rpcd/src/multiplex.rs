//! Multiplexed connections (first byte 4): one task holds the session and its streams; each call that runs is a task of its own,
//! which ends when its stream does.

use crate::budget::Budget;
use crate::conversation::{Conversation, Step, reply};
use crate::inside::Inside;
use crate::limits::{FAREWELL, PIECE};
use crate::port::Call;
use bytes::{Buf, Bytes, BytesMut};
use rt::{Instant, Room};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use wire::rpc::RequestHeader;
use yamux::{Event, Role, Session, StreamId};

/// A stream of calls.
struct Talk {
    calls: Conversation,
    /// Received and not granted anew: nothing more is wanted while a call runs.
    owed: usize,
    /// Replies that the window had no room for.
    out: Bytes,
    /// Nothing is said behind `out`.
    last: bool,
    /// The peer says no more.
    ended: bool,
    /// Bytes it is counted with.
    weight: usize,
    /// Dropping it ends the call that runs.
    running: Option<oneshot::Sender<()>>,
}

/// A call that is over: its stream, its reply, and whether that is the last.
type Done = (StreamId, Bytes, bool);

struct Multiplex<'a> {
    inside: &'a Inside,
    room: &'a Room,
    peer: SocketAddr,
    session: Session,
    talks: HashMap<StreamId, Talk>,
    budget: Budget,
    /// At most one message per stream.
    done: mpsc::UnboundedSender<Done>,
}

pub(crate) async fn serve(
    stream: net::Stream,
    peer: SocketAddr,
    inside: &Inside,
    room: &Room,
) -> io::Result<()> {
    let (input, output) = tokio::io::split(stream);
    let (done, over) = mpsc::unbounded_channel();
    let multiplex = Multiplex {
        inside,
        room,
        peer,
        session: Session::new(Role::Server, inside.limits.session, now(inside)),
        talks: HashMap::new(),
        budget: inside.budget(),
        done,
    };
    multiplex.run(input, output, over).await
}

fn now(inside: &Inside) -> Duration {
    Duration::from_nanos(inside.time.now().nanos())
}

/// The moment of the door's clock that the session means.
fn instant(at: Duration) -> Instant {
    Instant::from_nanos(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))
}

impl Multiplex<'_> {
    async fn run(
        mut self,
        mut input: ReadHalf<net::Stream>,
        mut output: WriteHalf<net::Stream>,
        mut over: mpsc::UnboundedReceiver<Done>,
    ) -> io::Result<()> {
        let closing = self.room.closing();
        tokio::pin!(closing);
        let (mut read, mut out) = (BytesMut::new(), BytesMut::new());
        loop {
            self.events();
            while out.len() < PIECE
                && let Some(piece) = self.session.take_output()
            {
                out.extend_from_slice(&piece);
            }
            if self.session.closed().is_some() && out.is_empty() {
                return output.shutdown().await;
            }
            let deadline = self
                .session
                .deadline()
                .map_or(Instant::from_nanos(u64::MAX), instant);
            read.reserve(PIECE);
            tokio::select! {
                biased;
                () = &mut closing => return self.farewell(&mut output, out).await,
                Some((id, reply, last)) = over.recv() => self.replied(id, reply, last),
                () = self.inside.time.sleep_until(deadline) => self.session.tick(now(self.inside)),
                wrote = output.write(&out), if !out.is_empty() => match wrote? {
                    0 => return Ok(()),
                    count => out.advance(count),
                },
                got = input.read_buf(&mut read), if self.session.wants_input() => match got? {
                    0 => return Ok(()),
                    _ => self.session.receive(now(self.inside), read.split().freeze()),
                },
            }
        }
    }

    /// Says that nothing more is taken, as far as that goes quickly.
    async fn farewell(
        mut self,
        output: &mut WriteHalf<net::Stream>,
        mut out: BytesMut,
    ) -> io::Result<()> {
        self.session.go_away();
        while let Some(piece) = self.session.take_output() {
            out.extend_from_slice(&piece);
        }
        let said = async {
            output.write_all(&out).await?;
            output.shutdown().await
        };
        tokio::select! {
            said = said => said,
            () = self.inside.time.sleep(FAREWELL) => Ok(()),
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.session.next_event() {
            match event {
                Event::Opened(id) => {
                    self.session.accept(id);
                    self.talks.insert(
                        id,
                        Talk {
                            calls: Conversation::new(self.inside.limits.body_max),
                            owed: 0,
                            out: Bytes::new(),
                            last: false,
                            ended: false,
                            weight: 0,
                            running: None,
                        },
                    );
                }
                Event::Data(id, piece) => self.data(id, &piece),
                Event::Ended(id) => {
                    if let Some(talk) = self.talks.get_mut(&id) {
                        talk.ended = true;
                        self.go_on(id);
                    }
                }
                Event::Reset(id) => self.forget(id),
                Event::Writable(id) => self.go_on(id),
                Event::GoAway => {}
                Event::Closed(_) => {
                    let all: Vec<StreamId> = self.talks.keys().copied().collect();
                    all.into_iter().for_each(|id| self.forget(id));
                }
            }
        }
    }

    fn data(&mut self, id: StreamId, piece: &[u8]) {
        match self.talks.get_mut(&id) {
            Some(talk) if !talk.last => {
                talk.calls.push(piece);
                talk.owed += piece.len();
                self.go_on(id);
            }
            // Nobody listens any more; the peer may go on until it notices.
            _ => self.session.consumed(id, piece.len()),
        }
    }

    fn replied(&mut self, id: StreamId, reply: Bytes, last: bool) {
        let Some(talk) = self.talks.get_mut(&id) else {
            return;
        };
        talk.running = None;
        talk.calls.done();
        talk.out = reply;
        talk.last = last;
        self.go_on(id);
    }

    /// Writes what there is room for, and begins the next call when all is said.
    fn go_on(&mut self, id: StreamId) {
        let Some(talk) = self.talks.get_mut(&id) else {
            return;
        };
        if !talk.out.is_empty() && self.session.send(id, &mut talk.out).is_err() {
            return self.forget(id);
        }
        if talk.out.is_empty() && !talk.last {
            match talk.calls.step(&*self.inside.methods, self.peer) {
                Step::Wait => {}
                Step::Call(head, body) => self.begin(id, head, body),
                Step::Close(bytes) => {
                    talk.out = bytes;
                    talk.last = true;
                    return self.go_on(id);
                }
            }
        }
        let Some(talk) = self.talks.get_mut(&id) else {
            return;
        };
        if !talk.calls.is_busy() && talk.owed > 0 {
            self.session.consumed(id, std::mem::take(&mut talk.owed));
        }
        let said = talk.out.is_empty() && !talk.calls.is_busy();
        if said && (talk.last || talk.ended) {
            self.forget(id);
            return self.session.end(id, now(self.inside));
        }
        let weight = talk.calls.held() + talk.out.len();
        let was = std::mem::replace(&mut talk.weight, weight);
        if !self.budget.change(was, weight) {
            self.forget(id);
            self.session.reset(id);
        }
    }

    fn begin(&mut self, id: StreamId, head: RequestHeader, body: Bytes) {
        let Some(talk) = self.talks.get_mut(&id) else {
            return;
        };
        let (running, gone) = oneshot::channel::<()>();
        talk.running = Some(running);
        let method = head.service_method.clone();
        let peer = self.peer;
        let call = self.inside.methods.call(Call { method, body, peer });
        let done = self.done.clone();
        self.room.spawn("rpc call", async move {
            tokio::select! {
                outcome = call => {
                    let (bytes, last) = reply(&head, outcome);
                    // A connection that is over takes no replies.
                    let _ = done.send((id, bytes, last));
                }
                _ = gone => {}
            }
        });
    }

    fn forget(&mut self, id: StreamId) {
        if let Some(talk) = self.talks.remove(&id) {
            self.budget.change(talk.weight, 0);
        }
    }
}
