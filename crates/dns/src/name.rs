//! Domain names in wire form.
//!
//! Owns: the limits of RFC 1035 §2.3.4 (63 bytes a label, 255 a name), compression pointers, the escaped text form in which
//! names are compared with the catalog. Must never learn what a name means.

/// Longest name in wire form, the root label included (RFC 1035 §2.3.4).
pub const NAME_BYTES_MAX: usize = 255;
/// Longest label (RFC 1035 §2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// Compression pointers followed in one name. Each must point before the one that led to it, so this only bounds the work.
const POINTERS_MAX: usize = 16;

/// A name in uncompressed wire form, with its letter case. Always ends with the root label.
#[derive(Clone, Copy)]
pub struct Name {
    len: u8,
    bytes: [u8; NAME_BYTES_MAX],
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name({self})")
    }
}

impl std::fmt::Display for Name {
    /// The escaped text with a final dot.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.push_text(&mut text, false);
        write!(f, "{text}.")
    }
}

impl PartialEq for Name {
    /// Letter case does not count (RFC 4343).
    fn eq(&self, other: &Self) -> bool {
        self.wire().eq_ignore_ascii_case(other.wire())
    }
}

impl Eq for Name {}

impl Default for Name {
    fn default() -> Self {
        Self::root()
    }
}

impl Name {
    /// The root: one empty label.
    pub const fn root() -> Self {
        Self {
            len: 1,
            bytes: [0; NAME_BYTES_MAX],
        }
    }

    /// The wire form, root label included: 1 to 255 bytes.
    pub fn wire(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[0])
    }

    /// Reads a name, possibly compressed, that starts at `at`; also gives the position after it. `None` when it is cut
    /// short, too long, or its pointers do not lead strictly backwards.
    pub fn read(message: &[u8], at: usize) -> Option<(Self, usize)> {
        let mut name = Self {
            len: 0,
            bytes: [0; NAME_BYTES_MAX],
        };
        let (mut at, mut after, mut pointers) = (at, None, 0);
        loop {
            let start = usize::from(*message.get(at)?);
            match start {
                0 => {
                    name.push_label(&[])?;
                    return Some((name, after.unwrap_or(at + 1)));
                }
                1..=LABEL_BYTES_MAX => {
                    name.push_label(message.get(at + 1..at + 1 + start)?)?;
                    at += 1 + start;
                }
                0xc0..=0xff => {
                    let target = (start & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                    after.get_or_insert(at + 2);
                    pointers += 1;
                    if target >= at || pointers > POINTERS_MAX {
                        return None;
                    }
                    at = target;
                }
                _ => return None,
            }
        }
    }

    /// From plain text, with or without the final dot and without escapes: each byte stands for itself. `None` when a label
    /// is empty or a limit is exceeded.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut name = Self {
            len: 0,
            bytes: [0; NAME_BYTES_MAX],
        };
        let text = text.strip_suffix('.').unwrap_or(text);
        if !text.is_empty() {
            name.push_labels(text)?;
        }
        name.push_label(&[])?;
        Some(name)
    }

    /// An unfinished name for [`Self::push_labels`] and [`Self::push_wire`]; not valid before the latter.
    pub(crate) const fn unfinished() -> Self {
        Self {
            len: 0,
            bytes: [0; NAME_BYTES_MAX],
        }
    }

    /// Appends the dot-separated labels of a text; `None` for empty or oversized ones.
    pub(crate) fn push_labels(&mut self, text: &str) -> Option<()> {
        for label in text.split('.') {
            if label.is_empty() {
                return None;
            }
            self.push_label(label.as_bytes())?;
        }
        Some(())
    }

    /// Appends a rest that is in wire form already, root label included.
    pub(crate) fn push_wire(&mut self, rest: &[u8]) -> Option<()> {
        let start = usize::from(self.len);
        let end = start + rest.len();
        self.bytes.get_mut(start..end)?.copy_from_slice(rest);
        self.len = u8::try_from(end).ok()?;
        Some(())
    }

    fn push_label(&mut self, label: &[u8]) -> Option<()> {
        if label.len() > LABEL_BYTES_MAX {
            return None;
        }
        let start = usize::from(self.len);
        let end = start + 1 + label.len();
        *self.bytes.get_mut(start)? = label.len() as u8;
        self.bytes.get_mut(start + 1..end)?.copy_from_slice(label);
        self.len = u8::try_from(end).ok()?;
        Some(())
    }

    /// The labels from left to right, without the root label.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.wire();
        std::iter::from_fn(move || {
            let (len, tail) = rest.split_first()?;
            let (label, tail) = tail.split_at_checked(usize::from(*len))?;
            rest = tail;
            (!label.is_empty()).then_some(label)
        })
    }

    /// Position in [`Self::wire`] at which `zone` begins, if the name lies in that zone. Letter case does not count.
    pub fn zone_start(&self, zone: &Name) -> Option<usize> {
        let start = self.wire().len().checked_sub(zone.wire().len())?;
        let mut at = 0;
        while at < start {
            at += 1 + usize::from(*self.wire().get(at)?);
        }
        (at == start && self.wire().get(start..)?.eq_ignore_ascii_case(zone.wire()))
            .then_some(start)
    }

    /// The part from a position given by [`Self::zone_start`].
    pub(crate) fn suffix(&self, start: usize) -> &[u8] {
        self.wire().get(start..).unwrap_or(&[0])
    }

    /// The same name in lower case.
    pub fn lower(mut self) -> Self {
        self.bytes.make_ascii_lowercase();
        self
    }

    /// The same name with the bytes before `end` in lower case.
    pub(crate) fn lower_before(mut self, end: usize) -> Self {
        if let Some(head) = self.bytes.get_mut(..end) {
            head.make_ascii_lowercase();
        }
        self
    }

    /// Appends the escaped text without the final dot. A dot or another special byte inside a label gets a backslash,
    /// bytes outside printable ASCII become `\DDD` (RFC 1035 §5.1), so that such a label never equals two labels.
    pub(crate) fn push_text(&self, text: &mut String, lower: bool) {
        let mut first = true;
        for label in self.labels() {
            if !std::mem::take(&mut first) {
                text.push('.');
            }
            for &byte in label {
                match byte {
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(byte)),
                    b'A'..=b'Z' if lower => text.push(char::from(byte.to_ascii_lowercase())),
                    b'.' | b' ' | b'\'' | b'@' | b';' | b'(' | b')' | b'"' | b'\\' => {
                        text.push('\\');
                        text.push(char::from(byte));
                    }
                    b'!'..=b'~' => text.push(char::from(byte)),
                    _ => {
                        text.push('\\');
                        for digit in [byte / 100, byte / 10 % 10, byte % 10] {
                            text.push(char::from(b'0' + digit));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_wire_agree() {
        let name = Name::from_text("Web.service.consul.").expect("valid");
        assert_eq!(name.wire(), b"\x03Web\x07service\x06consul\0");
        assert_eq!(name.to_string(), "Web.service.consul.");
        assert_eq!(name, Name::from_text("web.SERVICE.consul").expect("valid"));
        assert_eq!(
            Name::from_text("").map(|n| n.wire().to_vec()),
            Some(vec![0])
        );
    }

    #[test]
    fn limits_are_kept() {
        assert!(Name::from_text(&"a".repeat(63)).is_some());
        assert!(Name::from_text(&"a".repeat(64)).is_none());
        assert!(Name::from_text("a..b").is_none());
        let long = vec!["a".repeat(62); 4].join(".");
        assert_eq!(
            Name::from_text(&format!("{long}.b")).map(|n| n.wire().len()),
            Some(255)
        );
        assert!(Name::from_text(&format!("{long}.bb")).is_none());
    }

    #[test]
    fn pointers_only_lead_backwards() {
        let message = b"\x06consul\0\x03web\xc0\x00\xc0\x0e";
        let (name, after) = Name::read(message, 8).expect("valid");
        assert_eq!((name.to_string().as_str(), after), ("web.consul.", 14));
        assert!(Name::read(message, 14).is_none(), "a pointer to itself");
        assert!(
            Name::read(b"\xc0\x02\xc0\x00", 0).is_none(),
            "a pointer forwards"
        );
        assert!(Name::read(b"\x80abc", 0).is_none(), "an unknown label type");
        assert!(Name::read(b"\x03we", 0).is_none(), "cut short");
    }

    #[test]
    fn special_bytes_are_escaped() {
        let (name, _) = Name::read(b"\x03a.b\x03\x00 x\x01\xff\0", 0).expect("valid");
        assert_eq!(name.to_string(), "a\\.b.\\000\\ x.\\255.");
    }

    #[test]
    fn zones_match_at_label_borders() {
        let zone = Name::from_text("consul").expect("valid");
        let at = |n: &str| Name::from_text(n).expect("valid").zone_start(&zone);
        assert_eq!(at("web.Consul"), Some(4));
        assert_eq!(at("consul"), Some(0));
        assert_eq!(at("notconsul"), None);
        assert_eq!(at("consul.x"), None);
        let (inner, _) = Name::read(b"\x0aweb.consul\0", 0).expect("valid");
        assert_eq!(inner.zone_start(&zone), None);
        assert_eq!(at("web.consul").map(|_| Name::root()), Some(Name::root()));
        assert_eq!(
            Name::from_text("a.b")
                .expect("valid")
                .zone_start(&Name::root()),
            Some(4)
        );
    }
}
