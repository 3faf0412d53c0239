//! Owns the tests of the event log as its users see it: durability, projections, failures.
//! Must not know its inside, except the tables that it breaks on purpose.

use crate::events::{created, run, state};
use shared::event::{Body, Event, RunState};
use shared::view::RunView;
use std::path::Path;
use tokenprism::log::{Committed, DataDir, EventLog, LogError, REDUCER_VERSION, SqliteLog};

fn line(text: &str) -> Body {
    Body::EngineLog { lines: vec![text.to_owned()] }
}

fn fold(events: &[Event]) -> RunView {
    events.iter().fold(RunView::default(), |mut view, event| {
        view.apply(event);
        view
    })
}

async fn seeded(path: &Path, runs: u32, last: RunState) -> SqliteLog {
    let log = SqliteLog::open(path).unwrap();
    for n in 0..runs {
        log.append(&run(n), vec![(0, created(&run(n))), (7, state(last))]).await.unwrap();
    }
    log
}

/// Works for any log: what an event log is.
async fn numbers_and_returns<L: EventLog>(log: L) {
    let mut heard = log.subscribe();
    let first = log.append(&run(1), vec![(0, created(&run(1))), (4, line("a"))]).await.unwrap();
    let second = log.append(&run(1), vec![(9, line("b"))]).await.unwrap();
    assert_eq!(
        first.iter().chain(second.iter()).map(|e| (e.seq, e.t_ns)).collect::<Vec<_>>(),
        [(1, 0), (2, 4), (3, 9)]
    );
    assert_eq!(log.read_from(&run(1), 1, 10).await.unwrap(), [first[1].clone(), second[0].clone()]);
    assert_eq!(log.read_from(&run(1), 0, 1).await.unwrap(), [first[0].clone()]);
    assert_eq!(log.read_from(&run(2), 0, 10).await.unwrap(), []);
    let mut seqs = Vec::new();
    while let Ok(committed) = heard.try_recv() {
        if let Committed::Events { events, .. } = committed {
            seqs.extend(events.iter().map(|e| e.seq));
        }
    }
    assert_eq!(seqs, [1, 2, 3]);
}

#[tokio::test]
async fn events_are_numbered_stored_and_broadcast() {
    let dir = tempfile::tempdir().unwrap();
    numbers_and_returns(SqliteLog::open(&dir.path().join("l")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_from_many_tasks_leave_no_hole_and_no_double() {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("l")).unwrap();
    let tasks: Vec<_> = (0..8u64)
        .map(|task| {
            let log = log.clone();
            tokio::spawn(async move {
                for i in 0..10 {
                    log.append(&run(0), vec![(i, line(&format!("{task}")))]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let events = log.read_from(&run(0), 0, 1000).await.unwrap();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
    assert_eq!(*log.view(&run(0)).await.unwrap().unwrap(), fold(&events));
}

#[tokio::test]
async fn rows_come_newest_first_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let log = seeded(&dir.path().join("l"), 3, RunState::Done).await;
    let ids = |rows: Vec<shared::wire::RunRow>| rows.into_iter().map(|r| r.run).collect::<Vec<_>>();
    assert_eq!(ids(log.rows(2, None).await.unwrap()), [run(2), run(1)]);
    assert_eq!(ids(log.rows(2, Some(run(1))).await.unwrap()), [run(0)]);
    assert_eq!(log.rows(1, None).await.unwrap()[0].state, RunState::Done);
}

#[tokio::test]
async fn a_reopened_log_has_everything_and_names_the_unfinished_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    let log = seeded(&path, 2, RunState::Running).await;
    log.append(&run(0), vec![(9, state(RunState::Done))]).await.unwrap();
    let before = (log.view(&run(0)).await.unwrap(), log.view(&run(1)).await.unwrap());
    drop(log);
    let log = SqliteLog::open(&path).unwrap();
    assert_eq!(log.unfinished().await.unwrap(), [run(1)]);
    assert_eq!((log.view(&run(0)).await.unwrap(), log.view(&run(1)).await.unwrap()), before);
    let next = log.append(&run(1), vec![(20, state(RunState::Interrupted))]).await.unwrap();
    assert_eq!(next[0].seq, 3);
    assert_eq!(log.unfinished().await.unwrap(), []);
}

#[tokio::test]
async fn snapshots_and_their_absence_fold_to_the_same_view() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    let log = SqliteLog::open(&path).unwrap();
    let mut events = log.append(&run(0), vec![(0, created(&run(0)))]).await.unwrap().to_vec();
    for i in 1..8u64 {
        let items = (0..100).map(|j| (i * 100 + j, line(&format!("{i} {j}")))).collect();
        events.extend(log.append(&run(0), items).await.unwrap().iter().cloned());
    }
    drop(log);
    let stored = rusqlite::Connection::open(&path).unwrap();
    let seq: i64 = stored.query_row("SELECT seq FROM snapshots", [], |r| r.get(0)).unwrap();
    assert_eq!(seq, 501);
    let log = SqliteLog::open(&path).unwrap();
    assert_eq!(*log.view(&run(0)).await.unwrap().unwrap(), fold(&events));
    drop(log);
    // A snapshot that does not unpack is a lost short cut, nothing else.
    stored.execute("UPDATE snapshots SET view = x'00'", []).unwrap();
    let log = SqliteLog::open(&path).unwrap();
    assert_eq!(*log.view(&run(0)).await.unwrap().unwrap(), fold(&events));
}

#[tokio::test]
async fn a_new_reducer_rebuilds_rows_snapshots_and_tombstones() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    let log = seeded(&path, 3, RunState::Done).await;
    log.delete(&run(1), None).await.unwrap();
    let rows = log.rows(9, None).await.unwrap();
    drop(log);
    let stored = rusqlite::Connection::open(&path).unwrap();
    stored.execute_batch("DELETE FROM runs; DELETE FROM tombstones; UPDATE snapshots SET view = x'00'").unwrap();
    assert_eq!(SqliteLog::open(&path).unwrap().rows(9, None).await.unwrap(), []);
    let log = SqliteLog::open_as(&path, REDUCER_VERSION + 1).unwrap();
    assert_eq!(log.rows(9, None).await.unwrap(), rows);
    assert_eq!(log.view(&run(1)).await.unwrap(), None);
    assert_eq!(log.append(&run(1), vec![(1, line("x"))]).await, Err(LogError::Deleted(run(1))));
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_counted_and_hide_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    drop(seeded(&path, 2, RunState::Done).await);
    let stored = rusqlite::Connection::open(&path).unwrap();
    let break_one = "UPDATE events SET body = x'81a974656c6570617468798101' WHERE stream = ?1 AND seq = ?2";
    stored.execute(break_one, rusqlite::params![run(0).as_str(), 1]).unwrap();
    stored.execute(break_one, rusqlite::params![run(1).as_str(), 2]).unwrap();
    let log = SqliteLog::open_as(&path, REDUCER_VERSION + 1).unwrap();
    let view = log.view(&run(1)).await.unwrap().unwrap();
    assert_eq!((view.unknown_events, view.seq, view.header.is_some()), (1, 2, true));
    let rows = log.rows(9, None).await.unwrap();
    assert_eq!(rows.iter().map(|r| r.run.clone()).collect::<Vec<_>>(), [run(1), run(0)]);
    assert_eq!((rows[1].state, rows[1].created_unix_ms), (RunState::Done, 1_700_000_000_000));
}

#[tokio::test]
async fn deletion_is_for_ended_runs_and_final() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    let log = seeded(&path, 1, RunState::Running).await;
    let mut heard = log.subscribe();
    assert_eq!(log.delete(&run(0), None).await, Err(LogError::NotFinal(run(0))));
    assert_eq!(log.delete(&run(5), None).await, Err(LogError::NoSuchRun(run(5))));
    log.append(&run(0), vec![(9, state(RunState::Cancelled))]).await.unwrap();
    log.delete(&run(0), None).await.unwrap();
    let mut deleted = false;
    while let Ok(committed) = heard.try_recv() {
        deleted |= matches!(committed, Committed::Deleted(id) if id == run(0));
    }
    assert!(deleted);
    for log in [log, SqliteLog::open(&path).unwrap()] {
        assert_eq!(log.view(&run(0)).await.unwrap(), None);
        assert_eq!(log.rows(9, None).await.unwrap(), []);
        assert_eq!(log.read_from(&run(0), 0, 9).await.unwrap(), []);
        assert_eq!(log.delete(&run(0), None).await, Err(LogError::Deleted(run(0))));
    }
    let stored = rusqlite::Connection::open(&path).unwrap();
    let kept: i64 =
        stored.query_row("SELECT count(*) FROM events WHERE stream = ?1", [run(0).as_str()], |r| r.get(0)).unwrap();
    assert_eq!(kept, 3);
}

#[tokio::test]
async fn a_full_disk_is_a_sentence_and_loses_nothing_that_was_stored() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    let log = seeded(&path, 1, RunState::Running).await;
    log.limit_pages(1).await.unwrap();
    let mut heard = log.subscribe();
    let big = || vec![(8, line(&"x".repeat(100_000)))];
    let error = log.append(&run(0), big()).await.unwrap_err();
    assert_eq!(error, LogError::Full { path: path.clone() });
    assert!(error.to_string().starts_with("The disk that holds the log is full: "), "{error}");
    assert!(heard.try_recv().is_err(), "nothing uncommitted may be broadcast");
    assert_eq!(log.view(&run(0)).await.unwrap().unwrap().seq, 2);
    log.limit_pages(100_000).await.unwrap();
    assert_eq!(log.append(&run(0), big()).await.unwrap()[0].seq, 3);
    assert_eq!(log.read_from(&run(0), 0, 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn files_that_are_no_log_of_this_version_are_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    std::fs::write(&path, "not a database, ".repeat(100)).unwrap();
    let error = SqliteLog::open(&path).unwrap_err();
    assert!(matches!(error, LogError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("is damaged"), "{error}");
    std::fs::remove_file(&path).unwrap();
    drop(seeded(&path, 1, RunState::Done).await);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteLog::open(&path).unwrap_err();
    assert!(matches!(error, LogError::Newer { found: 99, .. }), "{error}");
    let error = SqliteLog::open(&dir.path().join("no/such/dir/l")).unwrap_err();
    assert!(error.to_string().contains("could not be opened"), "{error}");
}

#[tokio::test]
async fn a_log_that_is_locked_by_another_agent_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE t(x)").unwrap();
    let error = SqliteLog::open(&path).unwrap_err();
    assert!(error.to_string().starts_with("Another agent uses the data directory"), "{error}");
}

#[test]
fn one_agent_a_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let held = DataDir::lock(&path).unwrap();
    assert_eq!((held.log_path(), held.blob_dir()), (path.join("log.sqlite"), path.join("blobs")));
    let error = DataDir::lock(&path).unwrap_err();
    assert_eq!(error, LogError::Locked { path: path.clone(), pid: Some(std::process::id()) });
    assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
    drop(held);
    DataDir::lock(&path).unwrap();
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = seeded(&dir.path().join("l"), 1, RunState::Running).await;
    let error = log.append(&run(0), vec![(8, line(&"x".repeat(5 << 20)))]).await.unwrap_err();
    assert!(matches!(error, LogError::TooLarge { kind: "engine_log", .. }), "{error}");
    assert_eq!(log.append(&run(0), vec![(9, line("y"))]).await.unwrap()[0].seq, 3);
}
