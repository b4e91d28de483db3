#!/usr/bin/env bash
# interop: slow – a session with the Rust client rs-consul (crates.io), built from source
. "$(dirname "$0")/lib.sh"

# Built from a copy: nothing is written beside the sources but the lock file that pins what it was built of.
target="$CACHE/rust-client"
if ! CARGO_TARGET_DIR="$target" cargo build --quiet --locked --manifest-path "$INTEROP_DIR/rust-client/Cargo.toml" >"$WORK/cargo.log" 2>&1; then
  fail setup "could not build: $(tail -n 5 "$WORK/cargo.log" | tr '\n' '|')"
  finish
fi
agent_start judge
results < <("$target/debug/rust-client" "http://$HTTP_ADDR" judge 2>/dev/null)
finish
