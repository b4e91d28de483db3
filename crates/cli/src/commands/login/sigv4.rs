//! Signatures of AWS requests, version 4 (AWS: "Authenticating Requests (AWS Signature Version 4)").
//!
//! Owns the arithmetic only: what is signed and when comes from the caller.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Block length of SHA-256, bytes.
const BLOCK: usize = 64;

/// Who signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: String,
    /// Of temporary credentials; empty for lasting ones.
    pub(super) session_token: String,
}

/// Where a signature is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// `20150830T123600Z`.
    pub(super) time: &'a str,
}

/// What is signed. The query is part of the body in the requests made here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Names and values, `Host` and `X-Amz-Date` among them.
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a str,
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// RFC 2104 over SHA-256.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        for (place, byte) in block.iter_mut().zip(Sha256::digest(key)) {
            *place = byte;
        }
    } else {
        for (place, byte) in block.iter_mut().zip(key) {
            *place = *byte;
        }
    }
    let inner = Sha256::new()
        .chain_update(block.map(|b| b ^ 0x36))
        .chain_update(text)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|b| b ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

fn signing_key(secret: &str, date: &str, scope: &Scope<'_>) -> [u8; 32] {
    let start = format!("AWS4{secret}");
    let parts = [scope.region, scope.service, "aws4_request"];
    let first = hmac(start.as_bytes(), date.as_bytes());
    parts
        .iter()
        .fold(first, |key, part| hmac(&key, part.as_bytes()))
}

/// The value of the `Authorization` header.
pub(super) fn authorization(
    message: &Message<'_>,
    credentials: &Credentials,
    scope: &Scope<'_>,
) -> String {
    let mut headers: Vec<(String, &str)> = message
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.trim()))
        .collect();
    headers.sort();
    let mut canonical = format!("{}\n{}\n\n", message.method, message.path);
    for (name, value) in &headers {
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed = names.join(";");
    let body = hex(&Sha256::digest(message.body));
    let _ = write!(canonical, "\n{signed}\n{body}");
    let date = scope.time.split('T').next().unwrap_or_default();
    let place = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let digest = hex(&Sha256::digest(canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{place}\n{digest}", scope.time);
    let key = signing_key(&credentials.secret_key, date, scope);
    let signature = hex(&hmac(&key, to_sign.as_bytes()));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={signed}, Signature={signature}",
        credentials.access_key
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn scope(service: &'static str) -> Scope<'static> {
        Scope {
            region: "us-east-1",
            service,
            time: "20150830T123600Z",
        }
    }

    /// The key of AWS's own worked example.
    #[test]
    fn key_of_the_published_example() {
        let key = signing_key(SECRET, "20150830", &scope("iam"));
        let expected = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert_eq!(hex(&key), expected);
    }

    /// `get-vanilla` of AWS's test suite.
    #[test]
    fn signature_of_the_published_suite() {
        let headers = [
            ("X-Amz-Date", "20150830T123600Z"),
            ("Host", "example.amazonaws.com"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let message = Message {
            method: "GET",
            path: "/",
            headers: &headers,
            body: "",
        };
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: SECRET.into(),
            session_token: String::new(),
        };
        let expected = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        assert_eq!(
            authorization(&message, &credentials, &scope("service")),
            expected
        );
    }

    /// RFC 4231, cases 2 and 6.
    #[test]
    fn hmac_of_the_rfc() {
        let short = hmac(b"Jefe", b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&short), expected);
        let long = hmac(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
        );
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(hex(&long), expected);
    }
}
