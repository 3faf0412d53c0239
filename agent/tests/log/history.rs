//! Owns the tests of the log's history: what is found, marked, deleted and brought back, and that events alone rebuild it.
//! Must not know the log's inside.

use crate::events::{created, run, state};
use proptest::prelude::*;
use shared::event::{Body, RunState};
use shared::history::{BinRow, Facets, Filter};
use shared::ids::{RunId, StudyId};
use shared::people::{Side, Who};
use shared::wire::RunRow;
use std::path::Path;
use tokenprism::log::{Committed, LogError, REDUCER_VERSION, SqliteLog, Study};

fn who() -> Who {
    Who { id: "test".to_owned(), name: "a test".to_owned() }
}

fn side(n: u32) -> Side {
    Side::Run(run(n))
}

async fn seeded(path: &Path, runs: u32) -> SqliteLog {
    let log = SqliteLog::open(path).unwrap();
    for n in 0..runs {
        log.append(&run(n), vec![(0, created(&run(n))), (7, state(RunState::Done))]).await.unwrap();
    }
    log
}

fn ids(rows: &[RunRow]) -> Vec<RunId> {
    rows.iter().map(|row| row.run.clone()).collect()
}

async fn found(log: &SqliteLog, filter: Filter) -> Vec<RunId> {
    ids(&log.find_runs(filter, 100, None).await.unwrap())
}

fn words(q: &str) -> Filter {
    Filter { q: Some(q.to_owned()), ..Filter::default() }
}

#[tokio::test]
async fn runs_are_found_by_what_they_say_and_by_what_people_put_on_them() {
    let dir = tempfile::tempdir().unwrap();
    let log = seeded(&dir.path().join("l"), 3).await;
    log.tag(side(0), vec!["nightly".to_owned(), "fp8/kv".to_owned()], vec![], who()).await.unwrap();
    log.write_note(side(1), Some("Looks *slow* on Tuesday".to_owned()), who()).await.unwrap();
    log.pin(side(2), true, who()).await.unwrap();
    let name = log.rows(1, None).await.unwrap()[0].name.clone();
    let first = name.split_whitespace().next().unwrap().to_owned();
    assert_eq!(found(&log, words(&first[..3])).await, [run(2), run(1), run(0)]);
    assert_eq!(found(&log, words("night KV")).await, [run(0)]);
    assert_eq!(found(&log, words("tues")).await, [run(1)]);
    assert_eq!(found(&log, words("tuesday nightly")).await, []);
    assert_eq!(found(&log, words(run(1).as_str())).await, [run(1)]);
    // Words of the search's own language are words like others.
    for odd in ["\"", "a OR *", "NEAR(", "tues*", "-x ^", "'"] {
        log.find_runs(words(odd), 9, None).await.unwrap();
    }
    let tag = |tag: &str| Filter { tag: Some(tag.to_owned()), ..Filter::default() };
    assert_eq!(found(&log, tag("nightly")).await, [run(0)]);
    assert_eq!(found(&log, tag("night")).await, []);
    assert_eq!(found(&log, Filter { pinned: Some(true), ..Filter::default() }).await, [run(2)]);
    assert_eq!(found(&log, Filter { pinned: Some(false), ..Filter::default() }).await, [run(1), run(0)]);
    let done = Filter { state: Some("done".to_owned()), ..Filter::default() };
    let page = log.find_runs(done.clone(), 2, None).await.unwrap();
    assert_eq!(ids(&page), [run(2), run(1)]);
    assert_eq!(ids(&log.find_runs(done, 2, Some(run(1))).await.unwrap()), [run(0)]);

    let row = &log.find_runs(words("nightly"), 1, None).await.unwrap()[0];
    assert_eq!(row.marks.tags, ["fp8/kv", "nightly"]);
    log.tag(side(0), vec!["keep".to_owned()], vec!["nightly".to_owned()], who()).await.unwrap();
    assert_eq!(found(&log, words("nightly")).await, []);
    assert_eq!(log.marks(&side(0)).await.unwrap().0.tags, ["fp8/kv", "keep"]);
    // What is on a run outlives what comes after it of the run itself.
    log.append(&run(0), vec![(9, state(RunState::Queued))]).await.unwrap();
    let row = &log.find_runs(words("keep"), 1, None).await.unwrap()[0];
    assert_eq!((row.state, row.marks.tags.len()), (RunState::Queued, 2));
    let facets = log.facets().await.unwrap();
    let told: Vec<_> = facets.tags.iter().map(|facet| (facet.value.as_str(), facet.count)).collect();
    assert_eq!((told, facets.runs, facets.pinned), (vec![("fp8/kv", 1), ("keep", 1)], 3, 1));
    let states: Vec<_> = facets.states.iter().map(|facet| (facet.value.as_str(), facet.count)).collect();
    assert_eq!(states, [("done", 2), ("queued", 1)]);
}

#[tokio::test]
async fn a_change_of_marks_is_heard_and_too_much_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = seeded(&dir.path().join("l"), 1).await;
    let mut heard = log.subscribe();
    log.pin(side(0), true, who()).await.unwrap();
    let Ok(Committed::Row(row)) = heard.try_recv() else { panic!("no row") };
    assert!(row.marks.pinned);
    let many: Vec<String> = (0..21).map(|n| format!("t{n}")).collect();
    assert_eq!(log.tag(side(0), many, vec![], who()).await, Err(LogError::TooManyTags(side(0))));
    assert_eq!(log.pin(side(7), true, who()).await, Err(LogError::NoSuchRun(run(7))));
    let study = StudyId::new(1, 1);
    assert_eq!(log.pin(Side::Study(study.clone()), true, who()).await, Err(LogError::NoSuchStudy(study)));
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn what_was_deleted_comes_back_with_everything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l");
    let log = seeded(&path, 2).await;
    log.tag(side(0), vec!["keep".to_owned()], vec![], who()).await.unwrap();
    let (rows, view) = (log.rows(9, None).await.unwrap(), log.view(&run(0)).await.unwrap());
    let mut heard = log.subscribe();
    log.delete(&run(0), Some(who())).await.unwrap();
    assert_eq!(found(&log, words("keep")).await, []);
    assert_eq!(log.pin(side(0), true, who()).await, Err(LogError::NoSuchRun(run(0))));
    let bin = log.bin(9).await.unwrap();
    assert_eq!((bin.len(), &bin[0].item, &bin[0].name), (1, &side(0), &rows[1].name));
    assert_eq!(bin[0].by, Some(who()));
    log.undelete(side(0)).await.unwrap();
    assert_eq!(log.undelete(side(0)).await, Err(LogError::NotInBin(side(0))));
    assert_eq!(log.undelete(side(1)).await, Err(LogError::NotInBin(side(1))));
    let heard: Vec<Committed> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    assert!(
        matches!(&heard[..], [Committed::Deleted(gone), Committed::Row(back)] if *gone == run(0) && back.run == run(0)),
        "{heard:?}"
    );
    for log in [log, SqliteLog::open_as(&path, REDUCER_VERSION + 1).unwrap()] {
        assert_eq!(log.rows(9, None).await.unwrap(), rows);
        assert_eq!(log.view(&run(0)).await.unwrap(), view);
        assert_eq!(log.bin(9).await.unwrap(), []);
        assert_eq!(found(&log, words("keep")).await, [run(0)]);
        drop(log);
    }
    // It goes on as any other.
    let log = SqliteLog::open(&path).unwrap();
    log.append(&run(0), vec![(9, Body::EngineLog { lines: vec!["x".to_owned()] })]).await.unwrap();
}

#[tokio::test]
async fn a_study_is_found_deleted_and_brought_back_as_a_run_is() {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("l")).unwrap();
    let (id, plan) = (StudyId::new(1, 1), shared::study::find("decomposition").unwrap());
    let study = Study { study: id.clone(), plan, created_unix_ms: 1 };
    log.begin_study(study.clone()).await.unwrap();
    let of = Side::Study(id.clone());
    log.tag(of.clone(), vec!["ladder".to_owned()], vec![], who()).await.unwrap();
    log.pin(of.clone(), true, who()).await.unwrap();
    let found = async |filter: Filter| log.find_studies(filter, 9).await.unwrap();
    let tagged = Filter { tag: Some("ladder".to_owned()), ..Filter::default() };
    for filter in [Filter::default(), words("ladd"), tagged.clone()] {
        let list = found(filter).await;
        assert_eq!((list.len(), &list[0].0, list[0].1.pinned), (1, &study, true));
    }
    // Runs do not have what only a study has.
    assert_eq!(log.facets().await.unwrap(), Facets::default());
    log.delete_study(&id, Some(who())).await.unwrap();
    assert_eq!((found(tagged.clone()).await, log.bin(9).await.unwrap().len()), (vec![], 1));
    log.undelete(of).await.unwrap();
    assert_eq!((found(tagged).await.len(), log.bin(9).await.unwrap()), (1, vec![]));
}

/// What a person does.
#[derive(Clone, Debug)]
enum Did {
    Tag(u32, Vec<String>, Vec<String>),
    Pin(u32, bool),
    Note(u32, Option<String>),
    Delete(u32),
    Undelete(u32),
    GoOn(u32),
}

fn did() -> impl Strategy<Value = Did> {
    let tags = || prop::collection::vec("[a-c]", 0..3);
    prop_oneof![
        (0u32..4, tags(), tags()).prop_map(|(n, add, remove)| Did::Tag(n, add, remove)),
        (0u32..4, any::<bool>()).prop_map(|(n, pinned)| Did::Pin(n, pinned)),
        (0u32..4, prop::option::of("[a-c ]{1,6}")).prop_map(|(n, text)| Did::Note(n, text)),
        (0u32..4).prop_map(Did::Delete),
        (0u32..4).prop_map(Did::Undelete),
        (0u32..4).prop_map(Did::GoOn),
    ]
}

/// Everything that the history shows.
async fn shown(log: &SqliteLog) -> (Vec<RunRow>, Vec<BinRow>, Facets, Vec<Vec<RunId>>) {
    let mut searches = Vec::new();
    for q in ["a", "b", "c", "ab", "r0"] {
        searches.push(found(log, words(q)).await);
    }
    (log.rows(99, None).await.unwrap(), log.bin(99).await.unwrap(), log.facets().await.unwrap(), searches)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The lists, the bin, the values and what is found are the same whether they grew or were made anew of the events.
    #[test]
    fn events_alone_rebuild_the_history(all in prop::collection::vec(did(), 0..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("l");
            let log = seeded(&path, 3).await;
            for did in &all {
                // What does not go with what is there is refused, and must leave nothing.
                drop(match did.clone() {
                    Did::Tag(n, add, remove) => log.tag(side(n), add, remove, who()).await,
                    Did::Pin(n, pinned) => log.pin(side(n), pinned, who()).await,
                    Did::Note(n, text) => log.write_note(side(n), text, who()).await,
                    Did::Delete(n) => log.delete(&run(n), Some(who())).await,
                    Did::Undelete(n) => log.undelete(side(n)).await,
                    Did::GoOn(n) => {
                        let line = Body::EngineLog { lines: vec!["x".to_owned()] };
                        log.append(&run(n), vec![(9, line)]).await.map(drop)
                    }
                });
            }
            let grown = shown(&log).await;
            drop(log);
            let anew = shown(&SqliteLog::open_as(&path, REDUCER_VERSION + 1).unwrap()).await;
            assert_eq!(grown, anew, "{all:?}");
        });
    }
}
