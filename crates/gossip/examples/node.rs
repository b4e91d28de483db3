//! One node of a pool, driven by lines: what tests/interop/serf.sh sets beside Debian's serf.
//!
//! `node NAME ADDRESS [FOLDER KEY]`: then lines `NUMBER COMMAND ARGUMENT…` on standard input, each answered with one line
//! `NUMBER ok …` or `NUMBER error …`; what is heard comes as lines `heard …` in between. A question called `echo` is answered with
//! what it carries. Ends with its input.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use gossip::{Events, Key, Pool, PoolEvent, Settings};
use rt::{Room, Time};
use serf::{Anybody, Ask, Operation};
use std::path::Path;
use std::time::Duration;
use swim::Timing;
use tokio::io::{AsyncBufReadExt, BufReader};

fn settings(arguments: &[String]) -> Result<Settings> {
    let [name, address, rest @ ..] = arguments else {
        bail!("node NAME ADDRESS [FOLDER KEY]");
    };
    let mut settings = Settings::lan(name, address.parse()?);
    settings.serf.timing = Timing::LAN;
    settings.serf.protocol = 5;
    settings.serf.leave_propagate_delay = Duration::from_secs(1);
    settings.serf.tags.insert("role".into(), "ours".into());
    if let [folder, key] = rest {
        let folder = Path::new(folder);
        settings.snapshot = Some(folder.join("local.snapshot"));
        settings.encryption.file = Some(folder.join("local.keyring"));
        settings.encryption.key = match key.as_str() {
            "-" => None,
            key => Some(Key::parse(key)?),
        };
    }
    Ok(settings)
}

async fn hear(pool: Pool, mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            PoolEvent::User { name, payload, .. } => {
                println!("heard event {name} {}", String::from_utf8_lossy(&payload));
            }
            PoolEvent::Query(question) if question.name() == "echo" => {
                let payload = question.payload().clone();
                if let Err(error) = pool.respond(question, payload).await {
                    println!("heard trouble {error}");
                }
            }
            PoolEvent::Join(member) => println!("heard join {}", member.name),
            PoolEvent::Leave(member) => println!("heard leave {}", member.name),
            PoolEvent::Failed(member) => println!("heard failed {}", member.name),
            _ => {}
        }
    }
}

async fn answers(pool: &Pool, name: &str, payload: &str) -> Result<String> {
    let ask = Ask {
        name: name.to_owned(),
        payload: Bytes::from(payload.to_owned()),
        ack: true,
        timeout: Duration::from_secs(3),
        ..Ask::default()
    };
    let mut answers = pool.query(ask).await?;
    let mut heard = Vec::new();
    while let Some(answer) = answers.next().await {
        heard.push(match answer.payload {
            None => format!("ack:{}", answer.from),
            Some(said) => format!("{}={}", answer.from, String::from_utf8_lossy(&said).trim()),
        });
    }
    heard.sort();
    Ok(heard.join(" "))
}

async fn keys(pool: &Pool, operation: &str, key: &str) -> Result<String> {
    let operation = match operation {
        "install" => Operation::Install,
        "use" => Operation::Use,
        "remove" => Operation::Remove,
        _ => Operation::List,
    };
    let key = match key {
        "-" => Vec::new(),
        key => Key::parse(key)?.bytes().to_vec(),
    };
    let report = pool.keys(operation, &key, 0).await?;
    if let Some(error) = report.error() {
        bail!("{error} {:?}", report.messages);
    }
    let keys: Vec<String> = report
        .keys
        .iter()
        .map(|(key, count)| format!("{key}:{count}"))
        .collect();
    Ok(keys.join(" "))
}

async fn command(pool: &Pool, words: &[&str]) -> Result<String> {
    Ok(match words {
        ["join", address] => pool
            .join(&[(*address).to_owned()], false)
            .await?
            .to_string(),
        ["members"] => {
            let members = pool.members();
            let shown = members.iter().map(|member| {
                let role = member.tags.get("role").map_or("", String::as_str);
                format!("{}:{}:{role}", member.name, member.status.word())
            });
            shown.collect::<Vec<_>>().join(" ")
        }
        ["event", name, payload] => {
            pool.user_event(name, Bytes::from((*payload).to_owned()), true)
                .await?;
            String::new()
        }
        ["query", name, payload] => answers(pool, name, payload).await?,
        ["keys", operation, key] => keys(pool, operation, key).await?,
        ["role", role] => {
            pool.set_tags([("role".to_owned(), (*role).to_owned())].into())
                .await?;
            String::new()
        }
        ["force-leave", name] => {
            pool.force_leave(name, false).await?;
            String::new()
        }
        ["prune", name] => {
            pool.force_leave(name, true).await?;
            String::new()
        }
        ["measured", name] => match pool.coordinate_of(name) {
            Some(_) => String::new(),
            None => bail!("not measured"),
        },
        ["leave"] => {
            pool.leave().await?;
            String::new()
        }
        other => bail!("no such command: {other:?}"),
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let room = Room::new("node");
    let time = Time::real(&room);
    let started = Pool::start(settings(&arguments)?, Box::new(Anybody), &room, &time);
    let (pool, events) = started.context("start")?;
    println!("started {}", pool.address());
    room.spawn("hear", hear(pool.clone(), events));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [number, words @ ..] = &words[..] else {
            continue;
        };
        match command(&pool, words).await {
            Ok(said) => println!("{number} ok {said}"),
            Err(error) => println!("{number} error {}", format!("{error:#}").replace('\n', " ")),
        }
    }
    room.close(Duration::from_secs(5)).await?;
    Ok(())
}
