//! Prepared queries from definition to rows.

use crate::bench::Bench;
use model::{PreparedQuery, QueryTemplateOptions, ServiceQuery};
use ports::{Caller, Execute, ReadOptions, Rpc, Write};
use wire::Outcome;

async fn create(bench: &Bench, query: PreparedQuery) -> Result<String, String> {
    match bench.write(Write::QueryCreate(Box::new(query))).await {
        Ok(Outcome::Id(id)) => Ok(id),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn named(name: &str, service: &str) -> PreparedQuery {
    PreparedQuery {
        name: name.into(),
        service: ServiceQuery {
            service: service.into(),
            ..ServiceQuery::default()
        },
        ..PreparedQuery::default()
    }
}

fn template(name: &str, regexp: &str, service: &str, tags: &[&str]) -> PreparedQuery {
    let mut query = named(name, service);
    query.template = QueryTemplateOptions {
        template_type: "name_prefix_match".into(),
        regexp: regexp.into(),
        remove_empty_tags: false,
    };
    query.service.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    query
}

#[tokio::test]
async fn definitions_are_validated_with_the_reference_texts() {
    let bench = Bench::new().await;
    let wrong = async |query| create(&bench, query).await.unwrap_err();
    assert_eq!(
        wrong(PreparedQuery::default()).await,
        "Invalid prepared query: Must be bound to a session"
    );
    assert_eq!(
        wrong(named("a", "")).await,
        "Invalid prepared query: Must provide a Service name to query"
    );
    let mut ttl = named("a", "web");
    ttl.dns.ttl = "-1s".into();
    assert_eq!(
        wrong(ttl).await,
        "Invalid prepared query: DNS TTL '-1000000000', must be >=0"
    );
    let mut given = named("a", "web");
    given.id = "x".into();
    assert_eq!(
        wrong(given).await,
        "ID must be empty when creating a new prepared query"
    );
    assert_eq!(
        wrong(template("a", "(", "web", &[])).await,
        "raft apply failed: failed compiling template: Bad Regexp: error parsing regexp: missing closing ): `(`"
    );
    assert_eq!(
        wrong(template("a", "", "${bogus}", &[])).await,
        "raft apply failed: failed compiling template: Bad evaluation for '${bogus}' in Service.Service: 1:3: unknown variable \
         accessed: bogus"
    );
    create(&bench, named("geo", "web")).await.unwrap();
    assert_eq!(
        wrong(named("GEO", "web")).await,
        "raft apply failed: name 'GEO' aliases an existing query name"
    );
    bench.end().await;
}

#[tokio::test]
async fn templates_are_filled_in_from_the_name() {
    let bench = Bench::new().await;
    let id = create(
        &bench,
        template(
            "geo-",
            "^geo-(.*?)-([^-]*)$",
            "${match(1)}",
            &["${match(2)}", "${name.suffix}"],
        ),
    )
    .await
    .unwrap();
    let caller = Caller::internal();
    let explain = async |name: &str| {
        let request = Execute {
            query: name.into(),
            ..Execute::default()
        };
        bench
            .server
            .explain(&caller, request, ReadOptions::default())
            .await
    };
    let query = explain("geo-db-eu").await.unwrap().query;
    assert_eq!(query.service.service, "db");
    assert_eq!(
        query.service.tags[..],
        ["eu".to_owned(), "db-eu".to_owned()]
    );
    let other_case = explain("GEO-db-eu").await.unwrap().query;
    assert_eq!(other_case.service.tags[1], "GEO-db-eu");
    assert_eq!(
        explain("nosuch").await.unwrap_err().to_string(),
        "Query not found"
    );
    assert_eq!(
        explain(&id).await.unwrap_err().to_string(),
        "prepared query templates can only be resolved up by name, not by ID"
    );
    bench.end().await;
}

#[tokio::test]
async fn execution_drops_what_is_not_healthy_and_limits() {
    let bench = Bench::new().await;
    for (node, status) in [("n1", "passing"), ("n2", "warning"), ("n3", "critical")] {
        bench.register(node, "web", "c", status).await;
    }
    create(&bench, named("plain", "web")).await.unwrap();
    let mut passing = named("passing", "web");
    passing.service.only_passing = true;
    passing.dns.ttl = "7s".into();
    create(&bench, passing).await.unwrap();
    let mut failover = named("failover", "absent");
    failover.service.failover.datacenters =
        ["dc9".to_owned(), "dc1".to_owned()].into_iter().collect();
    create(&bench, failover).await.unwrap();
    let caller = Caller::internal();
    let run = async |request: Execute| {
        bench
            .server
            .execute(&caller, request, ReadOptions::default())
            .await
            .unwrap()
    };
    let ask = |name: &str| Execute {
        query: name.into(),
        ..Execute::default()
    };
    assert_eq!(run(ask("plain")).await.rows.len(), 2);
    let passing = run(ask("passing")).await;
    assert_eq!(
        (passing.rows.len(), &*passing.dns_ttl, &*passing.datacenter),
        (1, "7s", "dc1")
    );
    assert_eq!(
        run(Execute {
            limit: 1,
            ..ask("plain")
        })
        .await
        .rows
        .len(),
        1
    );
    assert_eq!(
        run(Execute {
            near: "n2".into(),
            ..ask("plain")
        })
        .await
        .rows[0]
            .node
            .node,
        "n2"
    );
    let failed = run(ask("failover")).await;
    assert_eq!((failed.rows.len(), failed.failovers), (0, 1));
    bench.end().await;
}
