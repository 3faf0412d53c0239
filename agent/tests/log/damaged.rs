//! Owns what happens to a log whose file was damaged: it is noticed at start, kept aside, read as far as it can be, and told of.
//! Must not know how it is read, except the tables that a test breaks on purpose.

use crate::events::{created, run, state};
use crate::support::{Agent, PROGRAM, finished};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared::event::{Body, Event, RunState};
use shared::ids::RunId;
use shared::people::{Role, Who};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokenprism::log::{Damage, SqliteLog, check, damages};
use tokenprism::people::People;

/// Runs of a log: the last has not ended.
const RUNS: u32 = 6;

/// A log as a power cut leaves it: its file, and what its journal still has.
struct Left {
    dir: tempfile::TempDir,
    /// Every event of every run.
    events: BTreeMap<RunId, Vec<Event>>,
}

fn lines(n: u64, most: usize) -> Body {
    // Rows of a few bytes, of about a page, and of a hundred pages.
    let bytes = most.min([3, 700, 3_900, 9_000, 400_000][usize::try_from(n % 5).unwrap()]);
    Body::EngineLog { lines: vec![format!("{n} ").repeat(bytes / 2)] }
}

async fn left() -> Left {
    left_of_at_most(usize::MAX).await
}

/// One whose events have at most so many bytes each.
async fn left_of_at_most(bytes: usize) -> Left {
    let (dir, living) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = living.path().join("log.sqlite");
    let log = SqliteLog::open(&path).unwrap();
    let mut events: BTreeMap<RunId, Vec<Event>> = BTreeMap::new();
    for n in 0..RUNS {
        let mut items = vec![(0, created(&run(n)))];
        items.extend((1..40).map(|at| (at, lines(at + u64::from(n), bytes))));
        if n + 1 < RUNS {
            items.push((50, state(RunState::Done)));
        }
        for items in items.chunks(7) {
            let appended = log.append(&run(n), items.to_vec()).await.unwrap();
            events.entry(run(n)).or_default().extend(appended.iter().cloned());
        }
    }
    for name in ["log.sqlite", "log.sqlite-wal"] {
        std::fs::copy(living.path().join(name), dir.path().join(name)).unwrap();
    }
    Left { dir, events }
}

impl Left {
    fn log(&self) -> PathBuf {
        self.dir.path().join("log.sqlite")
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("log.sqlite-wal")
    }

    /// Brings what is in the journal into the file, as a clean end does.
    fn settled(self) -> Self {
        let conn = rusqlite::Connection::open(self.log()).unwrap();
        conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(conn);
        assert_eq!(check(&self.log()).unwrap(), None);
        self
    }

    /// Opens it as an agent does; what was found of each run must be what was stored, without a hole, and nothing else.
    async fn opened(&self) -> (Option<Damage>, BTreeMap<RunId, usize>) {
        let (log, damage) = SqliteLog::open_or_rescue(&self.log()).unwrap();
        let mut found = BTreeMap::new();
        for row in log.rows(100, None).await.unwrap() {
            let mut events = log.read_from(&row.run, 0, 1_000).await.unwrap();
            if let Some(Event { body: Body::State { state: RunState::Interrupted, reason }, .. }) = events.last() {
                assert!(reason.as_ref().unwrap().starts_with("The log was damaged"), "{reason:?}");
                events.pop();
            }
            let stored = &self.events[&row.run];
            assert!(stored.starts_with(&events), "{} has events that were never stored", row.run);
            found.insert(row.run, events.len());
        }
        if let Some(damage) = &damage {
            let said = (damage.taken.runs, damage.taken.events);
            assert_eq!(said, (found.len() as u64, found.values().sum::<usize>() as u64));
            assert_eq!(damages(&self.log()).first(), Some(damage));
            assert!(log.unfinished().await.unwrap().is_empty(), "a run without an end is not marked");
        }
        drop(log);
        assert_eq!(check(&self.log()).unwrap(), None, "what is in its place is damaged, too");
        (damage, found)
    }

    fn all(&self) -> BTreeMap<RunId, usize> {
        self.events.iter().map(|(run, events)| (run.clone(), events.len())).collect()
    }
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_log_that_is_whole_is_left_alone() {
    let left = left().await;
    let (damage, found) = left.opened().await;
    assert_eq!((damage, found), (None, left.all()));
    assert_eq!(damages(&left.log()), []);
}

#[tokio::test]
async fn what_is_no_database_any_more_is_read_to_its_last_event() {
    let left = left().await.settled();
    change(&left.log(), |bytes| bytes[..100].fill(b'?'));
    let damaged = std::fs::read(left.log()).unwrap();
    let (damage, found) = left.opened().await;
    let damage = damage.unwrap();
    assert_eq!(found, left.all(), "{damage}");
    assert_eq!((damage.taken.cut_off, damage.taken.behind_gaps, damage.taken.lost_runs), (1, 0, 0));
    assert_eq!(std::fs::read(left.dir.path().join(&damage.file)).unwrap(), damaged);
    // Nothing is set aside twice.
    let log = SqliteLog::open_or_rescue(&left.log()).unwrap();
    assert_eq!(log.1, None);
    assert_eq!(log.0.rows(100, None).await.unwrap().len(), RUNS as usize);
}

#[tokio::test]
async fn a_file_that_was_cut_is_read_up_to_there() {
    for share in [0.0, 0.1, 0.5, 0.9, 0.999] {
        let left = left().await.settled();
        let keep = |bytes: &mut Vec<u8>| bytes.truncate((bytes.len() as f64 * share) as usize);
        change(&left.log(), keep);
        if share == 0.0 {
            // An empty file is that of a first start, unless records or a journal show that there were runs.
            std::fs::create_dir(left.dir.path().join("blobs")).unwrap();
            std::fs::write(left.dir.path().join("blobs/r.rmp.zst"), "").unwrap();
        }
        let (damage, found) = left.opened().await;
        assert!(damage.is_some(), "{share} of the file is not noticed");
        assert_eq!(found.is_empty(), share == 0.0, "{share}: {found:?}");
        assert_ne!(found, left.all());
    }
}

#[tokio::test]
async fn an_empty_file_beside_a_journal_is_read_from_the_journal() {
    // So little that all of it still is in the journal, or so much that some has gone into the file and is lost with it.
    for (bytes, all) in [(9_000, true), (usize::MAX, false)] {
        let left = left_of_at_most(bytes).await;
        change(&left.log(), Vec::clear);
        let (damage, found) = left.opened().await;
        assert!(damage.unwrap().what.contains("the file is empty"));
        assert_eq!(found == left.all(), all, "{found:?}");
    }
}

#[tokio::test]
async fn an_empty_journal_leaves_what_the_file_has() {
    // Nothing tells that there was more: the file is as it was at some moment before.
    let left = left().await;
    change(&left.journal(), Vec::clear);
    let (log, damage) = SqliteLog::open_or_rescue(&left.log()).unwrap();
    assert_eq!(damage, None);
    for row in log.rows(100, None).await.unwrap() {
        let events = log.read_from(&row.run, 0, 1_000).await.unwrap();
        assert!(left.events[&row.run].starts_with(&events));
    }
}

#[tokio::test]
async fn flipped_bytes_in_several_pages_are_noticed_and_nothing_false_is_read() {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let left = left().await.settled();
    let whole = std::fs::read(left.log()).unwrap();
    let mut most = 0;
    for _ in 0..12 {
        let mut bytes = whole.clone();
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        for entry in std::fs::read_dir(left.dir.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        std::fs::write(left.log(), bytes).unwrap();
        // A flip where nothing is stored, or in what is made anew from the events, hurts nobody.
        let (_, found) = left.opened().await;
        most = most.max(found.len());
    }
    assert!(most > 0, "nothing was ever found");
}

#[tokio::test]
async fn one_flipped_bit_of_one_event_is_noticed() {
    let left = left().await.settled();
    let text = "7 7 7 7 7 7 7 7 ";
    change(&left.log(), |bytes| {
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
        bytes[at] ^= 1;
    });
    let said = check(&left.log()).unwrap().unwrap();
    assert!(said.contains("is not what was written"), "{said}");
    let (damage, found) = left.opened().await;
    // All but one run are whole, and that one up to the event before.
    let damage = damage.unwrap();
    let cut: Vec<_> = left.all().into_iter().filter(|(run, events)| found[run] < *events).collect();
    assert!(cut.len() == 1 && found.len() == left.events.len(), "{damage}: {cut:?}");
    assert!(damage.taken.behind_gaps > 0, "{damage}");
}

#[tokio::test]
async fn tokens_end_with_a_damaged_log_for_their_revocation_may_be_lost() {
    let left = left().await.settled();
    let who = || Who { id: "admin".to_owned(), name: "admin".to_owned() };
    let people = People::open(SqliteLog::open(&left.log()).unwrap()).await.unwrap();
    people.create_token("Ada", Role::Admin, None, who()).await.unwrap();
    drop(people);
    let left = left.settled();
    change(&left.log(), |bytes| bytes[..100].fill(0));
    let (log, damage) = SqliteLog::open_or_rescue(&left.log()).unwrap();
    assert_eq!(damage.unwrap().taken.ended_grants, 1);
    assert_eq!(log.tokens().await.unwrap(), []);
    let said: Vec<String> = log.audit(9, None).await.unwrap().into_iter().map(|row| row.action).collect();
    assert_eq!(said, ["token revoked", "token created"]);
}

#[tokio::test]
async fn whoever_starts_looks_or_asks_is_told_where_the_damaged_log_is() {
    let left = left().await.settled();
    change(&left.log(), |bytes| bytes[..16].fill(0));
    let data = left.dir.path();
    let doctor = || {
        let output = finished(Command::new(PROGRAM).args(["doctor", "--data"]).arg(data));
        String::from_utf8(output.stdout).unwrap()
    };
    let before = doctor();
    assert!(before.contains("! log") && before.contains("file is not a database"), "{before}");

    let agent = Agent::start(data);
    let (_, about) = agent.get("/api/v1/agent").await;
    let said = about["damaged_logs"][0].as_str().unwrap().to_owned();
    assert!(said.starts_with("The log was damaged (file is not a database)"), "{about}");
    let (_, rows) = agent.get("/api/v1/runs").await;
    assert_eq!(rows.as_array().unwrap().len(), RUNS as usize);
    assert_eq!(rows[0]["state"], "interrupted");
    drop(agent);
    let after = doctor();
    let file = damages(&left.log())[0].file.clone();
    assert!(after.contains(&file) && after.contains("! log"), "{after}");
    // Whoever has done with it takes the report away.
    std::fs::remove_file(data.join(file.replace(".sqlite", ".json"))).unwrap();
    assert!(!doctor().contains("! log"));
}
