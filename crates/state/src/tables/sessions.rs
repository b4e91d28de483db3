//! Sessions.

use crate::apply::Change;
use crate::key::{Key, Path, fold};
use crate::reads::read;
use crate::table::Table;
use crate::tables::spec::{Archived, Native, TableSpec, rule};
use crate::{ReadResult, Root, WatchKey};
use model::Session;
use std::sync::Arc;
use wire::command::kind;

pub(crate) const SESSIONS: TableSpec = TableSpec {
    name: "sessions",
    record: "Session",
    changed_by: &[kind::SESSION, kind::REGISTER, kind::DEREGISTER, kind::TXN],
    wakes: &["Session", "NodeSessions", "AllSessions"],
    reads: &[
        read("session", "Session", "sessions"),
        read("node_sessions", "NodeSessions", "sessions"),
        read("sessions", "AllSessions", "sessions"),
    ],
    native: Native {
        byte: 5,
        save: |root, out| out.rows(&root.sessions.rows),
        load: |root, r| {
            root.sessions.put(Arc::new(r.value()?));
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::SESSION],
        place: 50,
        save: |root, out| out.rows(kind::SESSION, &root.sessions.rows),
        load: |root, record| record.read(|row| root.sessions.put(Arc::new(row))),
    }],
    rules: &[rule!(SESSION, Session, Change::session)],
};

/// The session table.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    /// By ID.
    pub(crate) rows: Table<Arc<Session>>,
    /// node, ID.
    by_node: Table<Arc<Session>>,
    /// node, check ID, session ID: which sessions depend on a check.
    by_check: Table<Key>,
}

/// The IDs of all checks a session depends on; `checks` is how older versions wrote them.
pub(crate) fn check_ids(session: &Session) -> impl Iterator<Item = &str> {
    let services = session.service_checks.iter().map(|check| &*check.id);
    session
        .node_checks
        .iter()
        .chain(session.checks.iter())
        .map(|id| &**id)
        .chain(services)
}

fn check_path(session: &Session, check: &str) -> Path {
    Path::of(&[
        fold(&session.node).as_bytes(),
        fold(check).as_bytes(),
        fold(&session.id).as_bytes(),
    ])
}

impl Sessions {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Session>> {
        self.rows.get(fold(id).as_bytes())
    }

    pub(crate) fn put(&mut self, session: Arc<Session>) {
        self.remove(&session.id);
        let key = Key::from(&*fold(&session.id));
        for check in check_ids(&session) {
            self.by_check
                .insert(check_path(&session, check).key(), key.clone());
        }
        let node = Path::of(&[fold(&session.node).as_bytes(), fold(&session.id).as_bytes()]);
        self.by_node.insert(node.key(), session.clone());
        self.rows.insert(key, session);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<Session>> {
        let old = self.rows.remove(fold(id).as_bytes())?;
        for check in check_ids(&old) {
            self.by_check.remove(&check_path(&old, check));
        }
        self.by_node.remove(&Path::of(&[
            fold(&old.node).as_bytes(),
            fold(&old.id).as_bytes(),
        ]));
        Some(old)
    }

    /// The sessions of a node, by ID.
    pub(crate) fn of_node(&self, node: &str) -> Vec<Arc<Session>> {
        self.by_node
            .prefix(&Path::under(&[fold(node).as_bytes()]))
            .map(|(_, row)| row.clone())
            .collect()
    }

    /// IDs of the sessions that depend on a check.
    pub(crate) fn of_check(&self, node: &str, check: &str) -> Vec<Key> {
        let prefix = Path::under(&[fold(node).as_bytes(), fold(check).as_bytes()]);
        self.by_check
            .prefix(&prefix)
            .map(|(_, id)| id.clone())
            .collect()
    }
}

impl Root {
    /// One session; the case of IDs does not count.
    pub fn session(&self, id: &str) -> ReadResult<Option<Arc<Session>>> {
        ReadResult::new(
            self.index("sessions"),
            self.sessions.get(id).cloned(),
            [WatchKey::Session(Key::from(&*fold(id)))],
        )
    }

    /// The sessions of a node, by ID.
    pub fn node_sessions(&self, node: &str) -> ReadResult<Vec<Arc<Session>>> {
        ReadResult::new(
            self.index("sessions"),
            self.sessions.of_node(node),
            [WatchKey::node_sessions(node)],
        )
    }

    /// All sessions, by ID.
    pub fn sessions(&self) -> ReadResult<Vec<Arc<Session>>> {
        let rows = self
            .sessions
            .rows
            .iter()
            .map(|(_, row)| row.clone())
            .collect();
        ReadResult::new(self.index("sessions"), rows, [WatchKey::AllSessions])
    }
}
