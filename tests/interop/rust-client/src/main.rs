//! A session with the Rust client `rs-consul`: what it offers is keys, locks, the catalog, and health with an index.
//! Prints ok / FAIL lines. Arguments: address with scheme, node name.

use rs_consul::{
    Config, Consul, CreateOrUpdateKeyRequest, DeleteKeyRequest, DeregisterEntityPayload,
    GetNodesRequest, GetServiceNodesRequest, LockRequest, LockWatchRequest, QueryOptions,
    ReadKeyRequest, RegisterEntityPayload, RegisterEntityService,
};
use std::time::Duration;

type Outcome = Result<(), Box<dyn std::error::Error>>;
const LIMIT: Duration = Duration::from_secs(20);

fn client(address: &str) -> Consul {
    Consul::new(Config {
        address: address.to_owned(),
        ..Config::default()
    })
}

fn put(key: &str) -> CreateOrUpdateKeyRequest<'_> {
    CreateOrUpdateKeyRequest {
        key,
        ..Default::default()
    }
}

fn read(key: &str) -> ReadKeyRequest<'_> {
    ReadKeyRequest {
        key,
        ..Default::default()
    }
}

fn options(index: Option<u64>) -> Option<QueryOptions> {
    Some(QueryOptions {
        index,
        wait: index.map(|_| LIMIT),
        timeout: Some(LIMIT * 2),
        ..Default::default()
    })
}

async fn kv(c: &Consul) -> Outcome {
    assert!(c.create_or_update_key(put("k/a"), b"one".to_vec()).await?.0);
    let item = c.read_key(read("k/a")).await?.response.remove(0);
    assert_eq!(item.value.as_deref(), Some("one"));
    let stale = CreateOrUpdateKeyRequest {
        check_and_set: Some(item.modify_index - 1),
        ..put("k/a")
    };
    assert!(!c.create_or_update_key(stale, b"no".to_vec()).await?.0);
    let right = CreateOrUpdateKeyRequest {
        check_and_set: Some(item.modify_index),
        ..put("k/a")
    };
    assert!(c.create_or_update_key(right, b"two".to_vec()).await?.0);
    assert!(c.create_or_update_key(put("k/b"), b"x".to_vec()).await?.0);
    let all = ReadKeyRequest {
        recurse: true,
        ..read("k/")
    };
    assert_eq!(c.read_key(all).await?.response.len(), 2);
    let tree = DeleteKeyRequest {
        key: "k/",
        recurse: true,
        ..Default::default()
    };
    assert!(c.delete_key(tree).await?);
    assert!(
        c.read_key(read("k/a")).await.is_err(),
        "a key that is gone is an error of this client"
    );
    Ok(())
}

async fn kv_watch(c: &Consul) -> Outcome {
    c.create_or_update_key(put("w"), b"1".to_vec()).await?;
    let seen = c.read_key(read("w")).await?;
    let parked = ReadKeyRequest {
        index: Some(seen.index),
        wait: LIMIT,
        ..read("w")
    };
    let (woken, written) = tokio::join!(
        c.read_key(parked),
        c.create_or_update_key(put("w"), b"2".to_vec())
    );
    assert!(written?.0);
    let woken = woken?;
    assert_eq!(woken.response[0].value.as_deref(), Some("2"));
    assert!(woken.index > seen.index);
    Ok(())
}

async fn catalog(c: &Consul, node: &str) -> Outcome {
    let payload = RegisterEntityPayload {
        ID: None,
        Node: "ext".into(),
        Address: "10.0.0.9".into(),
        Datacenter: None,
        TaggedAddresses: Default::default(),
        NodeMeta: Default::default(),
        Service: Some(RegisterEntityService {
            ID: Some("db1".into()),
            Service: "db".into(),
            Tags: vec!["m".into()],
            TaggedAddresses: Default::default(),
            Meta: Default::default(),
            Port: Some(5432),
            Namespace: None,
        }),
        Checks: Vec::new(),
        SkipNodeUpdate: None,
    };
    c.register_entity(&payload).await?;
    let names = c.get_all_registered_service_names(options(None)).await?;
    assert!(names.response.contains(&"db".to_owned()));
    let nodes = c
        .get_nodes(GetNodesRequest::default(), options(None))
        .await?;
    let mut found: Vec<_> = nodes.response.iter().map(|n| n.node.clone()).collect();
    found.sort();
    assert_eq!(found, ["ext".to_owned(), node.to_owned()]);
    let request = || GetServiceNodesRequest {
        service: "db",
        passing: true,
        ..Default::default()
    };
    let seen = c.get_service_nodes(request(), options(None)).await?;
    assert_eq!(seen.response[0].service.port, 5432);
    assert_eq!(
        c.get_service_addresses_and_ports("db", options(None))
            .await?,
        [("10.0.0.9".to_owned(), 5432)]
    );
    let gone = DeregisterEntityPayload {
        Node: Some("ext".into()),
        Datacenter: None,
        CheckID: None,
        ServiceID: Some("db1".into()),
        Namespace: None,
    };
    let (woken, done) = tokio::join!(
        c.get_service_nodes(request(), options(Some(seen.index))),
        c.deregister_entity(&gone)
    );
    done?;
    assert!(woken?.response.is_empty());
    Ok(())
}

async fn locks(c: &Consul) -> Outcome {
    let request = LockRequest {
        key: "lock",
        lock_delay: Duration::from_millis(1),
        ..Default::default()
    };
    let lock = c.get_lock(request, b"mine").await?;
    assert!(c.get_lock(request, b"yours").await.is_err());
    let seen = c.read_key(read("lock")).await?;
    assert_eq!(
        seen.response[0].session.as_deref(),
        Some(lock.session_id.as_str())
    );
    let watched = LockWatchRequest {
        key: "lock",
        index: Some(seen.index),
        wait: LIMIT,
        ..Default::default()
    };
    // Dropping a lock releases it with a call that blocks.
    let session = lock.session_id.clone();
    let release = async move {
        let release = CreateOrUpdateKeyRequest {
            release: &session,
            ..put("lock")
        };
        c.create_or_update_key(release, b"mine".to_vec()).await
    };
    let (woken, released) = tokio::join!(c.watch_lock(watched), release);
    assert!(released?.0);
    assert_eq!(woken?.response[0].session, None);
    assert!(c.get_lock(request, b"yours").await.is_ok());
    Ok(())
}

fn tell(name: &str, outcome: Result<Outcome, tokio::task::JoinError>) {
    match outcome {
        Ok(Ok(())) => println!("ok {name}"),
        Ok(Err(error)) => println!("FAIL {name} {error:?}"),
        Err(panic) => println!("FAIL {name} {panic}"),
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("address");
    let node = arguments.next().expect("node");
    // Each part in a task of its own: a failed assertion ends that part alone.
    macro_rules! part {
        ($name:ident $(, $more:expr)*) => {{
            let address = address.clone();
            let task = tokio::spawn(async move {
                $name(&client(&address) $(, $more)*).await.map_err(|e| format!("{e:?}"))
            });
            tell(stringify!($name), task.await.map(|r| r.map_err(Into::into)));
        }};
    }
    part!(kv);
    part!(kv_watch);
    let name = node.clone();
    part!(catalog, &name);
    part!(locks);
}
