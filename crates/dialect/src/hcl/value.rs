//! From statements to what a Go program finds in its `map[string]interface{}`.

use std::collections::BTreeMap;

use super::{Item, Node};

/// The members of an object.
pub type Map = BTreeMap<String, Value>;

/// A decoded value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// `float64`.
    Float(f64),
    /// `string`.
    Str(String),
    /// `[]interface{}`: a list as written. Objects in it are [`Value::Map`].
    List(Vec<Value>),
    /// `[]map[string]interface{}`: an object or block, one map for each time it occurs.
    Blocks(Vec<Map>),
    /// `map[string]interface{}`: only the whole text and the objects in a list.
    Map(Map),
}

/// Gathers statements into a map: repeated blocks and lists add up, of repeated scalars the last counts, labels nest.
pub fn decode(items: &[Item]) -> Map {
    let mut map = Map::new();
    for item in items {
        let keys: Vec<&str> = item.keys.iter().map(|key| key.text.as_str()).collect();
        add(&mut map, &keys, &item.value);
    }
    map
}

fn add(map: &mut Map, keys: &[&str], node: &Node) {
    let Some((key, labels)) = keys.split_first() else {
        return;
    };
    let value = if labels.is_empty() {
        match node {
            Node::Object(_, items) => Value::Blocks(vec![decode(items)]),
            other => plain(other),
        }
    } else {
        let mut inner = Map::new();
        add(&mut inner, labels, node);
        Value::Blocks(vec![inner])
    };
    match (map.get_mut(*key), value) {
        (Some(Value::Blocks(old)), Value::Blocks(new)) => old.extend(new),
        (Some(Value::List(old)), Value::List(new)) => old.extend(new),
        // `a { … }` and `a = [{ … }]` in one text name one list.
        (Some(Value::List(old)), Value::Blocks(new)) => {
            old.extend(new.into_iter().map(Value::Map));
        }
        (Some(Value::Blocks(old)), Value::List(new))
            if new.iter().all(|v| matches!(v, Value::Map(_))) =>
        {
            old.extend(new.into_iter().filter_map(|v| match v {
                Value::Map(m) => Some(m),
                _ => None,
            }));
        }
        (_, value) => {
            map.insert((*key).to_owned(), value);
        }
    }
}

/// A value inside a list, or one that is no object.
fn plain(node: &Node) -> Value {
    match node {
        Node::Bool(_, value) => Value::Bool(*value),
        Node::Int(_, value, _) => Value::Int(*value),
        Node::Float(_, value, _) => Value::Float(*value),
        Node::Str(_, text) => Value::Str(text.clone()),
        Node::List(_, items) => Value::List(items.iter().map(plain).collect()),
        Node::Object(_, items) => Value::Map(decode(items)),
    }
}
