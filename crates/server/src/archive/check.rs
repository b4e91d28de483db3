//! An archive that came from outside: received, and verified down to its last record before anything is written to the log.

use super::space::Frugal;
use super::{BUFFER, nameless};
use ports::Pieces;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write};
use std::path::Path;
use tokio::io::AsyncWriteExt as _;

/// Longest state stream that is taken in, bytes.
const MAX_STATE: u64 = 64 << 30;
/// Bytes that are still counted, and not kept, of a state that is refused anyway: the error then tells its real size, as the
/// reference's does, and no archive of a few megabytes keeps a processor busy for minutes.
const MAX_REFUSED: u64 = 64 << 20;

/// All pieces in a file.
pub(super) async fn receive(pieces: &mut dyn Pieces, folder: Option<&Path>) -> io::Result<File> {
    let file = nameless(folder)?;
    let mut space = Frugal::new(file.try_clone()?);
    let mut file = tokio::fs::File::from_std(file);
    loop {
        let piece = pieces.next().await?;
        if piece.is_empty() {
            file.flush().await?;
            return Ok(file.into_std().await);
        }
        space.claim(piece.len() as u64)?;
        file.write_all(&piece).await?;
    }
}

/// Where the state goes while its archive is read: into a file, past a look at every record.
struct Checked {
    out: BufWriter<Frugal>,
    checker: state::archive::Checker,
    size: u64,
    /// What the metadata says the size will be.
    told: Option<u64>,
    /// The first record that cannot be loaded.
    wrong: Option<String>,
    /// Bytes that came after it was clear that the state is refused.
    refused: u64,
}

impl wire::archive::Sink for Checked {
    fn announced(&mut self, size: u64) -> Result<(), String> {
        self.told = Some(size);
        self.out.get_ref().fits(size)
    }
}

impl Write for Checked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() as u64;
        if self.size > MAX_STATE {
            return Err(io::Error::other("the state is too large"));
        }
        if self.wrong.is_none() && self.told.is_none_or(|told| self.size <= told) {
            match self.checker.feed(bytes) {
                Ok(()) => self.out.write_all(bytes)?,
                Err(error) => self.wrong = Some(error.to_string()),
            }
            return Ok(bytes.len());
        }
        self.refused += bytes.len() as u64;
        if self.refused > MAX_REFUSED {
            let why = self.wrong.clone();
            let why = why.unwrap_or_else(|| "the state is larger than its metadata says".into());
            return Err(io::Error::other(why));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Verifies an archive down to its last record; its index and a file with its state stream.
pub(super) fn check(mut archive: File, folder: Option<&Path>) -> Result<(u64, File), String> {
    let text = |error: io::Error| error.to_string();
    archive.rewind().map_err(text)?;
    let out = Frugal::new(nameless(folder).map_err(text)?);
    let mut state = Checked {
        out: BufWriter::with_capacity(BUFFER, out),
        checker: state::archive::Checker::new(),
        size: 0,
        told: None,
        wrong: None,
        refused: 0,
    };
    let archive = BufReader::with_capacity(BUFFER, archive);
    let meta = wire::archive::read(archive, &mut state)?;
    let version = meta["Version"].as_u64().unwrap_or(0);
    if version > 1 {
        return Err(format!(
            "Raft error when restoring snapshot: unsupported snapshot version {version}"
        ));
    }
    let size = meta["Size"].as_u64().unwrap_or(0);
    if size != state.size {
        return Err(format!(
            "Raft error when restoring snapshot: failed to write snapshot, size didn't match ({} != {size})",
            state.size
        ));
    }
    if let Some(wrong) = state.wrong {
        return Err(wrong);
    }
    state.checker.finish().map_err(|error| error.to_string())?;
    let out = state.out.into_inner();
    let mut file = out
        .map_err(|error| error.into_error().to_string())?
        .into_inner();
    file.rewind().map_err(text)?;
    Ok((meta["Index"].as_u64().unwrap_or(0), file))
}
