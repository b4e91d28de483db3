//! `/v1/health/*` (spec/http-api.md §12, §5.6).

use crate::encode;
use crate::fault::Fault;
use crate::read::{Ask, MetaOn, Reading, boolean, reading};
use crate::request::{Handled, Request, attempt};
use ports::{HealthFilter, Read, Via};

/// Checks of a node.
pub(crate) fn node(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let node = attempt!(req.rest_or("Missing node name"));
    Ask::new(req, reading, Read::NodeChecks { node }, MetaOn::Always)
        .effective()
        .peer()
        .send(encode::data)
}

/// Checks of a service's instances.
pub(crate) fn checks(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let name = attempt!(req.rest_or("Missing service name"));
    let ask = Ask::new(req, reading, Read::ServiceChecks { name }, MetaOn::Always);
    ask.effective().near().node_meta().peer().send(encode::data)
}

/// Checks in a state.
pub(crate) fn state(req: Request) -> Handled {
    let reading = attempt!(reading(&req));
    let state = attempt!(req.rest_or("Missing check state"));
    let ask = Ask::new(req, reading, Read::ChecksInState { state }, MetaOn::Always);
    ask.effective().near().node_meta().peer().send(encode::data)
}

/// Instances of a service with their checks.
pub(crate) fn service(req: Request) -> Handled {
    instances(req, Via::Name)
}

/// Mesh-capable instances for a service.
pub(crate) fn connect(req: Request) -> Handled {
    instances(req, Via::Connect)
}

/// Ingress gateways that expose a service.
pub(crate) fn ingress(req: Request) -> Handled {
    instances(req, Via::Ingress)
}

fn instances(req: Request, via: Via) -> Handled {
    let reading = attempt!(reading(&req));
    attempt!(no_sameness(&req));
    let name = attempt!(req.rest_or("Missing service name"));
    let passing = attempt!(passing(&req));
    let streaming = streamed(&req, &reading, via);
    let cached = reading.cached;
    let mut tags: Vec<String> = req.params.all("tag").map(str::to_owned).collect();
    let via = match via {
        // With tags this is the plain query for the service itself.
        Via::Ingress if !tags.is_empty() => Via::Name,
        Via::Connect if !streaming => {
            tags.clear();
            via
        }
        other => other,
    };
    let read = Read::ServiceHealth {
        name,
        tags,
        passing,
        via,
    };
    let mut ask = Ask::new(req, reading, read, MetaOn::Success)
        .effective()
        .near()
        .node_meta()
        .peer()
        .cacheable(cached);
    ask.view.streaming = streaming;
    ask.send(encode::data)
}

fn no_sameness(req: &Request) -> Result<(), Fault> {
    let params = &req.params;
    let group = ["sg", "sameness-group"]
        .iter()
        .any(|name| !params.text(name).is_empty());
    match (group, params.text("peer").is_empty()) {
        (true, false) => Err(Fault::bad(
            "peer-name and sameness-group are mutually exclusive",
        )),
        (true, true) => Err(Fault::internal(
            "sameness groups are not supported in consul CE",
        )),
        _ => Ok(()),
    }
}

fn passing(req: &Request) -> Result<HealthFilter, Fault> {
    match req.params.get("passing") {
        None => Ok(HealthFilter::All),
        Some("") => Ok(HealthFilter::Passing),
        Some(text) => match boolean(text) {
            Some(true) => Ok(HealthFilter::Passing),
            Some(false) => Ok(HealthFilter::All),
            None => Err(Fault::bad("Invalid value for ?passing")),
        },
    }
}

/// Whether the original would answer from a streamed view.
fn streamed(req: &Request, reading: &Reading, via: Via) -> bool {
    req.settings.config.use_streaming
        && via != Via::Ingress
        && (reading.cached || reading.options.min_index > 0)
        && req.params.text("near").is_empty()
        && !req.params.has("merge-central-config")
}
