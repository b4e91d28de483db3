//! Node metadata as TXT records (spec/dns.md §7).

use crate::question::rtype;
use crate::writer::{Owner, Writer};
use model::Node;

/// Writes a node's metadata as TXT records; returns how many.
pub(crate) fn meta_records(w: &mut Writer<'_>, node: &Node, owner: Owner<'_>, ttl: u32) -> u16 {
    let mut records = 0;
    for (key, value) in node.meta.iter() {
        meta_record(w, key, value, owner, ttl);
        records += 1;
    }
    records
}

pub(crate) fn meta_record(w: &mut Writer<'_>, key: &str, value: &str, owner: Owner<'_>, ttl: u32) {
    let text = text_of_meta(key, value);
    w.record_with(owner, rtype::TXT, ttl, |w| {
        if text.is_empty() {
            w.bytes(&[0]);
        }
        for piece in text.as_bytes().chunks(usize::from(u8::MAX)) {
            w.bytes(&[piece.len() as u8]);
            w.bytes(piece);
        }
    });
}

/// The text of a metadata pair after RFC 1464: backquotes escape in key and value; keys beginning with `rfc1035-` give the
/// value alone.
pub fn text_of_meta(key: &str, value: &str) -> String {
    if key
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("rfc1035-"))
    {
        return value.to_owned();
    }
    let mut text = String::with_capacity(key.len() + value.len() + 1);
    let leading = key.len() - key.trim_start_matches(' ').len();
    let trailing = key.trim_end_matches(' ').len();
    for (at, c) in key.char_indices() {
        let edge_space = c == ' ' && (at < leading || at >= trailing);
        if edge_space || c == '=' || c == '`' {
            text.push('`');
        }
        text.push(c);
    }
    text.push('=');
    for c in value.chars() {
        if c == '`' {
            text.push('`');
        }
        text.push(c);
    }
    text
}
