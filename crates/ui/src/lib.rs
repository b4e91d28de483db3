//! The web UI as bytes: which file answers which path under the content path, the page every other path gets, and the headers
//! both carry. It knows no port and no endpoint; `httpd` asks it.
//!
//! The files are in `web/`: plain ES modules, embedded by `build.rs` together with a compressed copy of each. They are
//! answered at any depth as `…/assets/{hash of all}/{file}`, so that a proxy in front may strip or decode what it likes.

mod headers;
mod index;

pub use headers::{CONTENT_SECURITY_POLICY, HEADERS};
pub use index::{Page, index};

/// One embedded file.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its path in `web/`.
    pub path: &'static str,
    /// Its content type.
    pub mime: &'static str,
    /// Its entity tag, in quotes.
    pub etag: &'static str,
    /// As it is.
    pub raw: &'static [u8],
    /// Compressed with gzip; larger than `raw` for what is compressed already.
    pub gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// All embedded files.
pub fn assets() -> &'static [Asset] {
    ASSETS
}

/// The name of the folder that holds this build's files: it changes when any of them does.
pub fn folder() -> &'static str {
    FOLDER
}

/// What a path under the content path asks for, that path left away.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// An embedded file of this build.
    File(&'static Asset),
    /// A file that this build does not have: an older build's, or none.
    Missing,
    /// A page: the program in the browser decides which.
    Page,
}

/// Finds what `path` asks for. `robots.txt` at the top is a file too, but has no bytes here: see [`ROBOTS`].
pub fn find(path: &str) -> Asked {
    let mut parts = path.split('/');
    if !parts.any(|part| part == "assets") {
        return Asked::Page;
    }
    // A service may be called `assets`: only a folder that looks like a build's hash makes a file of it.
    let rest: Vec<&str> = parts.collect();
    let Some((hash, file)) = rest.split_first() else {
        return Asked::Page;
    };
    let is_hash = hash.len() == FOLDER.len() && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hash || file.is_empty() {
        return Asked::Page;
    }
    let name = file.join("/");
    match ASSETS.iter().find(|asset| asset.path == name) {
        Some(asset) if *hash == FOLDER => Asked::File(asset),
        _ => Asked::Missing,
    }
}

/// What crawlers are told: a cluster's pages are nobody's search result.
pub const ROBOTS: &str = "User-agent: *\nDisallow: /\n";

/// The modules that a page needs before it can draw, the program's own first.
fn modules(page: &str) -> Vec<&'static str> {
    let mut all: Vec<&'static str> = Vec::new();
    for root in ["app/main.js", page] {
        let found = MODULES.iter().find(|(name, _)| *name == root);
        for module in found.map(|(_, list)| *list).unwrap_or_default() {
            if !all.contains(module) {
                all.push(module);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
