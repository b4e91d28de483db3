//! Members come, leave, fail; events and questions reach them; time is the room's.

use crate::support::{Node, PATIENCE, any, pool, settings, start, start_at};
use bytes::Bytes;
use gossip::{PoolEvent, Settings, Stopped};
use rt::{Room, Time};
use serf::{Ask, Status};
use std::net::SocketAddr;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_has_left_and_who_dies_has_failed() {
    let mut nodes = pool(5, |_| {}).await;
    let gone = nodes.pop().expect("five");
    gone.pool.leave().await.expect("leaves");
    gone.stop().await;
    let dead = nodes.pop().expect("four");
    dead.stop().await;
    for node in &mut nodes {
        node.until_sees("n4", Some(Status::Left)).await;
        node.until_sees("n3", Some(Status::Failed)).await;
        let failed = |event: &PoolEvent| matches!(event, PoolEvent::Failed(m) if m.name == "n4");
        assert!(!node.heard.iter().any(failed));
    }
    let [one, two, ..] = &mut nodes[..] else {
        panic!("three are left");
    };
    let refused = one.pool.force_leave("nobody", false).await;
    assert_eq!(refused.unwrap_err().to_string(), "no member of that name");
    one.pool.force_leave("n3", false).await.expect("known");
    two.until_sees("n3", Some(Status::Left)).await;
    one.pool.force_leave("n3", true).await.expect("known");
    two.until_sees("n3", None).await;
    let stats = one.pool.stats().await.expect("runs");
    assert_eq!(
        (stats.members, stats.left, stats.failed, stats.encrypted),
        (4, 1, 0, false)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_reach_everybody_once() {
    let mut nodes = pool(4, |_| {}).await;
    for n in 0..3u8 {
        let told = nodes[usize::from(n)]
            .pool
            .user_event("deploy", Bytes::from(vec![n]), false);
        told.await.expect("short");
    }
    for node in &mut nodes {
        let told = |node: &Node| {
            let events = node.heard.iter().filter_map(|event| match event {
                PoolEvent::User { name, payload, .. } if name == "deploy" => Some(payload[0]),
                _ => None,
            });
            let mut told: Vec<u8> = events.collect();
            told.sort_unstable();
            told
        };
        node.until("all events", |node| told(node).len() >= 3).await;
        assert_eq!(told(node), [0, 1, 2]);
    }
    let long = nodes[0]
        .pool
        .user_event("deploy", Bytes::from(vec![0; 600]), false);
    assert_eq!(
        long.await.unwrap_err().to_string(),
        "user event exceeds configured limit of 512 bytes before encoding"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_by_those_who_are_asked() {
    let mut nodes = pool(4, |_| {}).await;
    let ask = Ask {
        name: "load".into(),
        nodes: vec!["n1".into(), "n3".into()],
        ack: true,
        timeout: PATIENCE,
        ..Ask::default()
    };
    let mut answers = nodes[0].pool.query(ask).await.expect("short");
    let asked = |event: &PoolEvent| matches!(event, PoolEvent::Query(q) if q.name() == "load");
    for place in [1, 3] {
        let node = &mut nodes[place];
        node.until("asked", |node| node.heard.iter().any(asked))
            .await;
        for event in node.heard.clone() {
            if let PoolEvent::Query(question) = event {
                let answer = Bytes::from(node.pool.name().to_owned());
                node.pool
                    .respond(question.clone(), answer.clone())
                    .await
                    .expect("in time");
                let twice = node.pool.respond(question, answer).await;
                assert_eq!(twice.unwrap_err().to_string(), "response already sent");
            }
        }
    }
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let answer = tokio::time::timeout(PATIENCE, answers.next())
            .await
            .expect("in time");
        let answer = answer.expect("the time is not over");
        heard.push((answer.from, answer.payload));
    }
    heard.sort();
    let said = |name: &str| (name.to_owned(), Some(Bytes::from(name.to_owned())));
    let acknowledged = |name: &str| (name.to_owned(), None);
    assert_eq!(
        heard,
        [
            acknowledged("n1"),
            said("n1"),
            acknowledged("n3"),
            said("n3")
        ]
    );
    assert!(!nodes[2].heard.iter().any(asked));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_travel_and_coordinates_are_measured() {
    let mut nodes = pool(3, |_| {}).await;
    let tags = [("role".to_owned(), "db".to_owned())].into();
    nodes[0].pool.set_tags(tags).await.expect("short");
    nodes[2]
        .until("tags", |node| {
            node.pool
                .member("n0")
                .is_some_and(|n0| n0.tags.get("role").is_some_and(|r| r == "db"))
        })
        .await;
    let mut long = Settings::lan("x", any()).serf.tags;
    long.insert("a".into(), "b".repeat(600));
    assert_eq!(
        nodes[0].pool.set_tags(long).await.unwrap_err().to_string(),
        "Encoded length of tags exceeds limit of 512 bytes"
    );
    // Probes measure: each of the others is asked in turn.
    let measured = async {
        while nodes[0].pool.coordinate_of("n1").is_none()
            || nodes[0].pool.coordinate_of("n2").is_none()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, measured)
        .await
        .expect("measured");
    assert_ne!(nodes[0].pool.coordinate(), model::NetCoord::default());
}

#[tokio::test]
async fn a_pool_ends_with_its_room_and_leaves_its_port() {
    let mut node = start(settings("a"));
    let address = node.pool.address();
    assert_eq!(node.room.close(PATIENCE).await, Ok(()));
    assert_eq!(node.pool.leave().await, Err(Stopped));
    while let Some(event) = node.events.next().await {
        assert!(matches!(event, PoolEvent::Join(_)), "{event:?}");
    }
    let mut again = settings("a");
    again.bind = address;
    again.serf.addr = address;
    let again = start(again);
    assert_eq!(again.pool.address(), address);
    again.pool.close(PATIENCE).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_families_are_spoken() {
    let six = |name: &str| {
        let mut settings = settings(name);
        settings.bind = "[::1]:0".parse().expect("an address");
        settings.serf.addr = settings.bind;
        settings
    };
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let (mut one, mut two) = (start(six("a")), start(six("b")));
    two.join(&one).await;
    one.until_sees("b", Some(Status::Alive)).await;
    two.until_sees("a", Some(Status::Alive)).await;
    assert!(two.pool.member("a").expect("known").addr.is_ipv6());
    // A wildcard takes both, and tells one.
    let mut wide = settings("wide");
    wide.bind = SocketAddr::from(([0, 0, 0, 0], 0));
    wide.serf.addr = any();
    let mut wide = start(wide);
    let port = wide.pool.address().port();
    let both = [format!("[::1]:{port}"), format!("127.0.0.1:{port}")];
    assert_eq!(two.pool.join(&both, false).await, Ok(2));
    wide.until_sees("b", Some(Status::Alive)).await;
    let four = start(settings("four"));
    four.join(&wide).await;
    wide.until_sees("four", Some(Status::Alive)).await;
    assert_eq!(
        wide.pool.member("four").expect("known").addr,
        four.pool.address()
    );
    // Without an address to tell there is no pool.
    let mut nowhere = settings("nowhere");
    nowhere.bind = SocketAddr::from(([0, 0, 0, 0], 0));
    nowhere.serf.addr = nowhere.bind;
    let room = Room::new("test");
    let time = Time::manual();
    assert!(gossip::Pool::start(nowhere, Box::new(serf::Anybody), &room, &time).is_err());
}

/// With a clock turned by hand a failure is found at the same time in every run, however slow the machine.
#[tokio::test]
async fn time_is_the_rooms() {
    let time = Time::manual();
    let lan = |name: &str| Settings::lan(name, any());
    let mut one = start_at(lan("a"), Room::new("a"), &time);
    let two = start_at(lan("b"), Room::new("b"), &time);
    one.join(&two).await;
    two.stop().await;
    let (mut turned, step) = (Duration::ZERO, Duration::from_millis(50));
    loop {
        time.advance(step);
        turned += step;
        // The pool's task has its turn; nobody else is there to be waited for.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        let event = tokio::select! {
            biased;
            event = one.events.next() => event,
            () = tokio::task::yield_now() => None,
        };
        if matches!(event, Some(PoolEvent::Failed(member)) if member.name == "b") {
            break;
        }
        assert!(turned < Duration::from_secs(20), "not found");
    }
    // At most a second until the probe, at most two for it, four of suspicion.
    assert!(
        turned >= Duration::from_secs(4) && turned <= Duration::from_secs(8),
        "{turned:?}"
    );
}
