//! Who is let in.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use consensus::Inbound;
use parking_lot::Mutex;

use crate::support::{Flag, Servers, limits, until};

#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<(u64, Bytes)>>,
    gone: Flag,
}

impl Inbound for Listener {
    fn deliver(&self, from: u64, message: Bytes) -> bool {
        self.heard.lock().push((from, message));
        true
    }

    fn receive_snapshot(&self, _: u64, _: Bytes, _: &mut dyn io::Read) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn peer_gone(&self, _: u64) {
        self.gone.set();
    }
}

/// A heartbeat's first bytes, as far as the transport looks at them.
fn message(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn an_address_where_another_server_answers_is_nobody() {
    let servers = Servers::new(limits());
    let (one, three) = (Arc::<Listener>::default(), Arc::<Listener>::default());
    servers.join(1, one.clone());
    servers.join(3, three.clone());
    servers.divert(1, 2, 3);
    servers.transport(1).send(2, message("for two only"));
    until("gone is told", || one.gone.is_set());
    assert!(three.heard.lock().is_empty());
}

#[test]
fn servers_of_other_clusters_do_not_talk() {
    let servers = Servers::new(limits());
    let hears = [2, 3].map(|id| {
        let listener = Arc::<Listener>::default();
        servers.server_of(id, Some([id as u8; 16]));
        servers.join(id, listener.clone());
        listener
    });
    servers.server_of(1, Some([3; 16]));
    // Who does not know its cluster yet is let in by both.
    for from in [4, 1] {
        for to in [2, 3] {
            servers.transport(from).send(to, message("hello"));
        }
    }
    until("who may speak is heard", || {
        hears[1].heard.lock().len() == 2 && hears[0].heard.lock().len() == 1
    });
    assert_eq!(hears[0].heard.lock()[0].0, 4);
}

#[test]
fn who_is_no_member_is_not_heard_until_it_is_one() {
    let servers = Servers::new(limits());
    let hears = Arc::<Listener>::default();
    servers.join(2, hears.clone());
    let members = &servers.server(2).view.members;
    *members.lock() = Some(vec![2, 3]);
    let (one, three) = (servers.transport(1), servers.transport(3));
    for _ in 0..3 {
        one.send(2, message("from a stranger"));
    }
    three.send(2, message("from a member"));
    until("the member is heard", || hears.heard.lock().len() == 1);
    assert_eq!(hears.heard.lock()[0].0, 3);
    *members.lock() = Some(vec![1, 2]);
    until("the new member is heard", || {
        one.send(2, message("from a member"));
        hears.heard.lock().iter().any(|(from, _)| *from == 1)
    });
}

#[test]
fn a_peer_that_dies_is_told_at_once() {
    let servers = Servers::new(limits());
    let hears = Arc::<Listener>::default();
    servers.join(2, hears.clone());
    servers.join(1, Arc::<Listener>::default());
    servers.transport(1).send(2, message("alive"));
    until("it is heard", || hears.heard.lock().len() == 1);
    assert!(!hears.gone.is_set());
    servers.server(1).peers.close();
    until("its end is noticed", || hears.gone.is_set());
}
