//! The client against a scripted server: what is sent, and what becomes of answers.

use proconsul_client::{Client, Config, Error, KvPair, Lock, QueryOptions, Read, Watch};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came: first line, headers, body.
type Seen = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

/// Answers requests of any number of connections in the order of the script; then closes.
async fn server(script: Vec<(u16, &'static str, &'static str)>) -> (Client, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has an address").to_string();
    let seen = Seen::default();
    let script = Arc::new(Mutex::new(script.into_iter()));
    let log = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, script.clone(), log.clone()));
        }
    });
    let config = Config {
        address,
        token: "secret".into(),
        datacenter: "dc2".into(),
        ..Config::default()
    };
    (Client::new(&config).expect("builds"), seen)
}

type Script = Arc<Mutex<std::vec::IntoIter<(u16, &'static str, &'static str)>>>;

async fn serve(mut stream: TcpStream, script: Script, seen: Seen) {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
        let lower = text.to_lowercase();
        let length = lower
            .split("content-length: ")
            .nth(1)
            .and_then(|t| t.lines().next())
            .map_or(0, |t| t.parse().expect("a number"));
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let rest = buffer.split_off(head + length);
        let body = buffer.split_off(head);
        buffer = rest;
        let first = text.lines().next().unwrap_or_default().to_owned();
        seen.lock().expect("unpoisoned").push((first, lower, body));
        let next = script.lock().expect("unpoisoned").next();
        let Some((code, headers, answer)) = next else {
            return;
        };
        let length = answer.len();
        let answer = format!(
            "HTTP/1.1 {code} X\r\n{headers}X-Consul-LastContact: 3\r\nContent-Length: {length}\r\n\r\n{answer}"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn lines(seen: &Seen) -> Vec<String> {
    let seen = seen.lock().expect("unpoisoned");
    seen.iter()
        .map(|(l, _, _)| l.replace(" HTTP/1.1", ""))
        .collect()
}

#[tokio::test]
async fn requests_and_metadata() {
    let row = r#"[{"Key":"a b","Value":"aGk=","Flags":7,"ModifyIndex":9,"Session":null}]"#;
    let (client, seen) = server(vec![
        (
            200,
            "X-Consul-Index: 9\r\nX-Consul-KnownLeader: true\r\n",
            row,
        ),
        (404, "X-Consul-Index: 4\r\n", ""),
        (200, "", "true"),
        (200, "", "false"),
        (500, "", "No cluster leader"),
    ])
    .await;
    let options = QueryOptions {
        stale: true,
        index: 5,
        wait: Some(std::time::Duration::from_micros(10)),
        datacenter: "dc3".into(),
        ..QueryOptions::default()
    };
    let (pair, meta) = client.kv_get("a b", &options).await.expect("answers");
    let pair = pair.expect("exists");
    assert_eq!((pair.value.0.as_slice(), pair.flags), (&b"hi"[..], 7));
    assert_eq!((meta.index, meta.known_leader), (9, true));
    assert_eq!(meta.last_contact.as_millis(), 3);
    let (none, meta) = client
        .kv_get("none", &QueryOptions::default())
        .await
        .expect("answers");
    assert_eq!((none, meta.index), (None, 4));
    assert!(client.kv_put("a", "v").await.expect("answers"));
    let cas = KvPair {
        key: "a".into(),
        modify_index: 3,
        ..KvPair::default()
    };
    assert!(!client.kv_cas(&cas).await.expect("answers"));
    let refused = client.kv_delete("a").await.expect_err("an error");
    assert_eq!(
        refused.to_string(),
        "Unexpected response code: 500 (No cluster leader)"
    );
    assert_eq!(
        lines(&seen),
        [
            "GET /v1/kv/a%20b?dc=dc3&index=5&stale=&wait=1ms",
            "GET /v1/kv/none?dc=dc2",
            "PUT /v1/kv/a?dc=dc2",
            "PUT /v1/kv/a?cas=3&dc=dc2",
            "DELETE /v1/kv/a?dc=dc2",
        ]
    );
    let seen = seen.lock().expect("unpoisoned");
    assert!(
        seen.iter()
            .all(|(_, head, _)| head.contains("x-consul-token: secret"))
    );
    assert_eq!(seen[2].2, b"v");
    assert!(seen[2].1.contains("content-type: application/octet-stream"));
}

#[tokio::test]
async fn refusals_without_a_server() {
    let config = Config {
        address: "127.0.0.1:1".into(),
        ..Config::default()
    };
    let client = Client::new(&config).expect("builds");
    let refused = client
        .agent_members(false, "_all", "")
        .await
        .expect_err("nobody listens");
    assert_eq!(
        refused.to_string(),
        "Get \"http://127.0.0.1:1/v1/agent/members?segment=_all\": dial tcp 127.0.0.1:1: connect: connection refused"
    );
    let refused = client.kv_put("/a", "").await.expect_err("a bad key");
    assert!(matches!(refused, Error::Key(_)));
    let config = Config {
        address: "unix:///nonexistent/socket".into(),
        ..Config::default()
    };
    let client = Client::new(&config).expect("builds");
    let refused = client.status_leader().await.expect_err("no socket");
    assert_eq!(
        refused.to_string(),
        "Get \"http://localhost/v1/status/leader\": dial unix /nonexistent/socket: connect: no such file or directory"
    );
}

#[test]
fn environment() {
    let (config, warnings) = Config::from_env(|name| {
        Some(
            match name {
                "CONSUL_HTTP_ADDR" => "h:1",
                "CONSUL_HTTP_SSL" => "maybe",
                "CONSUL_HTTP_SSL_VERIFY" => "nope",
                "CONSUL_CLIENT_CERT" => "only.pem",
                _ => "",
            }
            .to_owned(),
        )
    });
    assert!(!config.tls_enabled && config.tls.insecure);
    assert_eq!(warnings.len(), 2);
    let refused = Client::new(&config).expect_err("half a pair");
    assert_eq!(
        refused.to_string(),
        "both client cert and client key must be provided"
    );
}

#[tokio::test]
async fn a_watch_follows_the_index() {
    let at = |index: &'static str| (200, index, "[]");
    let (client, seen) = server(vec![
        at("X-Consul-Index: 5\r\n"),
        at("X-Consul-Index: 5\r\n"),
        at("X-Consul-Index: 8\r\n"),
        at("X-Consul-Index: 2\r\n"),
        at("X-Consul-Index: 2\r\n"),
    ])
    .await;
    let read: Read<Vec<_>> = Box::new(move |options| {
        let client = client.clone();
        Box::pin(async move { client.catalog_nodes(&options).await })
    });
    let mut watch = Watch::new(QueryOptions::default(), read);
    let mut indexes = Vec::new();
    for _ in 0..4 {
        indexes.push(watch.next().await.expect("answers").1.index);
    }
    assert_eq!(indexes, [5, 8, 2, 2]);
    let asked: Vec<_> = lines(&seen)
        .iter()
        .map(|l| l.split("index=").nth(1).unwrap_or("0").to_owned())
        .collect();
    assert_eq!(asked, ["0", "5", "5", "8", "0"]);
    assert!(watch.next().await.is_err());
}

#[tokio::test]
async fn a_lock_is_taken_and_released() {
    let held = r#"[{"Key":"p/.lock","Flags":3304740253564472344,"Session":"other"}]"#;
    let free = r#"[{"Key":"p/.lock","Flags":3304740253564472344,"Session":""}]"#;
    let (client, seen) = server(vec![
        (200, "", r#"{"ID":"s1"}"#),
        (200, "X-Consul-Index: 5\r\n", held),
        (200, "X-Consul-Index: 6\r\n", free),
        (200, "", "true"),
    ])
    .await;
    let lock = Lock {
        key: "p/.lock".into(),
        session_name: "n".into(),
        ..Lock::default()
    };
    let guard = lock.acquire(&client).await.expect("acquires");
    // The script is over: the monitor sees the connection close and reports the loss.
    guard.loss().wait().await;
    assert!(guard.loss().is_lost());
    let asked = lines(&seen);
    assert_eq!(asked[1], "GET /v1/kv/p/.lock?dc=dc2&wait=15000ms");
    assert_eq!(asked[2], "GET /v1/kv/p/.lock?dc=dc2&index=5&wait=15000ms");
    assert_eq!(
        asked[3],
        "PUT /v1/kv/p/.lock?acquire=s1&dc=dc2&flags=3304740253564472344"
    );
    assert_eq!(
        seen.lock().expect("unpoisoned")[0].2,
        br#"{"Name":"n","TTL":"15s"}"#
    );
}

#[tokio::test]
async fn a_stream_of_changes_is_taken_up_again() {
    use proconsul_client::{Change, RowId, Subjects};
    let (client, seen) = server(vec![
        (
            200,
            "",
            "{\"Event\":\"mark\",\"Index\":7}\n\n{\"Event\":\"delete\",\"Kind\":\"kv\",\"Key\":\"a\",\"Index\":8}\n{\"Event\":\"end\",\"Index\":7}\n",
        ),
        (
            200,
            "",
            "{\"Event\":\"reset\",\"Reason\":\"expired\"}\n{\"Event\":\"end\",\"Index\":7}\n",
        ),
        (200, "", "{\"Event\":\"mark\",\"Index\":9}\n"),
        (400, "", "no"),
    ])
    .await;
    let subjects = Subjects {
        kv: vec!["a/".into()],
        services: vec!["*".into()],
        ..Subjects::default()
    };
    let options = QueryOptions {
        index: 5,
        ..QueryOptions::default()
    };
    let mut stream = client.changes(subjects, &options);
    let mut told = Vec::new();
    for _ in 0..4 {
        told.push(stream.next().await.unwrap());
    }
    assert_eq!(
        told,
        [
            Change::Mark(7),
            Change::Delete {
                id: RowId::Kv("a".into()),
                index: 8
            },
            Change::Reset("expired".into()),
            Change::Mark(9),
        ]
    );
    assert_eq!(stream.line(), b"{\"Event\":\"mark\",\"Index\":9}");
    assert_eq!(stream.index(), 9);
    let error = stream.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the stream ended");
    let query = "dc=dc2&format=ndjson&kv=a%2F&service=%2A";
    let asked = lines(&seen);
    for (line, index) in asked.iter().zip(["&index=5", "&index=7", ""]) {
        let (path, rest) = line.split_once('?').unwrap();
        assert_eq!(path, "GET /v1/x/changes");
        let mut params: Vec<&str> = rest.split('&').collect();
        params.sort_unstable();
        let mut wanted: Vec<&str> = query.split('&').collect();
        wanted.extend(index.strip_prefix('&'));
        wanted.sort_unstable();
        assert_eq!(params, wanted);
    }
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn redirects_are_followed_as_go_does() {
    // 301 of PUT becomes GET without a body, and what that answers is the result.
    let (client, seen) = server(vec![
        (301, "Location: /v1/kv/x/y?dc=dc2\r\n", "moved"),
        (404, "", ""),
        (301, "Location: /v1/kv/a\r\n", ""),
        (200, "", "true"),
        (307, "Location: /v1/kv/b?c=d\r\n", ""),
        (200, "", "true"),
    ])
    .await;
    let error = client.kv_put("x//y", "v").await.unwrap_err();
    assert_eq!(error.status(), Some(404));
    client.kv_delete("a//").await.expect("a GET that succeeds");
    // 307 keeps method and body.
    assert!(client.kv_put("c", "v").await.expect("answers"));
    assert_eq!(
        lines(&seen),
        [
            "PUT /v1/kv/x//y?dc=dc2",
            "GET /v1/kv/x/y?dc=dc2",
            "DELETE /v1/kv/a//?dc=dc2",
            "GET /v1/kv/a",
            "PUT /v1/kv/c?dc=dc2",
            "PUT /v1/kv/b?c=d",
        ]
    );
    let seen = seen.lock().expect("unpoisoned");
    let bodies: Vec<&[u8]> = seen.iter().map(|(_, _, body)| body.as_slice()).collect();
    assert_eq!(bodies, [&b"v"[..], b"", b"", b"", b"v", b"v"]);
    assert!(
        seen.iter()
            .all(|(_, head, _)| head.contains("x-consul-token: secret"))
    );
}

#[tokio::test]
async fn another_host_learns_no_secret() {
    let (there, seen_there) = server(vec![(200, "", "{}"), (200, "", "{}")]).await;
    let address = format!("{there:?}");
    let port = address
        .split("port: ")
        .nth(1)
        .and_then(|text| text.split([' ', '}']).next());
    let location = format!(
        "Location: http://127.0.0.1:{}/v1/there\r\n",
        port.expect("a port")
    );
    let (here, _) = server(vec![(302, Box::leak(location.into_boxed_str()), "")]).await;
    let answer = here
        .call(here.read("/v1/here", &QueryOptions::default()))
        .await;
    assert_eq!(answer.expect("answers").status(), 200);
    let seen = seen_there.lock().expect("unpoisoned");
    assert!(seen[0].0.starts_with("GET /v1/there "));
    assert!(!seen[0].1.contains("secret"), "{}", seen[0].1);
}

#[tokio::test]
async fn redirects_end() {
    let (client, seen) = server(vec![(302, "Location: /v1/x\r\n", ""); 20]).await;
    let error = client
        .kv_get("x", &QueryOptions::default())
        .await
        .unwrap_err();
    assert!(
        error.to_string().ends_with("stopped after 10 redirects"),
        "{error}"
    );
    assert_eq!(lines(&seen).len(), 11);
}

#[tokio::test]
async fn however_short_the_time_a_free_lock_is_taken() {
    let lock = Lock {
        key: "l".into(),
        timeout: Some(std::time::Duration::from_nanos(1)),
        ..Lock::default()
    };
    let (client, seen) = server(vec![
        (200, "", r#"{"ID": "s"}"#),
        (404, "X-Consul-Index: 4\r\n", ""),
        (200, "", "true"),
    ])
    .await;
    lock.acquire(&client).await.expect("taken");
    assert!(lines(&seen)[2].starts_with("PUT /v1/kv/l?"));
    // One that is held is not waited for.
    let held = r#"[{"Key":"l","Value":null,"Flags":3304740253564472344,"ModifyIndex":9,"Session":"other"}]"#;
    let (client, _) = server(vec![
        (200, "", r#"{"ID": "s"}"#),
        (200, "X-Consul-Index: 9\r\n", held),
    ])
    .await;
    let error = lock.acquire(&client).await.unwrap_err();
    assert!(
        matches!(error, Error::Lock(proconsul_client::LockError::Timeout)),
        "{error}"
    );
}

#[test]
fn a_folder_without_authorities_is_refused() {
    let folder = std::env::temp_dir().join(format!("no-authorities-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("made");
    let mut config = Config::default();
    config.tls.ca_path = Some(folder.clone());
    let refusal = Client::new(&config).unwrap_err().to_string();
    assert_eq!(
        refusal,
        format!(
            "Error loading CA Path: no CAs found in {}",
            folder.display()
        )
    );
    std::fs::remove_dir(&folder).expect("removed");
}
