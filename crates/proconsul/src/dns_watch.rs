//! The DNS door's questions as metrics.

use std::time::Duration;
use telemetry::{Metrics, Series, names};

/// Record types that have a series of their own.
const TYPES: &[(u16, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (252, "AXFR"),
    (255, "ANY"),
];

/// Looked up once: a question costs no lookup.
pub(crate) struct DnsWatch {
    metrics: Metrics,
    reverse: Option<Series>,
    domain: Option<Series>,
    types: Vec<(u16, Option<Series>)>,
    other: Option<Series>,
}

impl DnsWatch {
    pub(crate) fn new(metrics: &Metrics, node: &str) -> Self {
        let of_type = |name: &str| metrics.series(names::DNS_QUERY, &[node, name]);
        Self {
            reverse: metrics.series(names::DNS_PTR_QUERY, &[node]),
            domain: metrics.series(names::DNS_DOMAIN_QUERY, &[node]),
            types: TYPES
                .iter()
                .map(|(number, name)| (*number, of_type(name)))
                .collect(),
            other: of_type("OTHER"),
            metrics: metrics.clone(),
        }
    }
}

impl dnsd::Observer for DnsWatch {
    fn answered(&self, reverse: bool, qtype: u16, took: Duration) {
        let kind = if reverse { &self.reverse } else { &self.domain };
        let of_type = self.types.iter().find(|(number, _)| *number == qtype);
        let of_type = of_type.map_or(&self.other, |(_, series)| series);
        for series in [kind, of_type].into_iter().flatten() {
            series.time(took);
        }
    }

    fn stale(&self) {
        self.metrics.incr(names::DNS_STALE_QUERIES);
    }
}
