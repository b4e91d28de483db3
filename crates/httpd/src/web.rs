//! The web UI's files and pages on the wire: bytes come from crate `ui`, methods, caching and compression are told here.

use crate::gzip;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use ui::Asked;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Files stand under a hash of their bytes: a year, the longest that caches are asked to believe.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The page names the files of this build: asked for each time, answered with 304 while nothing changed.
const ALWAYS_ASK: HeaderValue = HeaderValue::from_static("no-cache");
const READS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// Who serves the UI.
pub(crate) struct Site<'a> {
    /// Where it is, with slashes at both ends.
    pub content_path: &'a str,
    pub datacenter: &'a str,
    pub agent: &'a str,
    pub acls_enabled: bool,
    /// Headers that the operator configured.
    pub own: &'a [(HeaderName, HeaderValue)],
}

/// What is asked.
pub(crate) struct Asking<'a> {
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// The path as it was sent.
    pub path: &'a str,
    /// The same, its percent-encoding undone.
    pub decoded: &'a [u8],
}

/// A whole answer.
pub(crate) struct Served {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Served {
    fn bare(status: u16) -> Served {
        Served {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    fn typed(kind: HeaderValue, body: impl Into<Bytes>) -> Served {
        Served {
            body: body.into(),
            ..Served::bare(200)
        }
        .with(CONTENT_TYPE, kind)
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Served {
        self.headers.insert(name, value);
        self
    }
}

/// The answer to what lies under the UI's path; the path without its last slash does not.
pub(crate) fn answer(site: &Site<'_>, asking: &Asking<'_>) -> Option<Served> {
    let under = std::str::from_utf8(asking.decoded).ok()?;
    if under == "/robots.txt" {
        return Some(guarded(site, Served::typed(TEXT, ui::ROBOTS)));
    }
    let under = under.strip_prefix(site.content_path)?;
    if !matches!(*asking.method, Method::GET | Method::HEAD) {
        return Some(Served::bare(405).with(ALLOW, READS));
    }
    let served = match ui::find(under) {
        Asked::File(asset) => file(asset, asking.headers),
        Asked::Missing => Served {
            status: 404,
            ..Served::typed(TEXT, "no such file in this build\n").with(CACHE_CONTROL, ALWAYS_ASK)
        },
        // Names keep their encoding: a slash inside one is no step down.
        Asked::Page => page(
            site,
            asking.path.strip_prefix(site.content_path).unwrap_or(under),
            asking.headers,
        ),
    };
    Some(guarded(site, served))
}

fn file(asset: &'static ui::Asset, asked: &HeaderMap) -> Served {
    let tag = HeaderValue::from_static(asset.etag);
    if knows(asked, asset.etag) {
        return Served::bare(304)
            .with(ETAG, tag)
            .with(CACHE_CONTROL, FOREVER);
    }
    let kind = HeaderValue::from_static(asset.mime);
    let packs = asset.gzip.len() < asset.raw.len() && gzip::accepted(asked);
    let reply = if packs {
        Served::typed(kind, asset.gzip).with(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
    } else {
        Served::typed(kind, asset.raw)
    };
    reply.with(ETAG, tag).with(CACHE_CONTROL, FOREVER)
}

fn page(site: &Site<'_>, path: &str, asked: &HeaderMap) -> Served {
    let text = ui::index(&ui::Page {
        content_path: site.content_path,
        path,
        datacenter: site.datacenter,
        agent: site.agent,
        acls_enabled: site.acls_enabled,
    });
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let reply = if knows(asked, &tag) {
        Served::bare(304)
    } else if gzip::accepted(asked) && text.len() >= gzip::MIN_SIZE {
        Served::typed(HTML, gzip::compress(text.as_bytes()))
            .with(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
    } else {
        Served::typed(HTML, text)
    };
    match HeaderValue::from_str(&tag) {
        Ok(tag) => reply.with(ETAG, tag),
        Err(_) => reply,
    }
    .with(CACHE_CONTROL, ALWAYS_ASK)
}

/// Whether the client has these bytes (RFC 9110 §13.1.2; proxies that compress make weak tags of ours).
fn knows(asked: &HeaderMap, tag: &str) -> bool {
    let Some(Ok(list)) = asked.get(IF_NONE_MATCH).map(HeaderValue::to_str) else {
        return false;
    };
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// With the headers that keep the UI safe, but for those whose value the operator configured.
fn guarded(site: &Site<'_>, mut served: Served) -> Served {
    for (name, value) in ui::HEADERS {
        let name = HeaderName::from_static(name);
        if !site.own.iter().any(|(own, _)| *own == name) {
            served.headers.insert(name, HeaderValue::from_static(value));
        }
    }
    served.with(VARY, HeaderValue::from_static("Accept-Encoding"))
}
