//! Output that never grows: the last bytes of an endless stream.

use std::collections::VecDeque;

/// Keeps the last `limit` bytes written to it and counts all.
pub(crate) struct Tail {
    kept: VecDeque<u8>,
    limit: usize,
    total: u64,
}

impl Tail {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            limit: limit.max(1),
            total: 0,
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        let over = (self.kept.len() + bytes.len()).saturating_sub(self.limit);
        self.kept.drain(..over);
        self.kept.extend(bytes);
    }

    /// The kept bytes as text.
    pub(crate) fn text(mut self) -> String {
        lossy(self.kept.make_contiguous())
    }

    /// As scripts show it: with a preamble when something was cut off.
    pub(crate) fn captured(self) -> String {
        let (total, kept) = (self.total, self.kept.len());
        let text = self.text();
        if total > kept as u64 {
            format!("Captured {kept} of {total} bytes\n...\n{text}")
        } else {
            text
        }
    }
}

/// The beginning of a text, at most that many bytes.
pub(crate) fn cut(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit));
    text
}

/// Text in which every byte that is not UTF-8 becomes one U+FFFD, as Go's JSON encoder shows it.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::new(4);
        tail.write(b"abc");
        tail.write(b"def");
        assert_eq!(tail.captured(), "Captured 4 of 6 bytes\n...\ncdef");
    }

    #[test]
    fn what_fits_is_shown_plainly() {
        let mut tail = Tail::new(4);
        tail.write(b"ab\xff");
        assert_eq!(tail.captured(), "ab\u{fffd}");
    }

    #[test]
    fn one_write_longer_than_the_limit() {
        let mut tail = Tail::new(3);
        tail.write(b"xx");
        tail.write(b"0123456789");
        assert_eq!(tail.text(), "789");
    }
}
