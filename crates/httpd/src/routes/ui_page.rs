//! What stands at the web interface's place in a program that was built without it.

use crate::config::Ui;
use crate::reply::Reply;
use bytes::Bytes;
use hyper::Method;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The page loads nothing, sends nothing and stands in no other page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The next program at this address may have the interface.
const ALWAYS_ASK: HeaderValue = HeaderValue::from_static("no-cache");

const PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>proconsul</title>
</head>
<body>
<main>
<h1>proconsul</h1>
<p>This agent runs, but this build has no web interface.</p>
<p>The HTTP API answers under <code>/v1/</code>, and the command line shows what a page would:</p>
<pre>consul members
consul catalog services
consul kv get -recurse</pre>
<p><code>ui_config.enabled = false</code> turns this page off.</p>
</main>
</body>
</html>
";

/// The page, for every path below the interface's.
pub(crate) fn page(ui: &Ui, method: &Method, path: &[u8]) -> Option<Reply> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    (reads && path.starts_with(ui.content_path.as_bytes())).then(|| {
        Reply::typed(HTML, Bytes::from_static(PAGE.as_bytes()))
            .with(CONTENT_SECURITY_POLICY, POLICY)
            .with(CACHE_CONTROL, ALWAYS_ASK)
    })
}
