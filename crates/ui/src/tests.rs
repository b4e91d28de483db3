use super::*;
use std::io::Read as _;

fn page(path: &str) -> String {
    index(&Page {
        content_path: "/ui/",
        path,
        datacenter: "dc1",
        agent: "n1",
        acls_enabled: false,
    })
}

#[test]
fn paths_find_files_at_any_depth_and_pages_elsewhere() {
    let name = |path: &str| match find(path) {
        Asked::File(asset) => asset.path,
        Asked::Missing => "missing",
        Asked::Page => "page",
    };
    assert_eq!(name(&format!("assets/{FOLDER}/app/main.js")), "app/main.js");
    assert_eq!(name(&format!("dc1/a/b/assets/{FOLDER}/app.css")), "app.css");
    assert_eq!(name(&format!("assets/{FOLDER}/../Cargo.toml")), "missing");
    assert_eq!(name("assets/0123456789abcdef/app/main.js"), "missing");
    for path in [
        "",
        "dc1/services",
        "dc1/services/assets",
        "dc1/services/assets/instances",
        "dc1/kv/assets/x/edit",
    ] {
        assert_eq!(name(path), "page", "{path}");
    }
}

#[test]
fn compressed_files_are_the_same_files() {
    assert!(ASSETS.len() > 15);
    for asset in ASSETS {
        let mut back = Vec::new();
        flate2::read::GzDecoder::new(asset.gzip)
            .read_to_end(&mut back)
            .unwrap();
        assert!(back == asset.raw, "{}", asset.path);
        assert!(!asset.mime.contains("octet"), "{} has no type", asset.path);
    }
}

#[test]
fn sizes_stay_within_the_budget() {
    let all: usize = ASSETS.iter().map(|asset| asset.gzip.len()).sum();
    assert!(all <= 400 * 1024, "all files: {all} bytes");
    for (path, list) in MODULES
        .iter()
        .filter(|(path, _)| path.starts_with("pages/"))
    {
        let first = modules(path);
        assert!(
            first.len() <= 20,
            "{path} needs {} modules: {list:?}",
            first.len()
        );
        let named = |asset: &&Asset| {
            first.contains(&asset.path)
                || asset.path == "app.css"
                || asset.path == "vendor/inter.woff2"
        };
        let bytes: usize = ASSETS
            .iter()
            .filter(named)
            .map(|asset| asset.gzip.len())
            .sum();
        assert!(bytes <= 140 * 1024, "{path}: {bytes} bytes");
        for module in first {
            assert!(
                ASSETS.iter().any(|asset| asset.path == module),
                "{path} imports {module}, which is not there"
            );
        }
    }
}

#[test]
fn the_page_refers_to_files_by_the_depth_of_its_path() {
    assert!(page("").contains(&format!("src=\"./assets/{FOLDER}/app/main.js\"")));
    assert!(page("dc1/services/web").contains(&format!("href=\"../../assets/{FOLDER}/app.css\"")));
    assert!(page("dc1/services/web").contains("pages/service.js\""));
    assert!(page("dc1/services").contains("pages/services.js\""));
}

#[test]
fn names_in_the_page_cannot_end_its_block() {
    let text = index(&Page {
        content_path: "/ui/",
        path: "",
        datacenter: "</script><script>alert(1)</script>",
        agent: "n1",
        acls_enabled: true,
    });
    assert!(!text.contains("<script>alert"));
    let block = text
        .split("id=\"config\">")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let block: serde_json::Value = serde_json::from_str(block).unwrap();
    assert_eq!(
        block["LocalDatacenter"],
        "</script><script>alert(1)</script>"
    );
    assert_eq!(block["ACLsEnabled"], true);
}

#[test]
fn no_file_makes_markup_of_text() {
    for asset in ASSETS
        .iter()
        .filter(|asset| asset.path.ends_with(".js") && !asset.path.starts_with("vendor/"))
    {
        let text = std::str::from_utf8(asset.raw).unwrap();
        for banned in [
            "innerHTML",
            "dangerouslySetInnerHTML",
            "eval(",
            "new Function",
            "document.write",
            "insertAdjacentHTML",
        ] {
            assert!(!text.contains(banned), "{} has {banned}", asset.path);
        }
        assert!(
            text.lines().count() <= 400,
            "{} is longer than 400 lines",
            asset.path
        );
    }
}

/// Every vendored file stands in `VENDOR.toml` with the hash of its bytes.
#[test]
fn vendored_files_are_those_that_are_named() {
    let list = include_str!("../web/vendor/VENDOR.toml");
    let vendored = ASSETS
        .iter()
        .filter(|asset| asset.path.starts_with("vendor/"));
    for asset in vendored {
        use sha2::Digest as _;
        let hash: String = sha2::Sha256::digest(asset.raw)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert!(
            list.contains(&hash),
            "{} has the hash {hash}, which VENDOR.toml does not name",
            asset.path
        );
    }
}

/// `pages → ui → core`, `pages → data → core`; `core` imports only `core`; pages are imported by nobody.
#[test]
fn arrows_between_folders_point_down() {
    let allowed = |from: &str| match from {
        "app" => &["app", "core", "data", "ui", "i18n", "vendor"][..],
        "pages" => &["pages", "core", "data", "ui", "vendor"][..],
        "ui" => &["ui", "core", "vendor"][..],
        "data" => &["data", "core", "vendor"][..],
        "core" => &["core"][..],
        _ => &[][..],
    };
    for asset in ASSETS.iter().filter(|asset| asset.path.ends_with(".js")) {
        let Some((from, _)) = asset.path.split_once('/') else {
            continue;
        };
        if from == "vendor" {
            continue;
        }
        let text = std::str::from_utf8(asset.raw).unwrap();
        for line in text.lines().filter(|line| line.starts_with("import ")) {
            let target = line.rsplit_once(" from '").unwrap().1;
            let to = target
                .strip_prefix("../")
                .map_or(from, |rest| rest.split('/').next().unwrap());
            assert!(allowed(from).contains(&to), "{}: {line}", asset.path);
        }
    }
}
