//! What a DNS question means to the catalog, and what its answer looks like.
//!
//! Three steps, each a plain function: [`Request::parse`] understands a packet, [`Plan::new`] says what must be looked up,
//! [`Responder::respond`] writes the reply from the rows found. Chance and time come in as arguments.
//!
//! Owns: the name grammar, address choice, record order, limits, truncation and the wire format (spec/dns.md). Must never
//! learn about sockets, clocks, tasks, nor where rows come from.

mod address;
mod build;
mod datagram;
mod meta;
mod name;
mod pick;
mod plan;
mod policy;
mod question;
mod respond;
mod rows;
mod service;
mod targets;
mod upstream;
mod writer;

pub use datagram::{cut_to_question, fit_forwarded};
pub use meta::text_of_meta;
pub use name::*;
pub use plan::{Need, Plan, Provider};
pub use policy::*;
pub use question::{Edns, Question, Request, Subnet, Transport, rtype};
pub use respond::{Responder, TCP_ANSWERS_MAX};
pub use rows::{Context, Holder, Hosts, QueryRows, Rows};
pub use upstream::{
    Data, Record, UpstreamReply, fail_forwarding, read_answers, read_chain, same_question,
};
