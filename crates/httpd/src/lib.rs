//! The HTTP door: parses requests, calls a port, renders the answer.
//!
//! It owns everything that is HTTP about the system: the route table, path and query-string rules, methods, headers,
//! status codes, body limits, compression and the JSON shapes that only HTTP has (spec/http-api.md). It must never learn
//! how a port is implemented, nor any rule of the data behind it.
//!
//! A request goes through [`door`] (path, route, checks common to all endpoints), then to one handler under `routes`. A
//! handler that can answer at once does so without a future; what must wait is boxed and keeps nothing of the request
//! that it does not need, so that a parked watch stays small.

mod budget;
mod cache;
mod config;
mod counts;
mod date;
mod door;
mod encode;
mod ending;
mod fault;
mod guard;
mod gzip;
mod h1;
mod host;
mod params;
mod path;
mod read;
mod redact;
mod reply;
mod request;
mod routes;
mod said;
mod serve;
mod table;
#[cfg(test)]
mod tests;
mod web;

pub use config::{Cidr, Config, Ui};
pub use door::{Door, Ports};
pub use reply::Body;
pub use serve::{Listener, serve};

/// Prints the route table as the committed file `docs/routes.md` holds it.
pub fn route_document() -> String {
    table::document()
}

/// Reads a request head, its path and its query as a connection does; whether it is one. For fuzz targets.
#[doc(hidden)]
pub fn reads_head(input: &[u8]) -> bool {
    h1::reads_head(input)
}
