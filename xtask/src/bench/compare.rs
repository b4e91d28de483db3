//! Two binaries taking turns: what a change costs, on a machine whose speed changes from one minute to the next.

use super::{AT_ONCE, Figure, ROUNDS, measure, median, page};
use anyhow::{Result, ensure};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Measures [`ROUNDS`] times with one binary and the other, who of them first by turns, and prints a row for each figure.
///
/// # Errors
/// As a bench of one binary; none of the rows takes turns.
pub(super) fn run(new: &Path, old: &Path, wanted: &[String]) -> Result<()> {
    AT_ONCE.store(1, Ordering::Relaxed);
    // Rows that measure in this process, or a million keys at a time, have no turns.
    let asked = |key: &str| {
        !key.starts_with("million")
            && key != "parked-process"
            && (wanted.is_empty() || wanted.iter().any(|part| key.contains(part)))
    };
    let (mut news, mut olds) = (Vec::new(), Vec::new());
    for turn in 0..ROUNDS {
        let mut both = [(new, &mut news), (old, &mut olds)];
        if turn % 2 == 1 {
            both.reverse();
        }
        for (binary, figures) in both {
            add(figures, measure(binary, &asked)?);
        }
    }
    ensure!(!news.is_empty(), "no row of that name takes turns");
    println!("| work | old | new | new / old | |\n|---|---|---|---|---|");
    for (old, new) in olds.iter().zip(&news) {
        println!("{}", row(old, new));
    }
    Ok(())
}

fn add(all: &mut Vec<Figure>, more: Vec<Figure>) {
    if all.is_empty() {
        *all = more;
        return;
    }
    for (figure, more) in all.iter_mut().zip(more) {
        figure.values.extend(more.values);
        figure.yardstick.extend(more.yardstick);
    }
}

/// Ratios to the yardstick where there is one: they move less than the figures themselves.
fn row(old: &Figure, new: &Figure) -> String {
    let (was, is) = match old.yardstick.is_empty() {
        true => (old.values.clone(), new.values.clone()),
        false => (old.ratios(), new.ratios()),
    };
    let quotient = median(&is) / median(&was);
    let highest = was.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let verdict = if median(&is) > highest {
        "worse than the worst old one"
    } else {
        "within the spread"
    };
    format!(
        "| {} | {} | {} | {quotient:.2} | {verdict} |",
        old.work,
        page::measured(old),
        page::measured(new),
    )
}
