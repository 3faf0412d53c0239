//! Owns the data directory: one agent at a time, by a lock that the kernel drops when the agent dies.
//! Must not know what is kept in it.

use super::error::LogError;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The data directory, held by this process until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataDir {
    /// Makes the directory where it is missing (for its owner only) and takes its lock.
    ///
    /// # Errors
    /// [`LogError::Locked`] with the other agent's process where it holds the lock; [`LogError::Storage`] where the
    /// directory cannot be made or written.
    pub fn lock(path: &Path) -> Result<Self, LogError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|e| LogError::io(path, "be given a directory", &e))?;
        let name = path.join("agent.lock");
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&name);
        let file = opened.map_err(|e| LogError::io(&name, "be locked", &e))?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((file, nix::errno::Errno::EWOULDBLOCK)) => {
                return Err(LogError::Locked { path: path.to_owned(), pid: pid_in(file) });
            }
            Err((_, errno)) => return Err(LogError::io(&name, "be locked", &errno.into())),
        };
        let noted = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        noted.map_err(|e| LogError::io(&name, "be locked", &e))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The event log's file.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        Self::log_in(&self.path)
    }

    /// The directory of the blobs.
    #[must_use]
    pub fn blob_dir(&self) -> PathBuf {
        Self::blobs_in(&self.path)
    }

    /// The event log's file in a data directory, whoever holds it.
    #[must_use]
    pub fn log_in(path: &Path) -> PathBuf {
        path.join("log.sqlite")
    }

    /// The directory of the blobs in a data directory, whoever holds it.
    #[must_use]
    pub fn blobs_in(path: &Path) -> PathBuf {
        path.join("blobs")
    }
}

fn pid_in(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
