//! Which metrics are kept, by prefixes of their full names (spec/agent-config.md §21.1).

/// Held back by default: too many labels.
const QUIET: &str = "rpc.server.call";

/// `prefix_filter` and `filter_default`.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    rules: Vec<(String, bool)>,
    default: bool,
}

impl Filter {
    pub(super) fn new(prefix: &str, allowed: &[String], blocked: &[String], default: bool) -> Self {
        let mut rules: Vec<(String, bool)> = Vec::new();
        rules.extend(allowed.iter().map(|rule| (rule.clone(), true)));
        rules.extend(blocked.iter().map(|rule| (rule.clone(), false)));
        let quiet = format!("{prefix}.{QUIET}");
        if !rules.iter().any(|(rule, _)| *rule == quiet) {
            rules.push((quiet, false));
        }
        Self { rules, default }
    }

    /// The longest matching prefix decides; of two equal ones the block.
    pub(super) fn allows(&self, name: &str) -> bool {
        self.rules
            .iter()
            .filter(|(rule, _)| name.starts_with(rule.as_str()))
            .max_by_key(|(rule, allow)| (rule.len(), !allow))
            .map_or(self.default, |(_, allow)| *allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let filter = Filter::new(
            "consul",
            &list(&["consul.raft.apply"]),
            &list(&["consul.raft"]),
            true,
        );
        assert!(filter.allows("consul.raft.apply"));
        assert!(!filter.allows("consul.raft.commitTime"));
        assert!(filter.allows("consul.kvs.apply"));
        assert!(!filter.allows("consul.rpc.server.call"));
        let named = Filter::new("consul", &list(&["consul.rpc.server.call"]), &[], false);
        assert!(named.allows("consul.rpc.server.call"));
        assert!(!named.allows("consul.kvs.apply"));
    }
}
