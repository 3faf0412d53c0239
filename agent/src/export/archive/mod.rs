//! Owns the archive of a run: its events and its records as they are, each with its hash, in one compressed file.
//! Must not know what events and records mean, nor who takes an archive in.

mod write;

pub(super) use write::{blocking, write};

use crate::blob::{BlobError, BlobStore};
use crate::log::{LogError, SqliteLog, Stored, Study};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::ids::RunId;
use shared::view::RunView;
use std::io::Read;

/// Version of the archive; a reader refuses a greater one.
pub const VERSION: u32 = 1;
/// The first file of an archive: what else is in it.
pub const MANIFEST: &str = "manifest.json";
/// The name in that by which an archive is known.
pub const KEY: &str = "tokenprism_archive";
/// Bytes before an event's body: run time in ns, then the body's length, both little-endian.
pub const FRAME_BYTES: usize = 12;

/// What an archive holds, in the order in which it stands there: the events of each run, then the records of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`VERSION`].
    pub tokenprism_archive: u32,
    /// The study whose runs these are.
    pub study: Option<Study>,
    /// The runs.
    pub runs: Vec<RunEntry>,
}

/// A run of an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEntry {
    /// The run.
    pub run: RunId,
    /// Its events.
    pub events: EventsEntry,
    /// Its records, a file a trial.
    pub blobs: Vec<BlobEntry>,
    /// Records that its events name and that were not on the disk any more.
    pub missing: Vec<String>,
}

/// The events of a run: frames of [`FRAME_BYTES`] and a body, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsEntry {
    /// How many.
    pub n: u64,
    /// Their length, bytes.
    pub bytes: u64,
    /// SHA-256 of these, hexadecimal.
    pub sha256: String,
}

/// The records of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobEntry {
    /// The file's name.
    pub name: String,
    /// Its length, bytes.
    pub bytes: u64,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
}

/// Where a run's events stand in an archive.
#[must_use]
pub fn events_path(run: &RunId) -> String {
    format!("{run}/events")
}

/// Where the records of a trial stand in an archive.
#[must_use]
pub fn blob_path(run: &RunId, name: &str) -> String {
    format!("{run}/records/{name}")
}

/// The bytes before an event's body.
#[must_use]
pub fn frame(event: &Stored) -> [u8; FRAME_BYTES] {
    let mut frame = [0; FRAME_BYTES];
    frame[..8].copy_from_slice(&event.t_ns.to_le_bytes());
    // The log takes no body of 4 GiB.
    frame[8..].copy_from_slice(&u32::try_from(event.body.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame
}

/// What an archive would say of a run's events up to and with `to_seq`.
///
/// # Errors
/// Where the log cannot be read.
pub async fn events_of(log: &SqliteLog, run: &RunId, to_seq: u64) -> Result<EventsEntry, LogError> {
    let (mut hash, mut n, mut bytes) = (Sha256::new(), 0, 0);
    while n < to_seq {
        let events = log.stored(run, n).await?;
        if events.is_empty() {
            break;
        }
        for event in events.iter().take(usize::try_from(to_seq - n).unwrap_or(usize::MAX)) {
            hash.update(frame(event));
            hash.update(&event.body);
            bytes += (FRAME_BYTES + event.body.len()) as u64;
            n += 1;
        }
    }
    Ok(EventsEntry { n, bytes, sha256: hex::encode(hash.finalize()) })
}

/// The records that a run's events name, and those of them that are gone. Blocks on the disk.
fn blobs_of(blobs: &BlobStore, view: &RunView) -> Result<(Vec<BlobEntry>, Vec<String>), BlobError> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in view.trials.iter().filter_map(|trial| trial.blob.as_ref()) {
        match blobs.open_file(name) {
            Ok(mut file) => {
                let (bytes, sha256) = hash(&mut file).map_err(|error| BlobError::unread(name, error))?;
                found.push(BlobEntry { name: name.clone(), bytes, sha256 });
            }
            Err(BlobError::Missing(name)) => missing.push(name),
            Err(error) => return Err(error),
        }
    }
    Ok((found, missing))
}

fn hash(from: &mut impl Read) -> std::io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let bytes = std::io::copy(from, &mut hash)?;
    Ok((bytes, hex::encode(hash.finalize())))
}
