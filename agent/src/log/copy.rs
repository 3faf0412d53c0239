//! Owns copies of the log's file as of one moment, beside whoever writes it; its check; and the records that its events name.
//! Must not know where copies go.

use super::error::LogError;
use super::schema::{self, FORMAT};
use super::{codec, sum};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use shared::event::Body;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// How long a copy waits for whoever holds the log.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a log that is there, and leaves its files as they are.
fn open(log: &Path) -> Result<Connection, rusqlite::Error> {
    let conn = Connection::open_with_flags(log, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(PATIENCE)?;
    // Where it is damaged, what is still in its journal must not be written over the rest.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(conn)
}

/// Writes the log as of now to a file that is not there yet, and onto the disk. Whoever appends meanwhile goes on.
///
/// # Errors
/// A sentence where the log is damaged, of a later version or held, or the copy cannot be written.
pub fn copy(log: &Path, to: &Path) -> Result<(), LogError> {
    let failed = |error: rusqlite::Error| LogError::of(log, "be copied", &error);
    let conn = open(log).map_err(failed)?;
    schema::known(&conn, log)?;
    write(&conn, to).map_err(failed)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| LogError::io(to, "be written", &error))
}

/// Writes what a connection sees to a file that is not there yet.
pub(super) fn write(conn: &Connection, to: &Path) -> Result<(), rusqlite::Error> {
    let to = to.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(to.to_owned()))?;
    conn.execute("VACUUM INTO ?1", [to])?;
    Ok(())
}

/// What is wrong with a log's file, as the end of a sentence; nothing where all of it can be read and says what was written.
/// Reads the whole file. Blocks on the disk.
///
/// # Errors
/// Where that cannot be found out: the log is of a later version, held, or the disk refuses.
pub fn check(log: &Path) -> Result<Option<String>, LogError> {
    match look(log) {
        Ok(said) => Ok(said),
        Err(Trouble::Log(error)) => Err(error),
        Err(Trouble::Sqlite(error)) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(Some(error.to_string())),
            _ => Err(LogError::of(log, "be checked", &error)),
        },
    }
}

/// Why a log could not be looked at.
enum Trouble {
    Sqlite(rusqlite::Error),
    Log(LogError),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn look(log: &Path) -> Result<Option<String>, Trouble> {
    let conn = open(log)?;
    let found = schema::format(&conn)?;
    if found > FORMAT {
        return Err(Trouble::Log(LogError::Newer { path: log.to_owned(), found, known: FORMAT }));
    }
    let said: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Ok(Some(said));
    }
    // Sums came with the second format; before, SQLite's own look is all that there is.
    if found < 2 {
        return Ok(None);
    }
    let wrong = sum::first_wrong(&conn)?;
    Ok(wrong.map(|(stream, seq)| format!("event {seq} of {stream} is not what was written")))
}

/// Names of the files of records that the events of a log name, in order.
///
/// # Errors
/// Where the log cannot be read.
pub fn named_blobs(log: &Path) -> Result<BTreeSet<String>, LogError> {
    let read = || {
        let conn = open(log)?;
        let mut statement = conn.prepare("SELECT body FROM events WHERE kind = ?1")?;
        let mut rows = statement.query([codec::TRIAL_DONE])?;
        let mut names = BTreeSet::new();
        while let Some(row) = rows.next()? {
            if let Body::TrialDone { blob: Some(name), .. } = codec::decode(row.get_ref(0)?.as_bytes()?) {
                names.insert(name);
            }
        }
        Ok(names)
    };
    read().map_err(|error| LogError::of(log, "be read", &error))
}
