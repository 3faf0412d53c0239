//! Owns what can go wrong with the log, as sentences.
//! Must not know who reads them.

use rusqlite::ErrorCode;
use shared::history::MAX_TAGS;
use shared::ids::{RunId, ScheduleId, ShareId, StudyId, TokenId};
use shared::people::Side;
use std::path::{Path, PathBuf};

/// Why the log could not do something. Cheap to clone: a group of appends shares one failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The storage has no room.
    #[error(
        "The disk that holds the log is full: {} could not grow, and these events were not stored. Free space on that \
         disk; everything that was stored before is safe.", path.display()
    )]
    Full {
        /// The log's file.
        path: PathBuf,
    },
    /// The file is not a log any more.
    #[error(
        "The log {} is damaged ({detail}). tokenprism serve keeps it aside and goes on with what can be read of it; \
         a backup may have more.",
        path.display()
    )]
    Corrupt {
        /// The log's file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Somebody else has the log.
    #[error("Another agent{} uses the data directory {}. Stop it, or give this one another directory.",
        pid.map_or(String::new(), |pid| format!(" (process {pid})")), path.display())]
    Locked {
        /// The data directory or the log's file.
        path: PathBuf,
        /// The other agent's process, where it left its number.
        pid: Option<u32>,
    },
    /// Somebody else holds the log, and it is no agent.
    #[error(
        "Another program holds the log {} and lets nothing be stored: end it. tokenprism backup copies a log without \
         holding it.", path.display()
    )]
    Held {
        /// The log's file.
        path: PathBuf,
    },
    /// The log was written by a later version.
    #[error(
        "The log {} was written by a later version of Tokenprism (format {found}, this one knows {known}). Use that \
         version, or another data directory.", path.display()
    )]
    Newer {
        /// The log's file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format of this version.
        known: i64,
    },
    /// Any other failure of the storage.
    #[error("The log {} could not {doing}: {detail}. Check that the disk and its permissions are in order.",
        path.display())]
    Storage {
        /// The file or directory.
        path: PathBuf,
        /// What was tried: "be opened", "store events".
        doing: &'static str,
        /// What the system says.
        detail: String,
    },
    /// A body could not be encoded.
    #[error("An event could not be encoded and was not stored: {detail}.")]
    Encode {
        /// What the encoder says.
        detail: String,
    },
    /// A body beyond the limit.
    #[error("An event of kind {kind} has {bytes} bytes, more than the {limit} that the log takes; it was not stored.")]
    TooLarge {
        /// Its kind.
        kind: &'static str,
        /// Its size, bytes.
        bytes: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// No such run.
    #[error("There is no run {0} in this log.")]
    NoSuchRun(RunId),
    /// No such study.
    #[error("There is no study {0} in this log.")]
    NoSuchStudy(StudyId),
    /// No such token.
    #[error("There is no token {0}: it may have been revoked already.")]
    NoSuchToken(TokenId),
    /// No such share.
    #[error("There is no share {0}: it may have been revoked already.")]
    NoSuchShare(ShareId),
    /// No such schedule.
    #[error("There is no schedule {0}: it may have been taken away already.")]
    NoSuchSchedule(ScheduleId),
    /// What is to come back is not in the bin.
    #[error("{0} is not in the bin: it was not deleted, or it is gone for good.")]
    NotInBin(Side),
    /// More tags than there may be.
    #[error("{0} would have more than {MAX_TAGS} tags: take some off first.")]
    TooManyTags(Side),
    /// The run was deleted.
    #[error("The run {0} was deleted.")]
    Deleted(RunId),
    /// A run of this id is there.
    #[error("There is a run {0} in this log already.")]
    Taken(RunId),
    /// Events that are no run.
    #[error("The run {run} was not taken: {why}.")]
    NotTaken {
        /// The run.
        run: RunId,
        /// Why, as the end of a sentence.
        why: String,
    },
    /// Only ended runs can be deleted.
    #[error("The run {0} has not ended: cancel it before deleting it.")]
    NotFinal(RunId),
    /// The log's thread is gone.
    #[error("The log is closed: the agent is stopping.")]
    Closed,
}

/// `SQLITE_IOERR_SHMSIZE`: the index beside the log could not grow, which is a full disk too.
const IOERR_SHMSIZE: i32 = 4874;

/// What is being done to a log at its start.
pub(super) const OPENED: &str = "be opened";

impl LogError {
    /// The error that SQLite's one means for whoever reads it.
    pub(super) fn of(path: &Path, doing: &'static str, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let detail = error.to_string();
        let Some(code) = error.sqlite_error() else { return Self::Storage { path, doing, detail } };
        match code.code {
            _ if code.extended_code == IOERR_SHMSIZE => Self::Full { path },
            ErrorCode::DiskFull => Self::Full { path },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt { path, detail },
            // An agent has the whole data directory, so nobody else's log is found held later.
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked if doing != OPENED => Self::Held { path },
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked { path, pid: None },
            _ => Self::Storage { path, doing, detail },
        }
    }

    /// An error of the file system.
    pub(super) fn io(path: &Path, doing: &'static str, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full { path: path.to_owned() };
        }
        Self::Storage { path: path.to_owned(), doing, detail: error.to_string() }
    }
}
