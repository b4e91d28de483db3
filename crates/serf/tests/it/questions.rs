//! Queries, keys, names that two nodes have, coordinates.

use crate::net::Net;
use bytes::Bytes;
use serf::{Ask, Event, Operation, QueryKey};
use std::collections::BTreeSet;
use std::time::Duration;

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn answers(heard: &[Event], wanted: QueryKey, acks: bool) -> BTreeSet<String> {
    heard
        .iter()
        .filter_map(|event| match event {
            Event::Answer { key, from, payload } if *key == wanted => {
                (payload.is_none() == acks).then(|| from.clone())
            }
            _ => None,
        })
        .collect()
}

fn names(range: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    range.into_iter().map(|place| format!("n{place}")).collect()
}

#[test]
fn everybody_meant_answers() {
    let mut net = Net::pool(1, 8);
    let all = Ask {
        name: "who".to_owned(),
        ack: true,
        timeout: secs(5),
        ..Ask::default()
    };
    let some = Ask {
        nodes: vec!["n1".to_owned(), "n2".to_owned()],
        ..all.clone()
    };
    let tagged = Ask {
        tags: vec![("role".to_owned(), "n[3-5]$".to_owned())],
        relay_factor: 2,
        ..all.clone()
    };
    for (ask, wanted) in [
        (all, names(0..8)),
        (some, names(1..3)),
        (tagged, names(3..6)),
    ] {
        let key = net
            .with(0, |serf, moment| serf.query(&ask, moment))
            .expect("short");
        let first = net.heard(0);
        net.run(secs(2));
        let mut heard = first.clone();
        for place in 0..8 {
            let events = net.heard(place);
            for event in &events {
                if let Event::Query(question) = event {
                    let payload = Bytes::from(format!("from n{place}"));
                    net.with(place, |serf, moment| {
                        serf.respond(question, payload, moment)
                    })
                    .expect("in time");
                }
            }
            if place == 0 {
                heard.extend(events);
            }
        }
        // The asker's own question stood among what it heard first.
        for event in first {
            if let Event::Query(question) = event {
                let payload = Bytes::from_static(b"from n0");
                net.with(0, |serf, moment| serf.respond(&question, payload, moment))
                    .expect("in time");
            }
        }
        net.run(secs(1));
        heard.extend(net.heard(0));
        assert_eq!(answers(&heard, key, true), wanted);
        assert_eq!(answers(&heard, key, false), wanted);
        net.run(secs(5));
        assert!(net.heard(0).contains(&Event::QueryOver(key)));
    }
}

#[test]
fn what_is_late_or_long_is_refused() {
    let mut net = Net::pool(2, 3);
    let ask = Ask {
        name: "q".to_owned(),
        timeout: secs(1),
        ..Ask::default()
    };
    net.with(0, |serf, moment| serf.query(&ask, moment))
        .expect("short");
    net.run(Duration::from_millis(500));
    let question = net
        .heard(1)
        .into_iter()
        .find_map(|event| match event {
            Event::Query(question) => Some(question),
            _ => None,
        })
        .expect("heard");
    let respond = |net: &mut Net, len: usize| {
        net.with(1, |serf, moment| {
            serf.respond(&question, vec![0; len].into(), moment)
        })
        .map_err(|error| error.to_string())
    };
    assert_eq!(
        respond(&mut net, 1024),
        Err("response exceeds limit of 1024 bytes".to_owned())
    );
    assert_eq!(respond(&mut net, 1), Ok(()));
    assert_eq!(
        respond(&mut net, 1),
        Err("response already sent".to_owned())
    );
    net.run(secs(2));
    assert_eq!(
        respond(&mut net, 1),
        Err("response is past the deadline".to_owned())
    );
    let long = Ask {
        payload: vec![0; 1024].into(),
        ..ask
    };
    let refused = net.with(0, |serf, moment| serf.query(&long, moment));
    assert_eq!(
        refused.expect_err("long").to_string(),
        "query exceeds limit of 1024 bytes"
    );
}

/// Asks all about keys; what they say, as `result` and text.
fn key_answers(net: &mut Net, operation: Operation, key: &[u8]) -> Vec<(bool, String)> {
    net.heard(0);
    let asked = net
        .with(0, |serf, moment| serf.key_query(operation, key, 0, moment))
        .expect("short");
    net.run(secs(5));
    let mut all = Vec::new();
    for event in net.heard(0) {
        if let Event::Answer {
            key,
            payload: Some(payload),
            ..
        } = event
            && key == asked
        {
            let response = serf::key_response(&payload).expect("a key response");
            all.push((response.result, response.message));
        }
    }
    all
}

#[test]
fn keys_are_rotated() {
    let mut net = Net::new(3);
    net.key = Some(vec![1; 16]);
    net.grow(5);
    let new = [2; 32];
    for (operation, key) in [
        (Operation::Install, &new[..]),
        (Operation::Use, &new),
        (Operation::Remove, &[1; 16]),
    ] {
        let said = key_answers(&mut net, operation, key);
        assert_eq!(said, vec![(true, String::new()); 5], "{operation:?}");
    }
    let said = key_answers(&mut net, Operation::Remove, &new);
    let refused = "Removing the primary key is not allowed".to_owned();
    assert_eq!(said, vec![(false, refused); 5]);
    net.run(secs(60));
    for peer in net.running() {
        assert_eq!(peer.serf.members().count(), 5);
        let failed = |(_, event): &(Duration, Event)| matches!(event, Event::Failed(_));
        assert!(!peer.heard.iter().any(failed));
    }
}

#[test]
fn a_pool_without_keys_says_so() {
    let mut net = Net::pool(4, 3);
    let said = key_answers(&mut net, Operation::List, &[]);
    let text = "Keyring is empty (encryption not enabled)".to_owned();
    assert_eq!(said, vec![(false, text); 3]);
    let said = key_answers(&mut net, Operation::Install, &[1; 16]);
    let text = "No keyring to modify (encryption not enabled)".to_owned();
    assert_eq!(said, vec![(false, text); 3]);
}

#[test]
fn who_has_anothers_name_loses_it() {
    let mut net = Net::pool(5, 6);
    let other = net.start("n2", |_| {});
    net.join(other, 0);
    assert!(net.until(secs(60), |net| {
        let heard = &net.peer(other).heard;
        heard.iter().any(|(_, event)| *event == Event::NameLost)
    }));
    let kept = &net.peer(2).heard;
    assert!(!kept.iter().any(|(_, event)| *event == Event::NameLost));
}

#[test]
fn coordinates_are_learnt() {
    let mut net = Net::pool(6, 6);
    net.run(secs(120));
    let [a, b] = [0, 1].map(|place| net.peer(place).serf.coordinate().clone());
    let found = a.distance(&b);
    assert!(found > 0.000_5 && found < 0.02, "{found}");
    assert!(net.peer(0).serf.coordinate_of("n1").is_some());
}
