//! Versions of agents, as far as they decide anything.

use std::cmp::Ordering;

/// A version such as `1.21.4` or `1.22.0-rc1`; what stands behind a colon (the revision) or a plus sign does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Major, minor, patch and whatever follows; missing ones are zero.
    numbers: Vec<u64>,
    /// What makes it an early version; empty for a release.
    pre: String,
}

/// Numbers of a version that are read.
const NUMBERS_MAX: usize = 8;

impl Build {
    /// Reads the tag `build`; `None` for what is no version.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split(':').next()?;
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split('+').next()?;
        let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
        let mut read = Vec::new();
        for number in numbers.split('.') {
            if read.len() >= NUMBERS_MAX || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            read.push(number.parse().ok()?);
        }
        if read.len() < 3 {
            read.resize(3, 0);
        }
        Some(Self {
            numbers: read,
            pre: pre.to_owned(),
        })
    }

    /// A release.
    pub fn release(major: u64, minor: u64, patch: u64) -> Self {
        Self {
            numbers: vec![major, minor, patch],
            pre: String::new(),
        }
    }
}

impl PartialOrd for Build {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Build {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            // A release is later than what led to it.
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => self.pre.cmp(&other.pre),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let read = |text| Build::parse(text).unwrap_or_else(|| panic!("{text}"));
        let mut all = [
            "1.21.4:abcdef12",
            "0.8.5",
            "1.22.0-rc1",
            "1.22.0",
            "1.9",
            "v1.10.0+ent",
        ]
        .map(read);
        all.sort();
        let order = ["0.8.5", "1.9.0", "1.10.0", "1.21.4", "1.22.0-rc1", "1.22.0"].map(read);
        assert_eq!(all, order);
        assert_eq!(read("1.21.4"), Build::release(1, 21, 4));
        for text in [
            "",
            ":abc",
            "one",
            "1..2",
            "1.-2",
            "-",
            "99999999999999999999",
            "1.1.1.1.1.1.1.1.1",
        ] {
            assert_eq!(Build::parse(text), None, "{text}");
        }
    }
}
