//! What requests share: the options of reads, who asks, from where.

use dialect::msgpack::{self, Decode, Encode, Error};
use dialect::{Dict, Nanos};
use ports::{Consistency, Query, Read, ReadOptions};
use std::net::IpAddr;
use std::time::Duration;
use wire::Outcome;
use wire::rpc::{DcSpecificRequest, QueryOptions, QuerySource};

/// Memory that the lists and maps of one body may take, bytes, beyond their texts: a few bytes may claim many elements.
const ELEMENTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A body from outside.
///
/// # Errors
/// It is not what the method takes, or its elements take too much memory.
pub(crate) fn decode<T: Decode>(body: &[u8]) -> Result<T, Error> {
    msgpack::from_slice_within(body, ELEMENTS_BYTES_MAX)
}

/// A read as it was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) query: Query,
    pub(crate) options: QueryOptions,
}

impl Asked {
    pub(crate) fn new(read: Read, datacenter: String, mut options: QueryOptions) -> Self {
        let mut query = Query::new(read);
        query.datacenter = datacenter;
        query.filter = std::mem::take(&mut options.filter);
        Self { query, options }
    }

    /// Of the commonest request.
    pub(crate) fn dc(read: Read, request: DcSpecificRequest) -> Self {
        Self::new(read, request.datacenter, request.options)
            .meta(request.node_meta_filters)
            .near(request.source)
            .peer(request.peer_name)
    }

    pub(crate) fn meta(mut self, filters: Dict<String>) -> Self {
        // Ordered by key already.
        let pairs = filters
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        self.query.node_meta = pairs.collect();
        self
    }

    pub(crate) fn peer(mut self, name: String) -> Self {
        self.query.peer = name;
        self
    }

    /// Sorted from a node of the datacenter that is asked; coordinates of others are not known here.
    pub(crate) fn near(mut self, source: QuerySource) -> Self {
        if source.datacenter == self.query.datacenter {
            self.query.near = source.node;
        }
        self
    }
}

/// How the read is to be made.
pub(crate) fn read_options(options: &QueryOptions) -> ReadOptions {
    ReadOptions {
        min_index: options.min_query_index,
        max_wait: duration(options.max_query_time),
        consistency: match (options.allow_stale, options.require_consistent) {
            (true, _) => Consistency::Stale,
            (false, true) => Consistency::Consistent,
            (false, false) => Consistency::Default,
        },
        max_stale: duration(options.max_stale_duration),
    }
}

/// A negative length is none.
pub(crate) fn duration(length: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(length.0).unwrap_or_default())
}

pub(crate) fn nanos(length: Duration) -> Nanos {
    Nanos(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX))
}

/// Who asks, of a client that calls.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The secret token, "" for none.
    pub token: &'a str,
    /// The own datacenter, named in requests that name none.
    pub datacenter: &'a str,
    /// The calling agent's node.
    pub node: &'a str,
    /// The address of the agent's own client.
    pub ip: Option<IpAddr>,
}

impl Origin<'_> {
    /// The datacenter that a request names.
    pub(crate) fn datacenter(&self, asked: &str) -> String {
        let datacenter = if asked.is_empty() {
            self.datacenter
        } else {
            asked
        };
        datacenter.to_owned()
    }

    pub(crate) fn source(&self, datacenter: &str, near: &str) -> QuerySource {
        QuerySource {
            datacenter: datacenter.to_owned(),
            node: near.to_owned(),
            ip: self.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            ..QuerySource::default()
        }
    }

    pub(crate) fn options(&self, options: &ReadOptions) -> QueryOptions {
        QueryOptions {
            token: self.token.to_owned(),
            min_query_index: options.min_index,
            max_query_time: nanos(options.max_wait),
            allow_stale: options.consistency == Consistency::Stale,
            require_consistent: options.consistency == Consistency::Consistent,
            max_stale_duration: nanos(options.max_stale),
            ..QueryOptions::default()
        }
    }
}

/// A read on its way out.
pub(crate) struct Out<'a> {
    pub(crate) query: &'a Query,
    pub(crate) options: &'a ReadOptions,
    pub(crate) from: &'a Origin<'a>,
}

impl Out<'_> {
    pub(crate) fn datacenter(&self) -> String {
        self.from.datacenter(&self.query.datacenter)
    }

    pub(crate) fn options(&self) -> QueryOptions {
        QueryOptions {
            filter: self.query.filter.clone(),
            ..self.from.options(self.options)
        }
    }

    pub(crate) fn source(&self) -> QuerySource {
        self.from.source(&self.datacenter(), &self.query.near)
    }

    /// nil without filters.
    pub(crate) fn meta(&self) -> Dict<String> {
        match &*self.query.node_meta {
            [] => Dict::nil(),
            pairs => pairs.iter().cloned().collect(),
        }
    }

    /// The commonest request, without a source.
    pub(crate) fn dc(&self) -> DcSpecificRequest {
        DcSpecificRequest {
            datacenter: self.datacenter(),
            node_meta_filters: self.meta(),
            peer_name: self.query.peer.clone(),
            options: self.options(),
            ..DcSpecificRequest::default()
        }
    }
}

/// What the reply of a write means.
pub type Outcomes = fn(&[u8]) -> Result<Outcome, Error>;

/// A request on its way out.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// `Service.Method`.
    pub method: &'static str,
    /// Its arguments.
    pub body: Vec<u8>,
}

impl Request {
    pub(crate) fn new<T: Encode>(method: &'static str, body: &T) -> Self {
        Self {
            method,
            body: msgpack::to_vec(body),
        }
    }
}
