//! The log on bytes that were cut, flipped or written in part: a tail is cut, damage is refused by file and
//! offset, and nothing acknowledged ever disappears in silence.

use std::sync::Arc;

use bytes::Bytes;
use consensus::Membership;
use consensus::disk::Disk;
use consensus::log::{HardState, Log, LogError, LogOptions, Opened, Position, Unwritten, Write};
use proptest::prelude::*;

use crate::support::MemoryDisk;

const OPTIONS: LogOptions = LogOptions {
    segment_bytes: 4096,
    faults: consensus::faults::Faults::None,
};

fn open(disk: &MemoryDisk, snapshot: Option<Position>) -> Result<Opened, LogError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(disk, OPTIONS, snapshot, 77)
}

fn write(number: u64, first: u64, term: u64, payloads: &[Vec<u8>]) -> Write {
    let mut write = Write {
        number,
        hard_state: Some(HardState {
            term,
            vote: 1,
            commit: first - 1,
        }),
        ..Write::default()
    };
    for (payload, index) in payloads.iter().zip(first..) {
        write.entries.push(consensus::log::command(
            index,
            term,
            Bytes::from(payload.clone()),
        ));
    }
    write
}

fn payload(index: u64, len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (index as usize * 31 + at * 7 + 1) as u8 | 1)
        .collect()
}

/// Three batches in one segment; the last one of three records, one of them larger than a sector.
fn small_log() -> (MemoryDisk, u64) {
    let disk = MemoryDisk::default();
    let mut log = open(&disk, None).unwrap().log;
    log.bootstrap(&Membership::of_one(77, "id", "name"))
        .unwrap();
    log.append(&[write(1, 2, 2, &[payload(2, 40), payload(3, 5)])])
        .unwrap();
    log.append(&[write(2, 4, 2, &[payload(4, 700)])]).unwrap();
    log.append(&[write(
        3,
        5,
        3,
        &[payload(5, 30), payload(6, 600), payload(7, 64)],
    )])
    .unwrap();
    (disk, 7)
}

fn terms(opened: &Opened) -> Vec<(u64, u64)> {
    opened.entries.iter().map(|e| (e.index, e.term)).collect()
}

const NAME: &str = "0000000000000001.log";

/// Bytes up to the last one written.
fn used(disk: &MemoryDisk) -> usize {
    let mut used = 0;
    disk.edit(NAME, |bytes| {
        used = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    });
    used
}

#[test]
fn a_log_cut_anywhere_in_its_last_batch_loses_that_batch_only() {
    let (disk, last) = small_log();
    let end = used(&disk);
    let whole = terms(&open(&disk.fork(), None).unwrap());
    assert_eq!(whole.last().unwrap().0, last);
    for cut in 0..=end {
        let copy = disk.fork();
        copy.edit(NAME, |bytes| bytes.truncate(cut));
        match open(&copy, None) {
            // Only a cut into the segment's own beginning leaves nothing to start from.
            Err(LogError::Damaged { .. }) => assert!(cut < 128, "cut at {cut} was refused"),
            Err(error) => panic!("cut at {cut}: {error}"),
            Ok(opened) => {
                let left = terms(&opened);
                assert_eq!(left[..], whole[..left.len()], "cut at {cut}");
                let again = terms(&open(&copy, None).unwrap());
                assert_eq!(again, left, "a second opening after a cut at {cut}");
            }
        }
    }
}

/// Without space for a batch or for the next segment nothing changes: neither the log nor the state that a segment begins with.
#[test]
fn a_write_without_space_changes_nothing_and_is_done_again() {
    for size in [300, 5000] {
        let (disk, _) = small_log();
        let mut log = open(&disk, None).unwrap().log;
        let before = (log.hard_state(), disk.contents());
        disk.full.store(true, std::sync::atomic::Ordering::SeqCst);
        let writes = [write(4, 8, 4, &[payload(8, size)])];
        for _ in 0..2 {
            let refused = log.append(&writes);
            assert!(matches!(refused, Err(Unwritten::Full(_))), "{refused:?}");
            assert!((log.hard_state(), disk.contents()) == before);
        }
        let refused = log.install(Position { index: 40, term: 5 }, None);
        assert!(matches!(refused, Err(Unwritten::Full(_))), "{refused:?}");
        assert!((log.hard_state(), disk.contents()) == before);
        disk.full.store(false, std::sync::atomic::Ordering::SeqCst);
        log.append(&writes).unwrap();
        drop(log);
        let opened = open(&disk, None).unwrap();
        assert_eq!(terms(&opened).last(), Some(&(8, 4)));
        assert_eq!(opened.hard_state, writes[0].hard_state.unwrap());
    }
}

#[test]
fn a_log_with_zeros_from_any_sector_on_is_cut_there() {
    let (disk, _) = small_log();
    let whole = terms(&open(&disk.fork(), None).unwrap());
    for sector in 1..used(&disk).div_ceil(512) {
        let copy = disk.fork();
        copy.edit(NAME, |bytes| bytes[sector * 512..].fill(0));
        let opened = open(&copy, None).unwrap();
        let left = terms(&opened);
        assert_eq!(left[..], whole[..left.len()], "sector {sector}");
    }
}

#[test]
fn every_flipped_byte_is_refused_or_harmless() {
    let (disk, _) = small_log();
    let end = used(&disk);
    let whole = terms(&open(&disk.fork(), None).unwrap());
    let mut refused = 0;
    for at in 0..end + 600 {
        for flip in [1u8, 0x80, 0xff] {
            let copy = disk.fork();
            copy.edit(NAME, |bytes| bytes[at] ^= flip);
            match open(&copy, None) {
                Ok(opened) => assert_eq!(terms(&opened), whole, "byte {at} ^ {flip}"),
                Err(LogError::Damaged { file, offset, .. }) => {
                    refused += 1;
                    assert_eq!(file, NAME);
                    assert!(offset <= at as u64, "byte {at}, named {offset}");
                }
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
    }
    // All but padding and reserved bytes are covered.
    assert!(refused > end * 3 * 8 / 10, "{refused} of {end} bytes");
}

#[test]
fn a_torn_last_batch_is_cut_and_a_torn_earlier_one_refused() {
    let (disk, _) = small_log();
    let torn = disk.fork();
    // The sector in the middle of the last batch's large record.
    let end = used(&disk);
    let sector = (end - 300) / 512;
    torn.edit(NAME, |bytes| {
        bytes[sector * 512..(sector + 1) * 512].fill(0)
    });
    let left = terms(&open(&torn, None).unwrap());
    assert_eq!(left.last().unwrap().0, 4);
    let early = disk.fork();
    early.edit(NAME, |bytes| bytes[512..1024].fill(0));
    assert!(matches!(open(&early, None), Err(LogError::Damaged { .. })));
}

#[test]
fn a_missing_or_swapped_segment_is_refused() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk, None).unwrap().log;
    for index in 1..60 {
        log.append(&[write(index, index, 1, &[payload(index, 300)])])
            .unwrap();
    }
    drop(log);
    let names = disk.list().unwrap();
    assert!(names.len() > 3, "{names:?}");
    for name in &names[..names.len() - 1] {
        let copy = disk.fork();
        copy.remove(name).unwrap();
        assert!(
            matches!(open(&copy, None), Err(LogError::Damaged { .. })),
            "{name}"
        );
    }
    let copy = disk.fork();
    copy.rename(&names[1], "x").unwrap();
    copy.rename(&names[2], &names[1]).unwrap();
    copy.rename("x", &names[2]).unwrap();
    assert!(matches!(open(&copy, None), Err(LogError::Damaged { .. })));
}

/// Why nothing in the simulator notices a removal that fails in silence (`Faults::IgnorePurge`): whichever of the segments that a
/// snapshot covers are left behind, and whatever is written later, the next opening reads the same, and removes what is apart.
#[test]
fn segments_left_behind_by_a_purge_change_nothing() {
    let (disk, mut copies) = (MemoryDisk::default(), Vec::new());
    let mut log = open(&disk, None).unwrap().log;
    let fill = |log: &mut Log, from: u64, to: u64| {
        for index in from..to {
            log.append(&[write(index, index, 1, &[payload(index, 900)])])
                .unwrap();
        }
    };
    fill(&mut log, 1, 20);
    let all = disk.contents();
    let covered = Position { index: 19, term: 1 };
    assert!(log.purge(covered.index + 1).unwrap() > 13);
    fill(&mut log, 20, 30);
    drop(log);
    let left = disk.contents();
    let gone: Vec<_> = all
        .keys()
        .filter(|name| !left.contains_key(*name))
        .collect();
    assert!((3..8).contains(&gone.len()), "{gone:?}");
    for kept in 0..1u32 << gone.len() {
        let copy = disk.fork();
        for (at, name) in gone.iter().enumerate() {
            if kept & 1 << at != 0 {
                drop(copy.create(name, 0).unwrap());
                copy.edit(name, |bytes| bytes.clone_from(&all[*name]));
            }
        }
        let opened = open(&copy, Some(covered)).unwrap();
        let found: Vec<_> = terms(&opened);
        assert_eq!(found.last(), Some(&(29, 1)), "{kept:b}");
        assert!(found.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1));
        copies.push(copy.list().unwrap().len());
    }
    // With all of them nothing is apart; otherwise only what continues to the end stays.
    assert_eq!(
        copies.iter().max(),
        Some(
            &all.keys()
                .chain(left.keys())
                .collect::<std::collections::BTreeSet<_>>()
                .len()
        )
    );
    assert_eq!(copies.iter().min(), Some(&left.len()));
}

#[test]
fn a_flip_in_any_segment_is_refused_with_its_name() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk, None).unwrap().log;
    for index in 1..40 {
        log.append(&[write(index, index, 1, &[payload(index, 300)])])
            .unwrap();
    }
    drop(log);
    for name in disk.list().unwrap() {
        for at in (64..1500).step_by(37) {
            let copy = disk.fork();
            copy.edit(&name, |bytes| bytes[at] ^= 2);
            match open(&copy, None) {
                Err(LogError::Damaged { file, .. }) => assert_eq!(file, name),
                Ok(opened) => assert_eq!(opened.entries.len(), 39, "{name} at {at}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_snapshot_in_place_replaces_a_log_that_does_not_reach_it() {
    let (disk, _) = small_log();
    let ahead = Position { index: 90, term: 5 };
    let opened = open(&disk, Some(ahead)).unwrap();
    assert_eq!((opened.base, opened.entries.len()), (ahead, 0));
    assert_eq!(opened.hard_state.term, 5);
    let again = open(&disk, Some(ahead)).unwrap();
    assert_eq!((again.base, again.entries.len()), (ahead, 0));
    // Without that snapshot the log stands for nothing: an empty one would be a server that forgot everything.
    let before = disk.fork();
    match open(&disk, None) {
        Err(LogError::NoSnapshot {
            file,
            index,
            snapshot,
        }) => {
            assert_eq!((&*file, index), ("0000000000000002.log", 90));
            assert_eq!(snapshot, "000000000000005a-0000000000000005.snap");
        }
        other => panic!("{:?}", other.map(|o| terms(&o)).map_err(|e| e.to_string())),
    }
    // Nor an older one; and whoever is refused finds everything as it was.
    let older = Position { index: 7, term: 3 };
    let refused = open(&disk, Some(older)).err().map(|e| e.to_string());
    assert!(refused.is_some_and(|text| text.contains("000000000000005a-0000000000000005.snap")));
    assert_eq!(disk.contents(), before.contents());
    assert_eq!(open(&disk, Some(ahead)).unwrap().base, ahead);
}

#[test]
fn a_disk_nearly_full_gets_segments_of_what_the_batch_needs() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk, None).unwrap().log;
    disk.largest
        .store(2000, std::sync::atomic::Ordering::SeqCst);
    for index in 1..60 {
        log.append(&[write(index, index, 1, &[payload(index, 300)])])
            .unwrap();
    }
    drop(log);
    assert_eq!(open(&disk, None).unwrap().entries.len(), 59);
}

#[test]
fn a_snapshot_that_comes_to_nothing_leaves_no_file() {
    use consensus::snapshot::{SnapshotMeta, SnapshotWriter};
    use std::io::Write as _;
    let disk = MemoryDisk::default();
    let meta = SnapshotMeta {
        position: Position { index: 3, term: 1 },
        membership: Membership::of_one(77, "id", "name"),
    };
    let create = || SnapshotWriter::create(Arc::new(disk.clone()), "local", &meta);
    let mut writer = create().unwrap();
    disk.full.store(true, std::sync::atomic::Ordering::SeqCst);
    writer.write_all(&[1; 100_000]).unwrap_err();
    drop(writer);
    assert_eq!(disk.list().unwrap(), [""; 0]);
    assert!(create().is_err());
    assert_eq!(disk.list().unwrap(), [""; 0]);
    disk.full.store(false, std::sync::atomic::Ordering::SeqCst);
    create().unwrap().finish().unwrap();
    assert_eq!(
        disk.list().unwrap(),
        ["0000000000000003-0000000000000001.snap"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Appends, replacements, purges and reopenings against a plain vector.
    #[test]
    fn the_log_is_what_was_appended(
        steps in proptest::collection::vec((0u8..8, any::<u16>(), 1usize..5, 1usize..900), 1..60)
    ) {
        let disk = MemoryDisk::default();
        let mut opened = open(&disk, None).unwrap();
        let mut model: Vec<(u64, u64, Vec<u8>)> = Vec::new();
        let mut snapshot: Option<Position> = None;
        let mut number = 0;
        for (kind, choice, count, len) in steps {
            let floor = snapshot.map_or(1, |s| s.index + 1);
            let next = model.last().map_or(floor, |e| e.0 + 1);
            number += 1;
            match kind {
                6 => {
                    drop(opened);
                    opened = open(&disk, snapshot).unwrap();
                }
                7 if !model.is_empty() => {
                    let entry = &model[choice as usize % model.len()];
                    if entry.0 >= floor {
                        snapshot = Some(Position { index: entry.0, term: entry.1 });
                        opened.log.purge(entry.0 + 1).unwrap();
                    }
                }
                _ => {
                    let back = if kind == 5 { u64::from(choice) % 4 } else { 0 };
                    let first = (next - back.min(next - floor)).max(floor);
                    let payloads: Vec<_> = (0..count as u64).map(|i| payload(first + i, len)).collect();
                    opened.log.append(&[write(number, first, number, &payloads)]).unwrap();
                    model.retain(|e| e.0 < first);
                    model.extend(payloads.into_iter().zip(first..).map(|(p, i)| (i, number, p)));
                }
            }
            let first = opened.log.first();
            let last = model.last().map_or(0, |e| e.0);
            let read = opened.log.read(first, last + 1, u64::MAX).unwrap();
            let read: Vec<_> = read.iter().map(|e| (e.index, e.term, e.data.to_vec())).collect();
            let wanted: Vec<_> = model.iter().filter(|e| e.0 >= first).cloned().collect();
            prop_assert_eq!(read, wanted);
        }
        let after = open(&disk, snapshot).unwrap();
        let kept: Vec<_> = after.entries.iter().map(|e| (e.index, e.term)).collect();
        let floor = after.base.index;
        let wanted: Vec<_> = model.iter().filter(|e| e.0 > floor).map(|e| (e.0, e.1)).collect();
        prop_assert_eq!(kept, wanted);
        prop_assert!(floor <= snapshot.map_or(0, |s| s.index));
    }
}
