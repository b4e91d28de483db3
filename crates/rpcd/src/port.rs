//! The ports behind the door.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::AsyncRead;
use wire::rpc::QueryMeta;

pub use wire::rpc::SnapshotRequest;

/// A future that a trait object gives.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A call with its whole body.
#[derive(Clone, Debug)]
pub struct Call {
    /// `Service.Method`.
    pub method: String,
    /// The arguments, in msgpack.
    pub body: Bytes,
    /// Who calls.
    pub peer: SocketAddr,
}

/// Why a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The body is not what the method takes; the stream is closed behind the answer.
    Body(String),
    /// The method says no; the stream goes on.
    Method(String),
}

/// Whether there is a method of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is.
    Method,
    /// Its service is there, but has no such method.
    NoMethod,
    /// There is no such service.
    NoService,
}

/// The methods of this server.
pub trait Methods: Send + Sync + 'static {
    /// Whether there is such a method, by the parts of its name.
    fn find(&self, service: &str, method: &str) -> Found;

    /// Whether the call may be made at all: asked before its body is read.
    ///
    /// # Errors
    /// The text of the answer, behind which the stream is closed.
    fn admits(&self, method: &str, peer: SocketAddr) -> Result<(), String> {
        let _ = (method, peer);
        Ok(())
    }

    /// Calls a method that was found; the reply in msgpack. Dropped when the caller goes away.
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Bytes, Failure>>;
}

type Handler = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Bytes, Failure>> + Send + Sync>;

/// Methods as a table of functions.
#[derive(Clone, Default)]
pub struct Table(BTreeMap<String, Handler>);

impl Table {
    /// Adds a method, `Service.Method`.
    #[must_use]
    pub fn with<F, R>(mut self, name: &str, handler: F) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Bytes, Failure>> + Send + 'static,
    {
        self.0.insert(
            name.to_owned(),
            Arc::new(move |call| Box::pin(handler(call))),
        );
        self
    }
}

impl Methods for Table {
    fn find(&self, service: &str, method: &str) -> Found {
        if self.0.contains_key(&format!("{service}.{method}")) {
            return Found::Method;
        }
        let prefix = format!("{service}.");
        let mut behind = self.0.range(prefix.clone()..);
        match behind.next() {
            Some((name, _)) if name.starts_with(&prefix) => Found::NoMethod,
            _ => Found::NoService,
        }
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Result<Bytes, Failure>> {
        match self.0.get(&call.method) {
            Some(handler) => handler(call),
            None => {
                Box::pin(async move { Err(Failure::Body(format!("no method {}", call.method))) })
            }
        }
    }
}

/// The bytes of an archive.
pub type Archive = Box<dyn AsyncRead + Send + Unpin>;

/// Archives of the state.
pub trait Snapshots: Send + Sync + 'static {
    /// An archive of the state.
    ///
    /// # Errors
    /// The text that the client sees.
    fn save(
        &self,
        request: SnapshotRequest,
        peer: SocketAddr,
    ) -> BoxFuture<'_, Result<(QueryMeta, Archive), String>>;

    /// Puts the state of an archive in the place of the present one.
    ///
    /// # Errors
    /// The text that the client sees.
    fn restore(
        &self,
        request: SnapshotRequest,
        peer: SocketAddr,
        archive: Archive,
    ) -> BoxFuture<'_, Result<QueryMeta, String>>;
}

/// A protocol of its own on the server port: who takes the connections that begin with its byte.
pub trait Streams: Send + Sync + 'static {
    /// The byte.
    fn first_byte(&self) -> u8;

    /// Takes a connection behind its first byte. It counts no more for what one address may have: whoever takes it has a limit of
    /// its own.
    fn take(&self, stream: tokio::net::TcpStream, peer: SocketAddr);
}
