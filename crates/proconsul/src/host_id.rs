//! A node's first ID (spec/agent-config.md §12.2): random, or made from what the machine calls itself.

use sha2::{Digest as _, Sha512};
use std::fs;

/// Where a machine's own ID stands, the best first.
const FILES: [&str; 2] = ["/sys/class/dmi/id/product_uuid", "/etc/machine-id"];

/// An ID for a node that has none. With `from_host` all nodes on a machine get the same one, whenever they ask.
pub(crate) fn new_node_id(from_host: bool) -> String {
    let texts = FILES.iter().map(|file| fs::read_to_string(file).ok());
    from_host
        .then(|| texts.flatten().find_map(|text| of_host(&text)))
        .flatten()
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// The node ID of a machine; `None` when what it calls itself is no UUID.
fn of_host(text: &str) -> Option<String> {
    let host = uuid::Uuid::parse_str(text.trim()).ok()?;
    let sum = Sha512::digest(host.hyphenated().to_string().as_bytes());
    let id = uuid::Uuid::from_slice(sum.get(..16)?).ok()?;
    Some(id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_id() {
        // `printf %s … | sha512sum`
        let expected = Some("1bbd3f50-2b2f-2b6e-e10e-48aabfe633b0".to_owned());
        assert_eq!(of_host("D1E0F4A2-0000-4000-8000-00000000ABCD\n"), expected);
        assert_eq!(of_host("d1e0f4a2000040008000-00000000abcd"), None);
        assert_eq!(of_host("d1e0f4a200004000800000000000abcd"), expected);
        assert_eq!(of_host("Not Settable"), None);
        assert_ne!(new_node_id(false), new_node_id(false));
    }
}
