//! Owns the promise of the hub: whoever joins whenever and reads however slowly ends with the fold of the log.
//! Must not know the hub's insides.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use shared::event::{Batch, Body, Host, RequestColumns, RunState, TokenBin};
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::{ClientMessage, ServerMessage};
use std::time::Duration;
use tokenprism::hub::{Hub, Viewer};
use tokenprism::log::SqliteLog;

const FRAME: Duration = Duration::from_millis(2);

fn created(run: &RunId) -> Body {
    Body::Created {
        run: run.clone(),
        plan: Box::new(shared::preset::find("first").unwrap()),
        anchor_unix_ms: 1,
        host: Host::default(),
        agent_version: "test".into(),
    }
}

fn batch(n: u32) -> Body {
    let bins = vec![TokenBin { bin: n, millitokens: 1000, in_flight_ns: 7 }];
    Body::Batch(Batch { trial: 0, bins, in_flight: n, requests: RequestColumns::default(), rest: vec![] })
}

async fn log_with_run() -> (tempfile::TempDir, SqliteLog, Hub, RunId) {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
    let hub = Hub::with_frame_every(log.clone(), FRAME);
    let run = RunId::new(1, 1);
    log.append(&run, vec![(0, created(&run)), (1, Body::State { state: RunState::Running, reason: None })]).await.unwrap();
    (dir, log, hub, run)
}

/// Reads until the run is done, pausing between messages; gives the view and how many events gaps left out.
async fn read_to_end(mut viewer: Viewer, run: RunId, pause: Duration) -> (RunView, u64) {
    viewer.handle(ClientMessage::Follow { run, after_seq: None });
    let (mut view, mut missed) = (RunView::default(), 0);
    while !view.run_state().is_final() {
        match viewer.next().await.unwrap() {
            ServerMessage::Snapshot { view: snapshot, .. } => view = *snapshot,
            ServerMessage::Events { events, .. } => {
                assert_eq!(events[0].seq, view.seq + 1, "a hole that nobody announced");
                events.iter().for_each(|event| view.apply(event));
            }
            ServerMessage::Gap { missed: n, .. } => missed += n,
            _ => {}
        }
        tokio::time::sleep(pause).await;
    }
    (view, missed)
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_that_join_at_any_time_and_read_at_any_pace_end_with_the_fold_of_the_log() {
    let (_dir, log, hub, run) = log_with_run().await;
    let mut readers = Vec::new();
    for n in 0..600 {
        if n % 100 == 0 {
            for pause_ms in [0, 5, 700] {
                readers.push(tokio::spawn(read_to_end(hub.viewer(), run.clone(), Duration::from_millis(pause_ms))));
            }
        }
        log.append(&run, vec![(u64::from(n), batch(n))]).await.unwrap();
    }
    log.append(&run, vec![(700, Body::State { state: RunState::Done, reason: None })]).await.unwrap();
    let all = log.view(&run).await.unwrap().unwrap();
    for reader in readers {
        let (view, _) = reader.await.unwrap();
        assert_eq!(view, *all);
    }
    assert_eq!(hub.viewers(&run), 0, "viewers that are gone still count");
}

#[tokio::test]
async fn a_viewer_that_did_not_read_is_told_of_the_gap_and_gets_a_snapshot() {
    let (_dir, log, hub, run) = log_with_run().await;
    let mut viewer = hub.viewer();
    viewer.handle(ClientMessage::Follow { run: run.clone(), after_seq: None });
    while !matches!(viewer.next().await.unwrap(), ServerMessage::Snapshot { .. }) {}
    for n in 0..25 {
        log.append(&run, (0..100).map(|i| (u64::from(n), batch(n * 100 + i))).collect()).await.unwrap();
    }
    let mut missed = None;
    loop {
        match viewer.next().await.unwrap() {
            ServerMessage::Gap { missed: n, .. } => missed = Some(n),
            ServerMessage::Snapshot { view, .. } => {
                assert_eq!((missed, view.seq), (Some(2500), 2502));
                return;
            }
            ServerMessage::Events { .. } => panic!("events without the gap"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_viewer_that_comes_back_gets_only_what_it_lacks() {
    let (_dir, log, hub, run) = log_with_run().await;
    log.append(&run, (0..40).map(|i| (5, batch(i))).collect()).await.unwrap();
    let mut viewer = hub.viewer();
    viewer.handle(ClientMessage::Follow { run: run.clone(), after_seq: Some(30) });
    loop {
        match viewer.next().await.unwrap() {
            ServerMessage::Events { events, .. } => {
                assert_eq!((events[0].seq, events.last().unwrap().seq), (31, 42));
                return;
            }
            ServerMessage::Snapshot { .. } => panic!("a snapshot where events would do"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_unknown_run_is_refused_and_a_deleted_one_announced() {
    let (_dir, log, hub, run) = log_with_run().await;
    let mut viewer = hub.viewer();
    viewer.handle(ClientMessage::Follow { run: RunId::new(9, 9), after_seq: None });
    loop {
        if let ServerMessage::Refused { sentence } = viewer.next().await.unwrap() {
            assert!(sentence.starts_with("There is no run"), "{sentence}");
            break;
        }
    }
    viewer.handle(ClientMessage::Follow { run: run.clone(), after_seq: None });
    while !matches!(viewer.next().await.unwrap(), ServerMessage::Snapshot { .. }) {}
    log.append(&run, vec![(9, Body::State { state: RunState::Cancelled, reason: None })]).await.unwrap();
    log.delete(&run).await.unwrap();
    while !matches!(viewer.next().await.unwrap(), ServerMessage::Deleted { .. }) {}
}
