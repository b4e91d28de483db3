//! The methods of the server's protocol, a folder or file for each service: what a read reads, what a write checks and fills in
//! before it becomes a command (spec/server.md §3, §4).
//!
//! A method finds the guard and the route behind it: it is given the proof, and serves from the root that is here. Its row in
//! [`ports::METHODS`] says what it is called and what it asks. It must never learn who waits for its answer, nor that answers
//! are shared.

mod catalog;
mod connect_ca;
mod coordinate;
mod health;
mod internal;
mod kvs;
mod operator;
mod prepared_query;
mod rules;
mod session;
mod txn;
mod write;

pub(crate) use write::timer as write_timer;

use crate::config::Config;
use crate::ran::{Compiled, Ran};
use ports::{Data, Query, Read, RpcError};
use state::{ReadResult, Root};
use telemetry::Metrics;
use telemetry::metrics::Metric;

/// What a read found.
pub(crate) struct Found {
    pub(crate) result: ReadResult<Data>,
    /// It asked for one thing, which does not exist.
    pub(crate) missing: bool,
}

impl From<ReadResult<Data>> for Found {
    fn from(result: ReadResult<Data>) -> Self {
        Self {
            result,
            missing: false,
        }
    }
}

/// An answer no row of which was touched, and where the tables stand since.
pub(crate) struct Standing<'a> {
    pub(crate) root: &'a Root,
    /// The last publication that removed tombstones.
    pub(crate) reaped: u64,
    /// Whether the query has a filter.
    pub(crate) filtered: bool,
    pub(crate) ran: &'a Ran,
}

impl Standing<'_> {
    /// Whether the index entry of that name is the answer's.
    fn index(&self, name: &str) -> bool {
        self.root.index(name).max(1) == self.ran.answer.index
    }

    /// Whether the entry of one thing, which must exist, is the answer's.
    fn entry(&self, before: &str, name: &str) -> bool {
        let entry = self.root.index(&format!("{before}{}", model::folded(name)));
        entry != 0 && entry == self.ran.answer.index
    }
}

/// A read, with its arguments.
pub(crate) trait ReadMethod {
    /// Reads the rows.
    ///
    /// # Errors
    /// The arguments cannot be looked for, or what is asked for is still being made.
    fn run(&self, root: &Root, query: &Query, filter: &Compiled) -> Result<Found, RpcError>;

    /// Compiles `?filter=`; without rows to filter the text is not looked at.
    ///
    /// # Errors
    /// The text is no filter over these rows.
    fn filter(&self, _text: &str) -> Result<Compiled, RpcError> {
        Ok(Compiled::None)
    }

    /// Whether answers are kept for who asks the same. Not where a run costs less than to find the answer; those have no filter
    /// and no order.
    fn shared(&self) -> bool {
        true
    }

    /// Whether an answer no row of which was touched would be read again as it is, index included. `false` costs a run.
    fn unmoved(&self, _: &Standing<'_>) -> bool {
        false
    }

    /// Refuses what the configuration switched off.
    ///
    /// # Errors
    /// It is switched off.
    fn served(&self, _: &Config) -> Result<(), RpcError> {
        Ok(())
    }

    /// Counts the request, beside what every request is counted with.
    fn count(&self, _: &Metrics) {}

    /// The counter of answers without a row and the service that was looked for, for those that have one.
    fn misses(&self) -> Option<(Metric, &str)> {
        None
    }
}

/// Hands the method of a read to `with`. A new read is a line here.
pub(crate) fn of_read<R>(read: &Read, with: impl FnOnce(&(dyn ReadMethod + '_)) -> R) -> R {
    match read {
        Read::KvGet { key } => with(&kvs::Get { key }),
        Read::KvList { prefix } => with(&kvs::List { prefix }),
        Read::KvKeys { prefix, separator } => with(&kvs::ListKeys { prefix, separator }),
        Read::SessionGet { id } => with(&session::Get { id }),
        Read::SessionsOfNode { node } => with(&session::NodeSessions { node }),
        Read::Sessions => with(&session::List),
        Read::Nodes => with(&catalog::ListNodes),
        Read::Services => with(&catalog::ListServices),
        Read::ServiceNames => with(&catalog::ServiceList),
        Read::ServiceNodes {
            name,
            tags,
            connect,
            address,
        } => with(&catalog::ServiceNodes {
            name,
            tags,
            connect: *connect,
            address,
        }),
        Read::NodeServices { node } => with(&catalog::NodeServices { node }),
        Read::NodeChecks { node } => with(&health::NodeChecks { node }),
        Read::ServiceChecks { name } => with(&health::ServiceChecks { name }),
        Read::ChecksInState { state } => with(&health::ChecksInState { state }),
        Read::ServiceHealth {
            name,
            tags,
            passing,
            via,
        } => with(&health::ServiceNodes {
            name,
            tags,
            passing: *passing,
            via: *via,
        }),
        Read::NodeDump { node } => with(&internal::NodeDump {
            node: node.as_deref(),
        }),
        Read::ServiceDump { kind } => with(&internal::ServiceDump {
            kind: kind.as_deref(),
        }),
        Read::Coordinates => with(&coordinate::ListNodes),
        Read::CoordinatesOfNode { node } => with(&coordinate::Node { node }),
        Read::PreparedQueries => with(&prepared_query::List),
        Read::PreparedQuery { id } => with(&prepared_query::Get { id }),
        Read::AutopilotConfig => with(&operator::AutopilotGetConfiguration),
        Read::Usage => with(&operator::Usage),
        Read::CaRoots => with(&connect_ca::Roots),
    }
}
