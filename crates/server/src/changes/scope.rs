//! Which rows are a stream's subjects.

use bytes::Bytes;
use model::{HealthCheck, NodeService, folded};
use ports::changes::Subject;
use state::RowKey;

/// The subjects of a stream, names folded, each once.
pub(crate) struct Scopes(Vec<Subject>);

fn is(wanted: Option<&str>, name: &[u8]) -> bool {
    wanted.is_none_or(|wanted| wanted.as_bytes() == name)
}

impl Scopes {
    pub(crate) fn of(subjects: Vec<Subject>) -> Self {
        let fold = |name: Option<String>| name.map(|name| folded(&name).into_owned());
        let mut all: Vec<Subject> = subjects
            .into_iter()
            .map(|subject| match subject {
                Subject::Kv(prefix) => Subject::Kv(prefix),
                Subject::Service(name) => Subject::Service(fold(name)),
                Subject::Node(name) => Subject::Node(fold(name)),
                Subject::Check(id) => Subject::Check(fold(id)),
                Subject::ServiceChecks(name) => Subject::ServiceChecks(folded(&name).into_owned()),
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Subject> {
        self.0.get(at)
    }

    pub(crate) fn kv(&self, key: &[u8]) -> bool {
        self.0
            .iter()
            .any(|s| matches!(s, Subject::Kv(prefix) if key.starts_with(prefix)))
    }

    pub(crate) fn node(&self, name: &[u8]) -> bool {
        self.0
            .iter()
            .any(|s| matches!(s, Subject::Node(wanted) if is(wanted.as_deref(), name)))
    }

    fn service_named(&self, name: &[u8]) -> bool {
        self.0
            .iter()
            .any(|s| matches!(s, Subject::Service(wanted) if is(wanted.as_deref(), name)))
    }

    /// Whether instances are told at all.
    pub(crate) fn any_service(&self) -> bool {
        self.0.iter().any(|s| matches!(s, Subject::Service(_)))
    }

    pub(crate) fn service(&self, service: &NodeService) -> bool {
        self.service_named(folded(&service.service).as_bytes())
    }

    fn check_named(&self, id: &[u8], service: &[u8]) -> bool {
        self.0.iter().any(|s| match s {
            Subject::Check(wanted) => is(wanted.as_deref(), id),
            Subject::ServiceChecks(wanted) => wanted.as_bytes() == service,
            _ => false,
        })
    }

    pub(crate) fn check(&self, check: &HealthCheck) -> bool {
        self.check_named(
            folded(&check.check_id).as_bytes(),
            folded(&check.service_name).as_bytes(),
        )
    }

    /// Whether a touched row may be one to tell of.
    pub(crate) fn covers(&self, row: &RowKey) -> bool {
        match row {
            RowKey::Kv(key) => self.kv(key),
            // Instances are told with their node.
            RowKey::Node(name) => self.any_service() || self.node(name),
            RowKey::Service { name, .. } => self.service_named(name),
            RowKey::Check { id, service, .. } => self.check_named(id, service),
        }
    }
}

/// A key's bytes as the port hands them out.
pub(crate) fn bytes(key: &[u8]) -> Bytes {
    Bytes::copy_from_slice(key)
}
