//! The agent's own HTTP API, asked over whatever it listens on.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use net::TlsClients;
use net::tls::TlsFiles;
use rt::Room;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Longest answer taken.
const BODY_MAX: usize = 64 << 20;

/// Where the agent's own HTTP API is.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoint {
    /// Plain HTTP.
    Http(SocketAddr),
    /// HTTPS; the agent's certificate is verified with these files.
    Https(SocketAddr, Box<TlsFiles>),
    /// HTTP over a Unix socket.
    Unix(PathBuf),
}

pub(super) struct Fetch {
    endpoint: Endpoint,
    /// TLS towards the agent.
    tls: TlsClients,
    room: Room,
}

/// What the API answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The index, or the content hash.
    pub(super) mark: String,
    pub(super) body: Bytes,
}

impl Fetch {
    pub(super) fn new(endpoint: Endpoint, room: Room) -> Self {
        let tls = match &endpoint {
            Endpoint::Https(_, files) => TlsClients::new((**files).clone()),
            Endpoint::Http(_) | Endpoint::Unix(_) => TlsClients::default(),
        };
        Self {
            endpoint,
            tls,
            room,
        }
    }

    /// Asks the agent's own API.
    pub(super) async fn get(&self, path: &str, token: &str) -> Result<Answer, String> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = path.parse().map_err(|_| format!("invalid path {path:?}"))?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("localhost"));
        if !token.is_empty() {
            let value = HeaderValue::from_str(token).map_err(|error| error.to_string())?;
            headers.insert(HeaderName::from_static("x-consul-token"), value);
        }
        let (status, headers, body) = match &self.endpoint {
            Endpoint::Http(address) => self.exchange(tcp(*address).await?, request).await?,
            Endpoint::Https(address, _) => {
                let config = self.tls.get(true, &[]).map_err(|error| error.to_string())?;
                let stream = tcp(*address).await?;
                let stream = net::tls::connect(config, &address.ip().to_string(), stream)
                    .await
                    .map_err(|error| net::error_text(&error))?;
                self.exchange(stream, request).await?
            }
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| {
                    let (path, text) = (path.display(), net::error_text(&error));
                    format!("dial unix {path}: connect: {text}")
                })?;
                self.exchange(stream, request).await?
            }
        };
        let mark = ["x-consul-index", "x-consul-contenthash"]
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        Ok(Answer { status, mark, body })
    }

    async fn exchange<S>(
        &self,
        stream: S,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(u16, HeaderMap, Bytes), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        let (mut requests, connection) = hyper::client::conn::http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        self.room.spawn("watch-connection", async move {
            // Its error is the request's error too.
            let _ = connection.await;
        });
        let response = requests
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, BODY_MAX)
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        Ok((head.status.as_u16(), head.headers, body.to_bytes()))
    }
}

async fn tcp(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(address)
        .await
        .map_err(|error| format!("dial tcp {address}: connect: {}", net::error_text(&error)))
}
