//! Owns the writing of a backup while the agent goes on: first the log as of now, then the records that it names, which were
//! on the disk before it named them.
//! Must not know who asked for it.

use super::manifest::{BLOBS, FileEntry, LOG, Manifest, NAME, PRICES, VERSION};
use super::{BackupError, io};
use crate::blob::{BlobError, BlobStore};
use crate::files::{folder_of, sync_folder, tar_head};
use crate::log::{DataDir, copy, named_blobs};
use crate::orchestrate::unix_ms;
use sha2::{Digest, Sha256};
use std::fs::{File, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Compression: records are compressed already, and a log holds many small alike texts.
const LEVEL: i32 = 3;
/// Of a backup and of what is in it: what people did and their tokens' hashes are there.
const MODE: u32 = 0o600;

/// A backup that was written.
#[derive(Debug)]
pub struct Written {
    /// Its length, bytes.
    pub bytes: u64,
    /// What is in it.
    pub manifest: Manifest,
}

/// Writes a backup of a data directory, whether an agent serves from it or not. Under its name only once it is whole and on
/// the disk. Blocks on the disk.
///
/// # Errors
/// A sentence; no file is left behind.
pub fn write(data_dir: &Path, to: &Path) -> Result<Written, BackupError> {
    let log = DataDir::log_in(data_dir);
    if !log.exists() {
        return Err(BackupError::NoLog(data_dir.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Taken(to.to_owned()));
    }
    let folder = folder_of(to);
    // Beside the backup, for the disk of the agent may be the full one.
    let workplace = tempfile::tempdir_in(folder).map_err(io(folder, "written"))?;
    let copied = workplace.path().join(LOG);
    copy(&log, &copied)?;
    let blobs = BlobStore::open(DataDir::blobs_in(data_dir))?;
    let mut sources = vec![source(LOG, File::open(&copied).map_err(io(&copied, "read"))?, &copied)?];
    let prices = data_dir.join(PRICES);
    if let Ok(file) = File::open(&prices) {
        sources.push(source(PRICES, file, &prices)?);
    }
    let mut missing = Vec::new();
    for name in named_blobs(&copied)? {
        match blobs.open_file(&name) {
            Ok(file) => sources.push(source(&format!("{BLOBS}{name}"), file, Path::new(&name))?),
            Err(BlobError::Missing(name)) => missing.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    let manifest = Manifest {
        tokenprism_backup: VERSION,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        made_unix_ms: unix_ms(),
        files: sources.iter().map(|source| source.entry.clone()).collect(),
        missing,
    };
    let file = tempfile::NamedTempFile::new_in(folder).map_err(io(folder, "written"))?;
    pack(file.as_file(), &manifest, sources).map_err(io(to, "written"))?;
    let bytes = file.as_file().metadata().map_err(io(to, "written"))?.len();
    match file.persist_noclobber(to) {
        Ok(_) => sync_folder(folder).map_err(io(folder, "written"))?,
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Taken(to.to_owned()));
        }
        Err(error) => return Err(io(to, "written")(error.error)),
    }
    Ok(Written { bytes, manifest })
}

/// A file on its way into a backup. It is held open: what is deleted meanwhile can still be read.
struct Source {
    entry: FileEntry,
    file: File,
}

fn source(name: &str, mut file: File, path: &Path) -> Result<Source, BackupError> {
    let mut hash = Sha256::new();
    let bytes = std::io::copy(&mut file, &mut hash).and_then(|bytes| file.rewind().map(|()| bytes));
    let bytes = bytes.map_err(io(path, "read"))?;
    Ok(Source { entry: FileEntry { name: name.to_owned(), bytes, sha256: hex::encode(hash.finalize()) }, file })
}

fn pack(mut to: &File, manifest: &Manifest, sources: Vec<Source>) -> std::io::Result<()> {
    to.set_permissions(Permissions::from_mode(MODE))?;
    let mut packed = zstd::Encoder::new(&mut to, LEVEL)?;
    packed.include_checksum(true)?;
    let mut tar = tar::Builder::new(packed);
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    tar.append_data(&mut tar_head(text.len() as u64, MODE), NAME, text.as_slice())?;
    for Source { entry, file } in sources {
        tar.append_data(&mut tar_head(entry.bytes, MODE), &entry.name, file.take(entry.bytes))?;
    }
    tar.into_inner()?.finish()?.flush()?;
    to.sync_all()
}
