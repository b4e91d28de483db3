//! The web UI before the door: files, pages, and the headers of both.

use super::frame::Bench;
use crate::{Config, config::Ui};

fn bench(content_path: &str, response_headers: &[(&str, &str)]) -> Bench {
    let own = |&(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    Bench::new(Config {
        ui: Some(Ui {
            content_path: content_path.into(),
        }),
        response_headers: response_headers.iter().map(own).collect(),
        ..Config::default()
    })
}

#[test]
fn every_embedded_file_has_its_headers() {
    let bench = bench("/ui/", &[]);
    assert!(ui::assets().len() > 15);
    for asset in ui::assets() {
        let target = format!("/ui/dc1/services/assets/{}/{}", ui::folder(), asset.path);
        let got = bench.ask("GET", &target, &[], "");
        assert_eq!(got.status, 200, "{target}");
        assert_eq!(got.header("content-type"), asset.mime, "{target}");
        assert_eq!(got.header("etag"), asset.etag, "{target}");
        assert!(
            got.header("cache-control").contains("immutable"),
            "{target}"
        );
        for (name, value) in ui::HEADERS {
            assert_eq!(got.all(name), [*value], "{target}");
        }
        let packed = bench.ask("GET", &target, &[("accept-encoding", "gzip")], "");
        let smaller = asset.gzip.len() < asset.raw.len();
        assert_eq!(
            packed.header("content-encoding") == "gzip",
            smaller,
            "{target}"
        );
        let known = bench.ask("GET", &target, &[("if-none-match", asset.etag)], "");
        assert_eq!((known.status, known.body.as_str()), (304, ""), "{target}");
    }
}

#[test]
fn every_path_below_is_the_page() {
    let bench = bench("/ui/", &[]);
    for target in [
        "/ui/",
        "/ui/dc1/services",
        "/ui/dc1/services/a%2Fb",
        "/ui/dc1/kv/x%20y/%23/edit?filter=a",
    ] {
        let got = bench.raw("GET", target);
        assert_eq!(got.status, 200, "{target}");
        assert!(got.body.starts_with("<!DOCTYPE html>"), "{target}");
        assert_eq!(got.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(got.header("cache-control"), "no-cache");
        for (name, value) in ui::HEADERS {
            assert_eq!(got.all(name), [*value], "{target}");
        }
        let tag = got.header("etag").to_owned();
        let known = bench.ask("GET", target, &[("if-none-match", &format!("W/{tag}"))], "");
        assert_eq!(known.status, 304, "{target}");
    }
    assert_eq!(bench.ask("GET", "/", &[], "").header("location"), "/ui/");
    assert_eq!(bench.ask("GET", "/ui", &[], "").header("location"), "/ui/");
    assert_eq!(bench.ask("GET", "/uix", &[], "").status, 404);
    assert_eq!(bench.ask("GET", "/robots.txt", &[], "").body, ui::ROBOTS);
    let put = bench.ask("PUT", "/ui/dc1/services", &[], "");
    assert_eq!((put.status, put.header("allow")), (405, "GET, HEAD"));
    let old = bench.ask("GET", "/ui/assets/0123456789abcdef/app.css", &[], "");
    assert_eq!(old.status, 404);
}

#[test]
fn the_content_path_is_the_operators() {
    let bench = bench("/my/consul/", &[]);
    let moved = |path: &str| {
        let got = bench.ask("GET", path, &[], "");
        (got.status, got.header("location").to_owned())
    };
    assert_eq!(moved("/"), (301, "/my/consul/".into()));
    assert_eq!(moved("/my/consul"), (301, "/my/consul/".into()));
    assert_eq!(bench.ask("GET", "/my/consul/", &[], "").status, 200);
    assert_eq!(bench.ask("GET", "/ui/", &[], "").status, 404);
}

/// A slash inside a name is no step down: links of the page go up once for it, as the browser does.
#[test]
fn files_are_found_from_names_with_slashes() {
    let body = bench("/a/b/", &[])
        .raw("GET", "/a/b/dc1/services/x%2Fy")
        .body;
    assert!(
        body.contains(&format!("\"../../assets/{}/app.css\"", ui::folder())),
        "{body}"
    );
    assert!(body.contains("\"ContentPath\":\"/a/b/\""), "{body}");
}

#[test]
fn the_operators_policy_wins() {
    let own = "default-src *";
    let bench = bench("/ui/", &[("Content-Security-Policy", own)]);
    let got = bench.ask("GET", "/ui/", &[], "");
    assert_eq!(got.all("content-security-policy"), [own]);
    assert_eq!(got.header("referrer-policy"), "no-referrer");
}

#[test]
fn nothing_is_served_while_it_is_off() {
    let bench = Bench::new(Config::default());
    for target in [
        "/ui/",
        "/robots.txt",
        &format!("/ui/assets/{}/app.css", ui::folder()),
    ] {
        assert_eq!(bench.ask("GET", target, &[], "").status, 404, "{target}");
    }
}
