//! What the log tells of requests, in the reference's words and with secrets hidden.

use crate::h1::Head;
use crate::redact;
use crate::request::{TOKEN_HEADER, bearer};
use std::net::SocketAddr;
use std::time::Duration;

/// As much of a request as its line needs: kept while its answer is waited for, so nothing is copied for it.
pub(crate) struct Said {
    /// Path and query as sent, or with its secrets hidden if only the headers tell them.
    target: String,
    from: Option<SocketAddr>,
}

impl Said {
    /// Before the headers go.
    pub(crate) fn secrets_of_headers(head: &Head) -> Option<String> {
        let token = head.headers.get(TOKEN_HEADER);
        let token = token.and_then(|value| value.to_str().ok());
        let token = token.or_else(|| bearer(&head.headers))?;
        let target = head.target();
        // An escaped token has another look.
        (target.contains('%') || target.contains(token)).then(|| redact::url(head))
    }

    pub(crate) fn new(hidden: Option<String>, head: Head, from: Option<SocketAddr>) -> Self {
        Self {
            target: hidden.unwrap_or_else(|| head.into_target()),
            from,
        }
    }

    fn url(&self) -> String {
        redact::url(&Head::of_target(self.target.clone()))
    }

    fn from(&self) -> String {
        self.from
            .map_or_else(|| "@".to_owned(), |address| address.to_string())
    }

    /// A request that was refused or failed.
    pub(crate) fn failed(&self, method: &str, error: &str) {
        tracing::error!(
            target: "agent.http",
            method,
            url = self.url(),
            from = self.from(),
            error,
            "Request error"
        );
    }

    /// Any request, when the log shows that much.
    pub(crate) fn finished(&self, method: &str, took: Duration) {
        if !tracing::enabled!(target: "agent.http", tracing::Level::DEBUG) {
            return;
        }
        let nanos = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
        tracing::debug!(
            target: "agent.http",
            method,
            url = self.url(),
            from = self.from(),
            latency = dialect::duration::format(nanos),
            "Request finished"
        );
    }
}

/// Whoever puts a token into a URL is told that it will end.
pub(crate) fn token_in_query(head: &Head) {
    tracing::warn!(
        target: "agent.http",
        logUrl = redact::url(head),
        "This request used the token query parameter which is deprecated and will be removed in a future Consul version"
    );
}
