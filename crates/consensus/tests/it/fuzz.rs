//! A core in arbitrary states under arbitrary well-formed messages: a peer's mistake or malice never ends it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use consensus::core::{Apply, Core, Output, Start};
use consensus::faults::Faults;
use consensus::log::{HardState, Position, command};
use consensus::{Change, Fetch, Member, Membership, message};
use raft::eraftpb::{Entry, EntryType, Message, MessageType, Snapshot};

type Server = Core<u32, u32>;

/// Messages in the run that is part of every test; more by hand with `PROCONSUL_MESSAGES`.
const MESSAGES: u64 = 1_000_000;
/// Steps of one server before another state is begun.
const LIFE: u64 = 400;

/// Splitmix64.
struct Random(u64);

impl Random {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// A number at or near `near`, now and then any.
    fn near(&mut self, near: u64) -> u64 {
        match self.below(20) {
            0 => self.draw(),
            1 => 0,
            _ => (near + self.below(5)).saturating_sub(2),
        }
    }
}

fn membership(random: &mut Random) -> Membership {
    let mut membership = Membership::default();
    for id in 1..=4 {
        if id == 1 || random.below(2) == 0 {
            let voter = id == 1 || random.below(4) > 0;
            let member = Member {
                node_id: String::new(),
                node_name: String::new(),
                voter,
            };
            membership.members.insert(id, member);
        }
    }
    membership
}

struct Life {
    core: Server,
    writes: Vec<u64>,
    applies: Vec<u64>,
    fetches: Vec<Fetch>,
    /// Everything sent so far: answers to it are the most dangerous ones.
    sent: Vec<Message>,
}

fn begin(random: &mut Random, faults: Faults) -> Life {
    let index = 1 + random.below(5);
    let base = Position { index, term: 1 };
    let count = random.below(6);
    let mut term = 1;
    let entries: Vec<Entry> = (index + 1..=index + count)
        .map(|index| {
            term += random.below(2);
            command(index, term, Bytes::from_static(b"x"))
        })
        .collect();
    let core = Core::new(Start {
        id: 1,
        seed: random.draw(),
        hard_state: HardState {
            term,
            vote: random.below(3),
            commit: index + random.below(count + 1),
        },
        base,
        entries,
        applied: base,
        membership: membership(random),
        has_snapshot: random.below(2) == 0,
        cache_bytes: consensus::core::CACHE_BYTES,
        faults,
    });
    Life {
        core: core.unwrap(),
        writes: Vec::new(),
        applies: Vec::new(),
        fetches: Vec::new(),
        sent: Vec::new(),
    }
}

const KINDS: [MessageType; 10] = [
    MessageType::MsgAppend,
    MessageType::MsgAppendResponse,
    MessageType::MsgRequestVote,
    MessageType::MsgRequestVoteResponse,
    MessageType::MsgSnapshot,
    MessageType::MsgHeartbeat,
    MessageType::MsgHeartbeatResponse,
    MessageType::MsgTimeoutNow,
    MessageType::MsgRequestPreVote,
    MessageType::MsgRequestPreVoteResponse,
];

fn entry(random: &mut Random, index: u64, term: u64) -> Entry {
    if random.below(4) > 0 {
        return command(index, term, Bytes::from_static(b"y"));
    }
    let mut bytes = bytes::BytesMut::new();
    change(random).encode(&mut bytes);
    let mut entry = Entry {
        index,
        term,
        context: bytes.freeze(),
        ..Entry::default()
    };
    entry.set_entry_type(EntryType::EntryConfChangeV2);
    if random.below(20) == 0 {
        entry.context = Bytes::from_static(b"?");
    }
    entry
}

fn change(random: &mut Random) -> Change {
    let raft_id = 1 + random.below(4);
    match random.below(4) {
        0 => Change::AddLearner {
            raft_id,
            node_id: String::new(),
            node_name: String::new(),
        },
        1 => Change::Promote { raft_id },
        2 => Change::Demote { raft_id },
        _ => Change::Remove { raft_id },
    }
}

/// A message with numbers around those of the server.
fn arbitrary(random: &mut Random, life: &Life) -> Bytes {
    let view = life.core.view();
    let mut message = Message::default();
    message.set_msg_type(KINDS[random.below(KINDS.len() as u64) as usize]);
    message.to = if random.below(50) == 0 {
        random.below(5)
    } else {
        1
    };
    message.from = if random.below(50) == 0 {
        random.below(5)
    } else {
        2 + random.below(3)
    };
    message.term = random.near(view.term + 1).max(view.term * random.below(2));
    message.index = match random.below(3) {
        0 => random.near(view.commit),
        _ => random.near(view.last),
    };
    let known = life.core.position(message.index).map(|at| at.term);
    message.log_term = match random.below(3) {
        0 => random.near(view.term),
        _ => known.unwrap_or(0),
    };
    message.commit = random.near(view.commit + 1);
    message.commit_term = life.core.position(message.commit).map_or(0, |at| at.term);
    message.reject = random.below(3) == 0;
    message.reject_hint = random.near(view.last);
    if random.below(4) == 0 {
        message.context = Bytes::copy_from_slice(&random.below(4).to_le_bytes());
    } else if random.below(8) == 0 {
        message.context = Bytes::from_static(b"CampaignTransfer");
    }
    if message.get_msg_type() == MessageType::MsgAppend {
        let (mut index, mut term) = (message.index, message.log_term);
        let mut entries = Vec::new();
        for _ in 0..random.below(5) {
            index = index.wrapping_add(if random.below(30) == 0 {
                random.below(3)
            } else {
                1
            });
            term = if random.below(3) == 0 {
                message.term
            } else {
                term
            };
            entries.push(entry(random, index, term));
        }
        message.set_entries(entries.into());
    }
    let members = membership(random);
    if message.get_msg_type() == MessageType::MsgSnapshot {
        let mut snapshot = Snapshot::default();
        snapshot.mut_metadata().index = random.near(view.last);
        snapshot.mut_metadata().term = random.near(view.term);
        message.set_snapshot(snapshot);
    }
    message::encode(&message, Some(&members)).unwrap()
}

/// What the receiver of one of the server's own messages might answer.
fn answer(random: &mut Random, sent: &Message) -> Option<Bytes> {
    let mut message = Message::default();
    message.set_msg_type(match sent.get_msg_type() {
        MessageType::MsgRequestVote => MessageType::MsgRequestVoteResponse,
        MessageType::MsgRequestPreVote => MessageType::MsgRequestPreVoteResponse,
        MessageType::MsgAppend => MessageType::MsgAppendResponse,
        MessageType::MsgHeartbeat => MessageType::MsgHeartbeatResponse,
        _ => return None,
    });
    (message.to, message.from, message.term) = (1, sent.to, sent.term);
    message.index = sent.index + sent.entries.len() as u64;
    message.context = sent.context.clone();
    message.reject = random.below(6) == 0;
    message.reject_hint = random.near(sent.index);
    message::encode(&message, None)
}

fn take(life: &mut Life, output: Output<u32, u32>) {
    life.writes.extend(output.writes.iter().map(|w| w.number));
    life.fetches.extend(output.fetches);
    for apply in output.apply {
        life.applies.push(match apply {
            Apply::Entries(batch) => batch.upto.index,
            Apply::Membership { position, .. } | Apply::Restore(position, _) => position.index,
        });
    }
    for message in output.messages {
        life.sent
            .extend(message::decode(message.bytes).map(|m| m.0));
    }
    let old = life.sent.len().saturating_sub(16);
    life.sent.drain(..old);
}

/// One input of any kind; whether it was a message.
fn step(random: &mut Random, life: &mut Life) -> bool {
    let view = life.core.view();
    match random.below(24) {
        0 => life.core.tick(),
        1 => (0..18).for_each(|_| life.core.tick()),
        2 => life.core.campaign(),
        3 => life.core.propose([(Bytes::from_static(b"z"), 1)]),
        4 => life.core.change(&change(random), 2),
        5 => life.core.read(3),
        6 => life.core.peer_gone(1 + random.below(4)),
        7 => life.core.transfer(1 + random.below(4)),
        8 => life
            .core
            .snapshot_sent(2 + random.below(3), random.below(2) == 0),
        9 | 10 if !life.writes.is_empty() => {
            let upto = random.below(life.writes.len() as u64) as usize;
            let number = life.writes.drain(..=upto).next_back();
            life.core.written(number.unwrap_or(0)).unwrap();
        }
        11 | 12 if !life.applies.is_empty() => {
            let upto = random.below(life.applies.len() as u64) as usize;
            let index = life.applies.drain(..=upto).next_back();
            life.core.applied(index.unwrap_or(0));
        }
        13 if !life.fetches.is_empty() => {
            let fetch = life.fetches.remove(0);
            // The disk may have nothing of it any more.
            life.core.fetched(fetch.low, Vec::new());
        }
        14 => {
            if let Some(position) = life.core.position(view.applied) {
                let members = life.core.membership().clone();
                life.core.snapshot_made(position, members);
                life.core.compacted(random.near(view.applied));
            }
        }
        15..=17 if !life.sent.is_empty() => {
            let at = random.below(life.sent.len() as u64) as usize;
            if let Some(bytes) = answer(random, &life.sent[at]) {
                let _ = life.core.step(bytes);
                return true;
            }
        }
        _ => {
            let bytes = arbitrary(random, life);
            let _ = life.core.step(bytes);
            return true;
        }
    }
    false
}

/// How many messages one seed's server took before it died, or lived to see.
fn live(seed: u64, faults: Faults) -> Result<u64, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut random = Random(seed);
        let mut life = begin(&mut random, faults);
        let mut messages = 0;
        for _ in 0..LIFE {
            messages += u64::from(step(&mut random, &mut life));
            if random.below(3) > 0 {
                let output = life
                    .core
                    .output()
                    .map_err(|violation| violation.to_string())?;
                take(&mut life, output);
            }
        }
        Ok(messages)
    }));
    lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

#[test]
fn no_message_ends_a_server() {
    let wanted = std::env::var("PROCONSUL_MESSAGES").ok();
    let wanted = wanted.and_then(|n| n.parse().ok()).unwrap_or(MESSAGES);
    let (mut messages, mut seed) = (0, 0);
    while messages < wanted {
        messages += live(seed, Faults::None).unwrap_or_else(|end| panic!("seed {seed}: {end}"));
        seed += 1;
    }
    println!("{messages} messages, {seed} servers");
}

/// The guards are needed, and the messages find what each keeps out.
#[test]
fn without_its_checks_the_engine_panics() {
    for faults in [
        Faults::AnyAppend,
        Faults::AnyCampaign,
        Faults::AnyVote,
        Faults::EvictAny,
    ] {
        let died = (0..20_000).find_map(|seed| live(seed, faults).err());
        assert!(died.is_some_and(|end| end.contains("panic")), "{faults:?}");
    }
}
