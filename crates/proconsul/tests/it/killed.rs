//! `kill -9` under write load, again and again on one data directory.
//!
//! By hand: `PROCONSUL_KILLS=200 cargo test --profile ci -p proconsul killed -- --nocapture`

use crate::agent::Agent;
use crate::load::Book;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Kills when nobody says otherwise.
const KILLS: u64 = 6;
/// Concurrent writers.
const WRITERS: usize = 6;

/// Milliseconds of load before the kill; spread without a pattern, the same in every run.
fn load_time(kill: u64) -> Duration {
    let mixed = (kill + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    Duration::from_millis(30 + mixed % 400)
}

#[test]
fn nothing_acknowledged_is_lost_to_kill_9() {
    let kills = std::env::var("PROCONSUL_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS);
    let home = tempfile::tempdir().unwrap();
    let mut books: Vec<Book> = (0..WRITERS).map(Book::new).collect();
    for kill in 0..kills {
        let mut agent = Agent::start(home.path(), &[]);
        let mut client = agent.client();
        for book in &mut books {
            book.check(&mut client);
        }
        let (address, stop) = (agent.address, AtomicBool::new(false));
        std::thread::scope(|scope| {
            for book in &mut books {
                scope.spawn(|| book.write(address, &stop));
            }
            // Not a wait for something to happen: the kill is to come at an arbitrary moment.
            std::thread::sleep(load_time(kill));
            agent.kill();
        });
    }
    let agent = Agent::start(home.path(), &[]);
    let mut client = agent.client();
    for book in &mut books {
        book.check(&mut client);
    }
    let written: u64 = books.iter().map(|book| book.count).sum();
    println!("{kills} kills, {written} acknowledged writes, none missing, none in part");
    assert!(written > kills, "hardly anything was written");
}
