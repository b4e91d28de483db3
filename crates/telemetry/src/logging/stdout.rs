//! The process's standard output as a place for lines.

use super::line::Level;
use super::queue::Sink;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;

/// A handle of its own: the standard library's is behind a lock that the end of the process takes too.
pub(super) struct Stdout(File);

impl Stdout {
    pub(super) fn open() -> io::Result<Self> {
        let own = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self(own.into()))
    }

    /// Waits until the reader takes more: whoever shares the terminal may have made it non-blocking.
    fn wait(&self) -> bool {
        let mut end = [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)];
        poll(&mut end, PollTimeout::NONE).is_ok()
    }
}

impl Sink for Stdout {
    fn write(&mut self, _: Level, mut text: &[u8]) -> bool {
        while !text.is_empty() {
            match self.0.write(text) {
                Ok(0) => return false,
                Ok(written) => text = &text[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.wait() {
                        return false;
                    }
                }
                // Nobody reads our output any more; the file and the monitors still are.
                Err(_) => return false,
            }
        }
        true
    }
}
