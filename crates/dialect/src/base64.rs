//! Standard base64 with padding as Go reads it: line breaks are skipped, spare bits of the last symbol may be anything, and
//! what is wrong is told by its position. The one decoder of bytes that come as text.

use ::base64::Engine as _;
use ::base64::alphabet::STANDARD;
use ::base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;

/// Text that is no base64.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("illegal base64 data at input byte {at}")]
pub struct Corrupt {
    /// Of a symbol that does not belong there its position, of a last group that is not whole the group's.
    pub at: usize,
    /// The bytes before it.
    pub decoded: Vec<u8>,
}

const QUICK: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Decodes `text`.
///
/// # Errors
/// [`Corrupt`], worded as Go's.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Corrupt> {
    // What has line breaks or a fault goes the way that knows where.
    QUICK.decode(text).or_else(|_| Groups::new(text).decode())
}

/// Text taken four symbols at a time.
struct Groups<'t> {
    text: &'t [u8],
    at: usize,
    out: Vec<u8>,
}

impl<'t> Groups<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            at: 0,
            out: Vec::with_capacity(text.len() / 4 * 3),
        }
    }

    fn decode(mut self) -> Result<Vec<u8>, Corrupt> {
        let mut group = [0; 4];
        let mut filled = 0;
        while let Some(&symbol) = self.text.get(self.at) {
            self.at += 1;
            match value(symbol) {
                Some(bits) => {
                    if let Some(place) = group.get_mut(filled) {
                        *place = bits;
                    }
                    filled += 1;
                    if filled == 4 {
                        self.push(group, 3);
                        (group, filled) = ([0; 4], 0);
                    }
                }
                None if matches!(symbol, b'\r' | b'\n') => {}
                None if symbol == b'=' && filled >= 2 => return self.padded(group, filled),
                None => {
                    let at = self.at - 1;
                    return self.corrupt(at);
                }
            }
        }
        match filled {
            0 => Ok(self.out),
            _ => {
                let at = self.at - filled;
                self.corrupt(at)
            }
        }
    }

    /// The end of the text after its first padding symbol.
    fn padded(mut self, group: [u8; 4], filled: usize) -> Result<Vec<u8>, Corrupt> {
        self.skip_breaks();
        if filled == 2 {
            match self.text.get(self.at) {
                Some(b'=') => self.at += 1,
                Some(_) => {
                    let at = self.at - 1;
                    return self.corrupt(at);
                }
                None => {
                    let at = self.text.len();
                    return self.corrupt(at);
                }
            }
            self.skip_breaks();
        }
        self.push(group, filled - 1);
        match self.at < self.text.len() {
            true => {
                let at = self.at;
                self.corrupt(at)
            }
            false => Ok(self.out),
        }
    }

    fn skip_breaks(&mut self) {
        while matches!(self.text.get(self.at), Some(b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Appends the first `bytes` bytes of a group.
    fn push(&mut self, [a, b, c, d]: [u8; 4], bytes: usize) {
        let whole = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
        self.out.extend(whole.iter().take(bytes));
    }

    fn corrupt(self, at: usize) -> Result<Vec<u8>, Corrupt> {
        Err(Corrupt {
            at,
            decoded: self.out,
        })
    }
}

/// The six bits of a symbol.
fn value(symbol: u8) -> Option<u8> {
    Some(match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(text: &str, at: usize, decoded: &[u8]) {
        let decoded = decoded.to_vec();
        assert_eq!(
            decode(text.as_bytes()),
            Err(Corrupt { at, decoded }),
            "{text}"
        );
    }

    #[test]
    fn spare_bits_and_line_breaks_are_taken() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("YQ==", b"a"),
            ("YR==", b"a"),
            ("Yf==", b"a"),
            ("aGl=", b"hi"),
            ("aG\nk=", b"hi"),
            ("\r\naGk=\r\n", b"hi"),
            ("Y\nQ\n=\n=\n", b"a"),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Ok(bytes), "{text:?}");
        }
    }

    #[test]
    fn faults_are_told_by_position() {
        refused("zzz", 0, b"");
        refused("aGVsbG8gzz", 8, b"hello ");
        refused("aGVsbG8gz", 8, b"hello ");
        refused("zzzz$", 4, &[0xcf, 0x3c, 0xf3]);
        refused("zzz$zzzz", 3, b"");
        refused("zz=", 3, b"");
        refused("zz=z", 2, b"");
        refused("YQ==YQ==", 4, b"a");
        refused("YQ== ", 4, b"a");
        refused("z===", 1, b"");
        refused("====", 0, b"");
        refused("not base64!", 3, b"");
        refused("%%", 0, b"");
        refused("aGVsbG8g!", 8, b"hello ");
        refused("aGk-", 3, b"");
        assert_eq!(
            decode(b"!").map_err(|fault| fault.to_string()),
            Err("illegal base64 data at input byte 0".to_owned())
        );
    }

    proptest! {
        #[test]
        fn both_ways_agree(bytes in prop::collection::vec(any::<u8>(), 0..50), width in 1usize..9) {
            let text = STANDARD.encode(&bytes);
            prop_assert_eq!(decode(text.as_bytes()), Ok(bytes.clone()));
            prop_assert_eq!(Groups::new(text.as_bytes()).decode(), Ok(bytes.clone()));
            let broken: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
            prop_assert_eq!(decode(&broken.join(&b'\n')), Ok(bytes));
        }

        #[test]
        fn any_text(text in "[A-Za-z0-9+/=\n$]{0,20}") {
            let slow = Groups::new(text.as_bytes()).decode();
            prop_assert_eq!(decode(text.as_bytes()), slow.clone());
            if let Err(fault) = slow {
                prop_assert!(fault.at <= text.len());
            }
        }
    }
}
