//! Owns how an archive is unpacked within bounds: no more than so many bytes in all, and so many for each packed one.
//! Must not know what is in it.

use super::MAX_ARCHIVE_BYTES;
use std::fs::File;
use std::io::{BufReader, Error, Read, Result};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Most bytes that an archive may unpack to.
const MAX_UNPACKED: u64 = 2 * MAX_ARCHIVE_BYTES;
/// Bytes that any archive may unpack to, and as many more for each packed byte: events of a run come to about 20.
const FREE: u64 = 64 << 20;
const RATIO: u64 = 200;
/// Greatest window of a frame, as a power of two: what the unpacker may take of memory.
const WINDOW_LOG: u32 = 24;

/// A file that is read from a place of its own, so that several readers do not move one another.
#[derive(Debug)]
pub(super) struct At {
    file: Arc<File>,
    at: u64,
}

impl At {
    /// A reader from the begin.
    pub(super) fn begin(file: Arc<File>) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let n = self.file.read_at(into, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// The unpacked bytes of a file, refused beyond the bounds.
pub(super) struct Limited {
    unpacked: zstd::Decoder<'static, BufReader<At>>,
    given: u64,
}

impl Limited {
    pub(super) fn of(packed: At) -> Result<Self> {
        let mut unpacked = zstd::Decoder::new(packed)?;
        unpacked.window_log_max(WINDOW_LOG)?;
        Ok(Self { unpacked, given: 0 })
    }
}

impl Read for Limited {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let n = self.unpacked.read(into)?;
        self.given += n as u64;
        let read = self.unpacked.get_ref().get_ref().at;
        match self.given {
            given if given > MAX_UNPACKED => {
                Err(Error::other(format!("it unpacks to more than {} GiB", MAX_UNPACKED >> 30)))
            }
            given if given > FREE.saturating_add(read.saturating_mul(RATIO)) => {
                Err(Error::other(format!("it unpacks to more than {RATIO} bytes for each of its own")))
            }
            _ => Ok(n),
        }
    }
}
