//! Repository tasks. `cargo xtask layers` checks the architecture's invariants, `cargo xtask tidy` what reviewers would otherwise have to
//! see, `cargo xtask advisories` the dependencies, `cargo xtask bench` measures, `cargo xtask soak` uses an agent for a long time.
//!
//! Nothing here is linked into the product.

mod advisories;
mod bench;
mod layers;
mod purity;
mod soak;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let result = match args.first().map(String::as_str) {
        Some("layers") => layers::check(has("--write")).and_then(|()| purity::check()),
        Some("tidy") => tidy::check(match () {
            () if has("--renew") => tidy::Lists::Renew,
            () if has("--write") => tidy::Lists::Shrink,
            () => tidy::Lists::Keep,
        }),
        Some("advisories") => advisories::check(),
        Some("bench") => bench::run(args.get(1..).unwrap_or_default()),
        Some("soak") => soak::run(args.get(1..).unwrap_or_default()),
        _ => Err(anyhow::anyhow!(
            "usage: cargo xtask layers [--write] | tidy [--write] | advisories | bench [--against OLD_BINARY] [ROW …] | soak [--minutes N] [--seed N] [--watches N] [--rate N]"
        )),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root folder.
fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
