//! TLS of clients, made once for all that are alike.

use crate::tls::{TlsError, TlsFiles};
use rustls::ClientConfig;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Kinds that are kept; further ones are made anew each time. An agent's checks need six: verified or not, for HTTP/1,
/// HTTP/2 and without a protocol's name.
const KINDS_MAX: usize = 8;

/// The configurations of clients made from the same files. Each kind is made once and shared: with the machine's authorities
/// one takes 140 KB and reads some 140 certificates, and an agent may have thousands of checks.
///
/// What the files held when a kind was first asked for stays; who wants them read again makes a new one.
#[derive(Clone, Default)]
pub struct TlsClients(Arc<Shared>);

#[derive(Default)]
struct Shared {
    files: TlsFiles,
    made: Mutex<Vec<Made>>,
}

struct Made {
    verify: bool,
    alpn: Vec<Vec<u8>>,
    config: Arc<ClientConfig>,
}

impl TlsClients {
    /// Of these files; nothing is read yet.
    pub fn new(files: TlsFiles) -> Self {
        Self(Arc::new(Shared {
            files,
            made: Mutex::default(),
        }))
    }

    /// As [`TlsFiles::client`]. A failure is not kept.
    ///
    /// # Errors
    /// Unreadable or empty files, a key that does not fit.
    pub fn get(&self, verify: bool, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>, TlsError> {
        let mut made = self.0.made.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = |made: &&Made| made.verify == verify && made.alpn == alpn;
        if let Some(found) = made.iter().find(alike) {
            return Ok(found.config.clone());
        }
        let config = self.0.files.client(verify, alpn)?;
        if made.len() < KINDS_MAX {
            made.push(Made {
                verify,
                alpn: alpn.iter().map(|name| name.to_vec()).collect(),
                config: config.clone(),
            });
        }
        Ok(config)
    }
}

impl fmt::Debug for TlsClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsClients").field(&self.0.files).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_are_alike_share_one_configuration() {
        let clients = TlsClients::new(TlsFiles::default());
        let of = |verify, alpn: &[&[u8]]| clients.get(verify, alpn).unwrap();
        let plain = of(true, &[]);
        assert!(Arc::ptr_eq(&plain, &of(true, &[])));
        assert!(Arc::ptr_eq(
            &plain,
            &clients.clone().get(true, &[]).unwrap()
        ));
        assert!(!Arc::ptr_eq(&plain, &of(false, &[])));
        assert!(!Arc::ptr_eq(&plain, &of(true, &[b"h2"])));
        assert!(Arc::ptr_eq(&of(true, &[b"h2"]), &of(true, &[b"h2"])));
    }

    #[test]
    fn a_failure_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let clients = TlsClients::new(TlsFiles {
            ca_file: path.to_str().unwrap().into(),
            ..TlsFiles::default()
        });
        assert!(clients.get(true, &[]).is_err());
        let made = rcgen::generate_simple_self_signed(vec!["ca".to_owned()]).unwrap();
        std::fs::write(&path, made.cert.pem()).unwrap();
        assert!(clients.get(true, &[]).is_ok());
    }
}
