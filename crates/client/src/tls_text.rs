//! Failures of TLS in the words of Go's library.

use crate::error::os_text;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error as Tls, InvalidMessage};
use std::io;

/// Why a connection failed, if it is TLS that failed; otherwise the system's reason.
pub(crate) fn tls_text(e: &io::Error) -> String {
    let Some(cause) = e.get_ref().and_then(|c| c.downcast_ref::<Tls>()) else {
        return os_text(e);
    };
    match cause {
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "http: server gave HTTP response to HTTPS client".to_owned()
        }
        Tls::InvalidCertificate(error) => format!(
            "tls: failed to verify certificate: x509: {}",
            certificate_text(error)
        ),
        Tls::AlertReceived(alert) => format!("remote error: tls: {}", alert_text(*alert)),
        // The library prints some of its values in a form for programmers.
        other => {
            let text = other.to_string();
            let plain = text.split([':', '(', '{']).next().unwrap_or_default();
            format!("tls: {}", plain.trim())
        }
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
            let wanted = match expected {
                ServerName::DnsName(name) => name.as_ref().to_owned(),
                ServerName::IpAddress(ip) => std::net::IpAddr::from(*ip).to_string(),
                _ => String::new(),
            };
            // Each is written as a kind with the name in quotes or brackets.
            let inside = |text: &String| -> String {
                let from = text.find(['(', '"']).map_or(0, |at| at + 1);
                let inner = text.get(from..).unwrap_or_default();
                inner.trim_matches(['(', ')', '"']).to_owned()
            };
            let names: Vec<String> = presented.iter().map(inside).collect();
            match names.is_empty() {
                true => {
                    format!("certificate is not valid for any names, but wanted to match {wanted}")
                }
                false => format!(
                    "certificate is valid for {}, not {wanted}",
                    names.join(", ")
                ),
            }
        }
        CertificateError::NotValidForName => "certificate is not valid for this name".into(),
        CertificateError::BadEncoding => "malformed certificate".into(),
        CertificateError::Revoked => "certificate has been revoked".into(),
        CertificateError::BadSignature => "invalid signature".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate specifies an incompatible key usage".into()
        }
        _ => "certificate cannot be verified".into(),
    }
}

/// The names of alerts as Go prints them.
fn alert_text(alert: AlertDescription) -> String {
    let known = match alert {
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::BadRecordMac => "bad record MAC",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::DecryptError => "error decrypting message",
        AlertDescription::DecodeError => "error decoding message",
        AlertDescription::InsufficientSecurity => "insufficient security level",
        AlertDescription::UnrecognisedName => "unrecognized name",
        AlertDescription::IllegalParameter => "illegal parameter",
        AlertDescription::NoApplicationProtocol => "no application protocol",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    // The others are named as they are spelled: `HandshakeFailure`.
    let mut out = String::new();
    for letter in alert.as_str().unwrap_or("unknown alert").chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: Tls) -> String {
        tls_text(&io::Error::other(error))
    }

    #[test]
    fn go_s_words() {
        let named = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("wanted.example").unwrap(),
            presented: vec![
                "DnsName(\"localhost\")".into(),
                "IpAddress(127.0.0.1)".into(),
            ],
        };
        for (error, wanted) in [
            (
                Tls::AlertReceived(AlertDescription::BadCertificate),
                "remote error: tls: bad certificate",
            ),
            (
                Tls::AlertReceived(AlertDescription::HandshakeFailure),
                "remote error: tls: handshake failure",
            ),
            (
                Tls::AlertReceived(AlertDescription::UnknownCA),
                "remote error: tls: unknown certificate authority",
            ),
            (
                Tls::InvalidCertificate(named),
                "tls: failed to verify certificate: x509: certificate is valid for localhost, 127.0.0.1, not wanted.example",
            ),
            (
                Tls::InvalidCertificate(CertificateError::UnhandledCriticalExtension),
                "tls: failed to verify certificate: x509: certificate cannot be verified",
            ),
        ] {
            assert_eq!(text(error), wanted);
        }
        let plain = io::Error::from_raw_os_error(111);
        assert_eq!(tls_text(&plain), "connection refused");
    }
}
