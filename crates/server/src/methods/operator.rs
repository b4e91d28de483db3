//! `Operator.*` over the replicated tables; the cluster's own affairs stand in [`crate::operator`].

use super::write::accepted;
use super::{Found, ReadMethod, Standing};
use crate::ran::Compiled;
use crate::server::Server;
use crate::text;
use model::AutopilotConfig;
use ports::{Authorized, Data, Query, RpcError};
use state::Root;
use std::collections::BTreeMap;
use wire::command::AutopilotSetConfigRequest;
use wire::{Command, Outcome};

/// `Operator.AutopilotGetConfiguration`
pub(super) struct AutopilotGetConfiguration;

impl ReadMethod for AutopilotGetConfiguration {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root.autopilot().map(Data::AutopilotConfig).into())
    }

    /// Every change touches the answer.
    fn unmoved(&self, _: &Standing<'_>) -> bool {
        true
    }
}

/// `Operator.Usage`
pub(super) struct Usage;

impl ReadMethod for Usage {
    fn run(&self, root: &Root, _: &Query, _: &Compiled) -> Result<Found, RpcError> {
        Ok(root
            .usage()
            .map(|usage| Data::Usage(counters(&usage)))
            .into())
    }
}

fn counters(usage: &state::Usage) -> BTreeMap<String, u64> {
    let plain = [
        ("nodes", usage.nodes),
        ("services", usage.services),
        ("service_names", usage.service_names),
        ("billable_services", usage.billable_services),
        ("kvs", usage.kvs),
        ("connect_native", usage.connect_native),
    ];
    let kinds = usage
        .kinds
        .iter()
        .map(|(kind, count)| (format!("kind:{kind}"), *count));
    plain
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count))
        .chain(kinds)
        .collect()
}

impl Server {
    /// `Operator.AutopilotSetConfiguration`
    pub(super) async fn autopilot_set(
        &self,
        by: &Authorized,
        config: AutopilotConfig,
        cas: bool,
    ) -> Result<Outcome, RpcError> {
        let request = AutopilotSetConfigRequest {
            datacenter: self.config.datacenter.clone(),
            config,
            cas,
            ..AutopilotSetConfigRequest::default()
        };
        let command = Command::Autopilot(Box::new(request));
        accepted(self.propose(by, &command).await?, text::RAFT_APPLY)
    }
}
