//! Owns backups of a data directory: its log as of one moment and the records that its events name, each with its hash, in
//! one file; and the way back.
//! Must not know what events and records mean.

mod manifest;
mod restore;
mod write;

pub use manifest::{FileEntry, Manifest};
pub use restore::{Restored, restore};
pub use write::{Written, write};

use crate::blob::BlobError;
use crate::log::LogError;
use std::io::Error;
use std::path::{Path, PathBuf};

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to keep.
    #[error("There is no log in {}: name the data directory of an agent with --data.", .0.display())]
    NoLog(PathBuf),
    /// A file of that name is there.
    #[error("{} is there already, and no backup takes the place of another: name another file.", .0.display())]
    Taken(PathBuf),
    /// What is there must not be mixed with what comes.
    #[error("{} is not empty: a backup is restored into a folder of its own. Name another with --data.", .0.display())]
    NotEmpty(PathBuf),
    /// Another file, or a part of one.
    #[error("{} is no backup of Tokenprism ({why}): name the file that tokenprism backup wrote.", path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It was written by a later version.
    #[error("{} is a backup of a later version (format {found}): restore it with that version.", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A part is not what it was.
    #[error(
        "The backup {} is damaged: {part} {why}{}. Nothing was restored; another copy of it may be whole.",
        path.display(),
        if *after == 0 { String::new() } else { format!(", and {after} further parts come after it") }
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part's name.
        part: String,
        /// What is wrong with it, as the end of a sentence.
        why: String,
        /// Parts that come after it, which were not looked at.
        after: usize,
    },
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Records.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The file system.
    #[error("{} could not be {doing}: {source}. Check that the disk has room and may be written.", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried: "written", "read".
        doing: &'static str,
        /// What the system says.
        source: Error,
    },
}

/// Names a failure of the file system.
fn io<'a>(path: &'a Path, doing: &'static str) -> impl FnOnce(Error) -> BackupError + 'a {
    move |source| BackupError::Io { path: path.to_owned(), doing, source }
}
