//! Hex, recordings, short cuts.

use bytes::Bytes;
use std::path::{Path, PathBuf};
use swim::{Message, PacketError, Wrapping};

pub const NONCE: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

pub fn key() -> Vec<u8> {
    (0..16).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unpack(wrapping: &Wrapping, packet: &[u8]) -> Result<Vec<Message>, PacketError> {
    let mut out = Vec::new();
    wrapping.unpack(Bytes::copy_from_slice(packet), &mut out)?;
    Ok(out)
}

pub fn recording(name: &str) -> serde_json::Value {
    let shared = std::env::var("PROCONSUL_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = shared.join("conformance/wire").join(name);
    let text = std::fs::read_to_string(&path).expect("the recording");
    serde_json::from_str(&text).expect("JSON")
}
