//! Owns the writing of an archive: the manifest first, then what it names, never more than a part of it in memory.
//! Must not know who asked for it.

use super::{FRAME_BYTES, MANIFEST, Manifest, RunEntry, VERSION, blob_path, blobs_of, events_of, events_path, frame};
use crate::blob::BlobStore;
use crate::export::failure::ExportError;
use crate::export::folder::MODE;
use crate::files::tar_head;
use crate::log::{LogError, SqliteLog, Study};
use shared::ids::RunId;
use shared::view::RunView;
use std::io::{Read, Write};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Compression: records are compressed already, and events are many small alike texts.
const LEVEL: i32 = 3;

/// Writes runs that have ended into an archive. The same runs give the same bytes. `to` is written on a thread that may
/// block.
///
/// # Errors
/// Where a run has not ended, or something cannot be read or written.
pub(in crate::export) async fn write(
    log: &SqliteLog,
    blobs: &BlobStore,
    study: Option<Study>,
    runs: &[Arc<RunView>],
    to: impl Write + Send + 'static,
) -> Result<(), ExportError> {
    let mut entries = Vec::new();
    for view in runs {
        let Some(header) = &view.header else { continue };
        if !view.run_state().is_final() {
            return Err(ExportError::NotEnded(header.run.clone()));
        }
        let events = events_of(log, &header.run, view.seq).await?;
        let (blobs, of) = (blobs.clone(), view.clone());
        let (blobs, missing) = blocking(move || Ok(blobs_of(&blobs, &of)?)).await?;
        entries.push(RunEntry { run: header.run.clone(), events, blobs, missing });
    }
    let manifest = Manifest { tokenprism_archive: VERSION, study, runs: entries };
    let (log, blobs, handle) = (log.clone(), blobs.clone(), Handle::current());
    blocking(move || {
        let mut packed = zstd::Encoder::new(to, LEVEL)?;
        packed.include_checksum(true)?;
        let mut tar = tar::Builder::new(packed);
        let mut text = serde_json::to_vec_pretty(&manifest)?;
        text.push(b'\n');
        tar.append_data(&mut tar_head(text.len() as u64, MODE), MANIFEST, text.as_slice())?;
        for RunEntry { run, events, .. } in &manifest.runs {
            let source = Events { log: &log, run, handle: &handle, seq: 0, left: events.n, bytes: Vec::new(), used: 0 };
            tar.append_data(&mut tar_head(events.bytes, MODE), events_path(run), source)?;
        }
        for RunEntry { run, blobs: of_run, .. } in &manifest.runs {
            for blob in of_run {
                // As long as it was when it was hashed: its file never grows once an event names it.
                let source = blobs.open_file(&blob.name)?.take(blob.bytes);
                tar.append_data(&mut tar_head(blob.bytes, MODE), blob_path(run, &blob.name), source)?;
            }
        }
        tar.into_inner()?.finish()?.flush()?;
        Ok(())
    })
    .await
}

/// Runs what blocks on the disk on a thread of its own.
pub(in crate::export) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, ExportError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ExportError::Encode(format!("its thread ended: {error}"))),
    }
}

/// A run's events as bytes, read from the log as they are asked for.
struct Events<'a> {
    log: &'a SqliteLog,
    run: &'a RunId,
    handle: &'a Handle,
    seq: u64,
    left: u64,
    bytes: Vec<u8>,
    used: usize,
}

impl Events<'_> {
    fn more(&mut self) -> Result<(), LogError> {
        self.bytes.clear();
        self.used = 0;
        let events = self.handle.block_on(self.log.stored(self.run, self.seq))?;
        for event in events.into_iter().take(usize::try_from(self.left).unwrap_or(usize::MAX)) {
            self.bytes.reserve(FRAME_BYTES + event.body.len());
            self.bytes.extend_from_slice(&frame(&event));
            self.bytes.extend_from_slice(&event.body);
            self.seq += 1;
            self.left -= 1;
        }
        Ok(())
    }
}

impl Read for Events<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.used == self.bytes.len() && self.left > 0 {
            self.more().map_err(std::io::Error::other)?;
        }
        let rest = &self.bytes[self.used..];
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        self.used += n;
        Ok(n)
    }
}
