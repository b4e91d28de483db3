//! `/v1/operator/*` (spec/http-api.md §21).

use super::json_body;
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, reading, uint};
use crate::request::{Handled, Request, attempt};
use dialect::DurText;
use dialect::json::{Mode, from_slice_into};
use model::AutopilotConfig;
use ports::{Data, Read, ReadOptions, Write};
use wire::Outcome;

/// What a new cluster starts with, and what members left out of an update become.
fn factory_defaults() -> AutopilotConfig {
    AutopilotConfig {
        cleanup_dead_servers: true,
        last_contact_threshold: DurText(200_000_000),
        max_trailing_logs: 250,
        server_stabilization_time: DurText(10_000_000_000),
        ..AutopilotConfig::default()
    }
}

/// The stored configuration.
pub(crate) fn autopilot_configuration(req: Request) -> Handled {
    let mut reading = attempt!(reading(&req));
    // Never blocks.
    reading.options = ReadOptions {
        consistency: reading.options.consistency,
        ..ReadOptions::default()
    };
    Ask::new(req, reading, Read::AutopilotConfig, MetaOn::Success).then(|view, answered| {
        match &answered.answer.data {
            Data::AutopilotConfig(Some(config)) => Ok(view.shape.value(config.as_ref())),
            _ => Err(Fault::internal("autopilot config not initialized yet")),
        }
    })
}

/// Replaces the configuration.
pub(crate) fn set_autopilot_configuration(req: Request) -> Handled {
    let datacenter = req.datacenter();
    let asked = req.params.get("cas").map(str::to_owned);
    let Request {
        door,
        caller,
        shape,
        body,
        ..
    } = req;
    Handled::later(async move {
        let body = json_body(body).await?;
        let mut config = Box::new(factory_defaults());
        from_slice_into(config.as_mut(), &body, Mode::Strict)
            .map_err(|error| Fault::bad(format!("Error parsing autopilot config: {error}")))?;
        config.indexes = Default::default();
        let cas = asked.is_some();
        if let Some(index) = asked {
            config.indexes.modify_index = uint(&index)
                .map_err(|error| Fault::bad(format!("Error parsing cas value: {error}")))?;
        }
        let outcome = door
            .ports
            .rpc
            .write(&caller, &datacenter, Write::AutopilotSet { config, cas })
            .await?;
        Ok(shape.bool(outcome != Outcome::Bool(false)))
    })
}
