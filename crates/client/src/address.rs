//! Addresses of agents.

use crate::Error;

/// Where to connect, and what stands in requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) target: Target,
    /// Host part of URLs and the `Host` header.
    pub(crate) host: String,
    /// Path put before `/v1/…`, without a slash at its end.
    pub(crate) prefix: String,
    pub(crate) tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Host without brackets, and port.
    Tcp { host: String, port: u16 },
    /// Path of a socket.
    Unix(String),
}

/// Reads `host:port`, `http://…`, `https://…`, `unix://…`. `tls` is the scheme of the first form.
pub(crate) fn parse(text: &str, tls: bool) -> Result<Address, Error> {
    let (tls, rest) = match text.split_once("://") {
        None => (tls, text),
        Some(("unix", path)) => {
            let host = if path.starts_with('/') {
                "localhost"
            } else {
                path
            };
            return Ok(Address {
                target: Target::Unix(path.to_owned()),
                host: host.to_owned(),
                prefix: String::new(),
                tls,
            });
        }
        Some(("http", rest)) => (tls, rest),
        Some(("https", rest)) => (true, rest),
        Some((other, _)) => {
            return Err(Error::Config(format!("Unknown protocol scheme: {other}")));
        }
    };
    let (host, prefix) = match rest.find('/') {
        Some(at) if text.contains("://") => rest.split_at(at),
        _ => (rest, ""),
    };
    let default = if tls { 443 } else { 80 };
    let (name, port) = split_port(host).unwrap_or((host, default));
    Ok(Address {
        target: Target::Tcp {
            host: name.trim_matches(['[', ']']).to_owned(),
            port,
        },
        host: host.to_owned(),
        prefix: prefix.trim_end_matches('/').to_owned(),
        tls,
    })
}

fn split_port(host: &str) -> Option<(&str, u16)> {
    let (name, port) = host.rsplit_once(':')?;
    let bare_v6 = name.contains(':') && !name.ends_with(']');
    if bare_v6 {
        None
    } else {
        port.parse().ok().map(|p| (name, p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(text: &str) -> (String, u16, String, String, bool) {
        let a = parse(text, false).expect("parses");
        match a.target {
            Target::Tcp { host, port } => (host, port, a.host, a.prefix, a.tls),
            Target::Unix(_) => panic!("a socket"),
        }
    }

    #[test]
    fn forms() {
        let s = String::from;
        assert_eq!(
            tcp("127.0.0.1:8500"),
            (s("127.0.0.1"), 8500, s("127.0.0.1:8500"), s(""), false)
        );
        assert_eq!(
            tcp("http://[::1]:1/p/q/"),
            (s("::1"), 1, s("[::1]:1"), s("/p/q"), false)
        );
        assert_eq!(
            tcp("https://host"),
            (s("host"), 443, s("host"), s(""), true)
        );
        assert_eq!(tcp("host"), (s("host"), 80, s("host"), s(""), false));
        let unix = parse("unix:///run/x.sock", false).expect("parses");
        assert_eq!(unix.target, Target::Unix("/run/x.sock".into()));
        assert_eq!(unix.host, "localhost");
        let refused = parse("ftp://x", false).expect_err("refused");
        assert_eq!(refused.to_string(), "Unknown protocol scheme: ftp");
    }
}
