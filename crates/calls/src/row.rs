//! What a method's row says, and how a server serves it from its ports.

use crate::ask::{Asked, read_options};
use bytes::Bytes;
use dialect::msgpack::Error;
use ports::{Answered, BoxFuture, Caller, Operator, Query, Rpc, RpcError, Token, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use wire::Outcome;

/// The ports that calls are served from, and whose they are.
pub struct Served {
    /// The replicated state.
    pub rpc: Arc<dyn Rpc>,
    /// The cluster's own affairs.
    pub operator: Arc<dyn Operator>,
    /// The server's datacenter.
    pub datacenter: String,
    /// The server's node.
    pub node: String,
}

impl Served {
    /// The datacenter asked for; empty for the own one, as ports want it.
    pub(crate) fn datacenter<'a>(&self, asked: &'a str) -> &'a str {
        if asked == self.datacenter { "" } else { asked }
    }

    /// The same in place.
    pub(crate) fn localize(&self, asked: &mut String) {
        if *asked == self.datacenter {
            asked.clear();
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(SocketAddr);

impl Peer {
    /// The caller with the token that its request names.
    pub(crate) fn with(self, token: &str) -> Caller {
        Caller {
            token: Token::new(token),
            remote: Some(self.0),
        }
    }
}

/// Why a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The body is not what the method takes.
    Body(String),
    /// The method says no.
    Method(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Body(error.to_string())
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::Method(error.to_string())
    }
}

/// Serves a body.
pub(crate) type Handler =
    fn(Arc<Served>, Bytes, Peer) -> BoxFuture<'static, Result<Bytes, Failure>>;

/// A read of the tables.
pub(crate) struct ReadRow {
    pub(crate) name: &'static str,
    pub(crate) decode: fn(&[u8]) -> Result<Asked, Error>,
    /// The body of the reply; the query names its datacenter.
    pub(crate) reply: fn(&Query, &Answered) -> Vec<u8>,
}

/// A write as it was asked for.
pub(crate) struct Change {
    pub(crate) token: String,
    pub(crate) datacenter: String,
    pub(crate) write: Write,
    /// The body of the reply.
    pub(crate) said: fn(&Outcome) -> Vec<u8>,
}

/// A write.
pub(crate) struct WriteRow {
    pub(crate) name: &'static str,
    pub(crate) decode: fn(&[u8]) -> Result<Change, Failure>,
}

/// What a call counts as where requests are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// Nothing: status and the cluster's own affairs.
    Exempt,
    /// A read.
    Read,
    /// A write.
    Write,
}

enum How {
    Read(&'static ReadRow),
    Write(&'static WriteRow),
    Other(Handler),
}

/// A method of the server port.
pub struct Call {
    /// `Service.Method`.
    pub name: &'static str,
    /// What it counts as.
    pub charge: Charge,
    how: How,
}

impl Call {
    pub(crate) const fn read(row: &'static ReadRow) -> Self {
        Self {
            name: row.name,
            charge: Charge::Read,
            how: How::Read(row),
        }
    }

    pub(crate) const fn write(row: &'static WriteRow) -> Self {
        Self {
            name: row.name,
            charge: Charge::Write,
            how: How::Write(row),
        }
    }

    pub(crate) const fn other(name: &'static str, charge: Charge, handler: Handler) -> Self {
        Self {
            name,
            charge,
            how: How::Other(handler),
        }
    }

    /// Serves a call: the reply's body, or why there is none. Dropping the future drops what waits; a write that began is made.
    pub fn serve(
        &self,
        served: Arc<Served>,
        body: Bytes,
        peer: SocketAddr,
    ) -> BoxFuture<'static, Result<Bytes, Failure>> {
        let peer = Peer(peer);
        match self.how {
            How::Read(row) => Box::pin(read(row, served, body, peer)),
            How::Write(row) => Box::pin(write(row, served, body, peer)),
            How::Other(handler) => handler(served, body, peer),
        }
    }
}

async fn read(
    row: &'static ReadRow,
    served: Arc<Served>,
    body: Bytes,
    peer: Peer,
) -> Result<Bytes, Failure> {
    let Asked { mut query, options } = (row.decode)(&body)?;
    drop(body);
    let datacenter = if query.datacenter.is_empty() {
        served.datacenter.clone()
    } else {
        query.datacenter.clone()
    };
    served.localize(&mut query.datacenter);
    let caller = peer.with(&options.token);
    let options = read_options(&options);
    let answered = match served.rpc.read_now(&caller, &query, &options) {
        Some(answered) => answered?,
        None => served.rpc.read(&caller, query.clone(), options).await?,
    };
    query.datacenter = datacenter;
    Ok((row.reply)(&query, &answered).into())
}

async fn write(
    row: &'static WriteRow,
    served: Arc<Served>,
    body: Bytes,
    peer: Peer,
) -> Result<Bytes, Failure> {
    let change = (row.decode)(&body)?;
    drop(body);
    let caller = peer.with(&change.token);
    let datacenter = served.datacenter(&change.datacenter);
    let outcome = served.rpc.write(&caller, datacenter, change.write).await?;
    Ok((change.said)(&outcome).into())
}
