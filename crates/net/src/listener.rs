//! Listening sockets.

use crate::{Peer, Stream};
use nix::unistd::{Gid, Group, Uid, User};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};

/// Interval of TCP keep-alive probes on accepted connections (spec/http-api.md §1.1).
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Connections that wait to be accepted.
pub(crate) const BACKLOG: i32 = 4096;

/// Owner and mode that a unix socket gets (`unix_sockets` of the configuration).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketMode {
    /// User name or number, "" to leave it.
    pub user: String,
    /// Group name or number, "" to leave it.
    pub group: String,
    /// Octal mode such as `0777`, "" to leave it.
    pub mode: String,
}

/// A TCP or unix listener. Dropping a unix listener removes its file.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket and its path.
    Unix(UnixListener, PathBuf),
}

/// Binds a TCP address for listening.
///
/// # Errors
/// Those of `bind` and `listen`, such as an address in use.
pub fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listener::Tcp(TcpListener::from_std(socket.into())?))
}

/// Binds a unix socket; a socket left at the path by an earlier process is replaced, any other file is left alone.
///
/// # Errors
/// Those of the file system and of `bind` (`AddrInUse` where another kind of file is at the path); an unknown user, group or a mode that is not octal.
pub fn bind_unix(path: &Path, mode: &SocketMode) -> io::Result<Listener> {
    remove_socket(path)?;
    // Anything but a socket at the path is somebody's file: "address already in use".
    let listener = UnixListener::bind(path)?;
    let bound = Listener::Unix(listener, path.to_owned());
    let user = parse(&mode.user, |name| {
        Ok(User::from_name(name)?.map(|user| user.uid.as_raw()))
    })?;
    let group = parse(&mode.group, |name| {
        Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
    })?;
    if user.is_some() || group.is_some() {
        nix::unistd::chown(path, user.map(Uid::from_raw), group.map(Gid::from_raw))?;
    }
    if !mode.mode.is_empty() {
        let bits = u32::from_str_radix(&mode.mode, 8).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("invalid socket mode {:?}", mode.mode),
            )
        })?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits))?;
    }
    Ok(bound)
}

/// Removes the socket at this path; other files stay, and a missing one is no error.
fn remove_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A name or number of a user or group; `None` for "".
fn parse(text: &str, lookup: impl Fn(&str) -> io::Result<Option<u32>>) -> io::Result<Option<u32>> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(number) = text.parse() {
        return Ok(Some(number));
    }
    match lookup(text)? {
        Some(number) => Ok(Some(number)),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("unknown user or group {text:?}"),
        )),
    }
}

impl Listener {
    /// Waits for the next connection. TCP connections come with `TCP_NODELAY` and keep-alive set.
    ///
    /// # Errors
    /// Those of `accept`; a caller goes on after an error (it may be out of file descriptors for a while).
    pub async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let keep_alive = socket2::TcpKeepalive::new()
                    .with_time(KEEP_ALIVE)
                    .with_interval(KEEP_ALIVE);
                socket2::SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
                Ok((Stream::Tcp(stream), Peer::Tcp(peer)))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), Peer::Unix))
            }
        }
    }

    /// The bound TCP address; `None` for a unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Nothing else can be done about a failure here.
            let _ = remove_socket(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unix_sockets_get_their_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        // Closing a standard listener leaves its socket behind, as a process that was killed does.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let own = nix::unistd::Uid::current().to_string();
        let mode = |mode: &str| SocketMode {
            user: own.clone(),
            mode: mode.into(),
            ..SocketMode::default()
        };
        for (text, bits) in [("0600", 0o600), ("777", 0o777)] {
            let bound = bind_unix(&path, &mode(text)).unwrap();
            let found = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(found & 0o777, bits);
            drop(bound);
            assert!(!path.exists());
        }
        assert!(bind_unix(&path, &mode("rwx")).is_err());
        let nobody = SocketMode {
            group: "no such group here".into(),
            ..SocketMode::default()
        };
        assert!(bind_unix(&path, &nobody).is_err());
        let nowhere = folder.path().join("none/s");
        assert!(bind_unix(&nowhere, &SocketMode::default()).is_err());
    }

    #[tokio::test]
    async fn files_that_are_no_sockets_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        std::fs::write(&path, "somebody's").unwrap();
        let link = folder.path().join("l");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for taken in [&path, &link] {
            let refused = bind_unix(taken, &SocketMode::default()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "{taken:?}");
        }
        // Nor does a listener take away at its end what has replaced its socket.
        let own = folder.path().join("own");
        let bound = bind_unix(&own, &SocketMode::default()).unwrap();
        std::fs::remove_file(&own).unwrap();
        std::fs::write(&own, "somebody's").unwrap();
        drop(bound);
        for kept in [&path, &link, &own] {
            assert_eq!(std::fs::read_to_string(kept).unwrap(), "somebody's");
        }
    }
}
