//! Archives of the state: made, taken in, checked, restored (spec/wire.md §7, spec/http-api.md §20).
//!
//! Neither an archive nor a state stream is ever in memory as a whole: both stand in files without a name beside the log. What
//! an archive looks like is `wire`'s, what a stream looks like is `state`'s.

mod check;
mod space;

use crate::counters::Counters;
use crate::server::Server;
use bytes::{Bytes, BytesMut};
use check::{check, receive};
use ports::{Authorized, BoxFuture, Caller, Pieces, Place, RpcError, Snapshot};
use space::Frugal;
use state::Root;
use std::fs::File;
use std::io::{self, BufWriter, Seek as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;
use wire::archive::{Measure, Meta};
use wire::command::RestorePlace;
use wire::{Command, Outcome};

/// Bytes of the state stream in one command of a restore: loading so much takes the apply thread less than writers notice.
const RESTORE_CHUNK: usize = 64 << 10;
const _: () = assert!(RESTORE_CHUNK <= wire::command::MAX_RESTORE_CHUNK);
/// Bytes that go to or come from a file at once.
const BUFFER: usize = 256 << 10;
/// How long a restore waits for leader duties to be taken up again.
const RESTORE_ESTABLISH: Duration = Duration::from_secs(60);

impl Server {
    /// A place for an archive under way.
    pub(crate) fn archive_place(&self, caller: &Caller) -> Result<Place, RpcError> {
        let place = self.archives.take(caller);
        place.inspect_err(|_| Counters::add(&self.board.counters.limited))
    }

    /// An archive of the state; `place` is held until the last of it was read.
    pub(crate) async fn save(&self, by: &Authorized, place: Place) -> Result<Snapshot, RpcError> {
        let status = self.consensus.status();
        let root = self.root(by);
        let voters = self
            .raft_servers()
            .into_iter()
            .filter(|s| s.voter)
            .map(|s| (s.id, s.address))
            .collect();
        let unix = self
            .time
            .wall()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let index = root.last_index().max(1);
        let meta = Meta {
            term: status.term,
            index,
            unix_millis: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX),
            voters,
        };
        let folder = self.config.data_dir.clone();
        // Who asked may go; the work goes on, and so does its claim.
        let made = self.aside("snapshot save", move || {
            let file = make(&root, &meta, folder.as_deref())?;
            Ok::<_, io::Error>((file, place))
        });
        let (file, place) = made
            .await?
            .map_err(|error| RpcError::Unavailable(error.to_string()))?;
        Ok(Snapshot {
            index,
            archive: Box::new(Held {
                pieces: FromFile(tokio::fs::File::from_std(file)),
                _place: place,
            }),
            known_leader: status.leader.is_some(),
            last_contact: Duration::ZERO,
        })
    }

    /// Runs long work on a thread of its own; dropping the future lets it run to its end.
    async fn aside<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RpcError> {
        let (done, result) = tokio::sync::oneshot::channel();
        self.room.spawn_blocking(name, move || {
            // Who asked may have gone.
            let _ = done.send(work());
        });
        result
            .await
            .map_err(|_| RpcError::Unavailable("the server is shutting down".into()))
    }

    /// Nothing is written to the log before the whole archive has been read and understood.
    pub(crate) async fn restore(
        &self,
        by: &Authorized,
        mut archive: Box<dyn Pieces>,
    ) -> Result<(), RpcError> {
        let refused = |error: io::Error| RpcError::Refused(error.to_string());
        let folder = self.config.data_dir.clone();
        let received = receive(&mut *archive, folder.as_deref())
            .await
            .map_err(refused)?;
        let checked = self
            .aside("snapshot check", move || check(received, folder.as_deref()))
            .await?;
        let (index, state) = checked.map_err(RpcError::Refused)?;
        let one = self.restoring.lock().await;
        let mut unfinished = Unfinished(Some(&self.abandoned));
        let begun = self.restore_step(by, &Command::RestoreBegin(index)).await?;
        let Outcome::Index(restore) = begun else {
            let text = wire::errors::state::NO_RESTORE;
            return Err(RpcError::Unavailable(text.to_owned()));
        };
        let mut place = RestorePlace {
            restore,
            sequence: 0,
        };
        let mut state = FromFile(tokio::fs::File::from_std(state));
        loop {
            let chunk = state.chunk(RESTORE_CHUNK).await.map_err(refused)?;
            if chunk.is_empty() {
                break;
            }
            self.restore_step(by, &Command::RestorePiece(place, chunk))
                .await?;
            place.sequence += 1;
        }
        self.restore_step(by, &Command::RestoreEnd(place)).await?;
        unfinished.0 = None;
        self.ready.send_replace(false);
        self.replaced.notify_one();
        drop(one);
        if self.established(RESTORE_ESTABLISH).await {
            Ok(())
        } else {
            Err(RpcError::Unavailable(
                "timed out waiting for re-run of leader actions".into(),
            ))
        }
    }

    async fn restore_step(&self, by: &Authorized, command: &Command) -> Result<Outcome, RpcError> {
        match self.propose(by, command).await? {
            Outcome::Error(error) => Err(RpcError::Refused(error)),
            outcome => Ok(outcome),
        }
    }

    /// Lets go what a restore has collected that nobody will end.
    pub(crate) async fn abort_restore(&self) -> Result<(), RpcError> {
        self.restore_step(&Authorized::system(), &Command::RestoreAbort)
            .await
            .map(drop)
    }

    /// For a new leader: a restore whose leader is gone has lost the rest of its archive. One of this server's own goes on.
    pub(crate) async fn abort_orphan(&self) -> Result<(), RpcError> {
        let restoring = &self.board.restoring;
        match self.restoring.try_lock() {
            Ok(_one) if restoring.load(Ordering::Acquire) => self.abort_restore().await,
            _ => Ok(()),
        }
    }

    /// Follows restores whose client went away, or which failed half-way. A leader that loses office leaves it to the next.
    pub(crate) async fn abort_abandoned(self: Arc<Self>) {
        loop {
            self.abandoned.notified().await;
            let _one = self.restoring.lock().await;
            // Its begin may be on its way still; this comes behind it.
            if let Err(error) = self.abort_restore().await {
                tracing::warn!(%error, "what a restore has collected cannot be let go");
            }
        }
    }
}

/// A restore under way: dropped before its end, it is abandoned.
struct Unfinished<'a>(Option<&'a Notify>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(abandoned) = self.0 {
            abandoned.notify_one();
        }
    }
}

/// A file without a name, gone when it is closed: in the server's own directory, for elsewhere there may be no room.
fn nameless(folder: Option<&Path>) -> io::Result<File> {
    match folder {
        Some(folder) => tempfile::tempfile_in(folder),
        None => tempfile::tempfile(),
    }
}

/// The archive of a root. The stream is encoded twice, first to measure it, for that costs less than to keep it.
fn make(root: &Root, meta: &Meta, folder: Option<&Path>) -> io::Result<File> {
    let mut measure = Measure::default();
    state::archive::write_stream(root, &mut measure)?;
    let out = BufWriter::with_capacity(BUFFER, Frugal::new(nameless(folder)?));
    let out = wire::archive::write(out, meta, measure, |out| {
        state::archive::write_stream(root, out)
    })?;
    let out = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let mut file = out.into_inner();
    file.rewind()?;
    Ok(file)
}

/// A file's bytes.
struct FromFile(tokio::fs::File);

impl FromFile {
    /// `size` bytes, fewer at the end, none behind it.
    async fn chunk(&mut self, size: usize) -> io::Result<Bytes> {
        let mut bytes = BytesMut::with_capacity(size);
        let mut part = (&mut self.0).take(size as u64);
        while part.read_buf(&mut bytes).await? > 0 {}
        Ok(bytes.freeze())
    }
}

/// An archive on its way out, with its place.
struct Held {
    pieces: FromFile,
    _place: Place,
}

impl Pieces for Held {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Bytes>> {
        Box::pin(self.pieces.chunk(BUFFER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    /// An archive that the reference made.
    const SMALL: &[u8] = include_bytes!("../../state/tests/fixtures/acl.snap");

    fn checked(bytes: &[u8]) -> Result<(u64, File), String> {
        let mut file = nameless(None).unwrap();
        file.write_all(bytes).unwrap();
        check(file, None)
    }

    fn state_of(bytes: &[u8]) -> Vec<u8> {
        let mut state = Vec::new();
        wire::archive::read(bytes, &mut state).unwrap();
        state
    }

    #[test]
    fn a_good_archive_gives_its_state() {
        let (_, mut file) = checked(SMALL).unwrap();
        let mut state = Vec::new();
        io::Read::read_to_end(&mut file, &mut state).unwrap();
        assert_eq!(state, state_of(SMALL));
    }

    #[test]
    fn what_is_made_is_good() {
        let mut loader = state::archive::Loader::new();
        loader.feed(&state_of(SMALL)).unwrap();
        let root = loader.finish().unwrap();
        let meta = Meta {
            term: 1,
            index: 9,
            unix_millis: 0,
            voters: Vec::new(),
        };
        let (index, _) = check(make(&root, &meta, None).unwrap(), None).unwrap();
        assert_eq!(index, 9);
    }

    #[test]
    fn every_cut_is_refused() {
        for length in (0..SMALL.len())
            .step_by(7)
            .chain(SMALL.len() - 40..SMALL.len())
        {
            let cut = SMALL.get(..length).unwrap();
            assert!(checked(cut).is_err(), "cut at {length}");
        }
    }

    fn archive_of(state: &[u8], told: u64) -> Vec<u8> {
        let meta = Meta {
            term: 1,
            index: 9,
            unix_millis: 0,
            voters: Vec::new(),
        };
        let mut measure = Measure::default();
        measure.write_all(state).unwrap();
        let honest = wire::archive::write(Vec::new(), &meta, measure, |out| out.write_all(state));
        let mut members = Vec::new();
        io::Read::read_to_end(
            &mut flate2::read::GzDecoder::new(honest.unwrap().as_slice()),
            &mut members,
        )
        .unwrap();
        // Another size in the metadata; its checksum is looked at after the state.
        let (from, to) = (
            format!("\"Size\":{}", state.len()),
            format!("\"Size\":{told}"),
        );
        let at = members
            .windows(from.len())
            .position(|part| part == from.as_bytes())
            .unwrap();
        let len = members.len();
        let end = 512 + members[512..].iter().position(|byte| *byte == 0).unwrap();
        members.splice(at..at + from.len(), to.bytes());
        let grown = members.len() - len;
        members.drain(end + grown..end + 2 * grown);
        let size = format!("{:011o}", end + grown - 512);
        members[124..135].copy_from_slice(size.as_bytes());
        let mut header = tar::Header::from_byte_slice(&members[..512]).clone();
        header.set_cksum();
        members[..512].copy_from_slice(header.as_bytes());
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(&members).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn a_state_that_cannot_fit_is_refused_before_it_is_read() {
        let state = state_of(SMALL);
        let told = 1 << 60;
        let error = checked(&archive_of(&state, told)).unwrap_err();
        assert!(
            error.starts_with(&format!(
                "not enough room on the disk to restore a state of {told}"
            )),
            "{error}"
        );
    }

    /// Gigabytes of zeros are a few megabytes of archive.
    #[test]
    fn what_is_no_state_is_not_kept() {
        let zeros = vec![0; usize::try_from(96u64 << 20).unwrap()];
        let mut file = nameless(None).unwrap();
        file.write_all(&archive_of(&zeros, zeros.len() as u64))
            .unwrap();
        let error = check(file, None).unwrap_err();
        assert!(
            error.contains("failed to read or write snapshot data: msgpack"),
            "{error}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_flip_changes_what_is_restored(at in 0..SMALL.len(), bit in 0..8u32) {
            let mut damaged = SMALL.to_vec();
            damaged[at] ^= 1 << bit;
            // Some bits of the headers (times, the system that made it) mean nothing.
            if let Ok((_, mut file)) = checked(&damaged) {
                let mut state = Vec::new();
                io::Read::read_to_end(&mut file, &mut state).unwrap();
                prop_assert_eq!(state, state_of(SMALL));
            }
        }
    }
}
