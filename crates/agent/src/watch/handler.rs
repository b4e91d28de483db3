//! Telling a handler: a program with the result on its standard input, or a request with it as its body.

use super::plan::{Handler, HttpHandler};
use net::TlsClients;
use probe::ProbeTls;
use probe::http::{Headers, Request};
use rt::{Child, Room, Time};
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::Command;

/// Bytes of a program's output that are logged.
const OUTPUT_MAX: usize = 4096;
/// How long a program's output is waited for after its end: what it left running may hold it open.
const DRAIN: Duration = Duration::from_secs(1);

pub(super) async fn tell(
    handler: &Handler,
    tls: &TlsClients,
    time: &Time,
    room: &Room,
    index: &str,
    result: &Value,
) {
    let body = encode(result);
    let told = match handler {
        Handler::Args(args) => script(args, index, &body, time, room).await,
        Handler::Shell(line) => {
            let args = ["/bin/sh", "-c", line].map(str::to_owned);
            script(&args, index, &body, time, room).await
        }
        Handler::Http(http) => request(http, tls, time, index, &body).await,
    };
    if let Err(error) = told {
        tracing::error!(error, "Failed to run watch handler");
    }
}

/// Compact JSON with the escapes that Go writes.
fn encode(result: &Value) -> Vec<u8> {
    let text = result.to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.into_bytes()
}

async fn script(
    args: &[String],
    index: &str,
    body: &[u8],
    time: &Time,
    room: &Room,
) -> Result<(), String> {
    let (program, rest) = args.split_first().ok_or("need an executable to run")?;
    let (reader, writer) = std::io::pipe().map_err(|error| net::error_text(&error))?;
    let copy = writer
        .try_clone()
        .map_err(|error| net::error_text(&error))?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .env("CONSUL_INDEX", index)
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(copy)
        .kill_on_drop(true);
    let mut child =
        Child::start(&mut command).map_err(|error| probe::start_error(program, &error))?;
    drop(command);
    let output =
        pipe::Receiver::from_owned_fd(reader.into()).map_err(|error| net::error_text(&error))?;
    let (end, ended) = tokio::sync::oneshot::channel();
    room.spawn("watch-output", async move {
        // Who waited may have given up.
        let _ = end.send(tail(output).await);
    });
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input is none of our business.
        let _ = stdin.write_all(body).await;
        let _ = stdin.write_all(b"\n").await;
    }
    let status = child
        .wait()
        .await
        .map_err(|error| net::error_text(&error))?;
    let output = tokio::select! {
        output = ended => output.unwrap_or_default(),
        () = time.sleep(DRAIN) => String::new(),
    };
    tracing::debug!(%output, "watch handler output");
    if status.success() {
        Ok(())
    } else {
        Err(status.to_string())
    }
}

/// The last bytes of an output.
async fn tail(mut output: pipe::Receiver) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; OUTPUT_MAX]);
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        keep_last(&mut kept, &chunk[..length]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

async fn request(
    http: &HttpHandler,
    tls: &TlsClients,
    time: &Time,
    index: &str,
    body: &[u8],
) -> Result<(), String> {
    // Configured ones come behind these, under the usual spelling of their names.
    let mut headers = Headers::default();
    headers.add("Content-Type", "application/json");
    headers.add("X-Consul-Index", index);
    for (name, value) in &http.headers {
        headers.add(&probe::http::canonical(name), value);
    }
    let tls = ProbeTls {
        config: tls
            .get(!http.skip_verify, &[])
            .map_err(|error| error.to_string())?,
        server_name: String::new(),
    };
    let asked = Request {
        method: &http.method,
        url: &http.url,
        host: "",
        headers: &headers,
        body,
        follow: true,
    };
    let end = time.now().after(http.timeout);
    let mut response = probe::http::send(&asked, &tls, time, end).await?;
    let mut kept = Vec::new();
    let reading = async {
        while let Ok(Some(piece)) = response.body.next().await {
            keep_last(&mut kept, &piece);
        }
    };
    tokio::select! {
        biased;
        () = reading => {}
        () = time.sleep_until(end) => {}
    }
    let output = String::from_utf8_lossy(&kept).into_owned();
    let (url, status) = (&http.url, response.code);
    if (200..300).contains(&status) {
        tracing::trace!(url, output, "watch handler output");
    } else {
        tracing::error!(url, output, status, "http watch handler failed with output");
    }
    Ok(())
}

/// Adds to an output of which only the last bytes are kept.
fn keep_last(kept: &mut Vec<u8>, piece: &[u8]) {
    kept.extend_from_slice(piece);
    let over = kept.len().saturating_sub(OUTPUT_MAX);
    kept.drain(..over);
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn json_as_go_writes_it() {
        assert_eq!(
            encode(&serde_json::json!({"a": "<&>"})),
            br#"{"a":"\u003c\u0026\u003e"}"#
        );
    }
}
