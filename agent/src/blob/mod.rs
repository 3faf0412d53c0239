//! Owns bulk token timelines: compressed frames on disk, named by events.
//! Must not know the event log.

mod disk;
mod read;
mod write;

pub use read::Records;
pub use write::BlobWriter;

use crate::files::sync_folder;
use crate::record::RequestRecord;
use shared::ids::{RequestId, RunId, TrialIndex};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Ending of every blob's name: MessagePack in zstd frames, readable with `zstd -d`.
const ENDING: &str = ".rmp.zst";
/// Attempts at one trial.
const MAX_ATTEMPTS: u32 = 10_000;

/// Why a blob could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk has no room.
    #[error("The disk that holds the request records is full: {} could not grow. Free space on that disk.",
        path.display())]
    Full {
        /// The blob's file.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("The request records {} could not be {doing}: {source}. Check the disk and its permissions.",
        path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried: "written", "read".
        doing: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not a name that this store gives.
    #[error("\"{0}\" is not the name of a file of request records.")]
    Name(String),
    /// No such file.
    #[error("The request records {0} are not on this host's disk.")]
    Missing(String),
    /// Bytes in the middle that are not what was written.
    #[error("The request records {} are damaged at byte {at} ({detail}); what comes before is intact.",
        path.display())]
    Damaged {
        /// The blob's file.
        path: PathBuf,
        /// Where the frame begins, bytes from the start.
        at: u64,
        /// What the decoder says.
        detail: String,
    },
    /// A record could not be encoded.
    #[error("A request record could not be encoded: {0}.")]
    Encode(String),
    /// Every name is taken.
    #[error("Trial {trial} of run {run} was begun {MAX_ATTEMPTS} times; no further file of request records was made.")]
    Attempts {
        /// The run.
        run: RunId,
        /// The trial.
        trial: TrialIndex,
    },
}

impl BlobError {
    /// The bytes of a blob that was opened could not be read to their end.
    pub(crate) fn unread(name: &str, source: std::io::Error) -> Self {
        Self::io(Path::new(name), "read", source)
    }

    fn io(path: &Path, doing: &'static str, source: std::io::Error) -> Self {
        if source.kind() == ErrorKind::StorageFull {
            return Self::Full { path: path.to_owned() };
        }
        Self::Io { path: path.to_owned(), doing, source }
    }
}

/// The directory of the blobs.
#[derive(Clone, Debug)]
pub struct BlobStore {
    dir: PathBuf,
}

impl BlobStore {
    /// Opens the directory, making it (for its owner only) where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let dir = dir.into();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|e| BlobError::io(&dir, "given a directory", e))?;
        Ok(Self { dir })
    }

    /// Begins the blob of one attempt at a trial. A file that is there is never touched: the attempt's number grows.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(&self, run: &RunId, trial: TrialIndex) -> Result<BlobWriter, BlobError> {
        for attempt in 0..MAX_ATTEMPTS {
            let name = format!("{run}-t{trial}-a{attempt}{ENDING}");
            let path = self.dir.join(&name);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok(BlobWriter::new(name, path, file)),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(BlobError::io(&path, "written", e)),
            }
        }
        Err(BlobError::Attempts { run: run.clone(), trial })
    }

    /// The records of a blob in the order in which they were written. A torn tail ends the list, see
    /// [`Records::is_cut`]. Blocks on the disk.
    ///
    /// # Errors
    /// A name that is none, a file that is not there or cannot be read.
    pub fn read(&self, name: &str) -> Result<Records, BlobError> {
        Ok(Records::new(self.path_of(name)?, self.open_file(name)?))
    }

    /// The bytes of a blob as they are on the disk.
    ///
    /// # Errors
    /// A name that is none, a file that is not there or cannot be read.
    pub fn open_file(&self, name: &str) -> Result<File, BlobError> {
        let path = self.path_of(name)?;
        match File::open(&path) {
            Ok(file) => Ok(file),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(BlobError::Missing(name.to_owned())),
            Err(e) => Err(BlobError::io(&path, "read", e)),
        }
    }

    /// Puts a blob of a run here that was written elsewhere, on the disk once this returns. Blocks on the disk. A file of
    /// that name is never touched.
    ///
    /// # Errors
    /// A name that is none or another run's, a file that is there, or a failure of the disk; nothing is left behind then.
    pub fn put(&self, run: &RunId, name: &str, mut bytes: impl Read) -> Result<(), BlobError> {
        let path = self.path_of(name)?;
        if !name.strip_prefix(run.as_str()).is_some_and(|rest| rest.starts_with('-')) {
            return Err(BlobError::Name(name.to_owned()));
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.dir).map_err(|e| BlobError::io(&path, "written", e))?;
        let written = std::io::copy(&mut bytes, &mut file).and_then(|_| file.as_file().sync_all());
        written.map_err(|e| BlobError::io(&path, "written", e))?;
        file.persist_noclobber(&path).map_err(|e| BlobError::io(&path, "written", e.error))?;
        sync_folder(&self.dir).map_err(|e| BlobError::io(&self.dir, "written", e))
    }

    /// Takes a blob away that was put here for a run that was not taken in after all.
    pub fn take_back(&self, name: &str) {
        if let Ok(path) = self.path_of(name) {
            std::fs::remove_file(path).ok();
        }
    }

    /// A file without a name beside the blobs, for what is on its way out: it is gone with its last handle.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn spool(&self) -> Result<File, BlobError> {
        tempfile::tempfile_in(&self.dir).map_err(|e| BlobError::io(&self.dir, "given a file", e))
    }

    fn path_of(&self, name: &str) -> Result<PathBuf, BlobError> {
        let stem = name.strip_suffix(ENDING).filter(|s| s.len() <= 64 && s.starts_with('r'));
        if !stem.is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'-')) {
            return Err(BlobError::Name(name.chars().take(80).collect()));
        }
        Ok(self.dir.join(name))
    }

    /// The record of one request. Blocks on the disk: reads the blob up to it.
    ///
    /// # Errors
    /// As [`BlobStore::read`], and damage before the record.
    pub fn find(&self, name: &str, id: RequestId) -> Result<Option<RequestRecord>, BlobError> {
        self.read(name)?.find(|record| record.as_ref().map_or(true, |r| r.id == id)).transpose()
    }
}

#[cfg(test)]
mod tests;
