//! Owns what happens to a log that is damaged: it is noticed at start, read as far as it can be, and kept aside.
//! Must not know who starts, nor who is told.

mod image;
mod record;
mod report;
mod scan;
mod take;

pub use report::{Damage, damages};

use super::copy::check;
use super::error::{LogError, OPENED};
use super::sqlite::SqliteLog;
use crate::files::{folder_of, sync_folder};
use image::{Image, journal_of};
use report::Stamp;
use std::path::{Path, PathBuf};
use take::take;

impl SqliteLog {
    /// Opens the log as [`SqliteLog::open`]; one that is damaged is first set aside, and what can be read of it is in the
    /// log that is opened. Reads the whole file. Blocks on the disk.
    ///
    /// # Errors
    /// As [`SqliteLog::open`], and where what can be read cannot be written (disk full): the damaged file stays as it is.
    pub fn open_or_rescue(path: &Path) -> Result<(Self, Option<Damage>), LogError> {
        let damage = match rescued(path)? {
            // An earlier start had read it, and ended before it was in its place.
            Some(stamp) => Some(put_in_place(path, &stamp)?),
            None => set_aside(path)?,
        };
        Ok((Self::open(path)?, damage))
    }
}

/// What could be read of a damaged log, complete and on its way to the log's place.
fn rescued_path(path: &Path, stamp: &Stamp) -> PathBuf {
    path.with_extension(format!("rescued-{stamp}.sqlite"))
}

/// The damaged log's own new name.
fn aside_path(path: &Path, stamp: &Stamp) -> PathBuf {
    path.with_extension(format!("damaged-{stamp}.sqlite"))
}

fn rescued(path: &Path) -> Result<Option<Stamp>, LogError> {
    let found = report::stamps(path, "rescued-", ".sqlite").map_err(|error| LogError::io(path, OPENED, &error))?;
    Ok(found.into_iter().next())
}

/// Looks whether a log is damaged; what can be read of it is in its place then.
fn set_aside(path: &Path) -> Result<Option<Damage>, LogError> {
    let Some(what) = damage_of(path)? else { return Ok(None) };
    let failed = |error: std::io::Error| LogError::io(path, "be set aside", &error);
    let stamp = Stamp::now(path);
    let part = path.with_extension("rescued-part");
    if part.exists() {
        std::fs::remove_file(&part).map_err(failed)?;
    }
    let image = Image::open(path).map_err(failed)?;
    let aside = aside_path(path, &stamp);
    let name = aside.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let taken = take(&image, &part, &name)?;
    let damage = Damage { file: name, at_unix_ms: stamp.unix_ms, what, taken };
    damage.write(path, &stamp).map_err(failed)?;
    // From here on whoever starts goes on with it.
    std::fs::rename(&part, rescued_path(path, &stamp)).and_then(|()| sync_folder(folder_of(path))).map_err(failed)?;
    put_in_place(path, &stamp).map(Some)
}

/// What is wrong with a log, where something is.
fn damage_of(path: &Path) -> Result<Option<String>, LogError> {
    let bytes = match std::fs::metadata(path) {
        Ok(file) => file.len(),
        // The first start, or somebody has moved it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io(path, OPENED, &error)),
    };
    if bytes == 0 {
        // An agent that died at its first start leaves an empty file; SQLite would take any for a new log.
        let has = |of: &Path| std::fs::metadata(of).is_ok_and(|file| file.len() > 0);
        let blobs = path.with_file_name("blobs");
        let has_blobs = std::fs::read_dir(blobs).is_ok_and(|mut files| files.next().is_some());
        return Ok((has(&journal_of(path)) || has_blobs).then(|| "the file is empty, and runs were stored".to_owned()));
    }
    check(path)
}

/// Gives the damaged file its other name and puts what was read of it into its place. Whatever it is interrupted at, it can
/// be done again.
fn put_in_place(path: &Path, stamp: &Stamp) -> Result<Damage, LogError> {
    let folder = folder_of(path);
    let failed = |error: std::io::Error| LogError::io(path, "be set aside", &error);
    let (aside, journal) = (aside_path(path, stamp), journal_of(path));
    for (from, to) in [(path, &aside), (&journal, &journal_of(&aside))] {
        if from.exists() && !to.exists() {
            // Not all file systems have links; a copy is as good, only larger.
            std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(|_| ())).map_err(failed)?;
        }
    }
    sync_folder(folder).map_err(failed)?;
    // The journal belongs to the damaged file: beside another one it would be written over that.
    for beside in [journal, path.with_extension("sqlite-shm")] {
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    let placed = sync_folder(folder).and_then(|()| std::fs::rename(rescued_path(path, stamp), path));
    placed.and_then(|()| sync_folder(folder)).map_err(failed)?;
    Damage::read(path, stamp).map_err(failed)
}
