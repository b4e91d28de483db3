//! Members come, go, fail, are made to leave and are forgotten; events reach everybody once.

use crate::net::{Net, address};
use bytes::Bytes;
use serf::{Event, Status};
use std::time::Duration;

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn status(net: &Net, place: usize, name: &str) -> Option<Status> {
    Some(net.peer(place).serf.member(name)?.status)
}

fn all_say(net: &Net, name: &str, wanted: Option<Status>) -> bool {
    net.running()
        .all(|peer| peer.serf.member(name).map(|member| member.status) == wanted)
}

#[test]
fn who_leaves_in_order_has_left_and_may_return() {
    let mut net = Net::pool(1, 6);
    let began = net.now;
    net.with(3, |serf, moment| serf.leave(moment));
    assert!(net.until(secs(2), |net| {
        all_say(net, "n3", Some(Status::Left))
            || net
                .peers
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != 3)
                .all(|(place, _)| status(net, place, "n3") == Some(Status::Left))
    }));
    assert!(net.now - began <= secs(1), "{:?}", net.now - began);
    assert!(net.until(secs(15), |net| {
        let heard = &net.peer(3).heard;
        heard.iter().any(|(_, event)| *event == Event::Gone)
    }));
    net.kill(3);
    let heard = net.heard(0);
    // That it is about to is known before.
    let words: Vec<&Event> = heard
        .iter()
        .filter(|event| matches!(event, Event::Intent(m) | Event::Leave(m) if m.name == "n3"))
        .collect();
    assert!(
        matches!(words[..], [Event::Intent(m), Event::Leave(_)] if m.status == Status::Leaving),
        "{words:?}"
    );
    let left = heard
        .iter()
        .filter(|event| matches!(event, Event::Leave(member) if member.name == "n3"));
    assert_eq!(left.count(), 1);
    assert!(!heard.iter().any(|event| matches!(event, Event::Failed(_))));
    net.start_at(3, "n3", |_| {});
    net.join(3, 1);
    assert!(net.until(secs(10), |net| all_say(net, "n3", Some(Status::Alive))));
    net.run(secs(60));
    assert!(all_say(&net, "n3", Some(Status::Alive)));
}

#[test]
fn who_is_killed_has_failed_and_can_be_made_to_leave() {
    let mut net = Net::pool(2, 5);
    net.kill(4);
    assert!(net.until(secs(30), |net| all_say(net, "n4", Some(Status::Failed))));
    net.heard(1);
    net.with(0, |serf, moment| serf.force_leave("n4", false, moment))
        .expect("known");
    assert!(net.until(secs(5), |net| all_say(net, "n4", Some(Status::Left))));
    let heard = net.heard(1);
    assert!(
        heard
            .iter()
            .any(|e| matches!(e, Event::Leave(m) if m.name == "n4"))
    );
    net.with(0, |serf, moment| serf.force_leave("n4", true, moment))
        .expect("known");
    assert!(net.until(secs(5), |net| all_say(net, "n4", None)));
    let refused = net.with(0, |serf, moment| serf.force_leave("n4", true, moment));
    assert!(refused.is_err());
    // An exchange does not bring it back.
    net.run(secs(120));
    assert!(all_say(&net, "n4", None));
}

#[test]
fn a_living_member_cannot_be_made_to_leave() {
    let mut net = Net::pool(3, 4);
    net.with(0, |serf, moment| serf.force_leave("n2", false, moment))
        .expect("known");
    net.run(secs(10));
    assert!(all_say(&net, "n2", Some(Status::Alive)));
}

#[test]
fn who_failed_long_ago_is_forgotten() {
    let mut net = Net::new(4);
    for place in 0..4 {
        net.start(&format!("n{place}"), |config| {
            config.reconnect_timeout = secs(60);
            config.tombstone_timeout = secs(90);
            if place == 3 {
                config.tags.insert("rc_tm".to_owned(), "200s".to_owned());
            }
        });
        if place > 0 {
            net.join(place, 0);
        }
    }
    net.run(secs(5));
    for place in [2, 3] {
        net.kill(place);
    }
    net.run(secs(50));
    assert_eq!(status(&net, 0, "n2"), Some(Status::Failed));
    net.run(secs(60));
    assert_eq!(status(&net, 0, "n2"), None);
    assert_eq!(status(&net, 0, "n3"), Some(Status::Failed));
    net.run(secs(150));
    assert_eq!(status(&net, 0, "n3"), None);
}

#[test]
fn a_failed_member_is_found_again_by_reconnecting() {
    let mut net = Net::pool(5, 4);
    net.kill(3);
    assert!(net.until(secs(30), |net| all_say(net, "n3", Some(Status::Failed))));
    net.run(secs(90));
    // It is back and knows nobody.
    net.start_at(3, "n3", |_| {});
    assert!(net.until(secs(300), |net| all_say(net, "n3", Some(Status::Alive))));
}

#[test]
fn tags_travel() {
    let mut net = Net::pool(6, 5);
    let mut tags = net.peer(2).serf.member("n2").expect("itself").tags.clone();
    tags.insert("id".to_owned(), "7".to_owned());
    net.with(2, |serf, moment| serf.set_tags(tags, moment))
        .expect("fit");
    assert!(net.until(secs(3), |net| {
        net.running().all(|peer| {
            let told = peer.serf.member("n2").and_then(|n2| n2.tags.get("id"));
            told.is_some_and(|id| id == "7")
        })
    }));
    let heard = net.heard(4);
    assert!(
        heard
            .iter()
            .any(|e| matches!(e, Event::Update(m) if m.name == "n2"))
    );
}

fn events(heard: &[Event]) -> Vec<(&str, &[u8])> {
    heard
        .iter()
        .filter_map(|event| match event {
            Event::User { name, payload, .. } => Some((&**name, &payload[..])),
            _ => None,
        })
        .collect()
}

#[test]
fn events_reach_everybody_once() {
    let mut net = Net::pool(7, 20);
    for n in 0..5 {
        net.with(n, |serf, moment| {
            let payload = Bytes::from(format!("p{n}"));
            serf.user_event("deploy", payload, false, moment)
        })
        .expect("short");
    }
    net.run(secs(5));
    for place in 0..20 {
        let heard = net.heard(place);
        let mut told = events(&heard);
        told.sort_unstable();
        let wanted: Vec<(&str, &[u8])> = vec![
            ("deploy", b"p0"),
            ("deploy", b"p1"),
            ("deploy", b"p2"),
            ("deploy", b"p3"),
            ("deploy", b"p4"),
        ];
        assert_eq!(told, wanted, "{place}");
        assert_eq!(net.peer(place).serf.queued(), [0; 3]);
    }
    // Who comes later hears of them too, unless it does not want to.
    let late = net.start("late", |_| {});
    net.join(late, 0);
    let deaf = net.start("deaf", |_| {});
    net.with(deaf, |serf, moment| serf.join(address(0), true, moment));
    net.run(secs(5));
    assert_eq!(events(&net.heard(late)).len(), 5);
    assert_eq!(events(&net.heard(deaf)).len(), 0);
    let long = Bytes::from(vec![0; 600]);
    let refused = net.with(0, |serf, moment| {
        serf.user_event("deploy", long, false, moment)
    });
    assert_eq!(
        refused.expect_err("too long").to_string(),
        "user event exceeds configured limit of 512 bytes before encoding"
    );
}

#[test]
fn times_without_end_stop_nobody() {
    let mut net = Net::pool(8, 3);
    for time in [u64::MAX, u64::MAX - 1, u64::MAX / 2] {
        for message in [
            serf::messages::Message::Leave(serf::messages::Leave {
                time,
                node: "n0".into(),
                prune: false,
            }),
            serf::messages::Message::UserEvent(serf::messages::UserEvent {
                time,
                name: "evil".into(),
                ..Default::default()
            }),
            serf::messages::Message::Query(serf::messages::Query {
                time,
                name: "evil".into(),
                ..Default::default()
            }),
        ] {
            let packet = swim::Message::User(message.encode().into()).encode();
            net.with(1, |serf, moment| {
                serf.receive(address(99), packet.into(), moment)
            })
            .expect("readable");
        }
    }
    net.run(secs(3));
    assert!(all_say(&net, "n0", Some(Status::Alive)));
    net.heard(2);
    net.with(0, |serf, moment| {
        serf.user_event("good", Bytes::new(), false, moment)
    })
    .expect("short");
    net.run(secs(3));
    assert_eq!(events(&net.heard(2)), [("good", &b""[..])]);
}
