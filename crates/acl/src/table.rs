//! The rules of one resource, laid out so that a decision is one binary search without allocation.

use crate::Level;

/// No entry.
const NONE: u32 = u32::MAX;

/// All rules of one name.
#[derive(Clone, Debug)]
struct Entry {
    /// Where its name stands in the table's text.
    start: usize,
    len: usize,
    /// The longest other name with a prefix rule that this name starts with.
    parent: u32,
    exact: Option<Level>,
    prefix: Option<Level>,
}

/// What all rules together say, computed once.
#[derive(Clone, Copy, Debug, Default)]
struct Whole {
    /// The rule of the empty prefix.
    root: Option<Level>,
    highest: Option<Level>,
    lowest: Option<Level>,
}

/// Rules by name, exact and prefix ones.
///
/// A name's longest prefix in a sorted list is its predecessor or one of the predecessor's own prefixes: every name between a
/// prefix of it and itself starts with that prefix. So after one search only lengths are compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// The first eight bytes of each name as a number: most comparisons end here.
    heads: Box<[u64]>,
    entries: Box<[Entry]>,
    text: Box<[u8]>,
    whole: Whole,
}

/// The first eight bytes, zeros after the end, in the order of the bytes.
fn head(name: &[u8]) -> u64 {
    if let Some(first) = name.first_chunk::<8>() {
        return u64::from_be_bytes(*first);
    }
    let mut bytes = [0; 8];
    bytes[..name.len()].copy_from_slice(name);
    u64::from_be_bytes(bytes)
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl Table {
    /// From rules sorted by name, exact before prefix.
    pub(crate) fn build<'a>(rules: impl Iterator<Item = (&'a str, bool, Level)>) -> Self {
        let (mut heads, mut text) = (Vec::new(), Vec::new());
        let mut entries: Vec<Entry> = Vec::new();
        let mut whole = Whole::default();
        // Names with prefix rules that the current one starts with, shortest first.
        let mut open: Vec<u32> = Vec::new();
        for (name, prefix, level) in rules {
            whole.highest = whole.highest.max(Some(level));
            whole.lowest = Some(whole.lowest.map_or(level, |low| low.min(level)));
            if prefix && name.is_empty() {
                whole.root = Some(level);
            }
            let name_of = |e: &Entry| e.start..e.start + e.len;
            let same = entries
                .last()
                .is_some_and(|last| &text[name_of(last)] == name.as_bytes());
            if !same {
                while let Some(top) = open.last() {
                    let top = &entries[*top as usize];
                    if name.as_bytes().starts_with(&text[name_of(top)]) {
                        break;
                    }
                    open.pop();
                }
                heads.push(head(name.as_bytes()));
                entries.push(Entry {
                    start: text.len(),
                    len: name.len(),
                    parent: open.last().copied().unwrap_or(NONE),
                    exact: None,
                    prefix: None,
                });
                text.extend_from_slice(name.as_bytes());
            }
            let at = entries.len() - 1;
            if prefix {
                entries[at].prefix = Some(level);
                // More rules than the number holds would take hundreds of gigabytes of policies.
                open.push(u32::try_from(at).unwrap_or(NONE - 1));
            } else {
                entries[at].exact = Some(level);
            }
        }
        Table {
            heads: heads.into(),
            entries: entries.into(),
            text: text.into(),
            whole,
        }
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        self.text
            .get(entry.start..entry.start + entry.len)
            .unwrap_or_default()
    }

    /// Number of entries before the first that is greater than `name` (with `or_equal`: not less than it).
    fn rank(&self, name: &[u8], or_equal: bool) -> usize {
        let wanted = head(name);
        let (mut low, mut high) = (0, self.heads.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let before = match self.heads[middle].cmp(&wanted) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Greater => false,
                std::cmp::Ordering::Equal => match self.name(&self.entries[middle]).cmp(name) {
                    std::cmp::Ordering::Less => true,
                    std::cmp::Ordering::Equal => !or_equal,
                    std::cmp::Ordering::Greater => false,
                },
            };
            if before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The level that counts for a name: of its exact rule, else of the longest prefix.
    pub(crate) fn level(&self, name: &[u8]) -> Option<Level> {
        let at = self.rank(name, false).checked_sub(1)?;
        let entry = self.entries.get(at)?;
        let shared = common(self.name(entry), name);
        if shared == entry.len && shared == name.len() && entry.exact.is_some() {
            return entry.exact;
        }
        self.longest_prefix(at, shared)
    }

    /// The level of the longest prefix rule not longer than `shared` among entry `at` and its parents.
    fn longest_prefix(&self, at: usize, shared: usize) -> Option<Level> {
        let mut next = self.entries.get(at);
        while let Some(entry) = next {
            if entry.len <= shared && entry.prefix.is_some() {
                return entry.prefix;
            }
            next = self.entries.get(entry.parent as usize);
        }
        None
    }

    /// Whether all that starts with `prefix` may be used so: the prefix rule above it and every rule below it must agree.
    pub(crate) fn below(&self, prefix: &[u8], needs: Level) -> Option<bool> {
        let above = self
            .rank(prefix, false)
            .checked_sub(1)
            .and_then(|at| self.longest_prefix(at, common(self.name(&self.entries[at]), prefix)));
        if above.is_some_and(|level| level < needs) {
            return Some(false);
        }
        let start = self.rank(prefix, true);
        let refused = self
            .entries
            .iter()
            .skip(start)
            .take_while(|entry| self.name(entry).starts_with(prefix))
            .any(|entry| {
                [entry.exact, entry.prefix]
                    .into_iter()
                    .flatten()
                    .any(|l| l < needs)
            });
        match (refused, above) {
            (true, _) => Some(false),
            (false, Some(_)) => Some(true),
            (false, None) => None,
        }
    }

    /// Whether some rule grants it.
    pub(crate) fn any(&self, needs: Level) -> Option<bool> {
        match self.whole.highest {
            Some(level) if level >= needs => Some(true),
            _ => self.whole.root.map(|_| false),
        }
    }

    /// Whether no rule refuses it.
    pub(crate) fn all(&self, needs: Level) -> Option<bool> {
        match self.whole.lowest {
            Some(level) if level < needs => Some(false),
            _ => self.whole.root.map(|_| true),
        }
    }
}
