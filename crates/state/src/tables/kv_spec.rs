//! Keys and tombstones as everything that loops over tables sees them. Their rows in our own snapshot are positional, for there
//! may be millions.

use crate::apply::Change;
use crate::reads::read;
use crate::snapshot;
use crate::tables::spec::{Archived, Native, TableSpec, rule};
use dialect::{Bytes, Text, msgpack};
use model::{KvEntry, RaftIndex};
use msgpack::{Reader, Writer};
use wire::command::kind;

pub(crate) const KV: TableSpec = TableSpec {
    name: "kvs",
    record: "KvEntry",
    changed_by: &[
        kind::KVS,
        kind::TXN,
        kind::SESSION,
        kind::REGISTER,
        kind::DEREGISTER,
    ],
    wakes: &["KvKey", "KvPrefix"],
    reads: &[
        read(
            "kv_get",
            "KvKey",
            "the row's ModifyIndex; missing: max(kvs, tombstones)",
        ),
        read(
            "kv_list, kv_keys",
            "KvPrefix",
            "newest of rows and tombstones below the prefix; none or empty prefix: max(kvs, tombstones)",
        ),
    ],
    native: Native {
        byte: 6,
        save: |root, out| {
            let mut rows = root.kv.entries.iter();
            rows.try_for_each(|(_, row)| out.row(|w| write_kv(w, row)))
        },
        load: |root, r| {
            root.kv.load(read_kv(r)?);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::KVS],
        place: 70,
        save: |root, out| out.rows(kind::KVS, &root.kv.entries),
        load: |root, record| record.read(|row| root.kv.load(row)),
    }],
    rules: &[
        rule!(KVS, Kvs, Change::kvs),
        rule!(TXN, Txn, Change::transaction),
    ],
};

pub(crate) const TOMBSTONES: TableSpec = TableSpec {
    name: "tombstones",
    record: "key and index of the deletion",
    changed_by: &[
        kind::TOMBSTONE,
        kind::KVS,
        kind::TXN,
        kind::SESSION,
        kind::REGISTER,
        kind::DEREGISTER,
    ],
    wakes: &[],
    reads: &[],
    native: Native {
        byte: 7,
        save: |root, out| {
            let mut rows = root.kv.tombstones.iter();
            rows.try_for_each(|(key, index)| out.row(|w| snapshot::write_pair(w, key, *index)))
        },
        load: |root, r| {
            let (key, index) = snapshot::read_pair(r)?;
            root.kv.bury(key, index);
            Ok(())
        },
    },
    archive: &[Archived {
        kinds: &[kind::TOMBSTONE],
        place: 80,
        save: |root, out| {
            root.kv.tombstones.iter().try_for_each(|(key, index)| {
                let row = KvEntry {
                    key: key.to_text(),
                    indexes: RaftIndex {
                        create_index: 0,
                        modify_index: *index,
                    },
                    ..KvEntry::default()
                };
                out.record(kind::TOMBSTONE, &row)
            })
        },
        load: |root, record| {
            record.read(|row: KvEntry| {
                root.kv.bury(row.key.as_bytes(), row.indexes.modify_index);
            })
        },
    }],
    rules: &[rule!(TOMBSTONE, Tombstone, Change::tombstone)],
};

fn write_kv(w: &mut Writer<'_>, row: &KvEntry) {
    w.array(7);
    w.str(row.key.as_bytes());
    match &row.value {
        Some(value) => w.bin(value),
        None => w.nil(),
    }
    w.uint(row.flags);
    w.uint(row.lock_index);
    w.uint(row.indexes.create_index);
    w.uint(row.indexes.modify_index);
    w.str(&row.session);
}

fn read_kv(r: &mut Reader<'_>) -> Result<KvEntry, msgpack::Error> {
    r.array_len()?;
    Ok(KvEntry {
        key: Text::from(r.str_bytes()?),
        value: r.bytes()?.map(Bytes::copy_from_slice),
        flags: r.uint()?,
        lock_index: r.uint()?,
        indexes: RaftIndex {
            create_index: r.uint()?,
            modify_index: r.uint()?,
        },
        session: r.value()?,
    })
}
