//! Telling the service manager how far the process is (the protocol of `sd_notify(3)`).

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Started, or done reloading.
    Ready,
    /// Reading the configuration again.
    Reloading,
    /// Ending.
    Stopping,
    /// Still at work.
    Alive,
}

impl State {
    fn text(self) -> &'static str {
        match self {
            Self::Ready => "READY=1",
            Self::Reloading => "RELOADING=1",
            Self::Stopping => "STOPPING=1",
            Self::Alive => "WATCHDOG=1",
        }
    }
}

/// How often the manager wants to hear [`State::Alive`] from this process; it is told twice as often, and ends a process that is
/// silent.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    let variable = |name| std::env::var(name).ok();
    watched(
        variable("WATCHDOG_PID"),
        variable("WATCHDOG_USEC"),
        std::process::id(),
    )
}

fn watched(process: Option<String>, micros: Option<String>, own: u32) -> Option<Duration> {
    // Without a process it is whoever reads it.
    let process = process.map(|id| id.parse());
    let is_own = process.is_none_or(|id| id == Ok(own));
    let micros = micros?.parse().ok().filter(|micros| *micros > 0)?;
    is_own.then(|| Duration::from_micros(micros) / 2)
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

    #[test]
    fn a_watchdog_is_for_the_process_it_names() {
        let text = |text: &str| Some(text.to_owned());
        let half = Some(Duration::from_secs(30));
        assert_eq!(watched(None, text("60000000"), 7), half);
        assert_eq!(watched(text("7"), text("60000000"), 7), half);
        for (process, micros) in [
            (text("8"), text("60000000")),
            (text("x"), text("60000000")),
            (None, text("0")),
            (None, text("soon")),
            (None, None),
        ] {
            assert_eq!(watched(process, micros, 7), None);
        }
    }
}
