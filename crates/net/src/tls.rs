//! TLS configurations: what to load, how to build it, and replacing it while connections go on.

use crate::Stream;
use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpStream;

/// Why a TLS configuration cannot be built.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("failed to read {0}: {text}", text = crate::error_text(.1))]
    Read(PathBuf, #[source] io::Error),
    /// A file holds no usable certificate or key.
    #[error("{0}: no {1} in PEM form found")]
    Empty(PathBuf, &'static str),
    /// Certificate and key do not fit, or a certificate cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// A name that is not a TLS version, such as `TLSv1_2`.
    #[error("unknown TLS version {0:?}; use TLSv1_2 or TLSv1_3")]
    Version(String),
    /// None of the configured cipher suites exists here.
    #[error("none of the cipher suites {0} is supported; those with GCM or CHACHA20_POLY1305 are")]
    Suites(String),
}

/// What one listener's or client's TLS is made of (`tls.https`, `tls.defaults`, …). Empty paths are "not set".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file of trusted authorities.
    pub ca_file: String,
    /// Folder of PEM files of trusted authorities.
    pub ca_path: String,
    /// PEM file of our certificate chain.
    pub cert_file: String,
    /// PEM file of our private key.
    pub key_file: String,
    /// Lowest version: "" (1.2), `TLSv1_2`, `TLSv1_3`; older names are served as 1.2.
    pub min_version: String,
    /// Whether a peer must show a certificate that the authorities signed.
    pub verify_incoming: bool,
    /// Names of the TLS 1.2 cipher suites that may be used (`TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`); empty: all there are.
    /// Those of TLS 1.3 cannot be chosen.
    pub cipher_suites: Vec<String>,
}

/// A certificate chain and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What a listener without certificate shows.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// Versions of a configuration with `TLSv1_3` as its floor.
const ONLY_TLS13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Names of the TLS 1.2 cipher suites among these that do not exist here: those with CBC, which nobody should use.
pub fn missing_suites(names: &[String]) -> Vec<&str> {
    let all = rustls::crypto::aws_lc_rs::default_provider().cipher_suites;
    let known = |name: &str| all.iter().any(|suite| suite.suite().as_str() == Some(name));
    let names = names.iter().map(String::as_str);
    names.filter(|name| !known(name)).collect()
}

fn read(path: &str) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Read(path.into(), error))
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(path, &error))?;
    if found.is_empty() {
        Err(TlsError::Empty(path.into(), "certificate"))
    } else {
        Ok(found)
    }
}

fn key(path: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read(path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::Empty(path.into(), "private key"),
        error => unreadable(path, &error),
    })
}

/// A file whose PEM is broken.
fn unreadable(path: &str, error: &pem::Error) -> TlsError {
    let error = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    TlsError::Read(path.into(), error)
}

impl TlsFiles {
    /// The authorities of file and folder; `None` when neither is set.
    fn roots(&self) -> Result<Option<RootCertStore>, TlsError> {
        let mut files: Vec<PathBuf> = Vec::new();
        if !self.ca_file.is_empty() {
            files.push(self.ca_file.clone().into());
        } else if !self.ca_path.is_empty() {
            let path = Path::new(&self.ca_path);
            let entries =
                std::fs::read_dir(path).map_err(|error| TlsError::Read(path.into(), error))?;
            files.extend(
                entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.is_file()),
            );
            files.sort();
        }
        if files.is_empty() {
            return Ok(None);
        }
        let mut store = RootCertStore::empty();
        for file in files {
            for certificate in certificates(&file.to_string_lossy())? {
                store
                    .add(certificate)
                    .map_err(|error| TlsError::Invalid(format!("{}: {error}", file.display())))?;
            }
        }
        Ok(Some(store))
    }

    fn versions(&self) -> Result<&'static [&'static rustls::SupportedProtocolVersion], TlsError> {
        match self.min_version.as_str() {
            "" | "TLSv1_0" | "TLSv1_1" | "TLSv1_2" | "tls10" | "tls11" | "tls12" => {
                Ok(rustls::ALL_VERSIONS)
            }
            "TLSv1_3" | "tls13" => Ok(ONLY_TLS13),
            other => Err(TlsError::Version(other.into())),
        }
    }

    /// The provider with the configured suites only.
    fn provider(&self) -> Result<Arc<CryptoProvider>, TlsError> {
        if self.cipher_suites.is_empty() {
            return Ok(provider());
        }
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| {
            let name = suite.suite().as_str();
            suite.tls13().is_some() || self.cipher_suites.iter().any(|one| name == Some(one))
        });
        if provider.cipher_suites.iter().all(|s| s.tls13().is_some()) {
            return Err(TlsError::Suites(self.cipher_suites.join(",")));
        }
        Ok(Arc::new(provider))
    }

    /// Whether there are authorities to verify a peer with.
    ///
    /// # Errors
    /// Unreadable files, or files without a certificate.
    pub fn has_authorities(&self) -> Result<bool, TlsError> {
        Ok(self.roots()?.is_some())
    }

    /// Whether there is a certificate with its key.
    ///
    /// # Errors
    /// Unreadable or empty files, a key that does not fit.
    pub fn has_certificate(&self) -> Result<bool, TlsError> {
        let Some((chain, key)) = self.own()? else {
            return Ok(false);
        };
        CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| TlsError::Invalid(error.to_string()))?;
        Ok(true)
    }

    /// Our chain and key; `None` unless both are set.
    fn own(&self) -> Result<Option<Identity>, TlsError> {
        if self.cert_file.is_empty() || self.key_file.is_empty() {
            return Ok(None);
        }
        Ok(Some((certificates(&self.cert_file)?, key(&self.key_file)?)))
    }

    /// The configuration of a listener that offers these ALPN protocols. Without certificate and key it stands, as the
    /// reference's does, and every handshake fails until a reload brings them.
    ///
    /// # Errors
    /// Unreadable or empty files, a key that does not fit, `verify_incoming` without authorities.
    pub fn server(&self, alpn: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = ServerConfig::builder_with_provider(self.provider()?)
            .with_protocol_versions(self.versions()?)
            .map_err(|error| TlsError::Invalid(error.to_string()))?;
        let builder = match (self.verify_incoming, self.roots()?) {
            (true, Some(roots)) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                        .build()
                        .map_err(|error| TlsError::Invalid(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            (true, None) => {
                return Err(TlsError::Invalid(
                    "verify_incoming set, and no CA certificate provided!".into(),
                ));
            }
            (false, _) => builder.with_no_client_auth(),
        };
        let mut config = match self.own()? {
            Some((chain, key)) => builder
                .with_single_cert(chain, key)
                .map_err(|error| TlsError::Invalid(error.to_string()))?,
            None => builder.with_cert_resolver(Arc::new(NoCertificate)),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// The configuration of a client. Without authorities the certificate is not verified unless `verify` is set, in which
    /// case the machine's own authorities would be needed and it is refused.
    ///
    /// # Errors
    /// Unreadable or empty files, a key that does not fit.
    pub fn client(&self, verify: bool, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>, TlsError> {
        let builder = ClientConfig::builder_with_provider(self.provider()?)
            .with_protocol_versions(self.versions()?)
            .map_err(|error| TlsError::Invalid(error.to_string()))?;
        let builder = if verify {
            let roots = match self.roots()? {
                Some(roots) => roots,
                None => system_roots(),
            };
            builder.with_root_certificates(roots)
        } else {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
        };
        let mut config = match self.own()? {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| TlsError::Invalid(error.to_string()))?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// Where Linux distributions keep the machine's authorities, first found wins.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    let bundle = std::env::var("SSL_CERT_FILE").ok();
    let files = bundle
        .as_deref()
        .into_iter()
        .chain(SYSTEM_BUNDLES.iter().copied());
    for file in files {
        if let Ok(found) = certificates(file) {
            store.add_parsable_certificates(found);
            break;
        }
    }
    store
}

/// Accepts every certificate: `tls_skip_verify` of checks and clients without a CA. Signatures are still checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
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
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The TLS side of a listener; [`Acceptor::replace`] takes effect for the next handshake.
pub struct Acceptor {
    config: ArcSwap<ServerConfig>,
    timeout: Duration,
}

impl Acceptor {
    /// An acceptor whose handshakes must end within `timeout`.
    pub fn new(config: Arc<ServerConfig>, timeout: Duration) -> Self {
        Self {
            config: ArcSwap::new(config),
            timeout,
        }
    }

    /// Uses another configuration from now on; open connections keep theirs.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        self.config.store(config);
    }

    /// Makes the handshake on an accepted connection.
    ///
    /// # Errors
    /// A failed or timed-out handshake; unix sockets cannot carry TLS here.
    pub async fn accept(&self, stream: Stream) -> io::Result<Stream> {
        let Stream::Tcp(tcp) = stream else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "TLS needs a TCP connection",
            ));
        };
        let acceptor = tokio_rustls::TlsAcceptor::from(self.config.load_full());
        match tokio::time::timeout(self.timeout, acceptor.accept(tcp)).await {
            Ok(done) => Ok(Stream::ServerTls(Box::new(done?))),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "TLS handshake timed out",
            )),
        }
    }
}

/// Makes the client's side of a handshake. `name` is what the server's certificate must be for.
///
/// # Errors
/// A name that cannot stand in a certificate; a failed handshake.
pub async fn connect(config: Arc<ClientConfig>, name: &str, tcp: TcpStream) -> io::Result<Stream> {
    let name = ServerName::try_from(name.to_owned()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("invalid TLS server name {name:?}"),
        )
    })?;
    let stream = tokio_rustls::TlsConnector::from(config)
        .connect(name, tcp)
        .await?;
    Ok(Stream::ClientTls(Box::new(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn files(folder: &Path) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        TlsFiles {
            ca_file: text(&cert),
            cert_file: text(&cert),
            key_file: text(&key),
            ..TlsFiles::default()
        }
    }

    #[tokio::test]
    async fn client_and_server_shake_hands() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let listener = crate::bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = Acceptor::new(
            files.server(&[b"http/1.1"]).unwrap(),
            Duration::from_secs(5),
        );
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            assert_eq!(stream.alpn(), Some(&b"http/1.1"[..]));
            stream.write_all(b"hello").await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let tcp = TcpStream::connect(address).await.unwrap();
        let config = files.client(true, &[b"http/1.1"]).unwrap();
        let mut stream = connect(config, "localhost", tcp).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        server.await.unwrap();
    }

    #[tokio::test]
    async fn only_the_configured_suites_are_spoken() {
        let folder = tempfile::tempdir().unwrap();
        let all = files(folder.path());
        let with = |suite: &str| TlsFiles {
            cipher_suites: vec![suite.to_owned()],
            ..all.clone()
        };
        let aes = with("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
        let chacha = with("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
        // Whether a client with TLS 1.2 only, and its suites, is served.
        let served = async |server: &TlsFiles, client: &TlsFiles| {
            let listener = crate::bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = listener.local_addr().unwrap();
            let acceptor = Acceptor::new(server.server(&[]).unwrap(), Duration::from_secs(60));
            let serving = tokio::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                acceptor.accept(stream).await.is_ok()
            });
            let tcp = TcpStream::connect(address).await.unwrap();
            let config = ClientConfig::builder_with_provider(client.provider().unwrap())
                .with_protocol_versions(&[&rustls::version::TLS12])
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
                .with_no_client_auth();
            let connected = connect(Arc::new(config), "localhost", tcp).await.is_ok();
            connected && serving.await.unwrap()
        };
        assert!(served(&aes, &all).await);
        assert!(served(&aes, &aes).await);
        assert!(!served(&aes, &chacha).await);
        let old = with("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA");
        assert!(old.server(&[]).unwrap_err().to_string().contains("CBC_SHA"));
        assert_eq!(
            missing_suites(&old.cipher_suites),
            ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"]
        );
        assert!(missing_suites(&chacha.cipher_suites).is_empty());
    }

    #[test]
    fn a_key_of_another_certificate_is_found() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut mixed = files(one.path());
        assert!(mixed.has_certificate().unwrap() && mixed.has_authorities().unwrap());
        mixed.key_file = files(other.path()).key_file;
        assert!(mixed.has_certificate().is_err());
        mixed.key_file.clear();
        assert!(!mixed.has_certificate().unwrap());
    }

    #[test]
    fn verify_incoming_needs_an_authority() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(folder.path());
        files.ca_file.clear();
        files.verify_incoming = true;
        assert_eq!(
            files.server(&[]).unwrap_err().to_string(),
            "verify_incoming set, and no CA certificate provided!"
        );
    }

    #[tokio::test]
    async fn without_a_certificate_the_listener_stands_and_handshakes_fail() {
        let listener = crate::bind_tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let none = TlsFiles::default();
        let acceptor = Acceptor::new(none.server(&[]).unwrap(), Duration::from_secs(5));
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.is_err()
        });
        let tcp = TcpStream::connect(address).await.unwrap();
        let config = none.client(false, &[]).unwrap();
        assert!(connect(config, "localhost", tcp).await.is_err());
        assert!(server.await.unwrap());
    }

    #[test]
    fn missing_files_are_named() {
        let files = TlsFiles {
            cert_file: "/nonexistent/c.pem".into(),
            key_file: "/nonexistent/k.pem".into(),
            ..TlsFiles::default()
        };
        assert_eq!(
            files.server(&[]).unwrap_err().to_string(),
            "failed to read /nonexistent/c.pem: no such file or directory"
        );
    }
}
