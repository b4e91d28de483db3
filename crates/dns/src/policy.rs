//! How answers are made: the `dns_config` block after validation.
//!
//! Must never learn where configuration comes from, nor that it may change: a reload makes a new [`Policy`].

use crate::name::Name;
use std::collections::HashMap;

/// Datagram size every client takes (RFC 1035 §4.2.1).
pub const UDP_BYTES_MIN: usize = 512;
/// Largest datagram ever sent (spec/dns.md §11).
pub const UDP_BYTES_MAX: usize = 65_467;

/// Timers of the SOA record, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// Refresh interval.
    pub refresh: u32,
    /// Retry interval.
    pub retry: u32,
    /// Expiry.
    pub expire: u32,
    /// TTL of the record and of negative answers.
    pub min_ttl: u32,
}

impl Default for Soa {
    fn default() -> Self {
        Self {
            refresh: 3600,
            retry: 600,
            expire: 86400,
            min_ttl: 0,
        }
    }
}

/// TTLs by service name (spec/dns.md §15), whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceTtls {
    exact: HashMap<String, u32>,
    /// Prefixes without their `*`, longest first.
    prefixes: Vec<(String, u32)>,
}

impl ServiceTtls {
    /// From configured keys; one that ends in `*` is a prefix. Keys keep their letter case, names come in lower case, so a
    /// key with a capital never matches: that is the recorded behaviour.
    pub fn new(entries: impl IntoIterator<Item = (String, u32)>) -> Self {
        let mut ttls = Self::default();
        for (key, seconds) in entries {
            match key.strip_suffix('*') {
                Some(prefix) => ttls.prefixes.push((prefix.to_owned(), seconds)),
                None => drop(ttls.exact.insert(key, seconds)),
            }
        }
        ttls.prefixes
            .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        ttls
    }

    /// The TTL of a service, by its lower-case name.
    pub fn of(&self, service: &str) -> u32 {
        if let Some(seconds) = (!self.exact.is_empty())
            .then(|| self.exact.get(service))
            .flatten()
        {
            return *seconds;
        }
        self.prefixes
            .iter()
            .find(|(prefix, _)| service.starts_with(prefix.as_str()))
            .map_or(0, |(_, seconds)| *seconds)
    }
}

/// Everything that decides what an answer looks like.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The served domain, lower case.
    pub domain: Name,
    /// The alternative domain, lower case.
    pub alt_domain: Option<Name>,
    /// The agent's datacenter, lower case.
    pub datacenter: String,
    /// TTL of node, `addr`, `virtual` and NS records, seconds.
    pub node_ttl: u32,
    /// TTLs of services.
    pub service_ttl: ServiceTtls,
    /// Set TC when answers were cut.
    pub enable_truncate: bool,
    /// Leave out instances with a warning.
    pub only_passing: bool,
    /// Most answers in a datagram of at most 512 bytes.
    pub udp_answer_limit: usize,
    /// Largest datagram sent, bytes, whatever size a client says it takes. A reply cut because of it has TC set.
    pub udp_bytes_max: usize,
    /// Most instances in an answer other than SRV; 0 is unlimited.
    pub a_record_limit: usize,
    /// Compress names.
    pub compress: bool,
    /// Metadata of nodes as TXT records in the additional section.
    pub node_meta_txt: bool,
    /// Timers of the SOA record.
    pub soa: Soa,
    /// Prefer WAN addresses for instances of other datacenters.
    pub translate_wan: bool,
    /// Whether recursors are configured.
    pub recursion: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            domain: Name::from_text("consul").unwrap_or_default(),
            alt_domain: None,
            datacenter: "dc1".to_owned(),
            node_ttl: 0,
            service_ttl: ServiceTtls::default(),
            enable_truncate: false,
            only_passing: false,
            udp_answer_limit: 3,
            udp_bytes_max: UDP_BYTES_MAX,
            a_record_limit: 0,
            compress: true,
            node_meta_txt: true,
            soa: Soa::default(),
            translate_wan: false,
            recursion: false,
        }
    }
}

impl Policy {
    /// Position at which the own domain, or the alternative one, begins in `name`; of two matches the longer zone's.
    pub(crate) fn zone_start(&self, name: &Name) -> Option<usize> {
        let main = name.zone_start(&self.domain);
        let alt = self
            .alt_domain
            .as_ref()
            .and_then(|zone| name.zone_start(zone));
        match (main, alt) {
            (Some(main), Some(alt)) => Some(main.min(alt)),
            (main, alt) => main.or(alt),
        }
    }

    /// Whether a name is resolved here rather than at the recursors.
    pub fn serves(&self, name: &Name) -> bool {
        self.zone_start(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins_and_exact_beats_it() {
        let ttls = ServiceTtls::new(
            [
                ("*", 5),
                ("db*", 10),
                ("db-master", 15),
                ("half", 0),
                ("Caps", 40),
            ]
            .map(|(k, v)| (k.to_owned(), v)),
        );
        let of = |name| ttls.of(name);
        assert_eq!(
            (
                of("web"),
                of("db"),
                of("db-slave"),
                of("db-master"),
                of("half"),
                of("caps")
            ),
            (5, 10, 10, 15, 0, 5)
        );
        assert_eq!(ServiceTtls::default().of("web"), 0);
    }
}
