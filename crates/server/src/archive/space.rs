//! Room on the disk that the log is on too: an archive must leave some.

use std::fs::File;
use std::io::{self, Write};

/// What stays free for the log, in bytes, or [`KEEP_SHARE`] of the file system if that is less.
const KEEP: u64 = 1 << 30;
/// One part in so many.
const KEEP_SHARE: u64 = 8;
/// Bytes written between two looks at what is free.
const LOOK: u64 = 16 << 20;
/// A restored state stands in its file, in the commands of the log, and in the next snapshot.
const COPIES: u64 = 3;

/// How much a file system has, bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) free: u64,
    pub(super) total: u64,
}

impl Room {
    /// Of the file system that `file` is on.
    fn of(file: &File) -> io::Result<Room> {
        let found = nix::sys::statvfs::fstatvfs(file)?;
        let unit = found.fragment_size();
        Ok(Room {
            free: found.blocks_available().saturating_mul(unit),
            total: found.blocks().saturating_mul(unit),
        })
    }

    /// What may be taken.
    fn spare(self) -> u64 {
        self.free.saturating_sub(KEEP.min(self.total / KEEP_SHARE))
    }
}

/// A file that grows only while the disk has room to spare.
pub(super) struct Frugal {
    file: File,
    room: fn(&File) -> io::Result<Room>,
    /// Bytes that may be written before the next look.
    left: u64,
}

impl Frugal {
    pub(super) fn new(file: File) -> Self {
        Self::within(file, Room::of)
    }

    /// As if the file system had so much.
    pub(super) fn within(file: File, room: fn(&File) -> io::Result<Room>) -> Self {
        Self {
            file,
            room,
            left: 0,
        }
    }

    /// Whether a state of `size` bytes can be restored.
    ///
    /// # Errors
    /// It cannot; the text is for people.
    pub(super) fn fits(&self, size: u64) -> Result<(), String> {
        let room = (self.room)(&self.file).map_err(|error| error.to_string())?;
        let needed = size.saturating_mul(COPIES);
        if needed <= room.spare() {
            return Ok(());
        }
        Err(format!(
            "not enough room on the disk to restore a state of {size} bytes: {needed} are needed, {} can be spared",
            room.spare()
        ))
    }

    /// Before so many bytes are written by other means.
    ///
    /// # Errors
    /// The disk has no room to spare.
    pub(super) fn claim(&mut self, bytes: u64) -> io::Result<()> {
        if self.left < bytes {
            let spare = (self.room)(&self.file)?.spare();
            if spare < bytes {
                let text = "the archive does not fit on the disk beside the log";
                return Err(io::Error::new(io::ErrorKind::StorageFull, text));
            }
            self.left = LOOK.min(spare).max(bytes);
        }
        self.left -= bytes;
        Ok(())
    }

    pub(super) fn into_inner(self) -> File {
        self.file
    }
}

impl Write for Frugal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.claim(bytes.len() as u64)?;
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frugal(room: fn(&File) -> io::Result<Room>) -> Frugal {
        Frugal::within(tempfile::tempfile().unwrap(), room)
    }

    #[test]
    fn a_part_stays_free() {
        let spare = |free, total| Room { free, total }.spare();
        assert_eq!(spare(500 << 30, 1000 << 30), 499 << 30);
        assert_eq!(spare(50 << 20, 80 << 20), 40 << 20);
        assert_eq!(spare(5 << 20, 80 << 20), 0);
    }

    #[test]
    fn a_state_must_fit_three_times() {
        let file = frugal(|_| {
            Ok(Room {
                free: 40 << 20,
                total: 80 << 20,
            })
        });
        file.fits(10 << 20).unwrap();
        let error = file.fits((10 << 20) + 1).unwrap_err();
        assert!(error.contains("31457280 can be spared"), "{error}");
        file.fits(u64::MAX).unwrap_err();
    }

    #[test]
    fn what_fills_the_disk_ends_early() {
        let mut file = frugal(|file| {
            let used = file.metadata()?.len();
            Ok(Room {
                free: (48 << 20) - used,
                total: 64 << 20,
            })
        });
        let piece = vec![0; 1 << 20];
        let written = (0..64)
            .take_while(|_| file.write_all(&piece).is_ok())
            .count();
        // 48 MiB are free, 8 stay so.
        assert_eq!(written, 40);
        let error = file.write(&piece).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn the_real_disk_is_asked() {
        let mut file = Frugal::new(tempfile::tempfile().unwrap());
        file.write_all(b"x").unwrap();
        file.fits(1).unwrap();
        assert_eq!(file.into_inner().metadata().unwrap().len(), 1);
    }
}
