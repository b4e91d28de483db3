//! Joining: names of one or more addresses, what does not answer, trying again.

use crate::support::{Node, PATIENCE, settings, start};
use gossip::{Exhausted, JoinError, Pool, Resolver, Retry};
use parking_lot::Mutex;
use rt::{Room, Time};
use serf::{Anybody, Status};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Tells something else each time, and counts.
struct Turns(Mutex<Vec<Vec<IpAddr>>>);

impl Resolver for Turns {
    fn resolve<'a>(
        &'a self,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let mut turns = self.0.lock();
        let now = if turns.is_empty() {
            Vec::new()
        } else {
            turns.remove(0)
        };
        Box::pin(async move { Ok(now) })
    }
}

fn resolving(name: &str, turns: Vec<Vec<IpAddr>>) -> Node {
    let room = Room::new("test");
    let time = Time::real(&room);
    let resolver = Arc::new(Turns(Mutex::new(turns)));
    let started = Pool::start_with(settings(name), Box::new(Anybody), resolver, &room, &time);
    let (pool, events) = started.expect("starts");
    Node {
        pool,
        events,
        room,
        heard: Vec::new(),
    }
}

#[tokio::test]
async fn all_addresses_of_a_name_are_tried() {
    let other = start(settings("other"));
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    // Nobody listens at the first one.
    let node = resolving("a", vec![vec![IpAddr::from([127, 0, 0, 77]), local, local]]);
    let name = format!("pool.example:{}", other.pool.address().port());
    assert_eq!(node.pool.join(&[name], false).await, Ok(1));
    assert_eq!(node.sees("other"), Some(Status::Alive));
}

#[tokio::test]
async fn who_does_not_answer_is_told() {
    let node = resolving("a", Vec::new());
    let vacant = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refused =
        format!("Failed to join {vacant}: dial tcp {vacant}: connect: connection refused");
    let joined = node.pool.join(&[vacant.to_string()], false).await;
    assert_eq!(joined, Err(JoinError(vec![refused.clone()])));
    assert_eq!(
        joined.unwrap_err().to_string(),
        format!("1 error occurred:\n\t* {refused}\n\n")
    );
    let joined = node
        .pool
        .join(&["nowhere.example".into(), vacant.to_string()], false)
        .await;
    assert_eq!(
        joined.unwrap_err().to_string(),
        format!(
            "2 errors occurred:\n\t* Failed to resolve nowhere.example: lookup nowhere.example: no such host\n\t* {refused}\n\n"
        )
    );
    assert_eq!(node.pool.join(&[], false).await, Ok(0));
}

#[tokio::test]
async fn a_name_is_resolved_again_for_each_try() {
    let other = start(settings("other"));
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let node = resolving("a", vec![vec![], vec![], vec![local]]);
    let name = [format!("pool.example:{}", other.pool.address().port())];
    let retry = Retry::every(Duration::from_millis(5), 2);
    let joined = tokio::time::timeout(PATIENCE, node.pool.retry_join(&name, retry)).await;
    assert_eq!(joined, Ok(Ok(1)));
    // Two tries after the first were not enough.
    let node = resolving("b", vec![vec![], vec![], vec![], vec![local]]);
    let joined = tokio::time::timeout(PATIENCE, node.pool.retry_join(&name, retry)).await;
    assert_eq!(joined, Ok(Err(Exhausted)));
    let none = tokio::time::timeout(PATIENCE, node.pool.retry_join(&[], retry)).await;
    assert_eq!(none, Ok(Err(Exhausted)));
}
