//! `/v1/event/*` (spec/http-api.md §16).

use crate::encode::list;
use crate::fault::Fault;
use crate::read::uint;
use crate::reply::Shape;
use crate::request::{Handled, Request, attempt};
use dialect::json::Writer;
use ports::{Caller, Events, UserEvent};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait, and the wait of who gives none.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// Bytes that an event may have as it travels, its name included: a longer payload need not be read.
const MAX_PAYLOAD: u64 = 512;
/// What the sender of a longer one is told.
const TOO_LONG: &str =
    "error broadcasting event: user event exceeds configured limit of 512 bytes before encoding";

fn port(req: &Request) -> Result<Arc<dyn Events>, Fault> {
    req.door
        .ports
        .events
        .clone()
        .ok_or_else(|| Fault::internal("Events are not served by this agent"))
}

/// Broadcasts an event.
pub(crate) fn fire(req: Request) -> Handled {
    let name = attempt!(req.rest_or("Missing name"));
    let events = attempt!(port(&req));
    let datacenter = req.datacenter();
    let params = &req.params;
    let mut event = UserEvent {
        name,
        node_filter: params.text("node").to_owned(),
        service_filter: params.text("service").to_owned(),
        tag_filter: params.text("tag").to_owned(),
        ..UserEvent::default()
    };
    let has_body = req.content_length().is_some_and(|len| len > 0);
    let Request {
        caller,
        shape,
        body,
        ..
    } = req;
    Handled::later(async move {
        if has_body {
            let payload = body.read(MAX_PAYLOAD).await;
            let payload = payload
                .map_err(|fault| fault.fault(|| Fault::internal(TOO_LONG), Fault::internal))?;
            event.payload = Some(payload);
        }
        let fired = events.fire(&caller, &datacenter, event).await?;
        Ok(shape.json(|w| write(w, &fired)))
    })
}

fn write(w: &mut Writer<'_>, event: &UserEvent) {
    w.begin_object();
    w.member("ID", &event.id);
    w.member("Name", &event.name);
    w.key("Payload");
    match &event.payload {
        Some(payload) if !payload.is_empty() => w.base64(payload),
        _ => w.null(),
    }
    w.member("NodeFilter", &event.node_filter);
    w.member("ServiceFilter", &event.service_filter);
    w.member("TagFilter", &event.tag_filter);
    w.member("Version", &event.version);
    w.member("LTime", &event.ltime);
    w.end_object();
}

/// Events this agent received; waits while the index, which follows from the last event's ID, is the one given.
pub(crate) fn list_received(req: Request) -> Handled {
    let (wait, index) = attempt!(blocking(&req));
    let events = attempt!(port(&req));
    let name = req.params.text("name").to_owned();
    let Request {
        door,
        caller,
        shape,
        ..
    } = req;
    let first = Listing::take(&*events, &caller, &name);
    if index == 0 || first.index != index {
        return first.reply(shape).into();
    }
    let over = door.over(wait);
    Handled::later(async move {
        let mut listing = first;
        let mut over = std::pin::pin!(over);
        loop {
            tokio::select! {
                () = events.arrived(listing.seen) => {}
                () = &mut over => return Ok(listing.reply(shape)),
            }
            listing = Listing::take(&*events, &caller, &name);
            if listing.index != index {
                return Ok(listing.reply(shape));
            }
        }
    })
}

fn blocking(req: &Request) -> Result<(Duration, u64), Fault> {
    let wait = match req.params.text("wait") {
        "" => 0,
        text => dialect::duration::parse(text).map_err(|_| Fault::bad("Invalid wait time"))?,
    };
    let index = match req.params.text("index") {
        "" => 0,
        text => uint(text).map_err(|_| Fault::bad("Invalid index"))?,
    };
    let wait = match u64::try_from(wait) {
        Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos).min(MAX_WAIT),
        _ => MAX_WAIT,
    };
    Ok((wait, index))
}

/// The events of one look, by name.
struct Listing {
    events: Vec<Arc<UserEvent>>,
    filtered: bool,
    /// XOR of the halves of the last one's ID, 1 without any.
    index: u64,
    /// Events that had arrived before the look.
    seen: u64,
}

impl Listing {
    fn take(port: &dyn Events, caller: &Caller, name: &str) -> Self {
        let seen = port.count();
        let (mut events, filtered) = port.received(caller);
        events.retain(|event| name.is_empty() || event.name == name);
        let index = events.last().map_or(1, |event| index_of(&event.id));
        Self {
            events,
            filtered,
            index,
            seen,
        }
    }

    fn reply(&self, shape: Shape) -> crate::reply::Reply {
        let reply = shape.json(|w| list(w, &self.events, |w, event| write(w, event)));
        reply.with_index(self.index).with_filtered(self.filtered)
    }
}

/// The index that belongs to an event ID.
fn index_of(id: &str) -> u64 {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let half = |range| {
        digits
            .get(range)
            .and_then(|half| u64::from_str_radix(half, 16).ok())
            .unwrap_or(0)
    };
    half(0..16) ^ half(16..32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_follow_from_ids() {
        assert_eq!(index_of("00000000-0000-0001-0000-000000000003"), 2);
        assert_eq!(index_of("x"), 0);
    }
}
