//! One stream: first every row, or what was missed; then what changes.

use super::journal::{Listener, Since};
use super::scope::{Scopes, bytes};
use crate::view::Board;
use hashbrown::HashSet;
use ports::changes::{ChangeStream, Reset, Row, Step, Subject};
use ports::{Authorized, BoxFuture, Place};
use state::{Key, Root, RowKey};
use std::sync::Arc;

/// Rows of a page of a snapshot.
const PAGE_ROWS: usize = 1024;

/// A stream in progress.
pub(crate) struct Changes {
    board: Arc<Board>,
    authorized: Authorized,
    listener: Arc<Listener>,
    /// Everything up to this index has been told, but for what the state says.
    told: u64,
    state: State,
    _place: Place,
}

enum State {
    Reset(Reset),
    Snapshot(Box<Snapshot>),
    /// Only the mark is missing; `told` is its index.
    Mark,
    Follow,
    Over,
}

/// Where the telling of every row stands.
struct Snapshot {
    root: Root,
    index: u64,
    subject: usize,
    after: Option<Key>,
}

impl Changes {
    pub(crate) fn open(
        board: Arc<Board>,
        authorized: Authorized,
        place: Place,
        scopes: Scopes,
        since: Option<u64>,
    ) -> Self {
        let listener = board.journal.listen(scopes);
        let (told, state) = {
            let view = board.view(&authorized);
            match since.filter(|index| *index > 0) {
                None => (0, State::Reset(Reset::Begin)),
                Some(index) if index > view.index => (0, State::Reset(Reset::Ahead)),
                // No table has changed since, whatever is kept.
                Some(index) if view.root.last_index() <= index => (view.index, State::Mark),
                Some(index) => (index, State::Follow),
            }
        };
        let mut stream = Self {
            board,
            authorized,
            listener,
            told,
            state,
            _place: place,
        };
        if matches!(stream.state, State::Follow) {
            stream.resume();
        }
        stream
    }

    /// A resumed stream tells at least a mark, so that its client knows that it stands.
    fn resume(&mut self) {
        let known = self.told >= self.board.journal.broken()
            && !matches!(
                self.board
                    .journal
                    .since(self.told, self.told, &self.listener.scopes),
                Since::Lost
            );
        self.state = if known {
            State::Mark
        } else {
            State::Reset(Reset::Expired)
        };
    }

    fn follow(&mut self) -> Step {
        self.listener.looks();
        let view = self.board.view(&self.authorized);
        let (index, journal) = (view.index, &self.board.journal);
        let broken = journal.broken();
        if self.told < broken {
            // Noted before it is published: the root that belongs to it may still be on its way, and wakes us.
            if broken > index {
                return Step::Idle;
            }
            drop(view);
            self.state = State::Reset(Reset::Replaced);
            return self.step();
        }
        let rows = match journal.since(self.told, index, &self.listener.scopes) {
            Since::Lost => {
                self.state = State::Over;
                return Step::Behind(self.told);
            }
            Since::Rows(keys) => rows_of(&view.root, &self.listener.scopes, &keys),
        };
        drop(view);
        self.told = index.max(self.told);
        if rows.is_empty() {
            return Step::Idle;
        }
        self.state = State::Mark;
        Step::Rows(rows)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.board.journal.leave(&self.listener);
    }
}

impl ChangeStream for Changes {
    fn step(&mut self) -> Step {
        match &mut self.state {
            State::Follow => self.follow(),
            State::Mark => {
                self.state = State::Follow;
                Step::Mark(self.told)
            }
            State::Over => Step::Behind(self.told),
            State::Reset(reset) => {
                let reset = *reset;
                self.listener.looks();
                let view = self.board.view(&self.authorized);
                let snapshot = Snapshot {
                    root: view.root.clone(),
                    index: view.index,
                    subject: 0,
                    after: None,
                };
                drop(view);
                self.state = State::Snapshot(Box::new(snapshot));
                Step::Reset(reset)
            }
            State::Snapshot(snapshot) => match snapshot.page(&self.listener.scopes) {
                Some(rows) => Step::Rows(rows),
                None => {
                    self.told = snapshot.index;
                    self.state = State::Follow;
                    Step::Mark(self.told)
                }
            },
        }
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.listener.news.notified())
    }

    fn index(&self) -> u64 {
        self.told
    }
}

impl Snapshot {
    /// The next rows; `None` when all have been told.
    fn page(&mut self, scopes: &Scopes) -> Option<Vec<(u64, Row)>> {
        loop {
            let subject = scopes.get(self.subject)?;
            let (rows, last) = self.rows(subject);
            self.after = last;
            if self.after.is_none() {
                self.subject += 1;
            }
            if !rows.is_empty() {
                return Some(rows);
            }
        }
    }

    /// Rows of a subject behind `after`, and where to go on; `None` at its end.
    fn rows(&self, subject: &Subject) -> (Vec<(u64, Row)>, Option<Key>) {
        let (root, after) = (&self.root, self.after.as_deref());
        match subject {
            Subject::Kv(prefix) => shown(root.kv_page(prefix, after, PAGE_ROWS), |row| {
                Some((
                    row.indexes.modify_index,
                    Row::Kv {
                        key: bytes(row.key.as_bytes()),
                        row: Some(row),
                    },
                ))
            }),
            Subject::Node(None) => shown(root.node_page(after, PAGE_ROWS), |row| Some(node(row))),
            Subject::Node(Some(name)) => (
                root.node("", name).rows.map(node).into_iter().collect(),
                None,
            ),
            Subject::Service(None) => shown(root.instance_page(after, PAGE_ROWS), |row| {
                Some(instance(row))
            }),
            Subject::Service(Some(name)) => {
                let rows = root.service_nodes("", name, &[], &[], false).rows;
                (rows.into_iter().map(instance).collect(), None)
            }
            Subject::Check(id) => shown(root.check_page(after, PAGE_ROWS), |row| {
                id.as_ref()
                    .is_none_or(|id| model::same_name(id, &row.check_id))
                    .then(|| check(row))
            }),
            Subject::ServiceChecks(name) => {
                let rows = root.service_checks("", name, &[]).rows;
                (rows.into_iter().map(check).collect(), None)
            }
        }
    }
}

/// The rows of a page as the stream shows them, and its last key.
fn shown<T>(
    page: state::rows::Page<T>,
    show: impl Fn(T) -> Option<(u64, Row)>,
) -> (Vec<(u64, Row)>, Option<Key>) {
    let last = page.last().map(|(key, _)| key.clone());
    (
        page.into_iter().filter_map(|(_, row)| show(row)).collect(),
        last,
    )
}

fn text(name: &str) -> String {
    model::folded(name).into_owned()
}

fn node(row: Arc<model::Node>) -> (u64, Row) {
    let node = text(&row.node);
    (
        row.indexes.modify_index,
        Row::Node {
            node,
            row: Some(row),
        },
    )
}

fn instance(row: state::Instance) -> (u64, Row) {
    let (node, id) = (text(&row.node.node), text(&row.service.id));
    (
        row.service.indexes.modify_index,
        Row::Service {
            node,
            id,
            row: Some((row.node, row.service)),
        },
    )
}

fn check(row: Arc<model::HealthCheck>) -> (u64, Row) {
    let (node, id) = (text(&row.node), text(&row.check_id));
    (
        row.indexes.modify_index,
        Row::Check {
            node,
            id,
            row: Some(row),
        },
    )
}

/// What tells a row from all others, whatever it holds.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Kv(Key),
    Node(Key),
    Service(Vec<u8>, Vec<u8>),
    Check(Key, Key),
}

/// The touched rows as they stand in `root`, each once, at the place of its last change.
fn rows_of(root: &Root, scopes: &Scopes, keys: &[(u64, RowKey)]) -> Vec<(u64, Row)> {
    let mut seen: HashSet<Identity> = HashSet::new();
    let mut rows = Vec::new();
    let lossy = |key: &Key| String::from_utf8_lossy(key).into_owned();
    for (index, key) in keys.iter().rev() {
        match key {
            RowKey::Kv(key) => {
                if seen.insert(Identity::Kv(key.clone())) {
                    let row = root.kv_get(key).rows;
                    let key = bytes(key);
                    rows.push((*index, Row::Kv { key, row }));
                }
            }
            RowKey::Node(name) => {
                if !seen.insert(Identity::Node(name.clone())) {
                    continue;
                }
                let node = lossy(name);
                let row = root.node("", &node).rows;
                // Behind the node in the order told, hence before it here.
                if let Some(row) = row.as_ref().filter(|_| scopes.any_service()) {
                    for service in root.instances_on(&node) {
                        let id = text(&service.id);
                        let identity =
                            Identity::Service(node.clone().into_bytes(), id.clone().into_bytes());
                        if scopes.service(&service) && seen.insert(identity) {
                            let row = Some((row.clone(), service));
                            let node = node.clone();
                            rows.push((*index, Row::Service { node, id, row }));
                        }
                    }
                }
                if scopes.node(name) {
                    rows.push((*index, Row::Node { node, row }));
                }
            }
            RowKey::Service { node, id, .. } => {
                if seen.insert(Identity::Service(node.to_vec(), id.to_vec())) {
                    let (node, id) = (lossy(node), lossy(id));
                    let found = root.instance(&node, &id);
                    let found = found.filter(|found| scopes.service(&found.service));
                    let row = found.map(|found| (found.node, found.service));
                    rows.push((*index, Row::Service { node, id, row }));
                }
            }
            RowKey::Check { node, id, .. } => {
                if seen.insert(Identity::Check(node.clone(), id.clone())) {
                    let (node, id) = (lossy(node), lossy(id));
                    let row = root.check(&node, &id).filter(|row| scopes.check(row));
                    rows.push((*index, Row::Check { node, id, row }));
                }
            }
        }
    }
    rows.reverse();
    rows
}
