//! A typed, asynchronous client of the HTTP API of Consul and of compatible servers.
//!
//! Owns: addresses (`http`, `https`, `unix`), TLS, tokens, query options and metadata, connection reuse, error texts, one
//! method per endpoint, blocking queries as streams, locks and semaphores. Must never learn how a server works; it depends on
//! none of the server's crates and can be used alone.
//!
//! ```no_run
//! # async fn example() -> Result<(), proconsul_client::Error> {
//! use proconsul_client::{Client, Config, QueryOptions};
//!
//! let (config, _warnings) = Config::from_env(|name| std::env::var(name).ok());
//! let client = Client::new(&config)?;
//! client.kv_put("greeting", "hello").await?;
//! let (pair, meta) = client.kv_get("greeting", &QueryOptions::default()).await?;
//! println!("{pair:?} at index {}", meta.index);
//! # Ok(())
//! # }
//! ```

mod address;
mod api;
mod changes;
mod config;
mod encode;
mod error;
mod lock;
mod redirect;
mod request;
mod semaphore;
mod session_keeper;
mod tls;
mod tls_text;
mod transport;
mod types;
mod watch;

pub use changes::{Change, Changes, RowId, Subjects};
pub use config::{Config, TlsConfig};
pub use error::{Error, LockError};
pub use lock::{LOCK_FLAG, Lock, LockGuard};
pub use request::{Body, QueryMeta, QueryOptions, Request, Response};
pub use semaphore::{SEMAPHORE_FLAG, Semaphore, SemaphoreGuard};
pub use session_keeper::Loss;
pub use transport::Client;
pub use types::*;
pub use watch::{Read, Watch};

pub use hyper::Method;
