//! How pools behave.

use crate::net::{Net, alive, ms};
use bytes::Bytes;
use std::time::Duration;
use swim::{Alive, Dead, Message, Note, State, Suspect, Timing, Versions};

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_pool_grows_and_forgets_nobody() {
    let mut net = Net::pool(1, 40, Timing::LAN);
    net.run(secs(120));
    assert!(net.all_know(40));
    for peer in net.running() {
        assert!(peer.heard.left.is_empty(), "{:?}", peer.heard.left);
        assert!(peer.heard.answers > 100);
        assert_eq!(peer.swim.awareness(), 0);
        assert_eq!(peer.swim.queued(), 0, "everything is told at last");
    }
}

/// Median over seeds: a probe finds it within a round, the suspicion takes four seconds in a small pool.
#[test]
fn a_killed_node_is_found_dead() {
    let mut times: Vec<Duration> = (0..30)
        .map(|seed| {
            let mut net = Net::pool(seed, 5, Timing::LAN);
            net.run(secs(2) + ms(37 * seed));
            let killed = net.now;
            net.kill(4);
            assert!(net.until(secs(60), |net| net.all_know(4)), "seed {seed}");
            net.now - killed
        })
        .collect();
    times.sort();
    let median = times[times.len() / 2];
    assert!(median <= ms(6_500), "{median:?} of {times:?}");
}

#[test]
fn who_leaves_is_known_to_have_left() {
    let mut net = Net::pool(3, 10, Timing::LAN);
    let began = net.now;
    net.with(4, swim::Swim::leave);
    assert!(!net.peer(4).swim.leave_is_told());
    let told = net.until(secs(5), |net| {
        net.running().all(|peer| {
            peer.swim
                .node("n4")
                .is_some_and(|node| node.state == State::Left)
        })
    });
    assert!(told && net.now - began <= secs(1), "{:?}", net.now - began);
    assert!(net.until(secs(5), |net| {
        let leaver = net.peers[4].as_ref().expect("runs");
        leaver.swim.leave_is_told()
    }));
    net.kill(4);
    net.run(secs(30));
    for peer in net.running() {
        let left: Vec<_> = peer.heard.left.iter().map(|(_, n, s)| (&**n, *s)).collect();
        assert_eq!(left, [("n4", State::Left)]);
    }
}

#[test]
fn a_node_that_was_only_stopped_refutes() {
    let mut net = Net::pool(4, 10, Timing::LAN);
    net.freeze(7);
    // Long enough to be suspected, not long enough to be dead.
    net.run(secs(4));
    net.thaw(7);
    net.run(secs(30));
    assert!(net.all_know(10));
    let dead: usize = net.running().map(|peer| peer.heard.left.len()).sum();
    assert_eq!(dead, 0);
    assert!(net.peer(7).swim.own().expect("itself").incarnation > 1);
}

#[test]
fn a_frozen_node_comes_back_after_its_death() {
    let mut net = Net::pool(5, 10, Timing::LAN);
    net.freeze(7);
    assert!(net.until(secs(60), |net| {
        net.running()
            .filter(|peer| !peer.frozen)
            .all(|peer| alive(&peer.swim) == 9)
    }));
    net.thaw(7);
    assert!(net.until(secs(60), |net| net.all_know(10)));
}

#[test]
fn loss_alone_kills_nobody() {
    for seed in 0..3 {
        let mut net = Net::pool(seed, 30, Timing::LAN);
        net.loss = 10;
        net.run(secs(300));
        let dead: usize = net.running().map(|peer| peer.heard.left.len()).sum();
        assert_eq!(dead, 0, "seed {seed}");
    }
}

#[test]
fn a_cut_heals_by_exchange() {
    let mut net = Net::pool(6, 12, Timing::LAN);
    net.cut = (0..4).collect();
    assert!(net.until(secs(60), |net| {
        net.peers.iter().enumerate().all(|(place, peer)| {
            let wanted = if place < 4 { 4 } else { 8 };
            alive(&peer.as_ref().expect("runs").swim) == wanted
        })
    }));
    net.cut.clear();
    // The dead are told of what happens for a while, and so learn that they count as dead.
    assert!(net.until(secs(60), |net| net.all_know(12)), "no healing");
}

#[test]
fn a_node_without_packets_lives_by_streams() {
    let mut net = Net::pool(8, 6, Timing::LAN);
    net.streams_only.insert(3);
    net.run(secs(20));
    let only = net
        .running()
        .flat_map(|peer| &peer.heard.notes)
        .any(|note| matches!(note, Note::OnlyStreams { node } if node == "n3"));
    assert!(only);
    for (place, peer) in net.peers.iter().enumerate() {
        let peer = peer.as_ref().expect("runs");
        let lost = peer.heard.left.iter().any(|(_, name, _)| name == "n3");
        assert!(place == 3 || !lost);
    }
}

#[test]
fn a_restarted_node_is_the_same_one() {
    let mut net = Net::pool(9, 8, Timing::LAN);
    net.with(2, |swim, turn| {
        swim.set_meta(Bytes::from_static(b"new"), turn)
    });
    net.run(secs(3));
    assert!(net.peer(5).heard.updated.contains(&"n2".to_owned()));
    net.kill(2);
    net.start_at(2, "n2");
    net.join(2, 0);
    assert!(net.until(secs(30), |net| {
        net.running().all(|peer| {
            peer.swim
                .node("n2")
                .is_some_and(|node| node.meta == b"meta"[..])
        })
    }));
    assert!(net.all_know(8));
}

#[test]
fn a_name_belongs_to_one_address() {
    let mut net = Net::pool(10, 5, Timing::LAN);
    let other = net.start("n1");
    net.join(other, 0);
    net.run(secs(5));
    assert!(!net.peer(0).heard.conflicts.is_empty());
    let addr = net.peer(0).swim.node("n1").expect("known").addr;
    assert_eq!(addr, crate::net::address(1));
    net.kill(other);
    // Who has left may come back from elsewhere.
    net.with(1, swim::Swim::leave);
    net.run(secs(3));
    net.kill(1);
    net.start_at(other, "n1");
    net.join(other, 0);
    assert!(net.until(secs(20), |net| {
        net.peers[0]
            .as_ref()
            .and_then(|peer| peer.swim.node("n1"))
            .is_some_and(|node| node.addr == crate::net::address(other))
    }));
}

#[test]
fn who_is_not_admitted_stays_out() {
    let mut net = Net::pool(11, 4, Timing::LAN);
    for place in 0..4 {
        net.peer(place).heard.banned.insert("bad".to_owned());
    }
    let bad = net.start("bad");
    net.join(bad, 0);
    net.run(secs(10));
    for place in 0..4 {
        assert!(net.peer(place).swim.node("bad").is_none());
    }
}

/// Somebody who can send packets says the worst of everybody with the highest numbers there are.
#[test]
fn lies_kill_nobody() {
    let mut net = Net::pool(12, 6, Timing::LAN);
    for round in 0..50_u32 {
        for victim in 0..6 {
            let node = format!("n{victim}");
            let incarnation = [u32::MAX, u32::MAX - 1, 1 << 21, round + 2][round as usize % 4];
            let from = "liar".to_owned();
            let lies = [
                Message::Dead(Dead {
                    incarnation,
                    node: node.clone(),
                    from: from.clone(),
                }),
                Message::Suspect(Suspect {
                    incarnation,
                    node: node.clone(),
                    from,
                }),
                Message::Alive(Alive {
                    incarnation,
                    node,
                    addr: Bytes::from_static(&[10, 0, 0, 99]),
                    port: 1,
                    meta: Bytes::new(),
                    vsn: Versions::speaking(4).bytes(),
                }),
            ];
            for lie in lies {
                net.inject(round as usize % 6, &lie);
            }
        }
        net.run(ms(100));
    }
    assert!(net.until(secs(60), |net| net.all_know(6)));
    net.run(secs(60));
    assert!(net.all_know(6));
    for peer in net.running() {
        let own = peer.swim.own().expect("itself").incarnation;
        assert!(own < 1 << 22, "{own}");
    }
}

#[test]
fn names_without_end_are_bounded() {
    let mut net = Net::pool(13, 2, Timing::LAN);
    let alive = |n: usize, meta: usize| {
        Message::Alive(Alive {
            incarnation: 1,
            node: format!("ghost{n}"),
            addr: Bytes::from_static(&[10, 9, 9, 9]),
            port: 1,
            meta: vec![0; meta].into(),
            vsn: Versions::speaking(4).bytes(),
        })
    };
    net.inject(0, &alive(0, swim::META_MAX + 1));
    assert_eq!(net.peer(0).swim.len(), 2);
    for n in 0..swim::MEMBERS_MAX {
        net.inject(0, &alive(n, 0));
    }
    assert_eq!(net.peer(0).swim.len(), swim::MEMBERS_MAX);
    assert!(net.peer(0).swim.queued() <= swim::MEMBERS_MAX);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let mut net = Net::pool(seed, 15, Timing::LAN);
        net.loss = 20;
        net.kill(3);
        net.run(secs(30));
        let heard: Vec<_> = net.running().map(|peer| peer.heard.left.clone()).collect();
        (net.packets, heard)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
}

/// Members of the largest pool; more by hand: `SWIM_MEMBERS=1000 cargo test --profile ci -p swim one_word` (half a minute).
fn members() -> usize {
    let given = std::env::var("SWIM_MEMBERS").ok();
    given.map_or(300, |text| text.parse().expect("a number"))
}

#[test]
fn one_word_reaches_all_within_three_seconds() {
    let members = members();
    let mut net = Net::new(14, Timing::LAN);
    net.compress = false;
    for place in 0..members {
        net.start(&format!("n{place}"));
        if place > 0 {
            net.join(place, place / 2);
        }
        net.run(ms(2));
    }
    net.run(secs(30));
    assert!(net.all_know(members), "no pool");
    let speaker = members / 2;
    net.with(speaker, |swim, turn| {
        swim.set_meta(Bytes::from_static(b"news"), turn)
    });
    let name = format!("n{speaker}");
    let heard = |net: &Net| {
        let knows = |peer: &&crate::net::Peer| {
            let node = peer.swim.node(&name);
            node.is_some_and(|node| node.meta == b"news"[..])
        };
        net.running().filter(knows).count()
    };
    let enough = members - members / 1000;
    assert!(
        net.until(secs(3), |net| heard(net) >= enough),
        "{}",
        heard(&net)
    );
}
