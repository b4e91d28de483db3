//! Methods whose tables do not exist yet, against recorded replies of empty ones.

use crate::fake::Fake;
use crate::vectors::calls;
use bytes::Bytes;
use calls::{Failure, find};
use dialect::msgpack;
use wire::rpc::{IndexedPreparedQueries, QueryMeta};

/// A lookup that found nothing, with this index.
fn nothing(index: u64) -> Bytes {
    msgpack::to_bytes(&IndexedPreparedQueries {
        meta: QueryMeta {
            index,
            known_leader: true,
            ..QueryMeta::default()
        },
        ..IndexedPreparedQueries::default()
    })
}

#[tokio::test]
async fn replies_of_empty_tables_are_the_recorded_ones() {
    let peer = "127.0.0.1:1".parse().unwrap();
    // The first of each was asked before anything was written.
    for (method, index) in [
        ("ConfigEntry.Get", 11),
        ("ConfigEntry.List", 11),
        ("ConfigEntry.ResolveServiceConfig", 11),
        ("Intention.Match", 11),
        ("Intention.List", 11),
        ("Catalog.GatewayServices", 1),
    ] {
        let recorded = calls("rpc.json");
        let call = recorded.iter().find(|call| call.method == method).unwrap();
        let reply = call.reply.as_ref().unwrap();
        let fake = Fake::new(Ok(nothing(index)), None);
        let served = find(method)
            .unwrap()
            .serve(fake.served(), call.body.clone(), peer)
            .await;
        assert_eq!(served.unwrap(), reply.body, "{method}");
        // It waits as long as it is asked to: the options of the request are those of the lookup.
        let asked = fake.asked.lock().unwrap().take().unwrap();
        let lookup: wire::rpc::PreparedQuerySpecificRequest =
            msgpack::from_slice(&asked.body).unwrap();
        let options: Options = msgpack::from_slice(&call.body).unwrap();
        assert_eq!(
            lookup.options.max_query_time,
            options.options.max_query_time
        );
        assert_eq!(lookup.options.allow_stale, options.options.allow_stale);
    }
}

dialect::record! {
    /// The options of any request.
    pub struct Options {
        #flatten options: wire::rpc::QueryOptions,
    }
}

#[tokio::test]
async fn the_acl_service_is_switched_off() {
    let peer = "127.0.0.1:1".parse().unwrap();
    let fake = Fake::new(Err("not reached".to_owned()), None);
    let recorded = calls("rpc-acl.json");
    let acl = recorded
        .iter()
        .filter(|call| call.method.starts_with("ACL."));
    let mut seen = 0;
    for call in acl {
        let served = find(&call.method)
            .unwrap_or_else(|| panic!("{}", call.method))
            .serve(fake.served(), call.body.clone(), peer)
            .await;
        let wanted = Failure::Method("ACL support disabled".to_owned());
        assert_eq!(served, Err(wanted));
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}
