//! A scripted agent: answers requests in the order of a script and remembers what was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What answers to queries tell beside their body.
const META: &str = "X-Consul-Index: 1\r\nX-Consul-KnownLeader: true\r\nX-Consul-LastContact: 0\r\n";

/// What came: `PUT /path?query`, body, token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    /// Body.
    pub body: String,
    /// `X-Consul-Token`.
    pub token: String,
}

/// The agent.
pub struct Fake {
    /// Where it listens.
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Starts one that gives these answers, one a connection, and then refuses.
    pub fn new(script: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("has an address").to_string();
        let script: Vec<(u16, String)> = script.iter().map(|(c, b)| (*c, (*b).into())).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for (code, answer) in script {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                serve(stream, code, &answer, &log);
            }
        });
        Self { address, asked }
    }

    /// What came so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("unpoisoned").clone()
    }

    /// Methods and paths of what came.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// The body that came last, as JSON.
    pub fn last(&self) -> serde_json::Value {
        let body = self.asked().pop().expect("something came").body;
        serde_json::from_str(&body).expect("JSON")
    }
}

fn serve(mut stream: TcpStream, code: u16, answer: &str, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("clones"));
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let found = lines.iter().filter_map(|l| l.split_once(": "));
        let mut found = found.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.next().map_or("", |(_, value)| value).to_owned()
    };
    let length = header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the whole body");
    log.lock().expect("unpoisoned").push(Asked {
        line: lines[0].trim_end_matches(" HTTP/1.1").to_owned(),
        body: String::from_utf8(body).expect("text"),
        token: header("x-consul-token"),
    });
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {code} X\r\nConnection: close\r\n{META}Content-Length: {length}\r\n\r\n{answer}"
    );
    let _ = stream.write_all(head.as_bytes());
}
