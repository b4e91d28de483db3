//! Telling a handler: a program with the result on its standard input, or a request with it as its body.

use super::fetch::Fetch;
use super::plan::{Handler, HttpHandler};
use bytes::Bytes;
use rt::{Room, Time};
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
    fetch: &Fetch,
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
        Handler::Http(http) => request(http, fetch, time, index, body.into()).await,
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
    let (reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
    let copy = writer.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .env("CONSUL_INDEX", index)
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(copy)
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    drop(command);
    let output = pipe::Receiver::from_owned_fd(reader.into()).map_err(|error| error.to_string())?;
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
    let status = child.wait().await.map_err(|error| error.to_string())?;
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
        kept.extend_from_slice(&chunk[..length]);
        let over = kept.len().saturating_sub(OUTPUT_MAX);
        kept.drain(..over);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

async fn request(
    http: &HttpHandler,
    fetch: &Fetch,
    time: &Time,
    index: &str,
    body: Bytes,
) -> Result<(), String> {
    let (status, body) = tokio::select! {
        answer = fetch.send(http, index, body) => answer?,
        () = time.sleep(http.timeout) => return Err(format!("no answer within {:?}", http.timeout)),
    };
    let shown = body.get(..OUTPUT_MAX).unwrap_or(&body);
    let output = String::from_utf8_lossy(shown).into_owned();
    if (200..300).contains(&status) {
        tracing::trace!(url = http.url, output, "watch handler output");
        Ok(())
    } else {
        tracing::error!(
            url = http.url,
            output,
            status,
            "http watch handler failed with output"
        );
        Ok(())
    }
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
