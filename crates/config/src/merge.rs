//! Laying one source over another (agent-config.md §1), and the sources that come from the table itself.

use crate::schema::{Field, Kind, ROOT};
use crate::tree::{Map, Tree};

/// Lays `over` over `base`. Both are decoded.
pub(crate) fn merge(base: &mut Map, over: Map) {
    merge_in(ROOT, base, over);
}

fn merge_in(fields: &'static [Field], base: &mut Map, over: Map) {
    for (name, value) in over {
        let kind = fields.iter().find(|f| f.name == name).map(|f| &f.kind);
        match (kind, base.get_mut(&name), value) {
            (Some(Kind::Block(inner)), Some(Tree::Map(old)), Tree::Map(new)) => {
                merge_in(inner, old, new);
            }
            (
                Some(Kind::TextMap | Kind::TextsMap | Kind::Opaque | Kind::BlockMap(_)),
                Some(Tree::Map(old)),
                Tree::Map(new),
            ) => old.extend(new),
            (_, Some(Tree::List { items, .. }), Tree::List { items: more, .. }) => {
                items.extend(more);
            }
            (_, _, value) => {
                base.insert(name, value);
            }
        }
    }
}

/// The defaults; with `dev` those of development mode.
pub(crate) fn defaults(dev: bool) -> Map {
    defaults_of(ROOT, dev)
}

fn defaults_of(fields: &'static [Field], dev: bool) -> Map {
    let mut out = Map::new();
    for field in fields {
        if let Kind::Block(inner) = field.kind {
            if field.is_definition() {
                continue;
            }
            let block = defaults_of(inner, dev);
            if !block.is_empty() {
                out.insert(field.name.to_string(), Tree::Map(block));
            }
            continue;
        }
        let text = if dev && !field.dev.is_empty() {
            field.dev
        } else {
            field.default
        };
        if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
            out.insert(field.name.to_string(), typed(field.kind, json.into()));
        }
    }
    out
}

fn typed(kind: Kind, tree: Tree) -> Tree {
    match (kind, tree) {
        (Kind::Int | Kind::Uint, Tree::Float(n)) => Tree::Int(n as i64),
        (_, tree) => tree,
    }
}

/// Sets the value of a dotted path, making blocks as needed.
pub(crate) fn set(map: &mut Map, path: &str, value: Tree) {
    match path.split_once('.') {
        None => {
            map.insert(path.to_string(), value);
        }
        Some((head, rest)) => {
            let slot = map
                .entry(head.to_string())
                .or_insert_with(|| Tree::Map(Map::new()));
            if let Tree::Map(inner) = slot {
                set(inner, rest, value);
            }
        }
    }
}

/// The value of a dotted path.
pub(crate) fn get<'a>(map: &'a Map, path: &str) -> Option<&'a Tree> {
    match path.split_once('.') {
        None => map.get(path),
        Some((head, rest)) => match map.get(head) {
            Some(Tree::Map(inner)) => get(inner, rest),
            _ => None,
        },
    }
}

/// Takes the value of a dotted path out.
pub(crate) fn take(map: &mut Map, path: &str) -> Option<Tree> {
    match path.split_once('.') {
        None => map.remove(path),
        Some((head, rest)) => match map.get_mut(head) {
            Some(Tree::Map(inner)) => take(inner, rest),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    fn tree(json: serde_json::Value) -> Map {
        match Tree::from(json) {
            Tree::Map(m) => decode(ROOT, m).0,
            _ => Map::new(),
        }
    }

    #[test]
    fn rules_by_type() {
        let mut base = tree(serde_json::json!({
            "datacenter": "a", "retry_join": ["1"], "node_meta": {"x": "1", "y": "1"}, "ports": {"http": 1, "dns": 2},
        }));
        merge(
            &mut base,
            tree(serde_json::json!({
                "datacenter": "b", "retry_join": ["2"], "node_meta": {"y": "2"}, "ports": {"dns": 3},
            })),
        );
        assert_eq!(
            Tree::Map(base).to_json(),
            serde_json::json!({
                "datacenter": "b", "retry_join": ["1", "2"], "node_meta": {"x": "1", "y": "2"}, "ports": {"http": 1, "dns": 3},
            })
        );
    }

    #[test]
    fn defaults_are_valid_values_of_their_rows() {
        for dev in [false, true] {
            let (again, findings) = decode(ROOT, defaults(dev));
            assert_eq!((findings.wrong, findings.unknown), (vec![], vec![]));
            assert_eq!(again, defaults(dev));
        }
        assert_eq!(get(&defaults(true), "ports.grpc"), Some(&Tree::Int(8502)));
    }
}
