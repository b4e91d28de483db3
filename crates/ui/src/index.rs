//! The page that every path under the content path gets: links to this build's files, and what the program must know.

use crate::{FOLDER, modules};
use serde_json::json;

const TEMPLATE: &str = include_str!(concat!(env!("OUT_DIR"), "/index.html"));

/// What the page is told of the agent that serves it.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Where the UI is served, with slashes at both ends.
    pub content_path: &'a str,
    /// What was asked, the content path left away, percent-encoding kept.
    pub path: &'a str,
    /// This agent's datacenter.
    pub datacenter: &'a str,
    /// This agent's node name.
    pub agent: &'a str,
    /// Whether ACLs are on.
    pub acls_enabled: bool,
}

/// The bytes of the page. Links to files are relative to the depth of the asked path, so that a proxy may serve all of it
/// under any prefix.
pub fn index(page: &Page<'_>) -> String {
    let depth = page.path.matches('/').count();
    let assets = format!(
        "{}assets/{FOLDER}/",
        if depth == 0 {
            "./".into()
        } else {
            "../".repeat(depth)
        }
    );
    let preload: String = modules(page_module(page.path))
        .iter()
        .map(|module| format!("<link rel=\"modulepreload\" href=\"{assets}{module}\">\n"))
        .collect();
    let block = json!({
        "ContentPath": page.content_path,
        "ACLsEnabled": page.acls_enabled,
        "PeeringEnabled": false,
        "LocalDatacenter": page.datacenter,
        "Agent": page.agent,
        "Version": env!("CARGO_PKG_VERSION"),
        "Features": ["S1", "S10"],
    });
    // A name must not end the element it stands in.
    let block = block.to_string().replace('<', "\\u003c");
    TEMPLATE
        .replace("{preload}", &preload)
        .replace("{assets}", &assets)
        .replace("{block}", &block)
}

/// Which module draws a path; what is not known here is found by the program, one request later.
fn page_module(path: &str) -> &'static str {
    let path = path.trim_end_matches('/');
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.count()) {
        (None, _) | (Some("services"), 0) => "pages/services.js",
        (Some("services"), 1 | 2) => "pages/service.js",
        (Some("services"), _) => "pages/instance.js",
        (Some("nodes"), 0) => "pages/nodes.js",
        (Some("nodes"), _) => "pages/node.js",
        _ => "",
    }
}
