//! The proconsul binary.
fn main() {}
