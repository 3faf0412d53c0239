//! Owns what happens to a log of an older format: it is kept as it was, and goes on in the format of this version.
//! Must not know more of the older format than its tables, which a test makes here.

use crate::events::{created, run, state};
use rusqlite::{Connection, params};
use shared::event::{Body, RunState};
use std::path::{Path, PathBuf};
use tokenprism::log::{LogError, SqliteLog, check};

/// The tables of the first format.
const FIRST: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE events(
        stream TEXT NOT NULL, seq INTEGER NOT NULL, t_ns INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY(stream, seq)) STRICT, WITHOUT ROWID;
    CREATE TABLE runs(run TEXT PRIMARY KEY, final INTEGER NOT NULL, row BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE tombstones(run TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE snapshots(run TEXT PRIMARY KEY, seq INTEGER NOT NULL, view BLOB NOT NULL) STRICT;
    CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// A log as the first format had it, with a run of so many events.
fn first_format(path: &Path, events: u64) -> Vec<Vec<u8>> {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(FIRST).unwrap();
    let line = |n| Body::EngineLog { lines: vec![format!("line {n}")] };
    let bodies = std::iter::once(created(&run(1))).chain((2..events).map(line)).chain([state(RunState::Done)]);
    let bodies: Vec<Vec<u8>> = bodies.map(|body| rmp_serde::to_vec_named(&body).unwrap()).collect();
    let sql = "INSERT INTO events(stream, seq, t_ns, kind, body) VALUES (?1, ?2, ?3, 'old', ?4)";
    conn.execute_batch("BEGIN").unwrap();
    for (seq, body) in (1i64..).zip(&bodies) {
        conn.execute(sql, params![run(1).as_str(), seq, seq * 10, body]).unwrap();
    }
    conn.execute_batch("COMMIT").unwrap();
    bodies
}

fn rows(path: &Path) -> Vec<(i64, Vec<u8>)> {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn.prepare("SELECT t_ns, body FROM events ORDER BY stream, seq").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

fn kept(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.to_str().unwrap().contains(".format-"));
    names.sort();
    names
}

#[tokio::test]
async fn an_older_log_is_kept_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    // More rows than are read at a time.
    let bodies = first_format(&path, 2_500);
    let before = rows(&path);

    let log = SqliteLog::open(&path).unwrap();
    assert_eq!(log.rows(9, None).await.unwrap()[0].state, RunState::Done);
    let events = log.stored(&run(1), 0).await.unwrap();
    assert_eq!(events.iter().map(|event| &event.body).collect::<Vec<_>>(), bodies.iter().collect::<Vec<_>>());
    log.append(&run(2), vec![(0, created(&run(2)))]).await.unwrap();
    drop(log);
    // Every event has its sum, old and new.
    assert_eq!(check(&path).unwrap(), None);
    let conn = Connection::open(&path).unwrap();
    let without: i64 = conn.query_row("SELECT count(*) FROM events WHERE sum IS NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(without, 0);

    let names = kept(dir.path());
    assert_eq!(names, [dir.path().join("log.format-1.sqlite")]);
    assert_eq!(rows(&names[0]), before);
    let format: i64 =
        Connection::open(&names[0]).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(format, 1);
    // A log of this format is not kept again.
    drop(SqliteLog::open(&path).unwrap());
    assert_eq!(kept(dir.path()).len(), 1);
}

#[tokio::test]
async fn no_kept_log_takes_the_place_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    for events in [3, 5] {
        first_format(&path, events);
        drop(SqliteLog::open(&path).unwrap());
        for name in ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"] {
            // The threads of a log that was dropped may still be closing it.
            drop(std::fs::remove_file(dir.path().join(name)));
        }
    }
    let names = kept(dir.path());
    assert_eq!(names.iter().map(|name| rows(name).len()).collect::<Vec<_>>(), [5, 3], "{names:?}");
}

#[test]
fn where_it_cannot_be_kept_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.sqlite");
    first_format(&path, 9);
    let before = rows(&path);
    // A folder stands where the copy would be written.
    std::fs::create_dir(dir.path().join("log.format-1.part")).unwrap();
    let error = SqliteLog::open(&path).unwrap_err();
    assert!(matches!(error, LogError::Storage { .. }), "{error}");
    assert_eq!(rows(&path), before);
    let format: i64 = Connection::open(&path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(format, 1);
    std::fs::remove_dir(dir.path().join("log.format-1.part")).unwrap();
    drop(SqliteLog::open(&path).unwrap());
}
