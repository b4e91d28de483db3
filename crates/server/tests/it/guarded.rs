//! Nothing is done for who is not let in, and nobody sees the answer of somebody with other rights.

use crate::bench::{Bench, config, done, health, key, until};
use bytes::Bytes;
use model::Session;
use ports::changes::Subject;
use ports::{
    Access, Authorizer, AuthorizerId, Caller, Consistency, Execute, Guard, Operator, Query,
    RaftPeer, Read, ReadOptions, Resource, Rpc, RpcError, Rules, Token, Write,
};
use server::Config;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::command::TxnRequest;

/// Tokens are numbers, which are the identities of what they may do; all else is not known. The anonymous one is 0.
struct Numbers;

struct Numbered(u64);

impl Authorizer for Numbered {
    fn id(&self) -> AuthorizerId {
        AuthorizerId(self.0)
    }
    fn allows_all(&self) -> bool {
        true
    }
    fn allows(&self, _: Resource, _: Access, _: &[u8]) -> bool {
        true
    }
}

impl Rules for Numbers {
    fn authorizer(&self, token: &Token) -> Result<Arc<dyn Authorizer>, RpcError> {
        match token.secret() {
            "" => Ok(Arc::new(Numbered(0))),
            secret => match secret.parse() {
                Ok(id) => Ok(Arc::new(Numbered(id))),
                Err(_) => Err(unknown()),
            },
        }
    }
}

fn unknown() -> RpcError {
    RpcError::Denied("ACL not found".to_owned())
}

async fn guarded() -> Bench {
    Bench::with(Config {
        guard: Guard::new(Arc::new(Numbers)),
        ..config()
    })
    .await
}

#[tokio::test]
async fn an_unknown_token_reaches_nothing() {
    let bench = guarded().await;
    let (server, caller) = (&*bench.server, &Caller::with_token("nobody"));
    let options = ReadOptions::default();
    let blocking = ReadOptions {
        min_index: 1,
        ..options
    };
    let before = server.unguarded_root().last_index();
    let runs = server.counters().runs.load(Ordering::Relaxed);

    for read in [key("a"), health("web"), Read::CaRoots, Read::Usage] {
        let query = Query::new(read);
        let now = server.read_now(caller, &query, &options).unwrap();
        assert_eq!(now.unwrap_err(), unknown());
        for options in [options, blocking] {
            let read = server.read(caller, query.clone(), options).await;
            assert_eq!(read.unwrap_err(), unknown());
        }
    }
    assert_eq!(server.waiting(), 0);
    for write in [
        Write::Kv(Box::default()),
        Write::Register(Box::default()),
        Write::SessionCreate(Box::default()),
        Write::SessionDestroy(String::new()),
        Write::Txn(Box::default()),
        Write::CoordinateUpdate(Box::default()),
        Write::QueryDelete(String::new()),
    ] {
        let made = server.write(caller, "", write).await;
        assert_eq!(made.unwrap_err(), unknown());
    }
    let renewed = server.session_renew(caller, "", "x").await;
    assert_eq!(renewed.unwrap_err(), unknown());
    let looked = server
        .txn_read(caller, TxnRequest::default(), options)
        .await;
    assert_eq!(looked.unwrap_err(), unknown());
    let ran = server.execute(caller, Execute::default(), options).await;
    assert_eq!(ran.unwrap_err(), unknown());
    let told = server.explain(caller, Execute::default(), options).await;
    assert_eq!(told.unwrap_err(), unknown());
    let stream = server.changes(caller, "", vec![Subject::Node(None)], None);
    assert_eq!(stream.await.err(), Some(unknown()));
    assert_eq!(server.datacenters(caller).await.unwrap_err(), unknown());

    let peers = server.raft_configuration(caller, "", true).await;
    assert_eq!(peers.unwrap_err(), unknown());
    let removed = server.raft_remove_peer(caller, "", RaftPeer::Id(String::new()));
    assert_eq!(removed.await.unwrap_err(), unknown());
    let handed = server.raft_transfer_leader(caller, "").await;
    assert_eq!(handed.unwrap_err(), unknown());
    assert_eq!(server.autopilot(caller, "").await.unwrap_err(), unknown());
    let saved = server.snapshot_save(caller, "", true).await;
    assert_eq!(saved.err(), Some(unknown()));
    let restored = server.snapshot_restore(caller, "", Box::new(Bytes::new()));
    assert_eq!(restored.await.unwrap_err(), unknown());

    assert_eq!(server.unguarded_root().last_index(), before);
    assert_eq!(server.counters().runs.load(Ordering::Relaxed), runs);
    bench.end().await;
}

#[tokio::test]
async fn answers_are_shared_by_those_with_the_same_rights_only() {
    let bench = guarded().await;
    bench.register("n1", "web", "", "").await;
    let server = &*bench.server;
    let runs = || server.counters().runs.load(Ordering::Relaxed);
    let query = Query::new(health("web"));
    let options = ReadOptions::default();
    let ask = |secret: &str| {
        let caller = Caller::with_token(secret);
        server.read_now(&caller, &query, &options).unwrap().unwrap()
    };

    let one = ask("1").answer;
    let before = runs();
    assert!(Arc::ptr_eq(&one, &ask("1").answer));
    assert_eq!(runs(), before);
    let two = ask("2").answer;
    assert!(!Arc::ptr_eq(&one, &two));
    assert_eq!(runs(), before + 1);
    // Other secret, same rights; and the way that is not short shares with the one that is.
    let options = ReadOptions {
        consistency: Consistency::Consistent,
        ..options
    };
    let caller = Caller::with_token("01");
    let long = server.read(&caller, query.clone(), options).await.unwrap();
    assert!(Arc::ptr_eq(&one, &long.answer));
    bench.end().await;
}

#[tokio::test]
async fn watches_are_shared_by_those_with_the_same_rights_only() {
    let bench = guarded().await;
    bench.register("n1", "web", "", "").await;
    let index = bench.now(health("web")).answer.index;
    let mut parked = Vec::new();
    for secret in ["1", "1", "2"] {
        let server = bench.server.clone();
        let waiting = server.waiting();
        let options = ReadOptions {
            min_index: index,
            max_wait: Duration::from_secs(60),
            ..ReadOptions::default()
        };
        parked.push(tokio::spawn(async move {
            let caller = Caller::with_token(secret);
            let read = server.read(&caller, Query::new(health("web")), options);
            read.await.unwrap()
        }));
        until("parking", || bench.server.waiting() > waiting).await;
    }
    until("the last to be parked", || bench.time.pending() >= 3).await;
    bench.register("n2", "web", "", "").await;
    let mut answers = Vec::new();
    for waiter in parked {
        answers.push(done("a wake-up", waiter).await.answer);
    }
    assert!(Arc::ptr_eq(&answers[0], &answers[1]));
    assert!(!Arc::ptr_eq(&answers[0], &answers[2]));
    assert_eq!(answers[0].data, answers[2].data);
    bench.end().await;
}

/// What the server does of its own accord asks nobody.
#[tokio::test]
async fn duties_need_no_token() {
    let bench = guarded().await;
    let session = Session {
        node: "server1".into(),
        ttl: "10s".into(),
        ..Session::default()
    };
    bench
        .write(Write::SessionCreate(Box::new(session)))
        .await
        .unwrap();
    until("the session's timer", || bench.server.session_timers() == 1).await;
    bench.time.advance(Duration::from_secs(21));
    let sessions = || bench.server.unguarded_root().sessions().rows;
    until("the end of the session", || sessions().is_empty()).await;
    bench.end().await;
}
