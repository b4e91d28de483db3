//! Telling the service manager how far the process is (the protocol of `sd_notify(3)`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Started, or done reloading.
    Ready,
    /// Reading the configuration again.
    Reloading,
    /// Ending.
    Stopping,
}

impl State {
    fn text(self) -> &'static str {
        match self {
            Self::Ready => "READY=1",
            Self::Reloading => "RELOADING=1",
            Self::Stopping => "STOPPING=1",
        }
    }
}

/// Tells the manager named by `NOTIFY_SOCKET`; without one nothing happens. A manager that does not listen is its own trouble.
pub fn notify(state: State) {
    if let Some(name) = std::env::var_os("NOTIFY_SOCKET")
        && let Some(name) = name.to_str()
    {
        let _ = send(name, state);
    }
}

fn send(name: &str, state: State) -> std::io::Result<()> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state.text().as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.to_str().unwrap(), State::Ready).unwrap();
        let mut text = [0; 32];
        let len = manager.recv(&mut text).unwrap();
        assert_eq!(&text[..len], b"READY=1");
    }
}
