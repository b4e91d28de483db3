//! Embeds `web/`: joins the style sheets, compresses every file once, names the folder by the hash of all of them, and lists
//! which modules a page needs. No JavaScript tool takes part.

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The one style sheet, joined in the order of its cascade layers.
const SHEETS: [&str; 4] = [
    "css/tokens.css",
    "css/base.css",
    "css/parts.css",
    "css/pages.css",
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=web");
    let web = PathBuf::from("web");
    let mut files = BTreeMap::new();
    walk(&web, &web, &mut files)?;
    let mut sheet = Vec::new();
    for name in SHEETS {
        sheet.extend(files.remove(name).unwrap_or_default());
    }
    files.insert("app.css".into(), sheet);
    let index = files.remove("index.html").unwrap_or_default();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("index.html"), index)?;
    fs::write(out.join("assets.rs"), table(&files, &out)?)
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(root).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        // What tells where vendored files come from is for readers of the sources.
        if !name.ends_with(".toml") && !name.contains("LICENSES/") && !name.ends_with("/make") {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

/// `FOLDER`, `ASSETS` and `MODULES` as Rust.
fn table(files: &BTreeMap<String, Vec<u8>>, out: &Path) -> io::Result<String> {
    let mut all = Sha256::new();
    for (name, bytes) in files {
        all.update(name.as_bytes());
        all.update(Sha256::digest(bytes));
    }
    let folder = hex(&all.finalize()).chars().take(16).collect::<String>();
    let mut text = format!("const FOLDER: &str = {folder:?};\n");
    text.push_str("const ASSETS: &[Asset] = &[\n");
    for (at, (name, bytes)) in files.iter().enumerate() {
        let (raw, packed) = (out.join(format!("{at}.raw")), out.join(format!("{at}.gz")));
        fs::write(&raw, bytes)?;
        fs::write(&packed, gzip(bytes)?)?;
        let etag = hex(&Sha256::digest(bytes))
            .chars()
            .take(16)
            .collect::<String>();
        let _ = writeln!(
            text,
            "    Asset {{ path: {name:?}, mime: {:?}, etag: {:?}, raw: include_bytes!({raw:?}), gzip: include_bytes!({packed:?}) }},",
            mime(name),
            format!("\"{etag}\""),
        );
    }
    text.push_str("];\nconst MODULES: &[(&str, &[&str])] = &[\n");
    let roots = files.keys().filter(|name| {
        *name == "app/main.js" || (name.starts_with("pages/") && name.ends_with(".js"))
    });
    for root in roots {
        let _ = writeln!(text, "    ({root:?}, &{:?}),", closure(root, files));
    }
    text.push_str("];\n");
    Ok(text)
}

/// A module with all that it imports at once, itself first.
fn closure(root: &str, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let (mut seen, mut order) = (BTreeSet::new(), vec![root.to_string()]);
    let mut at = 0;
    while let Some(name) = order.get(at).cloned() {
        at += 1;
        if !seen.insert(name.clone()) {
            continue;
        }
        let bytes = files.get(&name).map(Vec::as_slice).unwrap_or_default();
        let here = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        for wanted in imports(&String::from_utf8_lossy(bytes)) {
            let target = resolve(here, &wanted);
            if !order.contains(&target) {
                order.push(target);
            }
        }
    }
    order
}

/// What lines that begin with `import` or `export` take `from` another file.
fn imports(source: &str) -> Vec<String> {
    source
        .lines()
        .filter(|line| line.starts_with("import ") || line.starts_with("export {"))
        .filter_map(|line| line.rsplit_once(" from '"))
        .filter_map(|(_, rest)| rest.split('\'').next())
        .filter(|path| path.starts_with('.'))
        .map(str::to_string)
        .collect()
}

fn resolve(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
