//! Every refusal and warning by its exact text (agent-config.md §1, §2, §5, §7, §8, §9, §22).

mod machine;
mod rules;
mod syntax;

use crate::host::load_text;

/// What `BASE` with this text in `/case.json` (`/case.hcl` if it does not begin with a brace) is refused with.
fn refusal(case: &str) -> String {
    let json = case.is_empty() || case.starts_with(['{', '[', '"']);
    let name = if json { "/case.json" } else { "/case.hcl" };
    match load_text(name, case) {
        Ok(_) => panic!("accepted: {case}"),
        Err(e) => e.to_string(),
    }
}
