//! Owns the tables, the settings of a connection, and the rebuilding of projections.
//! Must not know threads.

use super::error::LogError;
use super::{found, project};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// Format of the tables; a greater one was written by a later version.
const FORMAT: i64 = 1;
/// The stream of the agent's own events, such as tombstones.
pub(super) const AGENT_STREAM: &str = "agent";
/// Key of the reducer's version in `meta`.
const REDUCER: &str = "reducer";

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
/// tokens and when they were used, shares, what people did, what they put on runs and studies, the bin, and settings.
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
";

/// Opens the log for writing, makes the tables where they are missing, and rebuilds the projections where
/// `reducer` is not the version that made them.
pub(super) fn open_writer(path: &Path, reducer: u32) -> Result<Connection, LogError> {
    let failed = |e: rusqlite::Error| LogError::of(path, "be opened", &e);
    let mut conn = Connection::open(path).map_err(failed)?;
    conn.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
    // FULL: a commit is on the disk, not in its cache, before anybody sees the event.
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;")
        .map_err(failed)?;
    let found: i64 = conn.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(failed)?;
    if found > FORMAT {
        return Err(LogError::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    prepare(&mut conn, found, reducer).map_err(failed)?;
    Ok(conn)
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LogError> {
    let failed = |e: rusqlite::Error| LogError::of(path, "be opened", &e);
    let conn = Connection::open(path).map_err(failed)?;
    conn.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
    conn.execute_batch("PRAGMA query_only = ON;").map_err(failed)?;
    Ok(conn)
}

fn prepare(conn: &mut Connection, found: i64, reducer: u32) -> Result<(), rusqlite::Error> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if found == 0 {
        tx.execute_batch(TABLES)?;
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
