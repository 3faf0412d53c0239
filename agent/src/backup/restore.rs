//! Owns the way back from a backup to a data directory: every part verified before anything of it is there.
//! Must not know who asked for it.

use super::manifest::{BLOBS, FileEntry, LOG, MAX_BYTES, Manifest, NAME, VERSION};
use super::{BackupError, io};
use crate::files::{folder_of, sync_folder};
use crate::log::{DataDir, check, named_blobs};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Greatest window of a frame, as a power of two: what the unpacker may take of memory.
const WINDOW_LOG: u32 = 27;

/// A data directory that was restored.
#[derive(Debug)]
pub struct Restored {
    /// What was in the backup.
    pub manifest: Manifest,
    /// Records that events name and that are not in the backup.
    pub missing: Vec<String>,
}

/// Restores a backup into a folder that is empty or not there. It is there whole or not at all. Blocks on the disk.
///
/// # Errors
/// A sentence that names the part which is damaged; nothing is left behind then.
pub fn restore(file: &Path, data_dir: &Path) -> Result<Restored, BackupError> {
    let is_empty = match std::fs::read_dir(data_dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(io(data_dir, "read")(error)),
    };
    if !is_empty {
        return Err(BackupError::NotEmpty(data_dir.to_owned()));
    }
    let folder = folder_of(data_dir);
    DirBuilder::new().recursive(true).create(folder).map_err(io(folder, "written"))?;
    // On the same disk, so that it can be given its name in one step. A folder for its owner only.
    let workplace = tempfile::Builder::new().prefix(".restoring-").tempdir_in(folder);
    let workplace = workplace.map_err(io(folder, "written"))?;
    let manifest = Unpacking::begin(file)?.unpack(workplace.path())?;
    let log = DataDir::log_in(workplace.path());
    if let Some(what) = check(&log)? {
        let (path, part) = (file.to_owned(), LOG.to_owned());
        return Err(BackupError::Damaged {
            path,
            part,
            why: format!("was damaged when it was kept ({what})"),
            after: 0,
        });
    }
    let kept: BTreeSet<&str> = manifest.files.iter().filter_map(|file| file.name.strip_prefix(BLOBS)).collect();
    let missing = named_blobs(&log)?.into_iter().filter(|name| !kept.contains(name.as_str())).collect();
    sync_folder(workplace.path()).map_err(io(workplace.path(), "written"))?;
    // Takes the place of an empty folder, too; of any other it is refused.
    std::fs::rename(workplace.path(), data_dir).map_err(io(data_dir, "written"))?;
    // It has another name now, under which it stays.
    let _gone = workplace.keep();
    sync_folder(folder).map_err(io(folder, "written"))?;
    Ok(Restored { manifest, missing })
}

/// A backup that is read from its begin to its end.
struct Unpacking<'a> {
    path: &'a Path,
    tar: tar::Archive<zstd::Decoder<'static, std::io::BufReader<File>>>,
}

impl<'a> Unpacking<'a> {
    fn begin(path: &'a Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(io(path, "read"))?;
        let mut packed = zstd::Decoder::new(file).map_err(io(path, "read"))?;
        packed.window_log_max(WINDOW_LOG).map_err(io(path, "read"))?;
        Ok(Self { path, tar: tar::Archive::new(packed) })
    }

    /// Writes every file into a folder, and gives what the backup holds.
    fn unpack(mut self, to: &Path) -> Result<Manifest, BackupError> {
        let path = self.path;
        let none = |why: String| BackupError::NoBackup { path: path.to_owned(), why };
        let mut entries = self.tar.entries().map_err(|error| none(error.to_string()))?;
        let first = entries.next().ok_or_else(|| none("it is empty".to_owned()))?;
        let manifest = manifest(path, first.map_err(|error| none(error.to_string()))?)?;
        let blobs = to.join(BLOBS);
        DirBuilder::new().mode(0o700).create(&blobs).map_err(io(&blobs, "written"))?;
        let count = manifest.files.len();
        for (at, entry) in manifest.files.iter().enumerate() {
            let damaged = |why: &str| BackupError::Damaged {
                path: path.to_owned(),
                part: entry.name.clone(),
                why: why.to_owned(),
                after: count - at - 1,
            };
            let part = match entries.next() {
                Some(Ok(part)) => part,
                Some(Err(error)) => return Err(damaged(&format!("cannot be unpacked ({error})"))),
                None => return Err(damaged("is missing")),
            };
            if part.path_bytes().as_ref() != entry.name.as_bytes() {
                return Err(damaged("is missing"));
            }
            file(part, entry, &to.join(&entry.name))?.map_err(|why| damaged(&why))?;
        }
        let end = |why: &str| BackupError::Damaged {
            path: path.to_owned(),
            part: "its end".to_owned(),
            why: why.to_owned(),
            after: 0,
        };
        match entries.next() {
            None => {}
            Some(Ok(_)) => return Err(end("has a part that its manifest does not name")),
            Some(Err(error)) => return Err(end(&format!("cannot be unpacked ({error})"))),
        }
        // The packed bytes have a sum at their end.
        std::io::copy(&mut self.tar.into_inner(), &mut std::io::sink())
            .map_err(|error| end(&format!("cannot be unpacked ({error})")))?;
        sync_folder(&blobs).map_err(io(&blobs, "written"))?;
        Ok(manifest)
    }
}

/// The manifest, which comes first and names each file once, the log among them.
fn manifest(path: &Path, part: impl Read) -> Result<Manifest, BackupError> {
    let none = |why: String| BackupError::NoBackup { path: path.to_owned(), why };
    let mut text = Vec::new();
    part.take(MAX_BYTES).read_to_end(&mut text).map_err(|error| none(error.to_string()))?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|_| none(format!("it does not begin with a {NAME}")))?;
    let version =
        value["tokenprism_backup"].as_u64().ok_or_else(|| none(format!("its {NAME} is of something else")))?;
    if version > u64::from(VERSION) {
        let found = u32::try_from(version).unwrap_or(u32::MAX);
        return Err(BackupError::Newer { path: path.to_owned(), found });
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|error| none(error.to_string()))?;
    let mut names = BTreeSet::new();
    if let Some(odd) = manifest.files.iter().find(|file| !file.is_plain() || !names.insert(file.name.as_str())) {
        return Err(none(format!("it names {}", odd.name.chars().take(80).collect::<String>())));
    }
    if !names.contains(LOG) {
        return Err(none("it has no log".to_owned()));
    }
    Ok(manifest)
}

/// Writes a file of the backup, onto the disk; within, what is wrong with it.
fn file(mut part: impl Read, entry: &FileEntry, to: &PathBuf) -> Result<Result<(), String>, BackupError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(io(to, "written"))?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match part.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => &buffer[..read],
            Err(error) => return Ok(Err(format!("cannot be unpacked ({error})"))),
        };
        bytes += read.len() as u64;
        if bytes > entry.bytes {
            break;
        }
        hash.update(read);
        file.write_all(read).map_err(io(to, "written"))?;
    }
    file.sync_all().map_err(io(to, "written"))?;
    if bytes != entry.bytes {
        return Ok(Err(format!("does not have the {} bytes that it had", entry.bytes)));
    }
    if hex::encode(hash.finalize()) != entry.sha256 {
        return Ok(Err("is not what was kept: its SHA-256 is another".to_owned()));
    }
    Ok(Ok(()))
}
