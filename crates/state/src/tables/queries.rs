//! Prepared queries.

use crate::apply::Change;
use crate::key::{Key, Path, fold};
use crate::reads::read;
use crate::table::Table;
use crate::tables::spec::{Archived, Native, TableSpec, rule};
use crate::{ReadResult, Root, WatchKey};
use model::PreparedQuery;
use std::sync::Arc;
use wire::command::kind;

pub(crate) const QUERIES: TableSpec = TableSpec {
    name: "prepared-queries",
    record: "PreparedQuery",
    changed_by: &[
        kind::PREPARED_QUERY,
        kind::SESSION,
        kind::REGISTER,
        kind::DEREGISTER,
        kind::TXN,
    ],
    wakes: &["PreparedQuery", "AllPreparedQueries"],
    reads: &[
        read(
            "prepared_queries, resolve_query",
            "AllPreparedQueries",
            "prepared-queries",
        ),
        read("prepared_query", "PreparedQuery", "prepared-queries"),
    ],
    native: Native {
        byte: 8,
        save: |root, out| out.rows(&root.queries.rows),
        load: |root, r| {
            root.queries.put(Arc::new(r.value()?));
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::PREPARED_QUERY],
        place: 90,
        save: |root, out| out.rows(kind::PREPARED_QUERY, &root.queries.rows),
        load: |root, record| record.read(|row| root.queries.put(Arc::new(row))),
    }],
    rules: &[rule!(PREPARED_QUERY, PreparedQuery, Change::prepared_query)],
};

/// The only type of template there is.
pub const TEMPLATE_TYPE: &str = "name_prefix_match";

/// What a name asked for leads to (spec/server.md §14.2).
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// A query to run as it is.
    Query(Arc<PreparedQuery>),
    /// A template whose name is the longest that the asked name begins with; it is to be rendered first.
    Template(Arc<PreparedQuery>),
    /// The ID is that of a template, which only a name can resolve.
    TemplateById,
    /// Nothing.
    None,
}

/// The table of prepared queries.
#[derive(Clone, Default)]
pub(crate) struct Queries {
    /// By folded ID.
    pub(crate) rows: Table<Arc<PreparedQuery>>,
    /// Folded name of those that are no templates.
    by_name: Table<Arc<PreparedQuery>>,
    /// Folded name of templates; may be empty.
    templates: Table<Arc<PreparedQuery>>,
    /// session, ID.
    by_session: Table<Arc<PreparedQuery>>,
}

/// Whether a query is a template.
pub(crate) fn is_template(query: &PreparedQuery) -> bool {
    !query.template.template_type.is_empty()
}

impl Queries {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<PreparedQuery>> {
        self.rows.get(fold(id).as_bytes())
    }

    /// The query or template of exactly this name, in any spelling.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<PreparedQuery>> {
        self.by_name
            .get(fold(name).as_bytes())
            .or_else(|| self.template_named(name))
    }

    pub(crate) fn template_named(&self, name: &str) -> Option<&Arc<PreparedQuery>> {
        self.templates.get(fold(name).as_bytes())
    }

    pub(crate) fn of_session(&self, session: &str) -> Vec<Arc<PreparedQuery>> {
        self.by_session
            .prefix(&Path::under(&[session.as_bytes()]))
            .map(|(_, row)| row.clone())
            .collect()
    }

    pub(crate) fn put(&mut self, query: Arc<PreparedQuery>) {
        self.remove(&query.id);
        let name = Key::from(&*fold(&query.name));
        if is_template(&query) {
            self.templates.insert(name, query.clone());
        } else if !query.name.is_empty() {
            self.by_name.insert(name, query.clone());
        }
        if !query.session.is_empty() {
            let session = Path::of(&[query.session.as_bytes(), fold(&query.id).as_bytes()]);
            self.by_session.insert(session.key(), query.clone());
        }
        self.rows.insert(Key::from(&*fold(&query.id)), query);
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<PreparedQuery>> {
        let old = self.rows.remove(fold(id).as_bytes())?;
        let name = fold(&old.name);
        if is_template(&old) {
            self.templates.remove(name.as_bytes());
        } else if !old.name.is_empty() {
            self.by_name.remove(name.as_bytes());
        }
        if !old.session.is_empty() {
            self.by_session
                .remove(&Path::of(&[old.session.as_bytes(), fold(id).as_bytes()]));
        }
        Some(old)
    }

    /// The template with the longest name that `name` begins with.
    fn template_for(&self, name: &str) -> Option<&Arc<PreparedQuery>> {
        let name = fold(name);
        let cuts = std::iter::once(name.len()).chain(name.char_indices().rev().map(|(at, _)| at));
        cuts.filter_map(|at| self.templates.get(name.as_bytes().get(..at)?))
            .next()
    }
}

/// Whether a text is a UUID: 36 characters, hyphens at their places, hex digits else.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

impl Root {
    /// All prepared queries, by ID.
    pub fn prepared_queries(&self) -> ReadResult<Vec<Arc<PreparedQuery>>> {
        let rows = self
            .queries
            .rows
            .iter()
            .map(|(_, row)| row.clone())
            .collect();
        ReadResult::new(
            self.index("prepared-queries"),
            rows,
            [WatchKey::AllPreparedQueries],
        )
    }

    /// One prepared query by ID.
    pub fn prepared_query(&self, id: &str) -> ReadResult<Option<Arc<PreparedQuery>>> {
        let watch = [WatchKey::PreparedQuery(Key::from(&*fold(id)))];
        ReadResult::new(
            self.index("prepared-queries"),
            self.queries.get(id).cloned(),
            watch,
        )
    }

    /// What an ID or a name leads to.
    pub fn resolve_query(&self, id_or_name: &str) -> ReadResult<Resolved> {
        let row = if is_uuid(id_or_name)
            && let Some(query) = self.queries.get(id_or_name)
        {
            if is_template(query) {
                Resolved::TemplateById
            } else {
                Resolved::Query(query.clone())
            }
        } else if let Some(query) = self.queries.by_name.get(fold(id_or_name).as_bytes()) {
            Resolved::Query(query.clone())
        } else if let Some(template) = self.queries.template_for(id_or_name) {
            Resolved::Template(template.clone())
        } else {
            Resolved::None
        };
        ReadResult::new(
            self.index("prepared-queries"),
            row,
            [WatchKey::AllPreparedQueries],
        )
    }
}
