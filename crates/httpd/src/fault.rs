//! Refusals: the only place that turns an error text into a status code (spec/http-api.md §2).

use hyper::Method;
use hyper::header::HeaderValue;
use ports::RpcError;
use std::borrow::Cow;

/// Why a request is not served as asked. The body is the text alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub status: u16,
    pub text: Cow<'static, str>,
    /// Whether the headers of query metadata go with it, in their "nothing known" form.
    pub meta: bool,
    /// Methods that would be served, with 405.
    pub allow: Option<HeaderValue>,
}

impl Fault {
    /// With a status of the handler's choice; text that speaks of permissions or rates still decides.
    pub fn new(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self {
            status: status_of_text(&text).unwrap_or(status),
            text,
            meta: false,
            allow: None,
        }
    }

    /// 405.
    pub fn method(method: &Method, allow: HeaderValue) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(405, format!("method {method} not allowed"))
        }
    }

    /// 400.
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, text)
    }

    /// 500, which is what validation errors of the servers are.
    pub fn internal(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(500, text)
    }

    /// 400 for a body that does not decode.
    pub fn decode(error: &dialect::json::Error) -> Self {
        Self::bad(format!("Request decode failed: {error}"))
    }

    /// As [`Fault::decode`], where Enterprise members are named as such.
    pub fn decode_tenancy(error: &dialect::json::Error) -> Self {
        let mut text = format!("Request decode failed: {error}");
        if text.contains("unknown field \"Namespace\"") {
            text.push_str(" - Namespaces are a Consul Enterprise feature");
        }
        Self::bad(text)
    }

    /// With the headers of query metadata.
    pub fn with_meta(mut self) -> Self {
        self.meta = true;
        self
    }
}

impl From<RpcError> for Fault {
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::Refused(text) | RpcError::Unavailable(text) => Self::internal(text),
            RpcError::Denied(text) => Self::new(403, text),
            RpcError::Limited(text) => Self::new(429, text),
            fixed => Self::internal(fixed.to_string()),
        }
    }
}

/// Status that a text has wherever it comes from.
fn status_of_text(text: &str) -> Option<u16> {
    if text.contains("Permission denied") || text.contains("ACL not found") {
        return Some(403);
    }
    if text.contains("RPC rate limit exceeded")
        || text == "Rate limit reached, try again later"
        || text.contains("rate limit exceeded, try again later or against a different server")
    {
        return Some(429);
    }
    text.contains("rate limit exceeded for operation that can only be performed by the leader, try again later").then_some(503)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_decide() {
        assert_eq!(Fault::from(RpcError::refused("x")).status, 500);
        assert_eq!(
            Fault::from(RpcError::refused("rpc error: Permission denied")).status,
            403
        );
        assert_eq!(Fault::from(RpcError::NoLeader).text, "No cluster leader");
        assert_eq!(Fault::bad("ACL not found").status, 403);
        assert_eq!(Fault::internal("RPC rate limit exceeded").status, 429);
        assert_eq!(
            Fault::internal("rate limit exceeded for operation that can only be performed by the leader, try again later").status,
            503
        );
        assert_eq!(Fault::bad("Missing key name").status, 400);
    }
}
