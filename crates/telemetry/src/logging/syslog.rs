//! Syslog over the machine's datagram socket (RFC 3164 lines).

use super::line::Level;
use super::queue::Sink;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Sockets on which syslog listens on various systems.
const SOCKETS: &[&str] = &["/dev/log", "/var/run/syslog", "/var/run/log"];
/// Attempts to connect at start, and the pause between them.
const ATTEMPTS: u32 = 12;
const PAUSE: Duration = Duration::from_secs(5);
/// Tag of every line.
const TAG: &str = "consul";
/// Facilities by name, in the order of their numbers.
const FACILITIES: &[&str] = &[
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV",
    "FTP", "", "", "", "", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5", "LOCAL6",
    "LOCAL7",
];

pub(super) struct Syslog {
    socket: UnixDatagram,
    facility: usize,
}

impl Syslog {
    pub(super) fn connect(facility: &str) -> Result<Self, String> {
        let name = facility.to_ascii_uppercase();
        let number = FACILITIES
            .iter()
            .position(|known| !known.is_empty() && *known == name)
            .ok_or_else(|| {
                format!("Failed to setup logging: invalid syslog facility: {facility}")
            })?;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                std::thread::sleep(PAUSE);
            }
            if let Ok(socket) = open() {
                return Ok(Self {
                    socket,
                    facility: number,
                });
            }
        }
        Err("Syslog setup did not succeed within timeout (1m0s).".into())
    }
}

impl Sink for Syslog {
    fn write(&mut self, level: Level, text: &[u8]) -> bool {
        let severity = match level {
            Level::Trace | Level::Debug => 7,
            Level::Info => 5,
            Level::Warn => 4,
            Level::Error => 3,
        };
        let mut datagram = format!(
            "<{}>{TAG}[{}]: ",
            self.facility * 8 + severity,
            std::process::id()
        )
        .into_bytes();
        datagram.extend_from_slice(text.trim_ascii_end());
        if self.socket.send(&datagram).is_ok() {
            return true;
        }
        let Ok(socket) = open() else {
            return false;
        };
        // The daemon was restarted: once more to the new one, and that line is lost if it fails too.
        self.socket = socket;
        self.socket.send(&datagram).is_ok()
    }
}

fn open() -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let mut last = Err(std::io::ErrorKind::NotFound.into());
    for path in SOCKETS {
        last = socket.connect(path);
        if last.is_ok() {
            break;
        }
    }
    last.map(|()| socket)
}
