//! The table of keys: one row a key with its type, default, flag and whether a reload applies it.
//!
//! Everything else is derived: decoding and its refusals, merging, defaults, the development overlay, the flags of
//! `consul agent`, the list in `keys.txt`. Adding a key is adding a row (and the place where its value is used).

mod definitions;
mod root;

pub use definitions::{CHECK, SERVICE};
pub use root::ROOT;

/// Type of a key, which also says how two sources merge (agent-config.md §1): scalars – the later wins; lists – one after
/// the other; maps – by key, the later wins; blocks – key by key.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A number, signed; fractions are cut off.
    Int,
    /// A number, not negative.
    Uint,
    /// A number.
    Float,
    /// A text.
    Text,
    /// A text that must be a Go duration.
    Duration,
    /// List of texts.
    Texts,
    /// Map of texts.
    TextMap,
    /// Map of lists of texts (HTTP headers).
    TextsMap,
    /// A block with known keys.
    Block(&'static [Field]),
    /// A list of such blocks.
    Blocks(&'static [Field]),
    /// A map of such blocks.
    BlockMap(&'static [Field]),
    /// A map whose inside belongs to somebody else.
    Opaque,
    /// A list of such maps.
    Opaques,
    /// A list of maps in which a list of one stays a list (config entries).
    Entries,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Key inside its block, snake_case.
    pub name: &'static str,
    /// Other spellings that are accepted.
    pub aliases: &'static [&'static str],
    /// Type.
    pub kind: Kind,
    /// Default as JSON; empty = none.
    pub default: &'static str,
    /// Default with `-dev` as JSON, where it differs; empty = same.
    pub dev: &'static str,
    /// Flag of `consul agent` without dash; empty = none.
    pub flag: &'static str,
    /// Whether a reload applies a changed value.
    pub reloads: bool,
}

/// A row without default and flag.
pub(crate) const fn key(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        aliases: &[],
        kind,
        default: "",
        dev: "",
        flag: "",
        reloads: false,
    }
}

impl Field {
    pub(crate) const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }
    pub(crate) const fn dev(mut self, default: &'static str) -> Self {
        self.dev = default;
        self
    }
    pub(crate) const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = flag;
        self
    }
    pub(crate) const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
    pub(crate) const fn reloads(mut self) -> Self {
        self.reloads = true;
        self
    }
}

/// Calls `visit` with the dotted path and row of every key that is no block, in table order. Lists and maps of blocks are
/// one key.
pub fn walk(visit: &mut dyn FnMut(&str, &'static Field)) {
    walk_in("", ROOT, visit);
}

fn walk_in(prefix: &str, fields: &'static [Field], visit: &mut dyn FnMut(&str, &'static Field)) {
    for field in fields {
        let path = if prefix.is_empty() {
            field.name.to_string()
        } else {
            format!("{prefix}.{}", field.name)
        };
        match field.kind {
            Kind::Block(inner) if !field.is_definition() => walk_in(&path, inner, visit),
            _ => visit(&path, field),
        }
    }
}

impl Field {
    /// The singular `service` and `check` blocks: definitions, not settings.
    pub(crate) fn is_definition(&self) -> bool {
        self.name == "service" || self.name == "check"
    }
}

/// The row of a dotted path.
pub fn find(path: &str) -> Option<&'static Field> {
    let mut fields = ROOT;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let field = fields.iter().find(|f| f.name == part)?;
        if parts.peek().is_none() {
            return Some(field);
        }
        match field.kind {
            Kind::Block(inner) => fields = inner,
            _ => return None,
        }
    }
    None
}

/// Names of the keys of the Circonus sink inside `telemetry`.
pub(crate) fn circonus_keys() -> impl Iterator<Item = &'static str> {
    let fields = match find("telemetry").map(|f| f.kind) {
        Some(Kind::Block(inner)) => inner,
        _ => &[],
    };
    fields
        .iter()
        .map(|f| f.name)
        .filter(|n| n.starts_with("circonus_"))
}
