//! The route table: every endpoint in one list, and the search tree made from it (spec/http-api.md §1.2, §1.3, §8).

use crate::request::{Handled, Request};
use crate::routes::*;
use hyper::Method;
use hyper::header::HeaderValue;
use std::sync::LazyLock;

/// A handler of one method of one route.
pub(crate) type Handler = fn(Request) -> Handled;

/// Methods that routes may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Which Enterprise parameters a route refuses (spec/http-api.md §3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenancy {
    /// Ignores both.
    Ignored,
    /// Refuses a partition.
    Partition,
    /// Refuses a namespace and a partition.
    Both,
    /// Refuses both, but the handler looks at the body first.
    AfterBody,
}

/// What a route does with methods.
pub(crate) enum Methods {
    /// Answers these; the frame answers `OPTIONS` and refuses the rest.
    Only(&'static [(Verb, Handler)]),
    /// Looks at the method itself.
    Own(Handler),
}

/// One line of the table. A path that ends with a slash is a subtree.
pub(crate) struct Route {
    pub path: &'static str,
    pub methods: Methods,
    pub tenancy: Tenancy,
}

const fn route(path: &'static str, tenancy: Tenancy, methods: &'static [(Verb, Handler)]) -> Route {
    Route {
        path,
        methods: Methods::Only(methods),
        tenancy,
    }
}

/// A route that answers every method itself.
const fn own(path: &'static str, handler: Handler) -> Route {
    Route {
        path,
        methods: Methods::Own(handler),
        tenancy: Tenancy::Ignored,
    }
}

use Tenancy::{AfterBody, Both, Ignored, Partition};
use Verb::{Delete, Get, Post, Put};

/// All routes, sorted by path.
pub(crate) const ROUTES: &[Route] = &[
    route("/v1/acl/auth-method", Ignored, &[(Put, acl::disabled)]),
    route(
        "/v1/acl/auth-method/",
        Ignored,
        &[
            (Get, acl::disabled),
            (Put, acl::disabled),
            (Delete, acl::disabled),
        ],
    ),
    route("/v1/acl/auth-methods", Ignored, &[(Get, acl::disabled)]),
    route("/v1/acl/binding-rule", Ignored, &[(Put, acl::disabled)]),
    route(
        "/v1/acl/binding-rule/",
        Ignored,
        &[
            (Get, acl::disabled),
            (Put, acl::disabled),
            (Delete, acl::disabled),
        ],
    ),
    route("/v1/acl/binding-rules", Ignored, &[(Get, acl::disabled)]),
    route("/v1/acl/bootstrap", Ignored, &[(Put, acl::disabled)]),
    route("/v1/acl/login", Ignored, &[(Post, acl::disabled)]),
    route("/v1/acl/logout", Ignored, &[(Post, acl::disabled)]),
    route("/v1/acl/policies", Ignored, &[(Get, acl::disabled)]),
    route("/v1/acl/policy", Ignored, &[(Put, acl::disabled)]),
    route(
        "/v1/acl/policy/",
        Ignored,
        &[
            (Get, acl::disabled),
            (Put, acl::disabled),
            (Delete, acl::disabled),
        ],
    ),
    route("/v1/acl/policy/name/", Ignored, &[(Get, acl::disabled)]),
    route("/v1/acl/replication", Ignored, &[(Get, acl::disabled)]),
    route("/v1/acl/role", Ignored, &[(Put, acl::disabled)]),
    route(
        "/v1/acl/role/",
        Ignored,
        &[
            (Get, acl::disabled),
            (Put, acl::disabled),
            (Delete, acl::disabled),
        ],
    ),
    route("/v1/acl/role/name/", Ignored, &[(Get, acl::disabled)]),
    route("/v1/acl/roles", Ignored, &[(Get, acl::disabled)]),
    route(
        "/v1/acl/templated-policies",
        Ignored,
        &[(Get, acl::disabled)],
    ),
    route(
        "/v1/acl/templated-policy/name/",
        Ignored,
        &[(Get, acl::disabled)],
    ),
    route(
        "/v1/acl/templated-policy/preview/",
        Ignored,
        &[(Post, acl::disabled)],
    ),
    route("/v1/acl/token", Ignored, &[(Put, acl::disabled)]),
    route(
        "/v1/acl/token/",
        Ignored,
        &[
            (Get, acl::disabled),
            (Put, acl::disabled),
            (Delete, acl::disabled),
        ],
    ),
    route("/v1/acl/token/self", Ignored, &[(Get, acl::disabled)]),
    route("/v1/acl/tokens", Ignored, &[(Get, acl::disabled)]),
    route(
        "/v1/agent/check/deregister/",
        Both,
        &[(Put, agent::deregister_check)],
    ),
    route("/v1/agent/check/fail/", Both, &[(Put, agent::fail)]),
    route("/v1/agent/check/pass/", Both, &[(Put, agent::pass)]),
    route(
        "/v1/agent/check/register",
        Both,
        &[(Put, agent::register_check)],
    ),
    route(
        "/v1/agent/check/update/",
        AfterBody,
        &[(Put, agent::update)],
    ),
    route("/v1/agent/check/warn/", Both, &[(Put, agent::warn)]),
    route("/v1/agent/checks", Both, &[(Get, agent::checks)]),
    route(
        "/v1/agent/connect/ca/roots",
        Ignored,
        &[(Get, connect::agent_roots)],
    ),
    route(
        "/v1/agent/force-leave/",
        Partition,
        &[(Put, agent_pool::force_leave)],
    ),
    route(
        "/v1/agent/health/service/id/",
        Both,
        &[(Get, agent::health_by_id)],
    ),
    route(
        "/v1/agent/health/service/name/",
        Both,
        &[(Get, agent::health_by_name)],
    ),
    route("/v1/agent/host", Ignored, &[(Get, agent_self::host)]),
    route("/v1/agent/join/", Partition, &[(Put, agent_pool::join)]),
    route("/v1/agent/leave", Ignored, &[(Put, agent::leave)]),
    route(
        "/v1/agent/maintenance",
        Ignored,
        &[(Put, agent::maintenance)],
    ),
    route(
        "/v1/agent/members",
        Partition,
        &[(Get, agent_pool::members)],
    ),
    route("/v1/agent/metrics", Ignored, &[(Get, telemetry::metrics)]),
    route(
        "/v1/agent/metrics/stream",
        Ignored,
        &[(Get, telemetry::stream)],
    ),
    route("/v1/agent/monitor", Ignored, &[(Get, telemetry::monitor)]),
    route("/v1/agent/reload", Ignored, &[(Put, agent::reload)]),
    route("/v1/agent/self", Ignored, &[(Get, agent_self::own)]),
    route("/v1/agent/service/", Both, &[(Get, agent::service)]),
    route(
        "/v1/agent/service/deregister/",
        Both,
        &[(Put, agent::deregister_service)],
    ),
    route(
        "/v1/agent/service/maintenance/",
        Both,
        &[(Put, agent::service_maintenance)],
    ),
    route(
        "/v1/agent/service/register",
        Both,
        &[(Put, agent::register_service)],
    ),
    route("/v1/agent/services", Both, &[(Get, agent::services)]),
    route("/v1/agent/token/", Ignored, &[(Put, agent::token)]),
    route("/v1/agent/version", Ignored, &[(Get, agent_self::version)]),
    route("/v1/catalog/connect/", Both, &[(Get, catalog::connect)]),
    route(
        "/v1/catalog/datacenters",
        Ignored,
        &[(Get, catalog::datacenters)],
    ),
    route(
        "/v1/catalog/deregister",
        Both,
        &[(Put, catalog::deregister)],
    ),
    route(
        "/v1/catalog/node-services/",
        Both,
        &[(Get, catalog::node_services)],
    ),
    route("/v1/catalog/node/", Both, &[(Get, catalog::node)]),
    route("/v1/catalog/nodes", Partition, &[(Get, catalog::nodes)]),
    route("/v1/catalog/register", Both, &[(Put, catalog::register)]),
    route("/v1/catalog/service/", Both, &[(Get, catalog::service)]),
    route("/v1/catalog/services", Both, &[(Get, catalog::services)]),
    route("/v1/connect/ca/roots", Ignored, &[(Get, connect::roots)]),
    route(
        "/v1/coordinate/datacenters",
        Ignored,
        &[(Get, coordinate::datacenters)],
    ),
    route(
        "/v1/coordinate/node/",
        Partition,
        &[(Get, coordinate::node)],
    ),
    route(
        "/v1/coordinate/nodes",
        Partition,
        &[(Get, coordinate::nodes)],
    ),
    route("/v1/coordinate/update", Both, &[(Put, coordinate::update)]),
    route("/v1/event/fire/", Ignored, &[(Put, event::fire)]),
    route("/v1/event/list", Ignored, &[(Get, event::list_received)]),
    route("/v1/health/checks/", Both, &[(Get, health::checks)]),
    route("/v1/health/connect/", Both, &[(Get, health::connect)]),
    route("/v1/health/ingress/", Both, &[(Get, health::ingress)]),
    route("/v1/health/node/", Both, &[(Get, health::node)]),
    route("/v1/health/service/", Both, &[(Get, health::service)]),
    route("/v1/health/state/", Both, &[(Get, health::state)]),
    route(
        "/v1/internal/acl/authorize",
        Ignored,
        &[(Post, acl::disabled)],
    ),
    route(
        "/v1/internal/ui/catalog-overview",
        Both,
        &[(Get, ui::catalog_overview)],
    ),
    route("/v1/internal/ui/node/", Both, &[(Get, ui::node)]),
    route("/v1/internal/ui/nodes", Both, &[(Get, ui::nodes)]),
    route("/v1/internal/ui/services", Both, &[(Get, ui::services)]),
    route(
        "/v1/kv/",
        Both,
        &[(Get, kv::get), (Put, kv::put), (Delete, kv::delete)],
    ),
    route(
        "/v1/operator/autopilot/configuration",
        Ignored,
        &[
            (Get, operator::autopilot_configuration),
            (Put, operator::set_autopilot_configuration),
        ],
    ),
    route(
        "/v1/operator/autopilot/health",
        Ignored,
        &[(Get, operator::autopilot_health)],
    ),
    route(
        "/v1/operator/autopilot/state",
        Ignored,
        &[(Get, operator::autopilot_state)],
    ),
    route(
        "/v1/operator/keyring",
        Ignored,
        &[
            (Get, keyring::list),
            (Post, keyring::change),
            (Put, keyring::change),
            (Delete, keyring::change),
        ],
    ),
    route(
        "/v1/operator/raft/configuration",
        Ignored,
        &[(Get, operator::raft_configuration)],
    ),
    route(
        "/v1/operator/raft/peer",
        Ignored,
        &[(Delete, operator::raft_remove_peer)],
    ),
    route(
        "/v1/operator/raft/transfer-leader",
        Partition,
        &[(Post, operator::raft_transfer_leader)],
    ),
    route("/v1/operator/usage", Both, &[(Get, operator::usage)]),
    route(
        "/v1/query",
        Ignored,
        &[(Get, query::list), (Post, query::create)],
    ),
    own("/v1/query/", query::below),
    route("/v1/session/create", Both, &[(Put, session::create)]),
    route("/v1/session/destroy/", Both, &[(Put, session::destroy)]),
    route("/v1/session/info/", Both, &[(Get, session::info)]),
    route("/v1/session/list", Both, &[(Get, session::list_all)]),
    route("/v1/session/node/", Both, &[(Get, session::node)]),
    route("/v1/session/renew/", Both, &[(Put, session::renew)]),
    route(
        "/v1/snapshot",
        Ignored,
        &[(Get, snapshot::save), (Put, snapshot::restore)],
    ),
    route("/v1/status/leader", Ignored, &[(Get, status::leader)]),
    route("/v1/status/peers", Ignored, &[(Get, status::peers)]),
    route("/v1/txn", Ignored, &[(Put, txn::put)]),
    route(
        "/v1/x/catalog/deregister",
        Both,
        &[(Put, owner::deregister)],
    ),
    route("/v1/x/changes", Both, &[(Get, changes::stream)]),
];

/// A route with its method list written out for the `Allow` header.
pub(crate) struct Entry {
    pub route: &'static Route,
    pub allow: HeaderValue,
    /// Its path as metrics name it: `v1_kv_`.
    pub label: String,
}

impl Entry {
    /// The handler of a method, if the route has it.
    pub fn handler(&self, method: &Method) -> Option<Handler> {
        match &self.route.methods {
            Methods::Own(handler) => Some(*handler),
            Methods::Only(list) => list
                .iter()
                .find(|(verb, _)| verb.name() == method.as_str())
                .map(|(_, handler)| *handler),
        }
    }
}

/// A segment of the search tree.
#[derive(Default)]
struct Branch {
    name: &'static [u8],
    exact: Option<Entry>,
    subtree: Option<Entry>,
    children: Vec<Branch>,
}

/// What a path leads to.
pub(crate) enum Found {
    /// A route; the parameter begins at this offset of the path.
    Route(&'static Entry, usize),
    /// Only the subtree below exists: the path needs a slash at its end.
    NeedsSlash,
    /// Nothing.
    Nothing,
}

static TREE: LazyLock<Branch> = LazyLock::new(|| {
    let mut root = Branch::default();
    for route in ROUTES {
        root.insert(route);
    }
    root
});

impl Branch {
    fn insert(&mut self, route: &'static Route) {
        let subtree = route.path.ends_with('/');
        let mut branch = self;
        for name in route.path.split('/').filter(|name| !name.is_empty()) {
            let name = name.as_bytes();
            let at = branch
                .children
                .iter()
                .position(|child| child.name == name)
                .unwrap_or_else(|| {
                    branch.children.push(Branch {
                        name,
                        ..Branch::default()
                    });
                    branch.children.len() - 1
                });
            // The position was just found or made.
            let Some(child) = branch.children.get_mut(at) else {
                return;
            };
            branch = child;
        }
        let allow = allow_text(route);
        let entry = Entry {
            route,
            label: route.path.trim_start_matches('/').replace('/', "_"),
            allow: HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static("OPTIONS")),
        };
        let place = if subtree {
            &mut branch.subtree
        } else {
            &mut branch.exact
        };
        *place = Some(entry);
    }
}

fn allow_text(route: &Route) -> String {
    let mut text = "OPTIONS".to_owned();
    if let Methods::Only(list) = &route.methods {
        for (verb, _) in *list {
            text.push(',');
            text.push_str(verb.name());
        }
    }
    text
}

/// Finds the longest route for a path in its matching form.
pub(crate) fn find(path: &[u8]) -> Found {
    let mut branch: &'static Branch = &TREE;
    let mut found = Found::Nothing;
    let mut at = 1;
    while let Some(rest) = path.get(at..) {
        let len = memchr::memchr(b'/', rest).unwrap_or(rest.len());
        let name = rest.get(..len).unwrap_or_default();
        let Some(child) = branch.children.iter().find(|child| child.name == name) else {
            break;
        };
        branch = child;
        at += len;
        if at == path.len() {
            return match (&branch.exact, &branch.subtree) {
                (Some(entry), _) => Found::Route(entry, at),
                (None, Some(_)) => Found::NeedsSlash,
                (None, None) => found,
            };
        }
        at += 1;
        if let Some(entry) = &branch.subtree {
            found = Found::Route(entry, at);
        }
    }
    found
}

/// The table as Markdown.
pub(crate) fn document() -> String {
    use std::fmt::Write as _;
    let mut out = String::from(
        "# Routes of the HTTP API\n\nPrinted from the route table of crate `httpd`; a test keeps it so. A path that ends with a slash is a subtree.\n\n\
         | path | methods | Enterprise parameters refused |\n|---|---|---|\n",
    );
    for route in ROUTES {
        let methods = match &route.methods {
            Methods::Only(list) => list
                .iter()
                .map(|(verb, _)| verb.name())
                .collect::<Vec<_>>()
                .join(" "),
            Methods::Own(_) => "(own)".to_owned(),
        };
        let tenancy = match route.tenancy {
            Tenancy::Ignored => "none",
            Tenancy::Partition => "partition",
            Tenancy::Both => "namespace, partition",
            Tenancy::AfterBody => "namespace, partition (after the body)",
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "| `{}` | {methods} | {tenancy} |", route.path);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> String {
        match find(path.as_bytes()) {
            Found::Route(entry, at) => {
                format!("{} + {}", entry.route.path, path.get(at..).unwrap())
            }
            Found::NeedsSlash => "slash".into(),
            Found::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn finding() {
        for (path, want) in [
            ("/v1/kv/a/b", "/v1/kv/ + a/b"),
            ("/v1/kv/", "/v1/kv/ + "),
            ("/v1/kv", "slash"),
            ("/v1/status/leader", "/v1/status/leader + "),
            ("/v1/status/leader/", "nothing"),
            ("/v1/status", "nothing"),
            ("/v1", "nothing"),
            ("/", "nothing"),
            ("", "nothing"),
            ("/v1/catalog/node/x", "/v1/catalog/node/ + x"),
            ("/v1/catalog/nodes", "/v1/catalog/nodes + "),
        ] {
            assert_eq!(name(path), want, "{path}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_unique() {
        assert!(ROUTES.windows(2).all(|pair| pair[0].path < pair[1].path));
    }

    #[test]
    fn the_committed_document_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/routes.md");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, document()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            document(),
            "run with UPDATE_EXPECT=1"
        );
    }
}
