//! What one client may take, what a recursor may make us say, and how the door ends.

use crate::{Agent, Upstream, client, packet, receive, recursing, shown};
use dns::rtype;
use dnsd::{Config, Settings};
use rt::Room;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// A reply with `count` addresses of `owner` (wire form) to a question.
fn addresses(question: &[u8], owner: &[u8], count: u8) -> Vec<u8> {
    let mut reply = question.to_vec();
    reply[2] |= 0x80;
    reply[3] = 0x80;
    reply[7] = count;
    for last in 0..count {
        reply.extend(owner);
        reply.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]);
    }
    reply
}

async fn answering(room: &Room, count: u8, owner: &'static [u8]) -> Upstream {
    let upstream = Upstream::start(room, None).await;
    let socket = upstream.socket.clone();
    room.spawn("upstream", async move {
        let mut buffer = [0; 512];
        while let Ok((bytes, from)) = socket.recv_from(&mut buffer).await {
            let reply = addresses(&buffer[..bytes], owner, count);
            socket.send_to(&reply, from).await.expect("sent");
        }
    });
    upstream
}

#[tokio::test]
async fn a_forwarded_reply_fits_its_client() {
    let room = Room::new("upstreams");
    let upstream = answering(&room, 200, &[0xc0, 12]).await;
    let agent = Agent::start(recursing(&[&upstream]));
    let reply = agent.udp("www.example.com", rtype::A).await;
    assert!((480..=512).contains(&reply.len()), "{} bytes", reply.len());
    assert!(shown(&reply).starts_with("0 TC RA 192.0.2.0 192.0.2.1 "));
    agent.end().await;
    room.close(Duration::from_secs(5))
        .await
        .expect("no stragglers");
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_believed() {
    let room = Room::new("upstreams");
    let upstream = answering(&room, 2, b"\x04bank\x04test\0").await;
    let agent = Agent::start(recursing(&[&upstream]));
    assert_eq!(
        agent.shows("ext.service.consul", rtype::A).await,
        "0 AA RA >www.example.com."
    );
    agent.end().await;
    room.close(Duration::from_secs(5))
        .await
        .expect("no stragglers");
}

#[tokio::test]
async fn large_answers_to_one_prefix_are_limited() {
    let room = Room::new("upstreams");
    let upstream = answering(&room, 200, &[0xc0, 12]).await;
    let limited = |response_rate_limit| Settings {
        response_rate_limit,
        ..recursing(&[&upstream])
    };
    let agent = Agent::start(limited(5));
    let sizes = async |questions: usize, replies: usize| {
        let socket = client(agent.address).await;
        for _ in 0..questions {
            let packet = packet("www.example.com", rtype::A);
            socket.send(&packet).await.expect("sent");
        }
        let mut large = 0;
        for _ in 0..replies {
            let reply = receive(&socket).await;
            assert_eq!(reply[2] & 2, 2, "both kinds are cut");
            large += usize::from(reply.len() > 400);
        }
        large
    };
    assert_eq!(
        sizes(20, 5 + 8).await,
        5,
        "of the other 15 every second is told"
    );
    assert_eq!(agent.door.counters().refused_rate.load(Relaxed), 15);
    agent.door.reload(Config::new(&limited(5)).expect("valid"));
    assert_eq!(sizes(2, 1).await, 0, "a reload gives nothing anew");
    assert_eq!(
        agent.shows("web.service.consul", rtype::A).await,
        "0 AA RA 10.0.0.1",
        "small answers are not counted"
    );
    agent.time.advance(Duration::from_secs(1));
    assert_eq!(sizes(5, 5).await, 5);
    agent.door.reload(Config::new(&limited(0)).expect("valid"));
    assert_eq!(sizes(20, 20).await, 20);
    agent.end().await;
    room.close(Duration::from_secs(5))
        .await
        .expect("no stragglers");
}

#[tokio::test]
async fn bytes_that_trickle_in_buy_no_time() {
    let agent = Agent::start(Settings::default());
    let mut stream = TcpStream::connect(agent.address).await.expect("connected");
    while agent.time.pending() == 0 {
        tokio::task::yield_now().await;
    }
    for byte in [0, 40, 1] {
        // The last ones may meet a connection that is closed already.
        let _ = stream.write_all(&[byte]).await;
        agent.time.advance(Duration::from_secs(3));
    }
    let ended = stream.read(&mut [0; 1]).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    agent.end().await;
}

#[tokio::test]
async fn datagrams_under_way_are_answered_at_the_end() {
    let room = Room::new("upstreams");
    let upstream = Upstream::start(&room, None).await;
    let agent = Agent::start(recursing(&[&upstream]));
    let socket: UdpSocket = client(agent.address).await;
    socket
        .send(&packet("www.example.com", rtype::A))
        .await
        .expect("sent");
    let mut buffer = [0; 512];
    let (bytes, from) = upstream.socket.recv_from(&mut buffer).await.expect("asked");
    agent.room.begin_close();
    let reply = addresses(&buffer[..bytes], &[0xc0, 12], 1);
    upstream.socket.send_to(&reply, from).await.expect("sent");
    assert_eq!(shown(&receive(&socket).await), "0 RA 192.0.2.0");
    agent.end().await;
    room.close(Duration::from_secs(5))
        .await
        .expect("no stragglers");
}

#[tokio::test]
async fn streams_under_way_are_answered_at_the_end_and_closed() {
    let recursor = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let settings = Settings {
        recursors: vec![recursor.local_addr().expect("bound").to_string()],
        ..Settings::default()
    };
    let agent = Agent::start(settings);
    let mut idle = TcpStream::connect(agent.address).await.expect("connected");
    let mut stream = TcpStream::connect(agent.address).await.expect("connected");
    let question = packet("www.example.com", rtype::A);
    stream.write_u16(question.len() as u16).await.expect("sent");
    stream.write_all(&question).await.expect("sent");
    let (mut asked, _) = recursor.accept().await.expect("asked");
    let mut forwarded = vec![0; usize::from(asked.read_u16().await.expect("a length"))];
    asked.read_exact(&mut forwarded).await.expect("a question");
    agent.room.begin_close();
    assert_eq!(idle.read(&mut [0; 1]).await.expect("an end"), 0);
    let reply = addresses(&forwarded, &[0xc0, 12], 1);
    asked.write_u16(reply.len() as u16).await.expect("sent");
    asked.write_all(&reply).await.expect("sent");
    let mut answer = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
    stream.read_exact(&mut answer).await.expect("a reply");
    assert_eq!(shown(&answer), "0 RA 192.0.2.0");
    assert_eq!(stream.read(&mut [0; 1]).await.expect("an end"), 0);
    agent.end().await;
}

#[tokio::test]
async fn answers_that_do_not_come_do_not_hold_the_end_up() {
    let room = Room::new("upstreams");
    let upstream = Upstream::start(&room, None).await;
    let agent = Agent::start(Settings {
        recursor_timeout: Duration::from_secs(3600),
        ..recursing(&[&upstream])
    });
    let socket = client(agent.address).await;
    socket
        .send(&packet("www.example.com", rtype::A))
        .await
        .expect("sent");
    upstream
        .socket
        .recv_from(&mut [0; 512])
        .await
        .expect("asked");
    let waiting = agent.time.pending();
    agent.room.begin_close();
    while agent.time.pending() == waiting {
        tokio::task::yield_now().await;
    }
    agent.time.advance(Duration::from_secs(2));
    agent.end().await;
    room.close(Duration::from_secs(5))
        .await
        .expect("no stragglers");
}
