//! The keyring's rules.

use crate::support::{NONCE, key};
use swim::{Keyring, KeyringError, SealError};

#[test]
fn order_and_refusals() {
    let (first, second) = (key(), vec![9; 32]);
    let mut ring = Keyring::new(&first).expect("a key");
    assert_eq!(ring.install(&[0; 15]), Err(KeyringError::Size));
    assert_eq!(ring.use_key(&second), Err(KeyringError::Unknown));
    ring.install(&second).expect("installs");
    ring.install(&second).expect("again");
    ring.install(&[3; 24]).expect("24 bytes");
    assert_eq!(ring.keys().len(), 3);
    ring.use_key(&[3; 24]).expect("uses");
    let order: Vec<usize> = ring.keys().map(bytes::Bytes::len).collect();
    assert_eq!(order, [24, 16, 32]);
    assert_eq!(ring.remove(&[3; 24]), Err(KeyringError::Primary));
    assert_eq!(ring.remove(&[7; 16]), Ok(()));
    ring.remove(&first).expect("removes");
    assert_eq!(ring.keys().len(), 2);
    assert_eq!(format!("{ring:?}"), "Keyring(2 keys)");
}

#[test]
fn every_key_opens_and_the_first_seals() {
    let old = Keyring::new(&key()).expect("a key");
    let mut ring = Keyring::new(&[9; 32]).expect("a key");
    let blob = old.seal(b"said", b"bound", NONCE).expect("seals");
    assert_eq!(ring.open(&blob, b"bound"), Err(SealError::NoKey));
    ring.install(&key()).expect("installs");
    assert_eq!(ring.open(&blob, b"bound").expect("opens"), &b"said"[..]);
    assert_eq!(ring.open(&blob, b"other"), Err(SealError::NoKey));
    let blob = ring.seal(b"said", b"", NONCE).expect("seals");
    assert_eq!(old.open(&blob, b""), Err(SealError::NoKey));
    assert_eq!(old.open(&[], b""), Err(SealError::Empty));
    assert_eq!(old.open(&[2], b""), Err(SealError::Version(2)));
    assert_eq!(old.open(&blob[..28], b""), Err(SealError::Small(28)));
    assert_eq!(Keyring::default().seal(b"said", b"", NONCE), None);
}
