//! Seeds that always run, seeds nobody has seen before, and proof that a broken program would be noticed.

use sim::world::fault;
use sim::{Plan, run};

fn check(seeds: impl Iterator<Item = u64>) {
    let faults = fault("").unwrap();
    for seed in seeds {
        if let Err(failure) = run(&Plan { seed, faults }) {
            panic!(
                "seed {seed}: {failure}\nrepeat: cargo run --profile ci -p sim -- --seeds {seed}..{}",
                seed + 1
            );
        }
    }
}

#[test]
fn fixed_seeds_hold() {
    check(0..1000);
}

#[test]
fn fresh_seeds_hold() {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let first = now.as_micros() as u64;
    println!("fresh seeds from {first}");
    check(first..first + 40);
}

#[test]
fn a_seed_repeats_to_the_last_event() {
    let faults = fault("").unwrap();
    for seed in 40..50 {
        assert_eq!(run(&Plan { seed, faults }), run(&Plan { seed, faults }));
    }
}

/// Breaks the program on purpose and looks for the first seed that notices.
fn caught(name: &str, within: u64) {
    let faults = fault(name).unwrap();
    let caught = (0..within).find_map(|seed| run(&Plan { seed, faults }).err().map(|f| (seed, f)));
    let (seed, failure) =
        caught.unwrap_or_else(|| panic!("{name} was not noticed in {within} seeds"));
    println!("{name}: seed {seed}: {failure}");
}

#[test]
fn a_skipped_sync_is_noticed() {
    caught("skip-sync", 50);
}

#[test]
fn a_forgotten_vote_is_noticed() {
    caught("forget-vote", 3000);
}

#[test]
fn a_dropped_waiter_is_noticed() {
    caught("drop-waiter", 50);
}

#[test]
fn applying_one_entry_too_many_is_noticed() {
    caught("commit-ahead", 100);
}

#[test]
fn an_unconfirmed_read_is_noticed() {
    caught("read-unconfirmed", 300);
}

/// A process that died between write and sync, started again, counts on what only the cache holds.
#[test]
fn a_start_that_trusts_the_cache_is_noticed() {
    caught("trust-cache", 100);
}

/// After a failed sync the pages are clean: only what is written again reaches the disk.
#[test]
fn a_failed_sync_made_good_by_the_next_is_noticed() {
    caught("sync-unwritten", 200);
}

#[test]
fn an_acknowledgement_one_write_early_is_noticed() {
    caught("written-early", 50);
}

#[test]
fn a_vote_sent_before_it_is_durable_is_noticed() {
    caught("vote-early", 600);
}

#[test]
fn a_purge_one_entry_too_far_is_noticed() {
    caught("purge-too-far", 1500);
}

/// A reader that is told an index finds no older state.
#[test]
fn an_index_shown_before_its_state_is_noticed() {
    caught("show-early", 20);
}

/// A read that waits for what was handed out, not for what is applied, sees an older state.
#[test]
fn a_read_before_its_state_is_applied_is_noticed() {
    caught("tell-early", 1000);
}

#[test]
fn a_leader_that_sends_although_its_log_failed_is_noticed() {
    caught("broken-sends", 100);
}

/// A disk that is full for a while: what waits for space stands in its order, and nothing of it is lost.
#[test]
fn a_write_forgotten_for_want_of_space_is_noticed() {
    caught("forget-full", 200);
}

/// Old entries are read back from the disk for whoever lags.
#[test]
fn a_panic_in_the_fetch_of_old_entries_is_noticed() {
    caught("panic-in-fetch", 20);
}
