//! The core alone: what it hands out, in which order.

use std::collections::BTreeMap;

use bytes::Bytes;
use consensus::core::{Apply, Core, Output, Refusal, Role, Start};
use consensus::faults::Faults;
use consensus::log::{HardState, Position, Write};
use consensus::{Change, Member, Membership};

pub(crate) type Server = Core<u32, u32>;

const BASE: Position = Position { index: 1, term: 1 };

fn members(ids: &[u64]) -> Membership {
    let member = |id: &u64| {
        let member = Member {
            node_id: format!("id-{id}"),
            node_name: format!("node-{id}"),
            voter: true,
        };
        (*id, member)
    };
    Membership {
        members: ids.iter().map(member).collect(),
    }
}

pub(crate) fn server(id: u64, ids: &[u64]) -> Server {
    founded(id, members(ids))
}

fn founded(id: u64, membership: Membership) -> Server {
    Core::new(Start {
        id,
        seed: 5,
        hard_state: HardState {
            term: 1,
            vote: 0,
            commit: 1,
        },
        base: BASE,
        entries: Vec::new(),
        applied: BASE,
        membership,
        has_snapshot: false,
        cache_bytes: consensus::core::CACHE_BYTES,
        faults: Faults::None,
    })
    .unwrap()
}

/// A few servers with a perfect network and instant disks.
struct Cluster {
    servers: BTreeMap<u64, Server>,
    /// Every write of every server, with the commit index known when it was handed out.
    writes: Vec<(u64, Write, u64)>,
    answered: Vec<u32>,
    refused: Vec<(u32, Refusal)>,
    reads: Vec<(u32, Result<u64, Refusal>)>,
}

impl Cluster {
    fn new(ids: &[u64]) -> Cluster {
        Cluster {
            servers: ids.iter().map(|id| (*id, server(*id, ids))).collect(),
            writes: Vec::new(),
            answered: Vec::new(),
            refused: Vec::new(),
            reads: Vec::new(),
        }
    }

    fn get(&mut self, id: u64) -> &mut Server {
        self.servers.get_mut(&id).unwrap()
    }

    fn run(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            for id in self.servers.keys().copied().collect::<Vec<_>>() {
                let output = self.get(id).output().unwrap();
                moved |= self.take(id, output);
            }
        }
    }

    fn take(&mut self, id: u64, output: Output<u32, u32>) -> bool {
        let commit = self.get(id).view().commit;
        let mut moved = !output.messages.is_empty();
        for message in output.messages {
            if let Some(to) = self.servers.get_mut(&message.to) {
                to.step(message.bytes).unwrap();
            }
        }
        for write in output.writes {
            moved = true;
            self.get(id).written(write.number).unwrap();
            self.writes.push((id, write, commit));
        }
        for apply in output.apply {
            moved = true;
            let index = match apply {
                Apply::Entries(batch) => {
                    self.answered.extend(batch.waiters.iter().map(|(_, w)| *w));
                    batch.upto.index
                }
                Apply::Membership {
                    position, waiter, ..
                } => {
                    self.answered.extend(waiter);
                    position.index
                }
                Apply::Restore(position, _) => position.index,
            };
            self.get(id).applied(index);
        }
        self.refused.extend(output.refused);
        self.reads.extend(output.reads);
        moved
    }
}

fn put(value: u8) -> Bytes {
    Bytes::copy_from_slice(&[value])
}

#[test]
fn whoever_takes_in_entries_has_their_commit_on_disk() {
    let mut cluster = Cluster::new(&[1, 2, 3]);
    cluster.get(1).campaign();
    cluster.run();
    assert_eq!(cluster.get(1).view().role, Role::Leader);
    for value in 0..20 {
        cluster.get(1).propose([(put(value), u32::from(value))]);
        cluster.run();
    }
    assert_eq!(cluster.answered, (0..20).collect::<Vec<_>>());
    let mut saved = BTreeMap::new();
    for (id, write, commit) in &cluster.writes {
        if let Some(state) = write.hard_state {
            saved.insert(*id, state.commit);
        }
        if !write.entries.is_empty() && *id != 1 {
            assert_eq!(
                saved.get(id),
                Some(commit),
                "server {id}, write {}",
                write.number
            );
        }
    }
}

#[test]
fn a_membership_changes_only_after_its_commit_is_on_disk() {
    let mut cluster = Cluster::new(&[1, 2, 3]);
    cluster.get(1).campaign();
    cluster.run();
    cluster.get(1).change(&Change::Remove { raft_id: 3 }, 7);
    let mut before = cluster.get(1).membership().members.len();
    for _ in 0..40 {
        for id in [1, 2, 3] {
            let output = cluster.get(id).output().unwrap();
            let count = cluster.get(1).membership().members.len();
            if count < before {
                let saved = cluster.writes.iter().filter(|(id, ..)| *id == 1);
                let saved = saved.rev().find_map(|(_, w, _)| w.hard_state).unwrap();
                assert!(saved.commit >= 3, "{saved:?}");
                before = count;
            }
            cluster.take(id, output);
        }
    }
    assert_eq!((before, cluster.answered.clone()), (2, vec![7]));
    cluster.get(1).change(&Change::Remove { raft_id: 9 }, 8);
    cluster.run();
    assert_eq!(cluster.refused, [(8, Refusal::ChangeImpossible)]);
}

/// Found by an agent whose first look at the catalog after a restart found nothing in it.
#[test]
fn a_leader_is_established_once_its_state_machine_is_up_to_date() {
    let mut alone = server(1, &[1]);
    alone.campaign();
    let mut last = 0;
    for _ in 0..4 {
        let output = alone.output().unwrap();
        for write in output.writes {
            alone.written(write.number).unwrap();
        }
        for apply in output.apply {
            if let Apply::Entries(batch) = apply {
                last = batch.upto.index;
            }
        }
    }
    let view = alone.view();
    assert_eq!((view.role, view.commit), (Role::Leader, last));
    assert!(!view.leads_current_term);
    alone.applied(last);
    assert!(alone.view().leads_current_term);
}

#[test]
fn a_follower_refuses_and_never_forwards() {
    let mut cluster = Cluster::new(&[1, 2, 3]);
    cluster.get(1).campaign();
    cluster.run();
    cluster.get(2).propose([(put(1), 1)]);
    cluster.get(2).read(2);
    let output = cluster.get(2).output().unwrap();
    assert!(output.messages.is_empty());
    assert_eq!(output.refused, [(1, Refusal::NotLeader)]);
    assert_eq!(output.reads, [(2, Err(Refusal::NotLeader))]);
}

#[test]
fn reads_wait_for_a_majority_and_share_its_answer() {
    let mut cluster = Cluster::new(&[1, 2, 3]);
    cluster.get(1).campaign();
    cluster.run();
    for read in 0..50 {
        cluster.get(1).read(read);
    }
    let output = cluster.get(1).output().unwrap();
    assert!(output.reads.is_empty());
    assert_eq!(output.messages.len(), 2, "one question to each follower");
    cluster.take(1, output);
    cluster.run();
    assert_eq!(cluster.reads.len(), 50);
    assert!(cluster.reads.iter().all(|(_, result)| *result == Ok(2)));
}

#[test]
fn impossible_messages_are_refused_and_the_server_goes_on() {
    let mut cluster = Cluster::new(&[1, 2, 3]);
    cluster.get(1).campaign();
    cluster.run();
    cluster.get(1).propose([(put(1), 1)]);
    cluster.run();
    for _ in 0..consensus::core::HEARTBEAT_TICKS {
        cluster.get(1).tick();
    }
    let mut heartbeat = None;
    let output = cluster.get(1).output().unwrap();
    for message in output.messages {
        if message.to == 2 {
            heartbeat = Some(message.bytes);
        }
    }
    let heartbeat = heartbeat.unwrap();
    for cut in 0..heartbeat.len() {
        cluster.get(2).step(heartbeat.slice(..cut)).unwrap_err();
    }
    cluster.get(2).step(heartbeat.clone()).unwrap();
    // A server that has forgotten what it acknowledged.
    let mut forgetful = server(2, &[1, 2, 3]);
    let refused = forgetful.step(heartbeat).unwrap_err();
    assert!(refused.reason.contains("entries were lost"), "{refused}");
    assert_eq!(refused.from, 1);
    forgetful.output().unwrap();
}

#[test]
fn a_log_that_ends_before_what_was_committed_is_refused() {
    let started = Server::new(Start {
        id: 1,
        seed: 1,
        hard_state: HardState {
            term: 3,
            vote: 1,
            commit: 9,
        },
        base: BASE,
        entries: Vec::new(),
        applied: BASE,
        membership: members(&[1]),
        has_snapshot: false,
        cache_bytes: consensus::core::CACHE_BYTES,
        faults: Faults::None,
    });
    let text = started.err().map(|v| v.to_string()).unwrap_or_default();
    assert!(text.contains("entries up to 9 were committed"), "{text}");
}

/// A voter without others leads in the moment it campaigns. What it tells its learners before it has voted on disk, it might tell
/// them otherwise, in the same term, after a restart.
#[test]
fn the_only_voter_tells_its_learners_nothing_before_its_vote_is_durable() {
    let mut membership = members(&[1, 2]);
    membership.members.get_mut(&2).unwrap().voter = false;
    let mut one = founded(1, membership);
    one.campaign();
    let output = one.output().unwrap();
    assert_eq!(one.view().role, Role::Leader);
    one.propose([(Bytes::from_static(b"a"), 1)]);
    let more = one.output().unwrap();
    assert!(output.messages.is_empty() && more.messages.is_empty());
    let last = |output: &Output<u32, u32>| output.writes.last().unwrap().number;
    one.written(last(&output)).unwrap();
    one.written(last(&more)).unwrap();
    let told = one.output().unwrap().messages;
    assert!(!told.is_empty() && told.iter().all(|message| message.to == 2));
}
