//! Groups parked on KV keys and prefixes, in key order, so that one pass finds everyone a write concerns.

use super::{Parked, join, leave};
use crate::group::Group;
use state::Key;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Keyspace {
    keys: BTreeMap<Key, Parked>,
    prefixes: BTreeMap<Key, Parked>,
}

fn put(map: &mut BTreeMap<Key, Parked>, key: &Key, group: &Arc<Group>) {
    join(map.entry(key.clone()).or_default(), group);
}

fn take(map: &mut BTreeMap<Key, Parked>, key: &Key, group: &Arc<Group>) {
    if map
        .get_mut(&key[..])
        .is_some_and(|parked| leave(parked, group))
    {
        map.remove(&key[..]);
    }
}

fn from<'a>(
    map: &'a BTreeMap<Key, Parked>,
    start: &[u8],
) -> impl Iterator<Item = (&'a Key, &'a Parked)> + use<'a> {
    map.range::<[u8], _>((Bound::Included(start), Bound::Unbounded))
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

impl Keyspace {
    pub(super) fn park_key(&mut self, key: &Key, group: &Arc<Group>) {
        put(&mut self.keys, key, group);
    }

    pub(super) fn park_prefix(&mut self, prefix: &Key, group: &Arc<Group>) {
        put(&mut self.prefixes, prefix, group);
    }

    pub(super) fn unpark_key(&mut self, key: &Key, group: &Arc<Group>) {
        take(&mut self.keys, key, group);
    }

    pub(super) fn unpark_prefix(&mut self, prefix: &Key, group: &Arc<Group>) {
        take(&mut self.prefixes, prefix, group);
    }

    /// Those on the key itself and on every prefix of it.
    pub(super) fn touched_key(&self, key: &[u8], mark: &mut impl FnMut(&Arc<Group>)) {
        if let Some(parked) = self.keys.get(key) {
            parked.iter().for_each(&mut *mark);
        }
        self.on_prefixes_of(key, mark);
    }

    /// Those on any key or prefix below `prefix`, and on every prefix of it.
    pub(super) fn touched_prefix(&self, prefix: &[u8], mark: &mut impl FnMut(&Arc<Group>)) {
        for map in [&self.keys, &self.prefixes] {
            for (_, parked) in from(map, prefix).take_while(|(key, _)| key.starts_with(prefix)) {
                parked.iter().for_each(&mut *mark);
            }
        }
        self.on_prefixes_of(prefix, mark);
    }

    pub(super) fn all(&self, mark: &mut impl FnMut(&Arc<Group>)) {
        self.keys
            .values()
            .chain(self.prefixes.values())
            .flatten()
            .for_each(mark);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.keys.len() + self.prefixes.len()
    }

    /// Whatever stands in order between a prefix of `key` and `key` begins with that prefix too. So the greatest parked
    /// prefix not above `key` begins with all that concern it, and each step back shortens what may still match.
    fn on_prefixes_of(&self, key: &[u8], mark: &mut impl FnMut(&Arc<Group>)) {
        let mut end = Bound::Included(key);
        while let Some((prefix, parked)) = self
            .prefixes
            .range::<[u8], _>((Bound::Unbounded, end))
            .next_back()
        {
            let shared = common(prefix, key);
            if shared == prefix.len() {
                parked.iter().for_each(&mut *mark);
                end = Bound::Excluded(&key[..shared]);
            } else {
                end = Bound::Included(&key[..shared]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::{Authorized, Query, Read};
    use proptest::prelude::*;

    fn name() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![b'a', b'b', b'/']), 0..6)
    }

    proptest! {
        #[test]
        fn finds_exactly_those_concerned(
            parked in prop::collection::vec((any::<bool>(), name()), 0..40),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
            whole in any::<bool>(),
            touched in name(),
        ) {
            let mut space = Keyspace::default();
            let mut all: Vec<(bool, Vec<u8>, Arc<Group>)> = Vec::new();
            for (prefix, name) in parked {
                let group = Group::new(Authorized::system(), Query::new(Read::Nodes), 0);
                let key = Key::from(&name[..]);
                if prefix { space.park_prefix(&key, &group) } else { space.park_key(&key, &group) }
                all.push((prefix, name, group));
            }
            for index in gone {
                if !all.is_empty() {
                    let (prefix, name, group) = all.swap_remove(index.index(all.len()));
                    let key = Key::from(&name[..]);
                    if prefix { space.unpark_prefix(&key, &group) } else { space.unpark_key(&key, &group) }
                }
            }
            let mut found: Vec<*const Group> = Vec::new();
            let mut mark = |g: &Arc<Group>| found.push(Arc::as_ptr(g));
            if whole { space.touched_prefix(&touched, &mut mark) } else { space.touched_key(&touched, &mut mark) }
            found.sort_unstable();
            found.dedup();
            let mut expected: Vec<*const Group> = all.iter().filter(|(prefix, name, _)| {
                let under = whole && name.starts_with(&touched);
                if *prefix { touched.starts_with(name) || under } else { *name == touched || under }
            }).map(|(_, _, g)| Arc::as_ptr(g)).collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
            prop_assert!(space.len() <= all.len());
        }
    }
}
