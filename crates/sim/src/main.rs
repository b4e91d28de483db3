//! `sim --seeds A..B [--fault NAME]`: runs the seeds and prints each that fails with the command that
//! repeats it.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use sim::{Plan, run};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut from, mut to, mut fault) = (0, 100, String::new());
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--seeds" => {
                let parts = value
                    .split_once("..")
                    .and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?)));
                let Some(parts) = parts else {
                    eprintln!("--seeds wants A..B");
                    return ExitCode::from(2);
                };
                (from, to) = parts;
            }
            "--fault" => fault = value,
            _ => {
                eprintln!("usage: sim --seeds A..B [--fault NAME]");
                return ExitCode::from(2);
            }
        }
    }
    let Some(faults) = sim::world::fault(&fault) else {
        eprintln!("unknown fault {fault}");
        return ExitCode::from(2);
    };
    let next = AtomicU64::new(from);
    let (failed, operations) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to {
                        return;
                    }
                    match run(&Plan { seed, faults }) {
                        Ok(report) => {
                            operations.fetch_add(report.acknowledged, Ordering::Relaxed);
                        }
                        Err(failure) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("seed {seed}: {failure}");
                            println!(
                                "  repeat: cargo run --profile ci -p sim -- --seeds {seed}..{}",
                                seed + 1
                            );
                        }
                    }
                }
            });
        }
    });
    let failed = failed.load(Ordering::Relaxed);
    let operations = operations.load(Ordering::Relaxed);
    println!(
        "{} seeds, {failed} failed, {operations} operations acknowledged",
        to - from
    );
    ExitCode::from(u8::from(failed > 0))
}
