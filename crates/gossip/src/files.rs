//! Files that only their owner may read.

use crate::limits::FILE_MAX;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The whole file as text; `None` where there is none. Bytes that are no text are replaced.
///
/// # Errors
/// Those of the file system, and a file that is longer than any of ours.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is too long", path.display()),
        ));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Puts `text` in the place of the file, whole or not at all; the new text stands beside it as `path` with `suffix` meanwhile.
///
/// # Errors
/// Those of the file system.
pub(crate) fn replace(path: &Path, suffix: &str, text: &str) -> io::Result<()> {
    make_folder(path)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    let beside = Path::new(&beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(beside)?;
    // An older program may have left it open to others.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

/// The file, to append to; made where there is none.
///
/// # Errors
/// Those of the file system.
pub(crate) fn appending(path: &Path) -> io::Result<File> {
    make_folder(path)?;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Makes the folder of `path`, for its owner alone; one that is there stays as it is.
fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
