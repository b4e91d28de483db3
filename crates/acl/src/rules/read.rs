//! From statements to rules whose levels nobody has looked at yet, with the oddities of the reference's decoder.

use dialect::hcl::{self, Duplicates, Item, Key, Node, Pos};

use super::RuleError;
use crate::Resource;

/// A kind of block: a resource, exact or by prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The word that opens it.
    pub(super) word: &'static str,
    pub(super) resource: Resource,
    pub(super) prefix: bool,
}

const fn block(word: &'static str, resource: Resource, prefix: bool) -> Block {
    Block {
        word,
        resource,
        prefix,
    }
}

/// Every block, in the order in which levels are checked. `identity` and `identity_prefix` are read by nobody: they are legacy.
pub(super) const BLOCKS: [Block; 14] = [
    block("agent", Resource::Agent, false),
    block("agent_prefix", Resource::Agent, true),
    block("key", Resource::Key, false),
    block("key_prefix", Resource::Key, true),
    block("node", Resource::Node, false),
    block("node_prefix", Resource::Node, true),
    block("service", Resource::Service, false),
    block("service_prefix", Resource::Service, true),
    block("session", Resource::Session, false),
    block("session_prefix", Resource::Session, true),
    block("event", Resource::Event, false),
    block("event_prefix", Resource::Event, true),
    block("query", Resource::Query, false),
    block("query_prefix", Resource::Query, true),
];

/// Every attribute, in the order in which levels are checked.
pub(super) const ATTRIBUTES: [Resource; 5] = [
    Resource::Acl,
    Resource::Keyring,
    Resource::Operator,
    Resource::Mesh,
    Resource::Peering,
];

/// A rule as written.
pub(super) struct RawRule {
    pub(super) block: Block,
    pub(super) name: String,
    pub(super) policy: String,
    pub(super) intentions: String,
}

/// All rules as written, in the order of the text. Of an attribute the last counts.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) plain: Vec<(Resource, String)>,
    pub(super) named: Vec<RawRule>,
}

pub(super) fn read(text: &str, duplicates: Duplicates) -> Result<Raw, RuleError> {
    let items =
        hcl::items(text, duplicates).map_err(|error| RuleError::Syntax(error.to_string()))?;
    let mut reader = Reader {
        json: text.trim_start().starts_with('{'),
        raw: Raw::default(),
        counts: [0; BLOCKS.len()],
    };
    for item in &items {
        reader.statement(item)?;
    }
    Ok(reader.raw)
}

struct Reader {
    /// The JSON form knows no positions.
    json: bool,
    raw: Raw,
    /// Rules read so far of each kind of block: error texts count them.
    counts: [usize; BLOCKS.len()],
}

impl Reader {
    fn statement(&mut self, item: &Item) -> Result<(), RuleError> {
        let Some((key, labels)) = item.keys.split_first() else {
            return Ok(());
        };
        let is = |word: &str| word.eq_ignore_ascii_case(&key.text);
        if let Some(resource) = ATTRIBUTES.into_iter().find(|one| is(one.word())) {
            let path = format!("root.{}", resource.word());
            let level = self.text(&path, labels, &item.value)?;
            self.raw.plain.retain(|(known, _)| *known != resource);
            self.raw.plain.push((resource, level));
            return Ok(());
        }
        match BLOCKS.iter().position(|block| is(block.word)) {
            Some(kind) => self.block(kind, labels, &item.value),
            None => Ok(()),
        }
    }

    /// A block with its label, or an object of labels.
    fn block(&mut self, kind: usize, labels: &[Key], value: &Node) -> Result<(), RuleError> {
        if let Some((label, rest)) = labels.split_first() {
            return self.labelled(kind, label, rest, value);
        }
        let lists: Vec<&[Item]> = match value {
            Node::Object(_, items) => vec![items],
            Node::List(_, nodes) if nodes.iter().all(|n| matches!(n, Node::Object(..))) => nodes
                .iter()
                .filter_map(|node| match node {
                    Node::Object(_, items) => Some(items.as_slice()),
                    _ => None,
                })
                .collect(),
            other => {
                let text = format!("unknown slice type: {}", go_type(other));
                return Err(self.fault(other.pos(), &text));
            }
        };
        for item in lists.into_iter().flatten() {
            if let Some((label, rest)) = item.keys.split_first() {
                self.labelled(kind, label, rest, &item.value)?;
            }
        }
        Ok(())
    }

    fn labelled(
        &mut self,
        kind: usize,
        label: &Key,
        rest: &[Key],
        value: &Node,
    ) -> Result<(), RuleError> {
        if let (Node::List(_, nodes), []) = (value, rest)
            && nodes.iter().all(|node| matches!(node, Node::Object(..)))
        {
            for node in nodes {
                self.labelled(kind, label, rest, node)?;
            }
            return Ok(());
        }
        let block = BLOCKS[kind];
        let path = format!("root.{}[{}]", block.word, self.counts[kind]);
        let mut rule = RawRule {
            block,
            name: label.text.clone(),
            policy: String::new(),
            intentions: String::new(),
        };
        match (rest, value) {
            ([], Node::Object(_, items)) => {
                for item in items {
                    if let Some((key, labels)) = item.keys.split_first() {
                        self.member(&path, &mut rule, key, labels, &item.value)?;
                    }
                }
            }
            // `key { policy = "read" }`: the label is the member too.
            ([], value) => self.member(&path, &mut rule, label, &[], value)?,
            ([key, labels @ ..], value) => self.member(&path, &mut rule, key, labels, value)?,
        }
        self.counts[kind] += 1;
        self.raw.named.push(rule);
        Ok(())
    }

    fn member(
        &self,
        path: &str,
        rule: &mut RawRule,
        key: &Key,
        labels: &[Key],
        value: &Node,
    ) -> Result<(), RuleError> {
        if key.text.eq_ignore_ascii_case("policy") {
            rule.policy = self.text(&format!("{path}.Policy"), labels, value)?;
        } else if key.text.eq_ignore_ascii_case("intentions")
            && rule.block.resource == Resource::Service
        {
            rule.intentions = self.text(&format!("{path}.Intentions"), labels, value)?;
        }
        Ok(())
    }

    /// A text; numbers are taken as they are written.
    fn text(&self, path: &str, labels: &[Key], value: &Node) -> Result<String, RuleError> {
        let found = match value {
            _ if !labels.is_empty() => "*ast.ObjectType",
            Node::Str(_, text) | Node::Int(_, _, text) | Node::Float(_, _, text) => {
                return Ok(text.clone());
            }
            other => go_type(other),
        };
        let text = format!("{path}: unknown type for string {found}");
        Err(self.fault(value.pos(), &text))
    }

    fn fault(&self, pos: Pos, text: &str) -> RuleError {
        RuleError::Syntax(match self.json {
            true => format!("At -: {text}"),
            false => format!("At {pos}: {text}"),
        })
    }
}

fn go_type(node: &Node) -> &'static str {
    match node {
        Node::List(..) => "*ast.ListType",
        Node::Object(..) => "*ast.ObjectType",
        Node::Bool(..) | Node::Int(..) | Node::Float(..) | Node::Str(..) => "*ast.LiteralType",
    }
}
