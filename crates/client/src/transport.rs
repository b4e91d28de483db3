//! Connections: dialling, reuse, one request at a time on each.

use crate::address::{self, Address, Target};
use crate::config::{Config, DEFAULT_ADDRESS, TlsConfig};
use crate::error::{Error, os_text};
use crate::redirect::{Next, REDIRECTS_MAX, Sent};
use crate::request::{Body, Request, Response};
use crate::tls_text::tls_text;
use crate::{encode, tls};
use base64::Engine;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// Idle connections kept for reuse.
const IDLE_MAX: usize = 8;
/// Time to establish a connection.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for a TLS handshake.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// Name sent as `User-Agent`.
const AGENT: &str = concat!("proconsul-client/", env!("CARGO_PKG_VERSION"));

/// A client of one agent. Cheap to clone; clones share connections. Must be used inside a Tokio runtime.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) address: Address,
    pub(crate) datacenter: String,
    pub(crate) namespace: String,
    pub(crate) partition: String,
    pub(crate) wait: Option<Duration>,
    /// For another host than the configured one, where a redirect led.
    pub(crate) elsewhere: bool,
    pub(crate) tls_config: TlsConfig,
    token: String,
    authorization: Option<HeaderValue>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.address).finish()
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Client {
    /// Reads the files that the configuration names and prepares TLS. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown scheme, unreadable files or an incomplete key pair.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::build(config, false)
    }

    /// A client for where a redirect led.
    pub(crate) fn elsewhere(config: &Config) -> Result<Self, Error> {
        Self::build(config, true)
    }

    fn build(config: &Config, elsewhere: bool) -> Result<Self, Error> {
        let text = match config.address.as_str() {
            "" => DEFAULT_ADDRESS,
            given => given,
        };
        let token = config.effective_token()?;
        tls::check_pair(&config.tls)?;
        if config.tls.ca_file.is_some() || config.tls.ca_path.is_some() {
            tls::authorities(&config.tls)?;
        }
        let address = address::parse(text, config.tls_enabled)?;
        let tls = match address.tls {
            true => Some(connector(config, &address)?),
            false => None,
        };
        let authorization = match config.basic_auth.as_str() {
            "" => None,
            auth => Some(basic(auth)?),
        };
        Ok(Self(Arc::new(Inner {
            address,
            datacenter: config.datacenter.clone(),
            namespace: config.namespace.clone(),
            partition: config.partition.clone(),
            wait: config.wait,
            elsewhere,
            tls_config: config.tls.clone(),
            token,
            authorization,
            tls,
            idle: Mutex::default(),
        })))
    }

    /// Sends a request and gives back the answer, whatever its status; redirects are followed as Go's client does.
    ///
    /// # Errors
    /// [`Error::Transport`] if there is no answer, or redirects do not end.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let (mut client, mut request) = (self.clone(), request);
        for _ in 0..=REDIRECTS_MAX {
            let sent = Sent::of(&request);
            let answer = client.send_once(request).await?;
            match sent.next(&client, &answer)? {
                None => return Ok(answer),
                Some(next) => Next { client, request } = next,
            }
        }
        Err(Error::Transport {
            method: request.verb(),
            url: client.url(&client.path(&request)),
            reason: format!("stopped after {REDIRECTS_MAX} redirects"),
        })
    }

    async fn send_once(&self, request: Request) -> Result<Response, Error> {
        let verb = request.verb();
        let path = self.path(&request);
        let url = self.url(&path);
        let failed = |reason: String| Error::Transport {
            method: verb,
            url: url.clone(),
            reason,
        };
        let mut message = self.message(request, &path).map_err(&failed)?;
        while let Some(mut idle) = self.take_idle() {
            if idle.ready().await.is_err() {
                continue;
            }
            match idle.try_send_request(message).await {
                Ok(answer) => return Ok(Response::new(answer, self.clone(), idle)),
                Err(mut e) => match e.take_message() {
                    // The connection went away before anything was written: another one may do.
                    Some(unsent) => message = unsent,
                    None => return Err(failed(lost(e.error()))),
                },
            }
        }
        let mut sender = self.connect().await.map_err(&failed)?;
        match sender.send_request(message).await {
            Ok(answer) => Ok(Response::new(answer, self.clone(), sender)),
            Err(e) => Err(failed(lost(&e))),
        }
    }

    /// Path and query as sent.
    fn path(&self, request: &Request) -> String {
        if request.whole_path {
            return request.path.clone();
        }
        let mut path = format!("{}{}", self.0.address.prefix, request.path);
        let query = encode::query(&request.params);
        if !query.is_empty() {
            path.push('?');
            path.push_str(&query);
        }
        path
    }

    fn url(&self, path: &str) -> String {
        let scheme = if self.0.address.tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.0.address.host)
    }

    fn message(&self, request: Request, path: &str) -> Result<hyper::Request<Body>, String> {
        let mut builder = hyper::Request::builder()
            .method(request.method)
            .uri(path)
            .header(HOST, &self.0.address.host)
            .header(USER_AGENT, AGENT);
        let token = request.token.as_deref().unwrap_or(&self.0.token);
        if !token.is_empty() {
            builder = builder.header("X-Consul-Token", token);
        }
        if let Some(authorization) = &self.0.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(kind) = request.content_type {
            builder = builder.header(CONTENT_TYPE, kind);
        }
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        builder.body(request.body).map_err(|e| e.to_string())
    }

    fn take_idle(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.0.idle.lock().ok()?;
        while let Some(sender) = idle.pop() {
            if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn give_back(&self, sender: SendRequest<Body>) {
        if let Ok(mut idle) = self.0.idle.lock()
            && idle.len() < IDLE_MAX
            && !sender.is_closed()
        {
            idle.push(sender);
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, String> {
        let io = tokio::time::timeout(DIAL_TIMEOUT, self.dial())
            .await
            .map_err(|_| "dial: i/o timeout".to_owned())??;
        let (sender, connection) = http1::handshake(TokioIo::new(io))
            .await
            .map_err(|e| lost(&e))?;
        // The task ends with the connection: when the last sender is dropped, or when the server closes.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn dial(&self) -> Result<Box<dyn Io>, String> {
        let plain: Box<dyn Io> = match &self.0.address.target {
            Target::Unix(path) => Box::new(
                UnixStream::connect(path)
                    .await
                    .map_err(|e| format!("dial unix {path}: connect: {}", os_text(&e)))?,
            ),
            Target::Tcp { host, port } => Box::new(dial_tcp(host, *port).await?),
        };
        let Some((connector, name)) = &self.0.tls else {
            return Ok(plain);
        };
        let handshake = connector.connect(name.clone(), plain);
        match tokio::time::timeout(TLS_TIMEOUT, handshake).await {
            Ok(secured) => Ok(Box::new(secured.map_err(|e| tls_text(&e))?)),
            Err(_) => Err("net/http: TLS handshake timeout".to_owned()),
        }
    }
}

async fn dial_tcp(host: &str, port: u16) -> Result<TcpStream, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let addresses: Vec<_> = found
        .map_err(|_| format!("dial tcp: lookup {host}: no such host"))?
        .collect();
    let mut failure = format!("dial tcp: lookup {host}: no such host");
    for (i, address) in addresses.iter().enumerate() {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Requests are small and answered one by one; a failure here costs only latency.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(e) if i == 0 => failure = format!("dial tcp {address}: connect: {}", os_text(&e)),
            Err(_) => {}
        }
    }
    Err(failure)
}

fn connector(
    config: &Config,
    address: &Address,
) -> Result<(TlsConnector, ServerName<'static>), Error> {
    let built = Arc::new(tls::build(&config.tls)?);
    let host = match &address.target {
        Target::Tcp { host, .. } => host.as_str(),
        Target::Unix(_) => "localhost",
    };
    let name = match config.tls.server_name.split(':').next() {
        None | Some("") => host,
        Some(given) => given,
    };
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| Error::Config(format!("invalid server name: {name}")))?;
    Ok((TlsConnector::from(built), name))
}

fn basic(auth: &str) -> Result<HeaderValue, Error> {
    let pair = if auth.contains(':') {
        auth.to_owned()
    } else {
        format!("{auth}:")
    };
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    HeaderValue::from_str(&format!("Basic {encoded}")).map_err(|e| Error::Config(e.to_string()))
}

/// Why an established connection gave no answer.
fn lost(e: &hyper::Error) -> String {
    if e.is_incomplete_message() || e.is_closed() || e.is_canceled() {
        return "EOF".to_owned();
    }
    let mut source = std::error::Error::source(e);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return tls_text(io);
        }
        source = cause.source();
    }
    if e.is_parse() {
        return "net/http: HTTP/1.x transport connection broken: malformed HTTP response"
            .to_owned();
    }
    e.to_string()
}
