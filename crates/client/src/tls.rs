//! TLS settings into a rustls configuration.

use crate::config::TlsConfig;
use crate::error::{Error, os_text};
use crate::tls_text::tls_text;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where distributions keep the authorities that the system trusts; the first that exists is read.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn config_error(text: impl Into<String>) -> Error {
    Error::Config(text.into())
}

/// Checks that certificate and key come as a pair, which holds with and without TLS.
pub(crate) fn check_pair(tls: &TlsConfig) -> Result<(), Error> {
    if tls.client_cert.is_some() == tls.client_key.is_some() {
        return Ok(());
    }
    Err(config_error(
        "both client cert and client key must be provided",
    ))
}

/// Builds the client side of TLS. Files are read now.
pub(crate) fn build(tls: &TlsConfig) -> Result<ClientConfig, Error> {
    check_pair(tls)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| config_error(e.to_string()))?;
    let roots = authorities(tls)?;
    let builder = if tls.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AcceptAny(provider)))
    } else {
        builder.with_root_certificates(roots)
    };
    let (Some(cert), Some(key)) = (&tls.client_cert, &tls.client_key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(&read(cert)?);
    let key = private_key(&read(key)?)
        .ok_or_else(|| config_error("tls: failed to find any PEM data in key input"))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|e| config_error(tls_text(&std::io::Error::other(e))))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(|e| config_error(format!("open {}: {}", path.display(), os_text(&e))))
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem)
        .filter_map(Result::ok)
        .collect()
}

fn private_key(pem: &[u8]) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).ok()
}

/// Checks the CA files even where TLS is off, as the reference does.
pub(crate) fn authorities(tls: &TlsConfig) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &tls.ca_file {
        let pem = read(file).map_err(|e| config_error(format!("Error loading CA File: {e}")))?;
        add(&mut roots, &pem).ok_or_else(|| {
            let file = file.display();
            config_error(format!(
                "Error loading CA File: Couldn't parse PEM in: {file}"
            ))
        })?;
    } else if let Some(dir) = &tls.ca_path {
        for file in files_in(dir)? {
            add(&mut roots, &read(&file)?);
        }
        if roots.is_empty() {
            let dir = dir.display();
            return Err(config_error(format!(
                "Error loading CA Path: no CAs found in {dir}"
            )));
        }
    } else if !tls.insecure {
        let system = SYSTEM_AUTHORITIES
            .iter()
            .find_map(|path| std::fs::read(path).ok());
        add(&mut roots, &system.unwrap_or_default());
    }
    Ok(roots)
}

/// Adds all certificates of a PEM text; `None` if there is none.
fn add(roots: &mut RootCertStore, pem: &[u8]) -> Option<()> {
    let (added, _) = roots.add_parsable_certificates(certificates(pem));
    (added > 0).then_some(())
}

fn files_in(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(dir)
        .map_err(|e| config_error(format!("lstat {}: {}", dir.display(), os_text(&e))))?;
    let mut files: Vec<_> = entries
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.is_file())
        .collect();
    files.sort();
    Ok(files)
}

/// Verifies nothing but the proof of possession of the key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
