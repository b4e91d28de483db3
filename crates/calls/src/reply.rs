//! Replies of reads: rows with what the reply says about itself.

use crate::ask::{decode, duration, nanos};
use bytes::Bytes;
use dialect::msgpack::{self, Encode, Error, Writer};
use ports::{Answer, Answered, Data, Form, Query};
use std::sync::Arc;
use wire::Outcome;
use wire::rpc::{Empty, QueryMeta};

/// The keys of [`QueryMeta`], in their order on the wire.
const META: [&str; 7] = [
    "Backend",
    "ConsistencyLevel",
    "Index",
    "KnownLeader",
    "LastContact",
    "NotModified",
    "ResultsFilteredByACLs",
];
/// Bytes of a reply without rows, roughly.
const META_BYTES: usize = 160;

/// What a reply says about itself.
pub(crate) fn meta(answered: &Answered) -> QueryMeta {
    QueryMeta {
        index: answered.answer.index,
        last_contact: nanos(answered.last_contact),
        known_leader: answered.known_leader,
        results_filtered_by_acls: answered.filtered_by_acls,
        ..QueryMeta::default()
    }
}

/// An answer that came from a server.
pub(crate) fn answered(data: Data, meta: &QueryMeta) -> Answered {
    let filtered = meta.results_filtered_by_acls;
    Answered {
        answer: Arc::new(Answer::new(meta.index, data, filtered)),
        known_leader: meta.known_leader,
        last_contact: duration(meta.last_contact),
        filtered_by_acls: filtered,
    }
}

/// A map of the fields, which are ordered and encoded, and of the metadata.
pub(crate) fn compose(answered: &Answered, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let size: usize = fields
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    let mut out = Vec::with_capacity(META_BYTES + size);
    let mut w = Writer::new(&mut out);
    w.map(META.len() + fields.len());
    let mut fields = fields.iter().peekable();
    let meta = meta(answered);
    for key in META {
        while let Some((name, value)) = fields.next_if(|(name, _)| *name < key) {
            w.str(name);
            w.verbatim(value);
        }
        w.str(key);
        match key {
            "Index" => w.uint(meta.index),
            "LastContact" => w.value(&meta.last_contact),
            "KnownLeader" => w.bool(meta.known_leader),
            "ResultsFilteredByACLs" => w.bool(meta.results_filtered_by_acls),
            "NotModified" => w.bool(meta.not_modified),
            "Backend" => w.int(meta.backend),
            _ => w.str(&meta.consistency_level),
        }
    }
    for (name, value) in fields {
        w.str(name);
        w.verbatim(value);
    }
    out
}

/// The reply of a read whose rows are one list, which is encoded once for all who share the answer.
pub(crate) fn shared(
    answered: &Answered,
    key: &str,
    rows: impl FnOnce(&Data, &mut Writer<'_>),
) -> Vec<u8> {
    compose(answered, &[(key, &encoded(answered, rows))])
}

/// The rows' encoded form, which is kept beside them.
pub(crate) fn encoded(answered: &Answered, rows: impl FnOnce(&Data, &mut Writer<'_>)) -> Bytes {
    answered.answer.encoded(Form::Msgpack, |data| {
        let mut out = Vec::new();
        rows(data, &mut Writer::new(&mut out));
        out.into()
    })
}

/// A list as Go's servers send it: nil without rows, unless something was sifted out of them.
pub(crate) fn list<T>(
    w: &mut Writer<'_>,
    rows: &[T],
    sifted: bool,
    mut write: impl FnMut(&mut Writer<'_>, &T),
) {
    if rows.is_empty() && !sifted {
        return w.nil();
    }
    w.array(rows.len());
    for row in rows {
        write(w, row);
    }
}

/// The same of rows with a form of their own.
pub(crate) fn rows<T: Encode>(w: &mut Writer<'_>, rows: &[T], sifted: bool) {
    list(w, rows, sifted, |w, row| row.encode(w));
}

/// Whether a filter sifts the rows.
pub(crate) fn sifted(query: &Query) -> bool {
    !query.filter.is_empty()
}

/// An empty reply.
pub(crate) fn said_nothing(_: &Outcome) -> Vec<u8> {
    msgpack::to_vec(&Empty {})
}

/// And what it means.
pub(crate) fn nothing(body: &[u8]) -> Result<Outcome, Error> {
    decode::<Empty>(body).map(|_| Outcome::Nil)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::rpc::IndexedCheckServiceNodes;

    #[test]
    fn a_composed_reply_is_the_record() {
        let mut answered = answered(
            Data::CheckServiceNodes(Vec::new()),
            &QueryMeta {
                index: 70_000,
                last_contact: dialect::Nanos(5_000_000),
                known_leader: true,
                results_filtered_by_acls: true,
                ..QueryMeta::default()
            },
        );
        answered.filtered_by_acls = true;
        for sifted in [false, true] {
            let record = IndexedCheckServiceNodes {
                nodes: if sifted {
                    dialect::List::empty()
                } else {
                    dialect::List::nil()
                },
                meta: meta(&answered),
            };
            let rows = msgpack::to_vec(&record.nodes);
            assert_eq!(
                compose(&answered, &[("Nodes", &rows)]),
                msgpack::to_vec(&record)
            );
        }
        assert_eq!(
            compose(&answered, &[]),
            msgpack::to_vec(&meta(&answered)),
            "no rows at all"
        );
    }
}
