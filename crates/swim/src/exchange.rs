//! Exchanges by stream: who asks, who answers, what is merged (spec/wire.md §1.7).

use crate::Node;
use crate::messages::{Alive, Dead, ErrorReply, NodeState, PushPull, State, Suspect, Versions};
use crate::node::ip;
use crate::stream::StreamMessage;
use crate::swim::{Output, Purpose, StreamKey, Swim, Turn};
use crate::upper::Note;
use std::net::SocketAddr;

impl Swim {
    /// A request came by stream; what to answer, if anything.
    pub fn stream_request(
        &mut self,
        request: StreamMessage,
        turn: &mut Turn<'_>,
    ) -> Option<StreamMessage> {
        match request {
            StreamMessage::Ping(ping) => self.stream_ping(&ping),
            StreamMessage::PushPull(told) => {
                // Before the merge: who asks knows already what it says itself.
                let answer = self.told(told.join, turn);
                if let Err(why) = self.merge(told, turn) {
                    let with = "a node".to_owned();
                    turn.upper.note(Note::PushPull { with, why });
                }
                Some(StreamMessage::PushPull(answer))
            }
            StreamMessage::User(body) => {
                turn.upper.message(turn.now, body);
                None
            }
            StreamMessage::Ack(_) | StreamMessage::Error(_) => None,
        }
    }

    /// What a request that cannot be read is answered with.
    pub fn refusal(error: &crate::StreamError) -> StreamMessage {
        StreamMessage::Error(ErrorReply {
            error: error.to_string(),
        })
    }

    /// An exchange of [`Output::Stream`] is over: with the answer, or with what went wrong.
    pub fn stream_done(
        &mut self,
        key: StreamKey,
        answer: Result<StreamMessage, String>,
        turn: &mut Turn<'_>,
    ) {
        match self.streams.remove(&key) {
            Some(Purpose::Ping(seq)) => self.streamed(seq, answer),
            Some(Purpose::PushPull { with, join }) => {
                let result = self.answered(answer, turn);
                if join {
                    self.output.push_back(Output::Joined { key, result });
                } else if let Err(why) = result {
                    turn.upper.note(Note::PushPull { with, why });
                }
            }
            None => {}
        }
    }

    fn answered(
        &mut self,
        answer: Result<StreamMessage, String>,
        turn: &mut Turn<'_>,
    ) -> Result<(), String> {
        match answer? {
            StreamMessage::PushPull(told) => self.merge(told, turn),
            StreamMessage::Error(refused) => Err(format!("remote error: {}", refused.error)),
            other => Err(format!(
                "received invalid msgType ({}), expected pushPullMsg (6)",
                other.number()
            )),
        }
    }

    /// Takes over what another knows.
    fn merge(&mut self, told: PushPull, turn: &mut Turn<'_>) -> Result<(), String> {
        self.compatible(&told.nodes)?;
        if told.join {
            let nodes: Vec<Node> = told.nodes.iter().filter_map(node).collect();
            turn.upper.admits_all(&nodes)?;
        }
        for entry in told.nodes {
            match State::of(entry.state) {
                Some(State::Alive) => self.on_alive(
                    Alive {
                        incarnation: entry.incarnation,
                        node: entry.name,
                        addr: entry.addr,
                        port: self.port(entry.port),
                        meta: entry.meta,
                        vsn: entry.vsn,
                    },
                    turn,
                ),
                Some(State::Left) => self.on_dead(
                    Dead {
                        incarnation: entry.incarnation,
                        from: entry.name.clone(),
                        node: entry.name,
                    },
                    turn,
                ),
                // Another's word of a death is a suspicion here: the node may refute it.
                Some(State::Dead | State::Suspect) => self.on_suspect(
                    Suspect {
                        incarnation: entry.incarnation,
                        node: entry.name,
                        from: self.config.name.clone(),
                    },
                    turn,
                ),
                None => {}
            }
        }
        if !told.user_state.is_empty() {
            turn.upper.merge_state(turn.now, told.user_state, told.join);
        }
        Ok(())
    }

    fn port(&self, told: u16) -> u16 {
        if told == 0 {
            self.config.addr.port()
        } else {
            told
        }
    }

    /// Whether all nodes, theirs and ours, speak versions that all understand.
    fn compatible(&self, told: &[NodeState]) -> Result<(), String> {
        let alive = State::Alive.number();
        let theirs = told
            .iter()
            .filter(|node| node.state == alive && !node.vsn.is_empty())
            .map(|node| Versions::of(&node.vsn));
        let ours = self
            .nodes()
            .filter(|node| node.state == State::Alive)
            .map(|node| node.versions);
        let (mut own, mut above) = ((0, u8::MAX), (0, u8::MAX));
        for versions in theirs.chain(ours) {
            own = (own.0.max(versions.min), own.1.min(versions.max));
            above = (
                above.0.max(versions.delegate_min),
                above.1.min(versions.delegate_max),
            );
        }
        let theirs = told
            .iter()
            .map(|node| (&*node.name, Versions::of(&node.vsn)));
        let ours = self.nodes().map(|node| (&*node.name, node.versions));
        for (name, versions) in theirs.chain(ours) {
            for (what, spoken, (min, max)) in [
                ("", versions.current, own),
                (" delegate", versions.delegate_current, above),
            ] {
                if spoken < min || spoken > max {
                    return Err(format!(
                        "Node '{name}'{what} protocol version ({spoken}) is incompatible: [{min}, {max}]"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A node as a push/pull tells of it.
fn node(told: &NodeState) -> Option<Node> {
    Some(Node {
        name: told.name.as_str().into(),
        addr: SocketAddr::new(ip(&told.addr)?, told.port),
        meta: told.meta.clone(),
        versions: Versions::of(&told.vsn),
        state: State::of(told.state)?,
        incarnation: told.incarnation,
    })
}
