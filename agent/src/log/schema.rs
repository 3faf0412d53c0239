//! Owns the tables, the settings of a connection, and the rebuilding of projections.
//! Must not know threads.

use super::error::{LogError, OPENED};
use super::{copy, found, project, sum};
use crate::files::{folder_of, sync_folder};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Format of the tables; a greater one was written by a later version.
pub(super) const FORMAT: i64 = 1 + STEPS.len() as i64;
/// What leads from each format to the next, from the first on.
const STEPS: [Step; 1] = [to_sums];
type Step = fn(&Connection) -> Result<(), rusqlite::Error>;
/// The stream of the agent's own events, such as tombstones.
pub(super) const AGENT_STREAM: &str = "agent";
/// Key of the reducer's version in `meta`.
const REDUCER: &str = "reducer";

/// The tables of the first format.
const TABLES: &str = "
    CREATE TABLE events(
        stream TEXT NOT NULL, seq INTEGER NOT NULL, t_ns INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY(stream, seq)) STRICT, WITHOUT ROWID;
    CREATE TABLE runs(run TEXT PRIMARY KEY, final INTEGER NOT NULL, row BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE tombstones(run TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE snapshots(run TEXT PRIMARY KEY, seq INTEGER NOT NULL, view BLOB NOT NULL) STRICT;
    CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// Tables that came after the first format: studies and their runs, the files that runs were imported from, by their hash,
/// tokens and when they were used, shares, what people did, what they put on runs and studies, the bin, settings, schedules, and
/// how the queue was left.
/// An earlier version passes them over, and a later start fills them.
const MORE_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS studies(
        study TEXT PRIMARY KEY, created_unix_ms INTEGER NOT NULL, plan BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS study_runs(study TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY(study, run)) STRICT,
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sources(
        sha256 TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY(sha256, run)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS tokens(token TEXT PRIMARY KEY, kept BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS token_uses(token TEXT PRIMARY KEY, used_unix_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS shares(share TEXT PRIMARY KEY, kept BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS marks(item TEXT PRIMARY KEY, kept BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS bin(
        item TEXT PRIMARY KEY, deleted_unix_ms INTEGER NOT NULL, kept BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS settings(key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS audit(seq INTEGER PRIMARY KEY, row BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS schedules(schedule TEXT PRIMARY KEY, kept BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS queue(only INTEGER PRIMARY KEY CHECK(only = 0), arrangement BLOB NOT NULL) STRICT;
";

/// Opens the log for writing, makes the tables where they are missing, and rebuilds the projections where
/// `reducer` is not the version that made them.
pub(super) fn open_writer(path: &Path, reducer: u32) -> Result<Connection, LogError> {
    let failed = |e: rusqlite::Error| LogError::of(path, OPENED, &e);
    let mut conn = Connection::open(path).map_err(failed)?;
    conn.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
    // FULL: a commit is on the disk, not in its cache, before anybody sees the event.
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;")
        .map_err(failed)?;
    let found = known(&conn, path)?;
    if (1..FORMAT).contains(&found) {
        let kept = keep(&conn, path, found)?;
        let kept = kept.display();
        tracing::warn!("the log goes from format {found} to {FORMAT}; as it was, it is kept in {kept}");
    }
    prepare(&mut conn, found, reducer).map_err(failed)?;
    Ok(conn)
}

/// Format of the tables of a log; 0 for one that has none yet.
pub(super) fn format(conn: &Connection) -> Result<i64, rusqlite::Error> {
    conn.query_row("PRAGMA user_version", [], |r| r.get(0))
}

/// The format of a log that this version can read.
///
/// # Errors
/// [`LogError::Newer`], or where the file cannot be read.
pub(super) fn known(conn: &Connection, path: &Path) -> Result<i64, LogError> {
    let found = format(conn).map_err(|error| LogError::of(path, OPENED, &error))?;
    if found > FORMAT {
        return Err(LogError::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    Ok(found)
}

/// Keeps a log as it is beside it, before its format changes; never in place of an earlier one.
fn keep(conn: &Connection, path: &Path, format: i64) -> Result<PathBuf, LogError> {
    let named = |n: u32| match n {
        1 => path.with_extension(format!("format-{format}.sqlite")),
        n => path.with_extension(format!("format-{format}-{n}.sqlite")),
    };
    let kept = (1..).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1));
    // Under its name only once it is whole and on the disk.
    let part = kept.with_extension("part");
    let failed = |error: std::io::Error| LogError::io(&kept, "be written", &error);
    if part.exists() {
        std::fs::remove_file(&part).map_err(failed)?;
    }
    copy::write(conn, &part).map_err(|error| LogError::of(&part, "be written", &error))?;
    let synced = std::fs::File::open(&part).and_then(|file| file.sync_all());
    synced.and_then(|()| std::fs::rename(&part, &kept)).and_then(|()| sync_folder(folder_of(&kept))).map_err(failed)?;
    Ok(kept)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LogError> {
    let failed = |e: rusqlite::Error| LogError::of(path, OPENED, &e);
    let conn = Connection::open(path).map_err(failed)?;
    conn.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
    conn.execute_batch("PRAGMA query_only = ON;").map_err(failed)?;
    Ok(conn)
}

/// Each event has a sum beside it, by which a byte that changed on the disk is noticed.
fn to_sums(conn: &Connection) -> Result<(), rusqlite::Error> {
    conn.execute_batch("ALTER TABLE events ADD COLUMN sum INTEGER")?;
    sum::add(conn)
}

/// Brings the tables of a log that had the format `found` to what this version has, in one transaction.
pub(super) fn prepare(conn: &mut Connection, found: i64, reducer: u32) -> Result<(), rusqlite::Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if found == 0 {
        tx.execute_batch(TABLES)?;
    }
    if found < FORMAT {
        for step in STEPS.iter().skip(usize::try_from(found.max(1) - 1).unwrap_or(0)) {
            step(&tx)?;
        }
        tx.pragma_update(None, "user_version", FORMAT)?;
    }
    tx.execute_batch(MORE_TABLES)?;
    tx.execute_batch(found::TABLES)?;
    let built: Option<u32> =
        tx.query_row("SELECT value FROM meta WHERE key = ?1", [REDUCER], |r| r.get(0)).optional()?;
    if built != Some(reducer) {
        project::rebuild(&tx)?;
        tx.execute("INSERT OR REPLACE INTO meta(key, value) VALUES (?1, ?2)", params![REDUCER, reducer])?;
    }
    tx.commit()
}
