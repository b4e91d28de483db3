//! Keys and what is sealed with them (spec/wire.md §1.4).
//!
//! A sealed blob is a version byte, a nonce, AES-GCM ciphertext and its tag. Version 0 pads the plain text to blocks of 16 first;
//! version 1, the only one written, does not.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::Bytes;
use thiserror::Error;

/// Sizes a key may have, in bytes: AES-128, AES-192, AES-256.
pub const KEY_SIZES: [usize; 3] = [16, 24, 32];
/// Bytes of a nonce, which must never be used twice with one key.
pub const NONCE_LEN: usize = 12;

const TAG_LEN: usize = 16;
const BLOCK: usize = 16;
const VERSION: u8 = 1;
/// What sealing adds.
pub(crate) const OVERHEAD: usize = 1 + NONCE_LEN + TAG_LEN;

/// Why a keyring does not do what was asked. Texts are the reference's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// Another size.
    #[error("key size must be 16, 24 or 32 bytes")]
    Size,
    /// Only an installed key can become the first.
    #[error("Requested key is not in the keyring")]
    Unknown,
    /// Another must become the first before.
    #[error("Removing the primary key is not allowed")]
    Primary,
}

/// Why a blob cannot be opened. Texts are the reference's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Nothing at all.
    #[error("Cannot decrypt empty payload")]
    Empty,
    /// A version from the future.
    #[error("Unsupported encryption version {0}")]
    Version(u8),
    /// Not even a nonce and a tag.
    #[error("Payload is too small to decrypt: {0}")]
    Small(usize),
    /// None of the keys fits.
    #[error("No installed keys could decrypt the message")]
    NoKey,
}

struct Key {
    secret: Bytes,
    cipher: LessSafeKey,
}

/// An ordered list of keys: the first seals, all open. Its `Debug` form shows no key.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Key>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

impl Keyring {
    /// A keyring with `primary` alone.
    ///
    /// # Errors
    /// The key's size.
    pub fn new(primary: &[u8]) -> Result<Self, KeyringError> {
        let mut ring = Self::default();
        ring.install(primary)?;
        Ok(ring)
    }

    /// Whether there is no key, which means no encryption.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys, the first of them sealing.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.keys.iter().map(|key| &key.secret)
    }

    /// Adds a key at the end, unless it is there.
    ///
    /// # Errors
    /// The key's size.
    pub fn install(&mut self, secret: &[u8]) -> Result<(), KeyringError> {
        let algorithm = match secret.len() {
            16 => &AES_128_GCM,
            24 => &AES_192_GCM,
            32 => &AES_256_GCM,
            _ => return Err(KeyringError::Size),
        };
        if self.place(secret).is_some() {
            return Ok(());
        }
        let cipher = UnboundKey::new(algorithm, secret).map_err(|_| KeyringError::Size)?;
        self.keys.push(Key {
            secret: Bytes::copy_from_slice(secret),
            cipher: LessSafeKey::new(cipher),
        });
        Ok(())
    }

    /// Makes an installed key the first.
    ///
    /// # Errors
    /// It is not installed.
    pub fn use_key(&mut self, secret: &[u8]) -> Result<(), KeyringError> {
        let place = self.place(secret).ok_or(KeyringError::Unknown)?;
        self.keys[..=place].rotate_right(1);
        Ok(())
    }

    /// Takes a key out; one that is not there is out already.
    ///
    /// # Errors
    /// It is the first.
    pub fn remove(&mut self, secret: &[u8]) -> Result<(), KeyringError> {
        match self.place(secret) {
            Some(0) => Err(KeyringError::Primary),
            Some(place) => {
                self.keys.remove(place);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn place(&self, secret: &[u8]) -> Option<usize> {
        self.keys.iter().position(|key| key.secret == secret)
    }

    /// Seals `plain` with the first key, as version 1; `None` without a key. `bound` is authenticated with it.
    pub fn seal(&self, plain: &[u8], bound: &[u8], nonce: [u8; NONCE_LEN]) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let mut out = Vec::with_capacity(OVERHEAD + plain.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let (_, content) = out.split_at_mut(1 + NONCE_LEN);
        let tag = key
            .cipher
            .seal_in_place_separate_tag(nonce, Aad::from(bound), content);
        out.extend_from_slice(tag.ok()?.as_ref());
        Some(out)
    }

    /// What was sealed, with whichever key fits.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, blob: &[u8], bound: &[u8]) -> Result<Bytes, SealError> {
        let version = *blob.first().ok_or(SealError::Empty)?;
        let padded = match version {
            0 => true,
            1 => false,
            other => return Err(SealError::Version(other)),
        };
        let least = OVERHEAD + if padded { BLOCK } else { 0 };
        if blob.len() < least {
            return Err(SealError::Small(blob.len()));
        }
        let (head, sealed) = blob.split_at(1 + NONCE_LEN);
        for key in &self.keys {
            let nonce = Nonce::try_assume_unique_for_key(&head[1..]);
            let nonce = nonce.map_err(|_| SealError::Small(blob.len()))?;
            let mut content = sealed.to_vec();
            if let Ok(plain) = key
                .cipher
                .open_in_place(nonce, Aad::from(bound), &mut content)
            {
                let padding = match plain.last() {
                    Some(last) if padded => usize::from(*last).min(plain.len()),
                    _ => 0,
                };
                let len = plain.len() - padding;
                content.truncate(len);
                return Ok(content.into());
            }
        }
        Err(SealError::NoKey)
    }
}
