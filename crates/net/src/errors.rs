//! Errors in the words that Go programs show: operators grep for them, and no number of the system or form of Rust's is among
//! them.

use rustls::{AlertDescription, CertificateError, Error};
use std::io;

/// The text of an I/O error, such as `connection refused` or
/// `tls: failed to verify certificate: x509: certificate signed by unknown authority`.
pub fn error_text(error: &io::Error) -> String {
    if let Some(code) = error.raw_os_error() {
        return nix::errno::Errno::from_raw(code).desc().to_lowercase();
    }
    let inner = error.get_ref();
    if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        return tls_text(tls);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "EOF".into(),
        _ => error.to_string(),
    }
}

fn tls_text(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => format!(
            "tls: failed to verify certificate: x509: {}",
            certificate_text(why)
        ),
        Error::AlertReceived(alert) => format!("remote error: tls: {}", alert_text(*alert)),
        Error::InvalidMessage(_) => "tls: first record does not look like a TLS handshake".into(),
        Error::PeerIncompatible(_) => "tls: protocol version not supported".into(),
        Error::NoApplicationProtocol => "tls: server selected unadvertised ALPN protocol".into(),
        other => format!("tls: {other}"),
    }
}

fn certificate_text(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".into(),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "certificate has expired or is not yet valid".into()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<&str> = presented.iter().map(|name| plain_name(name)).collect();
            let wanted = expected.to_str();
            if names.is_empty() {
                format!("certificate is not valid for any names, but wanted to match {wanted}")
            } else {
                format!(
                    "certificate is valid for {}, not {wanted}",
                    names.join(", ")
                )
            }
        }
        CertificateError::NotValidForName => "certificate is not valid for any names".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate specifies an incompatible key usage".into()
        }
        CertificateError::BadEncoding => "malformed certificate".into(),
        CertificateError::BadSignature => "invalid signature".into(),
        CertificateError::UnhandledCriticalExtension => "unhandled critical extension".into(),
        CertificateError::Revoked => "certificate was revoked".into(),
        // Its other forms need revocation lists or algorithms that nobody configures here.
        _ => "certificate cannot be verified".into(),
    }
}

/// `localhost` of `DnsName("localhost")`, the form in which the library names what a certificate holds.
fn plain_name(shown: &str) -> &str {
    shown
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(shown)
        .trim_matches('"')
}

/// Go's words for what a peer complains of.
fn alert_text(alert: AlertDescription) -> String {
    let text = match alert {
        AlertDescription::UnexpectedMessage => "unexpected message",
        AlertDescription::BadRecordMac => "bad record MAC",
        AlertDescription::RecordOverflow => "record overflow",
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::UnsupportedCertificate => "unsupported certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::IllegalParameter => "illegal parameter",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::DecodeError => "error decoding message",
        AlertDescription::DecryptError => "error decrypting message",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::InsufficientSecurity => "insufficient security level",
        AlertDescription::InternalError => "internal error",
        AlertDescription::UnrecognisedName => "unrecognized name",
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::NoApplicationProtocol => "no application protocol",
        other => return format!("alert({})", u8::from(other)),
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(error: Error) -> String {
        error_text(&io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn no_numbers_and_no_forms_of_rust() {
        for (error, want) in [
            (
                io::Error::from_raw_os_error(nix::libc::ECONNREFUSED),
                "connection refused",
            ),
            (
                io::Error::from_raw_os_error(nix::libc::EACCES),
                "permission denied",
            ),
            (
                io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof"),
                "EOF",
            ),
        ] {
            assert_eq!(error_text(&error), want);
        }
        let name = CertificateError::NotValidForNameContext {
            expected: "h.example".try_into().unwrap(),
            presented: vec!["DnsName(\"localhost\")".into(), "DnsName(\"a\")".into()],
        };
        for (error, want) in [
            (
                Error::InvalidCertificate(CertificateError::UnknownIssuer),
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ),
            (
                Error::InvalidCertificate(name),
                "tls: failed to verify certificate: x509: certificate is valid for localhost, a, not h.example",
            ),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "remote error: tls: unknown certificate authority",
            ),
        ] {
            assert_eq!(tls(error), want);
        }
    }
}
