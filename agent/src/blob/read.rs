//! Owns the reading of a blob: frame by frame, up to a torn tail.
//! Must not know who reads.

use super::BlobError;
use crate::record::RequestRecord;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek};
use std::path::PathBuf;

/// Greatest frame that is unpacked, bytes: frames have 1 MiB, or one record of a very long request.
const MAX_FRAME_BYTES: u64 = 64 << 20;

/// The records of a blob.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    /// Nothing once the end, a torn tail or damage was reached.
    file: Option<BufReader<File>>,
    frame: Vec<u8>,
    used: usize,
    frame_at: u64,
    cut: bool,
}

impl Records {
    pub(super) fn new(path: PathBuf, file: File) -> Self {
        Self { path, file: Some(BufReader::new(file)), frame: Vec::new(), used: 0, frame_at: 0, cut: false }
    }

    /// True once the list has ended because the file ends within a frame: the agent died while writing it.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Unpacks the next frame; false at the end.
    fn next_frame(&mut self) -> Result<bool, BlobError> {
        let Some(mut file) = self.file.take() else { return Ok(false) };
        let failed = |e| BlobError::io(&self.path, "read", e);
        self.frame_at = file.stream_position().map_err(failed)?;
        if file.fill_buf().map_err(failed)?.is_empty() {
            return Ok(false);
        }
        self.frame.clear();
        self.used = 0;
        let mut decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(failed)?.single_frame();
        match (&mut decoder).take(MAX_FRAME_BYTES + 1).read_to_end(&mut self.frame) {
            Ok(n) if n as u64 > MAX_FRAME_BYTES => {
                self.frame.clear();
                Err(self.damaged("a frame is too large".to_owned()))
            }
            Ok(_) => {
                self.file = Some(decoder.finish());
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                self.frame.clear();
                self.cut = true;
                Ok(false)
            }
            Err(e) => {
                self.frame.clear();
                Err(self.damaged(e.to_string()))
            }
        }
    }

    fn damaged(&self, detail: String) -> BlobError {
        BlobError::Damaged { path: self.path.clone(), at: self.frame_at, detail }
    }
}

impl Iterator for Records {
    type Item = Result<RequestRecord, BlobError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.used >= self.frame.len() {
            match self.next_frame() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        let mut rest = self.frame.get(self.used..).unwrap_or_default();
        let record = rmp_serde::from_read(&mut rest);
        // A record that cannot be read hides where the next begins: the rest of its frame is skipped.
        self.used = if record.is_ok() { self.frame.len() - rest.len() } else { self.frame.len() };
        Some(record.map_err(|e| self.damaged(e.to_string())))
    }
}
