//! The agent's state against a naive catalog: whatever happened, one comparison and its plan make both equal.

use local::{
    CatalogView, Change, Finding, Local, NodeInfo, Settings, Source, Standing, Step, Verdict,
};
use model::{CheckType, HealthCheck, Node, NodeService, ServiceAddress, status};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn settings() -> Settings {
    Settings {
        node: "n1".into(),
        check_update_interval: Duration::from_secs(300),
        discard_output: false,
        tokens: Default::default(),
    }
}

fn info() -> NodeInfo {
    NodeInfo {
        id: "id".into(),
        name: "n1".into(),
        address: "127.0.0.1".into(),
        datacenter: "dc1".into(),
        ..NodeInfo::default()
    }
}

fn service(id: &str, port: i64) -> NodeService {
    NodeService {
        id: id.into(),
        service: format!("{id}-name"),
        port,
        ..NodeService::default()
    }
}

fn check(id: &str, service: &str) -> HealthCheck {
    HealthCheck {
        check_id: id.into(),
        name: id.into(),
        service_id: service.into(),
        ..HealthCheck::default()
    }
}

fn probing() -> CheckType {
    CheckType {
        success_before_passing: 2,
        failures_before_warning: 1,
        failures_before_critical: 3,
        ..CheckType::default()
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// The catalog as the servers would keep it.
#[derive(Default)]
struct Catalog {
    node: Option<Arc<Node>>,
    services: BTreeMap<String, Arc<NodeService>>,
    checks: BTreeMap<String, Arc<HealthCheck>>,
}

impl Catalog {
    fn view(&self) -> CatalogView {
        CatalogView {
            node: self.node.clone(),
            services: self.services.values().cloned().collect(),
            checks: self.checks.values().cloned().collect(),
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::DeregisterService { id, .. } => {
                self.services.remove(id);
                self.checks.retain(|_, check| check.service_id != *id);
            }
            Step::DeregisterCheck { id, .. } => {
                self.checks.remove(id);
            }
            Step::Service { request, .. }
            | Step::Check { request, .. }
            | Step::Node { request, .. } => {
                let node = Node {
                    id: request.id.clone(),
                    node: request.node.clone(),
                    address: request.address.clone(),
                    ..Node::default()
                };
                self.node = Some(Arc::new(node));
                if let Some(row) = &request.service {
                    self.services
                        .insert(row.id.clone(), Arc::new((**row).clone()));
                }
                for row in request
                    .check
                    .iter()
                    .map(|row| &**row)
                    .chain(request.checks.iter())
                {
                    assert!(
                        row.service_id.is_empty() || self.services.contains_key(&row.service_id),
                        "check before its service"
                    );
                    self.checks
                        .insert(row.check_id.clone(), Arc::new(row.clone()));
                }
            }
        }
    }
}

fn sync(local: &mut Local, catalog: &mut Catalog) {
    for step in local.plan(&info()) {
        catalog.take(&step);
        local.done(&step, Verdict::Done);
    }
}

#[test]
fn thresholds_count_results_in_a_row() {
    let mut local = Local::new(settings());
    local
        .add_check(check("c", ""), probing(), "", Source::Api, SECOND)
        .unwrap();
    let mut see = |status, now| {
        local.observe(
            "c",
            &Finding {
                status,
                output: "o",
                immediate: false,
            },
            Duration::from_secs(now),
            0.0,
        );
        local.check("c").unwrap().row.status.clone()
    };
    // The first result takes effect at once, whatever it is.
    assert_eq!(see(status::PASSING, 1), status::PASSING);
    assert_eq!(see(status::CRITICAL, 2), status::WARNING);
    assert_eq!(see(status::CRITICAL, 3), status::WARNING);
    assert_eq!(see(status::CRITICAL, 4), status::CRITICAL);
    assert_eq!(see(status::PASSING, 5), status::CRITICAL);
    assert_eq!(see(status::PASSING, 6), status::PASSING);
}

#[test]
fn output_alone_waits() {
    let mut local = Local::new(settings());
    let mut catalog = Catalog::default();
    local
        .add_check(
            check("c", ""),
            CheckType::default(),
            "",
            Source::Api,
            SECOND,
        )
        .unwrap();
    assert_eq!(
        local.set_check("c", status::PASSING, "a", SECOND, 0.5),
        Change::Now
    );
    sync(&mut local, &mut catalog);
    let at = Duration::from_secs(1 + 150 + 150);
    assert_eq!(
        local.set_check("c", status::PASSING, "b", SECOND, 0.5),
        Change::Deferred(at)
    );
    assert_eq!(
        local.set_check("c", status::PASSING, "c", SECOND * 2, 0.0),
        Change::Waiting
    );
    local.compare(&info(), &catalog.view());
    assert!(local.plan(&info()).is_empty());
    assert!(!local.release_deferred(at - SECOND));
    assert!(local.release_deferred(at));
    sync(&mut local, &mut catalog);
    assert_eq!(catalog.checks["c"].output, "c");
    assert_eq!(
        local.set_check("c", status::PASSING, "c", at, 0.0),
        Change::None
    );
}

#[test]
fn a_check_registered_again_keeps_its_status() {
    let mut local = Local::new(settings());
    local
        .add_check(
            check("c", ""),
            CheckType::default(),
            "",
            Source::Api,
            SECOND,
        )
        .unwrap();
    local.set_check("c", status::PASSING, "fine", SECOND, 0.0);
    let again = HealthCheck {
        status: status::CRITICAL.into(),
        ..check("c", "")
    };
    local
        .add_check(again, CheckType::default(), "", Source::Api, SECOND)
        .unwrap();
    let row = &local.check("c").unwrap().row;
    assert_eq!(
        (row.status.as_str(), row.output.as_str()),
        (status::PASSING, "fine")
    );
}

#[test]
fn refused_registrations_change_nothing() {
    let mut local = Local::new(settings());
    let error = local
        .add_check(
            check("c", "nope"),
            CheckType::default(),
            "",
            Source::Api,
            SECOND,
        )
        .unwrap_err();
    assert_eq!(error.to_string(), "ServiceID \"nope\" does not exist");
    let error = local
        .add_check(check("", ""), CheckType::default(), "", Source::Api, SECOND)
        .unwrap_err();
    assert_eq!(error.to_string(), "CheckID missing");
    assert_eq!(local.visible_checks().count(), 0);
}

#[test]
fn a_step_that_was_overtaken_settles_nothing() {
    let mut local = Local::new(settings());
    local.add_service(service("a", 1), "", Source::Api);
    let planned = local.plan(&info());
    local.add_service(service("a", 2), "", Source::Api);
    local.done(&planned[0], Verdict::Done);
    assert_eq!(local.service("a").unwrap().standing, Standing::Dirty);
}

#[test]
fn blocked_entries_rest_until_the_next_comparison() {
    let mut local = Local::new(settings());
    local.add_service(service("a", 1), "", Source::Api);
    for step in local.plan(&info()) {
        local.done(&step, Verdict::Blocked);
    }
    assert!(
        !local
            .plan(&info())
            .iter()
            .any(|step| matches!(step, Step::Service { .. }))
    );
    local.compare(&info(), &CatalogView::default());
    assert!(
        local
            .plan(&info())
            .iter()
            .any(|step| matches!(step, Step::Service { .. }))
    );
}

#[test]
fn the_servers_own_entries_stay() {
    let mut local = Local::new(settings());
    let consul = Arc::new(service("consul", 8300));
    let serf = Arc::new(check(model::SERF_HEALTH, ""));
    let stray = Arc::new(service("stray", 1));
    local.compare(
        &info(),
        &CatalogView {
            node: None,
            services: vec![consul, stray],
            checks: vec![serf],
        },
    );
    let steps = local.plan(&info());
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(matches!(&steps[0], Step::DeregisterService { id, .. } if id == "stray"));
}

#[test]
fn overridden_tags_come_from_the_catalog() {
    let mut local = Local::new(settings());
    let ours = NodeService {
        enable_tag_override: true,
        tags: vec!["old".to_owned()].into(),
        ..service("a", 1)
    };
    local.add_service(ours.clone(), "", Source::Api);
    let theirs = NodeService {
        tags: vec!["new".to_owned()].into(),
        ..ours
    };
    local.compare(
        &info(),
        &CatalogView {
            node: None,
            services: vec![Arc::new(theirs)],
            checks: vec![],
        },
    );
    assert_eq!(local.service("a").unwrap().row.tags[0], "new");
    assert_eq!(local.service("a").unwrap().standing, Standing::InSync);
}

#[test]
fn long_critical_services_are_overdue() {
    let mut local = Local::new(settings());
    local.add_service(service("a", 1), "", Source::Api);
    let definition = CheckType {
        deregister_critical_service_after: dialect::Nanos(1_000_000_000),
        ..CheckType::default()
    };
    local
        .add_check(check("c", "a"), definition, "", Source::Api, SECOND)
        .unwrap();
    assert!(
        local.overdue(Duration::from_secs(60)).is_empty(),
        "raised to a minute"
    );
    assert_eq!(local.overdue(Duration::from_secs(62)), ["a"]);
    local.set_check("c", status::WARNING, "", Duration::from_secs(62), 0.0);
    assert!(local.overdue(Duration::from_secs(600)).is_empty());
}

#[test]
fn a_check_that_moved_to_a_service_goes_with_it_though_the_catalog_had_it_at_the_node() {
    let (mut local, mut catalog) = (Local::new(settings()), Catalog::default());
    local.add_service(service("s", 1), "", Source::Api);
    let add = |local: &mut Local, of: &str| {
        let made = check("c", of);
        let kind = CheckType::default();
        local.add_check(made, kind, "", Source::Api, Duration::ZERO)
    };
    add(&mut local, "").unwrap();
    sync(&mut local, &mut catalog);
    add(&mut local, "s").unwrap();
    local.remove_service("s");
    local.compare(&info(), &catalog.view());
    sync(&mut local, &mut catalog);
    assert!(catalog.checks.is_empty() && catalog.services.is_empty());
}

#[test]
fn addresses_that_servers_assign_are_no_difference_and_are_taken_over_on_request() {
    let (mut local, mut catalog) = (Local::new(settings()), Catalog::default());
    local.add_service(service("s", 1), "", Source::Api);
    sync(&mut local, &mut catalog);
    let row = Arc::make_mut(catalog.services.get_mut("s").unwrap());
    let virtual_ip = ServiceAddress {
        address: "240.0.0.1".into(),
        port: 1,
    };
    row.tagged_addresses
        .make_mut()
        .insert("consul-virtual".into(), virtual_ip.clone());
    local.compare(&info(), &catalog.view());
    assert!(local.in_sync());
    let address = |local: &Local| {
        local
            .service("s")?
            .row
            .tagged_addresses
            .get("consul-virtual")
            .cloned()
    };
    assert_eq!(address(&local), None);
    local.adopt(&catalog.view());
    assert!(local.in_sync());
    assert_eq!(address(&local), Some(virtual_ip));
}

#[derive(Clone, Debug)]
enum Op {
    Service(u8, i64),
    RemoveService(u8),
    Check(u8, Option<u8>),
    RemoveCheck(u8),
    Set(u8, bool, u8),
    Stray(u8),
    Lost(u8),
    Partial,
    Full,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let id = 0..4u8;
    proptest::collection::vec(
        prop_oneof![
            (id.clone(), 1..3i64).prop_map(|(a, b)| Op::Service(a, b)),
            id.clone().prop_map(Op::RemoveService),
            (id.clone(), proptest::option::of(id.clone())).prop_map(|(a, b)| Op::Check(a, b)),
            id.clone().prop_map(Op::RemoveCheck),
            (id.clone(), any::<bool>(), 0..3u8).prop_map(|(a, b, c)| Op::Set(a, b, c)),
            id.clone().prop_map(Op::Stray),
            id.prop_map(Op::Lost),
            Just(Op::Partial),
            Just(Op::Full),
        ],
        0..60,
    )
}

proptest! {
    #[test]
    fn a_full_sync_makes_both_equal(ops in ops()) {
        let (mut local, mut catalog) = (Local::new(settings()), Catalog::default());
        for (at, op) in ops.iter().enumerate() {
            let now = Duration::from_secs(at as u64);
            match op {
                Op::Service(id, port) => local.add_service(service(&format!("s{id}"), *port), "", Source::Api),
                Op::RemoveService(id) => drop(local.remove_service(&format!("s{id}"))),
                Op::Check(id, of) => {
                    let of = of.map(|s| format!("s{s}")).unwrap_or_default();
                    // Refused when the service is not there.
                    let _ = local.add_check(check(&format!("c{id}"), &of), CheckType::default(), "", Source::Api, now);
                }
                Op::RemoveCheck(id) => drop(local.remove_check(&format!("c{id}"))),
                Op::Set(id, up, text) => {
                    let to = if *up { status::PASSING } else { status::CRITICAL };
                    local.set_check(&format!("c{id}"), to, &text.to_string(), now, 0.3);
                }
                Op::Stray(id) => drop(catalog.services.insert(format!("x{id}"), Arc::new(service(&format!("x{id}"), 1)))),
                Op::Lost(id) => {
                    let id = format!("s{id}");
                    catalog.services.remove(&id);
                    catalog.checks.retain(|_, check| check.service_id != id);
                }
                Op::Partial => for step in local.plan(&info()) {
                    // A partial sync may meet a catalog that lost the service: then it fails.
                    let orphan = matches!(&step, Step::Check { request, .. } if request.service.is_none()
                        && request.check.as_ref().is_some_and(|c| !c.service_id.is_empty()));
                    prop_assert!(!orphan);
                    catalog.take(&step);
                    local.done(&step, Verdict::Done);
                },
                Op::Full => {
                    local.compare(&info(), &catalog.view());
                    sync(&mut local, &mut catalog);
                }
            }
        }
        local.release_deferred(Duration::from_secs(100_000));
        local.compare(&info(), &catalog.view());
        sync(&mut local, &mut catalog);
        prop_assert!(local.in_sync());
        prop_assert!(local.plan(&info()).is_empty());
        let ours: Vec<_> = local.visible_services().map(|s| (*s.row).clone()).collect();
        let theirs: Vec<_> = catalog.services.values().map(|s| (**s).clone()).collect();
        prop_assert_eq!(ours, theirs);
        let ours: Vec<_> = local.visible_checks().map(|c| (*c.row).clone()).collect();
        let theirs: Vec<_> = catalog.checks.values().map(|c| (**c).clone()).collect();
        prop_assert_eq!(ours, theirs);
    }
}
