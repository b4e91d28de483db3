//! Gossip keys and the file that keeps them (spec/wire.md §2.11): a JSON array in base64, the first key seals.

use crate::files;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::io;
use std::path::Path;
use swim::{Keyring, KeyringError};
use thiserror::Error;

/// A key of 16, 24 or 32 bytes. It has no `Debug` form: it is never to be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Bytes);

/// Why a text is no key, or a keyring file cannot be used. No text of these holds a key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Not base64.
    #[error("illegal base64 data")]
    Text,
    /// Another size.
    #[error("key size must be 16, 24 or 32 bytes")]
    Size,
    /// No JSON array of texts.
    #[error("keyring file is no JSON array of keys")]
    Form,
    /// No key in it.
    #[error("no keys present in keyring")]
    Empty,
    /// It cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
}

impl Key {
    /// The key in `text`, standard base64.
    ///
    /// # Errors
    /// It is no base64, or of another size.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| KeyError::Text)?;
        if !swim::KEY_SIZES.contains(&bytes.len()) {
            return Err(KeyError::Size);
        }
        Ok(Self(bytes.into()))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it stands in files.
    fn text(bytes: &[u8]) -> String {
        STANDARD.encode(bytes)
    }
}

/// A keyring of these, the first of them sealing.
pub(crate) fn of(keys: &[Key]) -> Result<Keyring, KeyringError> {
    let mut ring = Keyring::default();
    for key in keys {
        ring.install(key.bytes())?;
    }
    Ok(ring)
}

/// The same keys again: a keyring is held by one owner.
pub(crate) fn copy(ring: &Keyring) -> Keyring {
    let mut copy = Keyring::default();
    for key in ring.keys() {
        // They were installed once.
        let _ = copy.install(key);
    }
    copy
}

/// The keys in a file; `None` where there is none.
///
/// # Errors
/// It cannot be read, is no list of keys, or an empty one.
pub(crate) fn load(path: &Path) -> Result<Option<Vec<Key>>, KeyError> {
    let Some(text) = files::read(path)? else {
        return Ok(None);
    };
    let texts: Vec<String> = serde_json::from_str(&text).map_err(|_| KeyError::Form)?;
    if texts.is_empty() {
        return Err(KeyError::Empty);
    }
    texts
        .iter()
        .map(|text| Key::parse(text))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Makes the file of a pool that begins with `key`.
///
/// # Errors
/// Those of the file system.
pub(crate) fn create(path: &Path, key: &Key) -> io::Result<()> {
    files::replace(path, ".tmp", &format!("[\"{}\"]", Key::text(key.bytes())))
}

/// Writes what the keyring holds now.
///
/// # Errors
/// Those of the file system.
pub(crate) fn save(path: &Path, ring: &Keyring) -> io::Result<()> {
    let keys: Vec<String> = ring
        .keys()
        .map(|key| format!("  \"{}\"", Key::text(key)))
        .collect();
    files::replace(path, ".tmp", &format!("[\n{}\n]", keys.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_come_back_from_a_file_of_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serf/local.keyring");
        assert!(load(&path).unwrap().is_none());
        let first = Key::parse("AAECAwQFBgcICQoLDA0ODw==").unwrap();
        create(&path, &first).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "[\"AAECAwQFBgcICQoLDA0ODw==\"]"
        );
        let mut ring = of(&load(&path).unwrap().unwrap()).unwrap();
        ring.install(&[7; 32]).unwrap();
        ring.use_key(&[7; 32]).unwrap();
        save(&path, &ring).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "[\n  \"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\",\n  \"AAECAwQFBgcICQoLDA0ODw==\"\n]"
        );
        let again = load(&path).unwrap().unwrap();
        assert!(again[0].bytes() == [7; 32] && again[1] == first);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn what_is_no_keyring_is_refused_without_telling_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.keyring");
        for (text, wanted) in [
            ("[]", "no keys present in keyring"),
            ("{\"a\": 1}", "keyring file is no JSON array of keys"),
            ("[\"secret-that-is-none\"]", "illegal base64 data"),
            ("[\"c2hvcnQ=\"]", "key size must be 16, 24 or 32 bytes"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = load(&path).err().unwrap();
            assert_eq!(error.to_string(), wanted);
        }
    }
}
