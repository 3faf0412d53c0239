//! Owns the writing of a blob: independent frames, so that a crash costs the last one at most.
//! Must not know what records mean.

use super::BlobError;
use crate::files::sync_folder;
use crate::record::RequestRecord;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Uncompressed bytes at which a frame is cut.
const FRAME_BYTES: usize = 1 << 20;
/// Age of its first record at which a frame is cut.
const FRAME_AGE: Duration = Duration::from_secs(1);
/// The fastest level: the client shares the host with the engine.
const LEVEL: i32 = 1;

/// A blob that is being written. Blocks on the disk; dropped without [`BlobWriter::finish`], its last frame is lost.
#[derive(Debug)]
pub struct BlobWriter {
    name: String,
    path: PathBuf,
    file: File,
    frame: Vec<u8>,
    begun: Instant,
}

impl BlobWriter {
    pub(super) fn new(name: String, path: PathBuf, file: File) -> Self {
        Self { name, path, file, frame: Vec::new(), begun: Instant::now() }
    }

    /// Adds a record, and writes the frame where it is full or a second old.
    ///
    /// # Errors
    /// Where the record cannot be encoded or the frame not be written (disk full).
    pub fn push(&mut self, record: &RequestRecord) -> Result<(), BlobError> {
        if self.frame.is_empty() {
            self.begun = Instant::now();
        }
        let kept = self.frame.len();
        if let Err(e) = rmp_serde::encode::write_named(&mut self.frame, record) {
            self.frame.truncate(kept);
            return Err(BlobError::Encode(e.to_string()));
        }
        if self.frame.len() >= FRAME_BYTES || self.begun.elapsed() >= FRAME_AGE {
            self.cut()?;
        }
        Ok(())
    }

    /// Writes what is buffered as one frame.
    ///
    /// # Errors
    /// Where it cannot be written (disk full).
    pub fn cut(&mut self) -> Result<(), BlobError> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let written = compress(&self.frame).and_then(|packed| self.file.write_all(&packed));
        // What could not be written is given up: the file may end in a part of it, and nothing may follow that.
        self.frame.clear();
        written.map_err(|e| BlobError::io(&self.path, "written", e))
    }

    /// Writes the rest and waits until file and name are on the disk; returns the name for the event.
    ///
    /// # Errors
    /// Where that cannot be done (disk full).
    pub fn finish(mut self) -> Result<String, BlobError> {
        self.cut()?;
        self.file.sync_all().map_err(|e| BlobError::io(&self.path, "written", e))?;
        if let Some(dir) = self.path.parent() {
            sync_folder(dir).map_err(|e| BlobError::io(dir, "written", e))?;
        }
        Ok(self.name)
    }
}

fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(bytes)?;
    encoder.finish()
}
