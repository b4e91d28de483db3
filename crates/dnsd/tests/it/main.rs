//! The door over real sockets on the loopback interface, with a port made by hand.

mod abuse;
mod fake;

use dns::{Name, Question, rtype};
use dnsd::{Config, Door, Settings, Strategy, bind};
use fake::FakeRpc;
use rt::{Room, Time};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

struct Agent {
    door: Arc<Door>,
    rpc: Arc<FakeRpc>,
    address: SocketAddr,
    time: Time,
    room: Room,
}

impl Agent {
    fn start(settings: Settings) -> Self {
        let (room, time, rpc) = (
            Room::new("test"),
            Time::manual(),
            Arc::new(FakeRpc::default()),
        );
        let config = Config::new(&settings).expect("valid settings");
        let door = Arc::new(Door::new(config, rpc.clone(), time.clone(), None));
        let listeners = bind(&[([127, 0, 0, 1], 0).into()]).expect("a free port");
        let address = listeners.addresses()[0];
        listeners.serve(&door, &room);
        Self {
            door,
            rpc,
            address,
            time,
            room,
        }
    }

    async fn udp(&self, name: &str, qtype: u16) -> Vec<u8> {
        let socket = client(self.address).await;
        socket.send(&packet(name, qtype)).await.expect("sent");
        receive(&socket).await
    }

    async fn shows(&self, name: &str, qtype: u16) -> String {
        shown(&self.udp(name, qtype).await)
    }

    async fn end(self) {
        self.room
            .close(Duration::from_secs(5))
            .await
            .expect("no stragglers");
    }
}

fn packet(name: &str, qtype: u16) -> Vec<u8> {
    let mut question = Question::internal(Name::from_text(name).expect("valid name"), qtype);
    question.id = 0x4711;
    question.packet()
}

async fn client(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    socket.connect(address).await.expect("connected");
    socket
}

async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_535];
    let bytes = socket.recv(&mut buffer).await.expect("a reply");
    buffer.truncate(bytes);
    buffer
}

/// Response code, AA and RA, then the addresses and aliases of the answer.
fn shown(reply: &[u8]) -> String {
    assert_eq!(reply[..2], [0x47, 0x11], "the client's ID");
    let mut text = format!("{}", reply[3] & 0x0f);
    for (set, flag) in [
        (reply[2] & 4 != 0, " AA"),
        (reply[2] & 2 != 0, " TC"),
        (reply[3] & 0x80 != 0, " RA"),
    ] {
        if set {
            text += flag;
        }
    }
    for record in dns::read_answers(reply) {
        text += &match record.data {
            dns::Data::A(octets) => format!(" {}", std::net::Ipv4Addr::from(octets)),
            dns::Data::Aaaa(octets) => format!(" {}", std::net::Ipv6Addr::from(octets)),
            dns::Data::Cname(target) => format!(" >{target}"),
        };
    }
    text
}

/// A name server that answers each question with `answer`: response code and address; `None` keeps silent.
struct Upstream {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
}

impl Upstream {
    async fn start(room: &Room, answer: Option<(u8, [u8; 4])>) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a free port"));
        let address = socket.local_addr().expect("bound");
        let upstream = Self {
            socket: socket.clone(),
            address,
        };
        if let Some((rcode, address)) = answer {
            room.spawn("upstream", async move {
                let mut buffer = [0; 512];
                while let Ok((bytes, from)) = socket.recv_from(&mut buffer).await {
                    let reply = Self::reply(&buffer[..bytes], rcode, address);
                    let mut forged = reply.clone();
                    forged[0] ^= 1;
                    socket.send_to(&forged, from).await.expect("sent");
                    socket.send_to(&reply, from).await.expect("sent");
                }
            });
        }
        upstream
    }

    fn reply(question: &[u8], rcode: u8, address: [u8; 4]) -> Vec<u8> {
        let mut reply = question.to_vec();
        reply[2] |= 0x80;
        reply[3] = 0x80 | rcode;
        if rcode == 0 {
            reply[7] = 1;
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
            reply.extend(address);
        }
        reply
    }
}

fn recursing(upstreams: &[&Upstream]) -> Settings {
    Settings {
        recursors: upstreams.iter().map(|up| up.address.to_string()).collect(),
        ..Settings::default()
    }
}

#[tokio::test]
async fn services_and_nodes_are_answered() {
    let agent = Agent::start(Settings::default());
    assert_eq!(
        agent.shows("web.service.consul", rtype::A).await,
        "0 AA 10.0.0.1"
    );
    assert_eq!(
        agent.shows("N1.node.consul", rtype::A).await,
        "0 AA 10.0.0.1"
    );
    assert_eq!(agent.shows("n1.node.dc9.consul", rtype::A).await, "3 AA");
    assert_eq!(agent.shows("nope.service.consul", rtype::A).await, "3 AA");
    assert_eq!(
        agent.shows("web.virtual.consul", rtype::A).await,
        "0 AA 240.0.0.1"
    );
    assert_eq!(
        agent.shows("q.query.consul", rtype::A).await,
        "0 AA 10.0.0.1"
    );
    assert_eq!(agent.shows("nope.query.consul", rtype::A).await, "3 AA");
    assert_eq!(agent.shows("example.com", rtype::A).await, "5");
    for (name, count) in [
        ("1.0.0.10.in-addr.arpa", 1),
        ("9.0.0.10.in-addr.arpa", 1),
        ("7.0.0.10.in-addr.arpa", 0),
    ] {
        let reply = agent.udp(name, rtype::PTR).await;
        assert_eq!(
            (reply[3] & 0x0f, reply[7]),
            (if count == 1 { 0 } else { 3 }, count),
            "{name}"
        );
    }
    agent.end().await;
}

#[tokio::test]
async fn waits_are_served_and_failures_told() {
    let agent = Agent::start(Settings::default());
    agent.rpc.set_slow(true);
    assert_eq!(
        agent.shows("web.service.consul", rtype::A).await,
        "0 AA 10.0.0.1"
    );
    agent.rpc.set_leaderless(true);
    assert_eq!(agent.shows("web.service.consul", rtype::A).await, "2 AA");
    agent.rpc.set_slow(false);
    assert_eq!(agent.shows("n1.node.consul", rtype::A).await, "2 AA");
    assert_eq!(
        agent.shows("1.0.0.10.in-addr.arpa", rtype::PTR).await,
        "3 AA"
    );
    assert_eq!(
        agent.shows("0a000001.addr.consul", rtype::A).await,
        "0 AA 10.0.0.1"
    );
    agent.end().await;
}

#[tokio::test]
async fn host_names_inside_are_followed_three_levels() {
    let agent = Agent::start(Settings::default());
    let host = |name: &str| format!(">{name}.service.consul.");
    // a, b and c are host names of the next; d has an address.
    let expected = format!("0 AA {} {} {}", host("b"), host("c"), host("d"));
    assert_eq!(agent.shows("a.service.consul", rtype::A).await, expected);
    assert_eq!(
        agent.shows("c.service.consul", rtype::AAAA).await,
        format!("0 AA {} 10.0.0.4", host("d"))
    );
    let srv = agent.udp("a.service.consul", rtype::SRV).await;
    assert_eq!(
        (srv[7], srv[11]),
        (1, 3),
        "the aliases of b and c, the address of d"
    );
    agent.end().await;
}

#[tokio::test]
async fn streams_are_pipelined() {
    let agent = Agent::start(Settings::default());
    let mut stream = TcpStream::connect(agent.address).await.expect("connected");
    let mut sent = Vec::new();
    let names = ["web.service.consul", "q.query.consul", "n1.node.consul"];
    for name in names {
        let packet = packet(name, rtype::A);
        sent.extend((packet.len() as u16).to_be_bytes());
        sent.extend(packet);
    }
    // Cut in the middle of a packet: the server puts it together.
    let (head, tail) = sent.split_at(50);
    stream.write_all(head).await.expect("sent");
    stream.write_all(tail).await.expect("sent");
    for _ in names {
        let mut reply = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
        stream.read_exact(&mut reply).await.expect("a reply");
        assert_eq!(shown(&reply), "0 AA 10.0.0.1");
    }
    // Idle connections are closed.
    while agent.time.pending() == 0 {
        tokio::task::yield_now().await;
    }
    agent.time.advance(Duration::from_secs(9));
    assert_eq!(stream.read(&mut [0; 1]).await.expect("an end"), 0);
    agent.end().await;
}

#[tokio::test]
async fn recursors_are_asked_in_order() {
    let room = Room::new("upstreams");
    let failing = Upstream::start(&room, Some((2, [0; 4]))).await;
    let good = Upstream::start(&room, Some((0, [192, 0, 2, 1]))).await;
    let agent = Agent::start(recursing(&[&failing, &good]));
    assert_eq!(
        agent.shows("www.example.com", rtype::A).await,
        "0 RA 192.0.2.1"
    );
    assert_eq!(
        agent.shows("8.0.0.10.in-addr.arpa", rtype::PTR).await,
        "0 RA 192.0.2.1",
        "handed on"
    );
    assert_eq!(
        agent.shows("web.service.consul", rtype::A).await,
        "0 AA RA 10.0.0.1"
    );
    assert_eq!(
        agent.shows("ext.service.consul", rtype::A).await,
        "0 AA RA >www.example.com.",
        "the first reply counts"
    );
    agent
        .door
        .reload(Config::new(&recursing(&[&good])).expect("valid"));
    assert_eq!(
        agent.shows("ext.service.consul", rtype::A).await,
        "0 AA RA >www.example.com. 192.0.2.1"
    );
    agent
        .door
        .reload(Config::new(&recursing(&[&failing])).expect("valid"));
    assert_eq!(agent.shows("www.example.com", rtype::A).await, "2 RA");
    agent.door.reload(
        Config::new(&Settings {
            domain: "other.".into(),
            ..Settings::default()
        })
        .expect("valid"),
    );
    assert_eq!(agent.shows("www.example.com", rtype::A).await, "5");
    assert_eq!(
        agent.shows("web.service.consul", rtype::A).await,
        "0 AA 10.0.0.1",
        "the domain stays"
    );
    agent.end().await;
    room.close(Duration::from_secs(5))
        .await
        .expect("no stragglers");
}

#[tokio::test]
async fn silent_recursors_are_passed_over() {
    let room = Room::new("upstreams");
    let silent = Upstream::start(&room, None).await;
    let good = Upstream::start(&room, Some((3, [0; 4]))).await;
    let agent = Agent::start(recursing(&[&silent, &good]));
    let socket = client(agent.address).await;
    socket
        .send(&packet("slow.test", rtype::A))
        .await
        .expect("sent");
    let mut buffer = [0; 512];
    silent
        .socket
        .recv_from(&mut buffer)
        .await
        .expect("asked first");
    agent.time.advance(Duration::from_secs(2));
    assert_eq!(shown(&receive(&socket).await), "3 RA");
    agent.end().await;
    room.close(Duration::from_secs(5))
        .await
        .expect("no stragglers");
}

#[tokio::test]
async fn an_agent_is_never_its_own_recursor() {
    let agent = Agent::start(Settings::default());
    let recursors = vec![agent.address.to_string()];
    let settings = Settings {
        recursors,
        recursor_strategy: Strategy::Random,
        ..Settings::default()
    };
    agent.door.reload(Config::new(&settings).expect("valid"));
    assert_eq!(agent.shows("www.example.com", rtype::A).await, "2 RA");
    agent.end().await;
}
