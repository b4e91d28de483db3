//! Certificates, keys and authorities of the configuration, checked at start and reload in the reference's words
//! (spec/agent-config.md §7), also for ports that nothing serves yet: what is checked late is found out late.

use crate::listeners::error_text;
use crate::settings::tls_files;
use config::{Config, TlsInterface};
use net::tls::TlsError;

/// Checks the files of every interface.
///
/// # Errors
/// The first that cannot be used, in the reference's words.
pub(crate) fn check(config: &Config) -> Result<(), String> {
    // Who gets a certificate from the servers needs none of their own.
    let enrolled = config.auto_encrypt.tls || config.auto_config.enabled;
    let tls = &config.tls;
    for interface in [&tls.internal_rpc, &tls.https, &tls.grpc] {
        check_interface(interface, enrolled)?;
    }
    Ok(())
}

fn check_interface(tls: &TlsInterface, enrolled: bool) -> Result<(), String> {
    let files = tls_files(tls);
    let own = files.has_certificate().map_err(|error| pair_text(&error))?;
    let authorities = files.has_authorities().map_err(|error| text(&error))?;
    if !authorities && tls.ca_file.is_empty() && !tls.ca_path.is_empty() {
        return Err("Error loading from CAPath: no CAs found".into());
    }
    if tls.verify_incoming && !authorities {
        return Err("VerifyIncoming set but no CA certificates were provided".into());
    }
    if tls.verify_incoming && !own && !enrolled {
        return Err(
            "VerifyIncoming requires either a Cert and Key pair in the configuration file, or auto_encrypt/auto_config be enabled"
                .into(),
        );
    }
    if tls.verify_outgoing && !authorities && !enrolled {
        return Err("VerifyOutgoing set but no CA certificates were provided".into());
    }
    Ok(())
}

/// Cipher suites that are configured and do not exist here, each once; the others of their list are used.
pub(crate) fn missing_suites(config: &Config) -> Vec<String> {
    let tls = &config.tls;
    let lists = [&tls.internal_rpc, &tls.https, &tls.grpc].map(|of| &of.cipher_suites);
    let mut missing: Vec<String> = lists
        .into_iter()
        .flat_map(|list| net::tls::missing_suites(list))
        .map(str::to_owned)
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Why our certificate and key cannot be used.
fn pair_text(error: &TlsError) -> String {
    let why = match error {
        TlsError::Read(path, error) => format!("open {}: {}", path.display(), error_text(error)),
        other => other.to_string(),
    };
    format!("Failed to load cert/key pair: {why}")
}

/// Why authorities, or what a listener is made of, cannot be used.
pub(crate) fn text(error: &TlsError) -> String {
    match error {
        TlsError::Read(path, error) => {
            let path = path.display();
            format!(
                "Error loading from {path}: open {path}: {}",
                error_text(error)
            )
        }
        // The reference names the line with which the file's first block begins.
        TlsError::Empty(path, "certificate") => {
            let head = std::fs::read_to_string(path).unwrap_or_default();
            let head = head.lines().find(|line| line.starts_with("-----BEGIN "));
            format!(
                "failed to parse PEM {}",
                head.unwrap_or_default().trim_end()
            )
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut TlsInterface)) -> String {
        let mut tls = TlsInterface::default();
        change(&mut tls);
        check_interface(&tls, false).err().unwrap_or_default()
    }

    #[test]
    fn verification_needs_its_material() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let key = write(
            "key.pem",
            "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        );
        let empty = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        let missing = missing.to_string_lossy();
        for (found, wanted) in [
            (refusal(|_| {}), String::new()),
            (
                refusal(|tls| tls.verify_incoming = true),
                "VerifyIncoming set but no CA certificates were provided".into(),
            ),
            (
                refusal(|tls| tls.verify_outgoing = true),
                "VerifyOutgoing set but no CA certificates were provided".into(),
            ),
            (
                refusal(|tls| tls.ca_path = empty.path().to_string_lossy().into_owned()),
                "Error loading from CAPath: no CAs found".into(),
            ),
            // A certificate without its key is ignored, as in the reference.
            (
                refusal(|tls| tls.cert_file = missing.to_string()),
                String::new(),
            ),
            (
                refusal(|tls| tls.ca_file = missing.to_string()),
                format!("Error loading from {missing}: open {missing}: no such file or directory"),
            ),
            (
                refusal(|tls| tls.ca_file = key.clone()),
                "failed to parse PEM -----BEGIN EC PRIVATE KEY-----".into(),
            ),
            (
                refusal(|tls| {
                    tls.cert_file = missing.to_string();
                    tls.key_file = key.clone();
                }),
                format!("Failed to load cert/key pair: open {missing}: no such file or directory"),
            ),
        ] {
            assert_eq!(found, wanted);
        }
    }
}
