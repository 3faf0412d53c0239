//! Owns archives that are handed in: verified whole by their hashes before anything of them is stored, bounded in every way.
//! Must not know the log, nor what events and records mean.

mod bounded;
mod entries;

use crate::export::archive::{FRAME_BYTES, KEY, MANIFEST, Manifest, RunEntry, VERSION, blob_path, events_path};
use crate::log::{Sink, Source, Stored};
use bounded::{At, Limited};
use serde_json::Value;
use shared::ids::RunId;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Longest archive that is read, bytes.
pub const MAX_ARCHIVE_BYTES: u64 = 16 << 30;
/// What the begin of an archive is: that of a zstd frame.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Longest manifest, bytes.
const MAX_MANIFEST: u64 = 16 << 20;
/// Most runs of an archive, and most records of a run.
const MAX_RUNS: usize = 1000;
const MAX_BLOBS: usize = 100_000;

/// True where a file may be an archive, by its first bytes.
#[must_use]
pub fn may_be_archive(begin: &[u8]) -> bool {
    begin.starts_with(&MAGIC)
}

/// True where a file may be an archive.
#[must_use]
pub fn is_archive(file: &File) -> bool {
    let mut begin = [0; MAGIC.len()];
    file.read_exact_at(&mut begin, 0).is_ok() && may_be_archive(&begin)
}

/// An archive whose every byte is what its manifest says.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<File>,
    /// What it holds.
    pub manifest: Manifest,
}

impl Archive {
    /// Reads an archive to its end. Blocks on the disk.
    ///
    /// # Errors
    /// A sentence: it is no archive of ours, of a later version, damaged, or too large.
    pub(super) fn open(file: File) -> Result<Self, String> {
        let bytes = file.metadata().map_err(|error| format!("It could not be read: {error}."))?.len();
        if bytes > MAX_ARCHIVE_BYTES {
            let limit = MAX_ARCHIVE_BYTES >> 30;
            return Err(format!("It has {bytes} bytes, more than the {limit} GiB of an archive."));
        }
        let file = Arc::new(file);
        let mut tar = tar(&file)?;
        let mut entries = entries::Entries::of(&mut tar)?;
        let manifest = manifest(&mut entries)?;
        for RunEntry { run, events, .. } in &manifest.runs {
            entries.next(&events_path(run), events.bytes, &events.sha256)?.finish()?;
        }
        for (run, blob) in manifest.runs.iter().flat_map(|of| of.blobs.iter().map(move |blob| (&of.run, blob))) {
            entries.next(&blob_path(run, &blob.name), blob.bytes, &blob.sha256)?.finish()?;
        }
        entries.end()?;
        // The packed bytes have a sum at their end, too: what is cut or follows there is noticed.
        std::io::copy(&mut tar.into_inner(), &mut std::io::sink()).map_err(broken)?;
        Ok(Self { file, manifest })
    }

    /// Gives the records of the runs that are `wanted`, each to `take`, with the run and their name. Blocks on the disk.
    ///
    /// # Errors
    /// What `take` says, or a sentence where the file is no longer what it was.
    pub(super) fn blobs(
        &self,
        wanted: &BTreeSet<RunId>,
        mut take: impl FnMut(&RunId, &str, &mut dyn Read) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut tar = tar(&self.file)?;
        let mut entries = entries::Entries::of(&mut tar)?;
        manifest(&mut entries)?;
        for RunEntry { run, events, .. } in &self.manifest.runs {
            entries.next(&events_path(run), events.bytes, &events.sha256)?;
        }
        for (run, blob) in self.manifest.runs.iter().flat_map(|of| of.blobs.iter().map(move |blob| (&of.run, blob))) {
            let mut entry = entries.next(&blob_path(run, &blob.name), blob.bytes, &blob.sha256)?;
            if wanted.contains(run) {
                take(run, &blob.name, &mut entry)?;
                entry.finish()?;
            }
        }
        Ok(())
    }

    /// The events of a run, for the log.
    pub(super) fn events(&self, run: &RunId) -> Source {
        let (file, manifest, run) = (self.file.clone(), self.manifest.clone(), run.clone());
        Box::new(move |sink: &mut Sink<'_>| {
            let mut tar = tar(&file)?;
            let mut entries = entries::Entries::of(&mut tar)?;
            self::manifest(&mut entries)?;
            for entry in &manifest.runs {
                let mut events = entries.next(&events_path(&entry.run), entry.events.bytes, &entry.events.sha256)?;
                if entry.run == run {
                    each(&mut events, entry.events.n, sink)?;
                    return events.finish();
                }
            }
            Err("the archive has no such run".to_owned())
        })
    }
}

/// The files of an archive, unpacked as they are read.
fn tar(file: &Arc<File>) -> Result<tar::Archive<Limited>, String> {
    Ok(tar::Archive::new(Limited::of(At::begin(file.clone())).map_err(broken)?))
}

/// The manifest, which is the first file.
fn manifest<R: Read>(entries: &mut entries::Entries<'_, R>) -> Result<Manifest, String> {
    let unknown = || {
        format!(
            "It is compressed with zstd, but no archive of a run, whose first file is {MANIFEST}: other archives are not opened."
        )
    };
    let bytes = entries.first(MANIFEST, MAX_MANIFEST)?.ok_or_else(unknown)?;
    let text: Value = serde_json::from_slice(&bytes).map_err(|_| unknown())?;
    match text.get(KEY).and_then(Value::as_u64) {
        None => return Err(unknown()),
        Some(version) if version > u64::from(VERSION) => {
            return Err(format!(
                "It is an archive of version {version}, and this agent reads {VERSION}: use a later one."
            ));
        }
        Some(_) => {}
    }
    let manifest: Manifest =
        serde_json::from_value(text).map_err(|error| format!("Its {MANIFEST} is broken: {error}."))?;
    let ids: BTreeSet<&RunId> = manifest.runs.iter().map(|of| &of.run).collect();
    if manifest.runs.is_empty() || ids.len() != manifest.runs.len() {
        return Err("It holds no run, or one twice.".to_owned());
    }
    if manifest.runs.len() > MAX_RUNS || manifest.runs.iter().any(|of| of.blobs.len() > MAX_BLOBS) {
        return Err(format!("It holds more than {MAX_RUNS} runs, or more than {MAX_BLOBS} files of records of one."));
    }
    Ok(manifest)
}

/// Gives each event to the sink.
fn each(from: &mut impl Read, n: u64, sink: &mut Sink<'_>) -> Result<(), String> {
    for _ in 0..n {
        let mut frame = [0; FRAME_BYTES];
        from.read_exact(&mut frame).map_err(broken)?;
        let (mut t_ns, mut bytes) = ([0; 8], [0; 4]);
        t_ns.copy_from_slice(&frame[..8]);
        bytes.copy_from_slice(&frame[8..]);
        let bytes = u64::from(u32::from_le_bytes(bytes));
        let mut body = Vec::new();
        // As much as there is: what a frame says takes no memory by itself.
        from.take(bytes).read_to_end(&mut body).map_err(broken)?;
        if body.len() as u64 != bytes {
            return Err("an event ends before its length".to_owned());
        }
        sink(Stored { t_ns: u64::from_le_bytes(t_ns), body })?;
    }
    Ok(())
}

/// What is said of bytes that cannot be read.
fn broken(error: impl std::fmt::Display) -> String {
    format!("It is damaged: {error}.")
}
