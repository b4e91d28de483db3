//! Lock delays in a raft snapshot: a section behind the rows, so that a delay outlives the log entry that began it.
//!
//! Layout, little endian: `PCDELAYS`, count (`u32`), then for each its key's length (`u32`), the key, nanoseconds left (`u64`).
//! A snapshot without the section, as earlier versions wrote them, has none.

use hashbrown::HashMap;
use state::Key;
use std::io::{self, Read, Write};
use std::time::Duration;

const MAGIC: &[u8; 8] = b"PCDELAYS";
/// Longest key accepted, bytes: more than any request may bring.
const KEY_MAX: u32 = 1 << 20;

pub(crate) fn write(delays: &[(Key, Duration)], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(MAGIC)?;
    let count = u32::try_from(delays.len()).map_err(io::Error::other)?;
    out.write_all(&count.to_le_bytes())?;
    for (key, left) in delays {
        let len = u32::try_from(key.len()).map_err(io::Error::other)?;
        out.write_all(&len.to_le_bytes())?;
        out.write_all(key)?;
        let nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        out.write_all(&nanos.to_le_bytes())?;
    }
    Ok(())
}

pub(crate) fn read(input: &mut dyn Read) -> io::Result<HashMap<Key, Duration>> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "lock delays are damaged");
    let (mut magic, mut word, mut long) = (Vec::new(), [0; 4], [0; 8]);
    input.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    if magic.is_empty() {
        return Ok(HashMap::new());
    }
    if magic != MAGIC {
        return Err(invalid());
    }
    input.read_exact(&mut word)?;
    let mut delays = HashMap::new();
    for _ in 0..u32::from_le_bytes(word) {
        input.read_exact(&mut word)?;
        let len = u32::from_le_bytes(word);
        if len > KEY_MAX {
            return Err(invalid());
        }
        let mut key = vec![0; len as usize];
        input.read_exact(&mut key)?;
        input.read_exact(&mut long)?;
        let left = Duration::from_nanos(u64::from_le_bytes(long));
        delays.insert(Key::from(&*key), left);
    }
    Ok(delays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_a_cut_is_refused() {
        let delays = [
            (Key::from(&b"a/b"[..]), Duration::from_secs(15)),
            (Key::from(&b""[..]), Duration::from_nanos(1)),
        ];
        let mut bytes = Vec::new();
        write(&delays, &mut bytes).unwrap();
        assert_eq!(read(&mut &bytes[..]).unwrap(), delays.into_iter().collect());
        assert!(read(&mut &bytes[..0]).unwrap().is_empty());
        for cut in 1..bytes.len() {
            assert!(read(&mut &bytes[..cut]).is_err(), "{cut}");
        }
    }
}
