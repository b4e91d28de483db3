//! Writers that remember what was acknowledged, and the check of what is found later.

use crate::http::Client;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Different keys of a writer; they are overwritten in turn.
const KEYS: u64 = 40;
/// Every so many writes a value is large, so that the log grows over segments and snapshots.
const LARGE_EVERY: u64 = 7;
/// Bytes of a large value.
const LARGE: usize = 100_000;

/// What one writer knows.
#[derive(Default, Clone)]
pub struct Book {
    writer: usize,
    next: u64,
    /// Per key the number of the last acknowledged write.
    acknowledged: BTreeMap<String, u64>,
    /// Written, but the answer did not come: may be there or not.
    open: Option<(String, u64)>,
    /// How many writes were acknowledged in all.
    pub count: u64,
}

fn value(number: u64) -> Vec<u8> {
    let mut text = format!("number {number} ").into_bytes();
    if number.is_multiple_of(LARGE_EVERY) {
        text.resize(LARGE, b'.');
    }
    text
}

fn number(value: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(value.get(..30.min(value.len())).unwrap_or_default());
    let digits = text.split(' ').nth(1).unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("value {text:?}"))
}

impl Book {
    pub fn new(writer: usize) -> Book {
        Book {
            writer,
            next: 1,
            ..Book::default()
        }
    }

    /// Writes until `stop` or an error; one kind of write after the other.
    pub fn write(&mut self, address: SocketAddr, stop: &AtomicBool) {
        let Ok(mut client) = Client::connect(address) else {
            return;
        };
        while !stop.load(Ordering::Relaxed) {
            let n = self.next;
            self.next += 1;
            let slot = n % KEYS;
            let (name, answer) = match n % 3 {
                0 => self.transaction(&mut client, slot, n),
                1 => self.registration(&mut client, slot, n),
                _ => {
                    let name = format!("single/{}/{slot}", self.writer);
                    let answer = client.ask("PUT", &format!("/v1/kv/{name}"), &value(n));
                    (name, answer)
                }
            };
            match answer {
                Ok(answer) if answer.status == 200 => {
                    self.acknowledged.insert(name, n);
                    self.count += 1;
                }
                // It died under the request, or says that it cannot write.
                _ => {
                    self.open = Some((name, n));
                    return;
                }
            }
        }
    }

    /// Two keys that are to change together.
    fn transaction(
        &self,
        client: &mut Client,
        slot: u64,
        n: u64,
    ) -> (String, std::io::Result<crate::http::Answer>) {
        let name = format!("pair/{}/{slot}", self.writer);
        // "number N " in base64 is easiest as a value that JSON carries as is.
        let encoded = base64(format!("number {n} ").as_bytes());
        let body = format!(
            r#"[{{"KV":{{"Verb":"set","Key":"{name}/a","Value":"{encoded}"}}}},{{"KV":{{"Verb":"set","Key":"{name}/b","Value":"{encoded}"}}}}]"#
        );
        let answer = client.ask("PUT", "/v1/txn", body.as_bytes());
        (name, answer)
    }

    /// A node, a service and a check that are to change together.
    fn registration(
        &self,
        client: &mut Client,
        slot: u64,
        n: u64,
    ) -> (String, std::io::Result<crate::http::Answer>) {
        let name = format!("node-{}-{slot}", self.writer);
        let body = format!(
            r#"{{"Node":"{name}","Address":"10.0.0.1","NodeMeta":{{"n":"{n}"}},"Service":{{"ID":"s-{name}","Service":"s-{name}","Meta":{{"n":"{n}"}}}},"Check":{{"CheckID":"c","Name":"c","Status":"passing","ServiceID":"s-{name}","Output":"{n}"}}}}"#
        );
        let answer = client.ask("PUT", "/v1/catalog/register", body.as_bytes());
        (name, answer)
    }

    /// Checks that everything acknowledged is there, and nothing in part; then takes what was open as it was found.
    pub fn check(&mut self, client: &mut Client) {
        let open = self.open.take();
        let mut names: Vec<String> = self.acknowledged.keys().cloned().collect();
        names.extend(open.iter().map(|(name, _)| name.clone()));
        names.dedup();
        for name in names {
            let acknowledged = self.acknowledged.get(&name).copied();
            let possible = open
                .as_ref()
                .filter(|(key, _)| *key == name)
                .map(|(_, n)| *n);
            let found = if name.starts_with("single/") {
                client.value(&name).map(|found| {
                    let n = number(&found);
                    assert!(found == value(n), "{name}: another value than was written");
                    n
                })
            } else if name.starts_with("pair/") {
                let both = ["a", "b"].map(|part| client.value(&format!("{name}/{part}")));
                assert_eq!(both[0], both[1], "{name}: half of a transaction");
                both[0].as_deref().map(number)
            } else {
                registered(client, &name)
            };
            assert!(
                found == acknowledged || (found.is_some() && found == possible),
                "{name}: acknowledged {acknowledged:?}, possibly {possible:?}, found {found:?}"
            );
            if let Some(found) = found {
                self.acknowledged.insert(name, found);
            }
        }
    }
}

/// The number that node, service and check of a registration carry together.
fn registered(client: &mut Client, name: &str) -> Option<u64> {
    let answer = client
        .ask("GET", &format!("/v1/health/service/s-{name}"), b"")
        .expect("reads are served");
    let rows: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    let row = rows.get(0)?;
    let numbers = [
        &row["Node"]["Meta"]["n"],
        &row["Service"]["Meta"]["n"],
        &row["Checks"][0]["Output"],
    ]
    .map(|number| number.as_str().map(str::to_owned));
    assert!(
        numbers[0] == numbers[1] && numbers[1] == numbers[2],
        "{name}: half of a registration: {row}"
    );
    numbers[0].as_deref().and_then(|n| n.parse().ok())
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= group.len() {
                let at = (bits >> (18 - 6 * place)) & 63;
                out.push(char::from(ALPHABET[at as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}
