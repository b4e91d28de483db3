//! What a DNS question means to the catalog, and what its answer looks like.
//!
//! Three steps, each a plain function: [`Request::parse`] understands a packet, [`Plan::new`] says what must be looked up,
//! [`Responder::respond`] writes the reply from the rows found. Chance and time come in as arguments.
//!
//! Owns: the name grammar, address choice, record order, limits, truncation and the wire format (spec/dns.md). Must never
//! learn about sockets, clocks, tasks, nor where rows come from.

mod address;
mod build;
mod name;
mod plan;
mod policy;
mod question;
mod respond;
mod service;
mod upstream;
mod writer;

pub use name::*;
pub use plan::{Need, Plan, Provider};
pub use policy::*;
pub use question::{Edns, Question, Request, Subnet, Transport, rtype};
pub use respond::{Context, Holder, Hosts, QueryRows, Responder, Rows, TCP_ANSWERS_MAX};
pub use service::text_of_meta;
pub use upstream::{Data, Record, UpstreamReply, fail_forwarding, read_answers, same_question};
