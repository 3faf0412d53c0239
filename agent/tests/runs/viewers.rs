//! Owns the tests of the hub: whoever watches, however slowly, ends with the fold of the log.
//! Must not know sockets.

use crate::events::{created, run, state};
use crate::page::Page;
use shared::event::{Batch, Body, Event, RequestColumns, RunState, TokenBin};
use shared::ids::RunId;
use shared::view::RunView;
use shared::wire::{ClientMessage, ServerMessage};
use std::sync::Arc;
use std::time::Duration;
use tokenprism::hub::{Hub, Viewer};
use tokenprism::log::SqliteLog;
use tokio::time::{sleep, timeout};

/// Longest wait for anything; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

fn batch(n: u32) -> Body {
    let bins = vec![TokenBin { bin: n, millitokens: 1000 + u64::from(n), in_flight_ns: 7, ..TokenBin::default() }];
    Body::Batch(Batch { trial: 0, bins, in_flight: n, waiting: 0, requests: RequestColumns::default(), rest: vec![] })
}

async fn append(log: &SqliteLog, run: &RunId, bodies: Vec<Body>) {
    let items = bodies.into_iter().map(|body| (1, body)).collect();
    log.append(run, items).await.unwrap();
}

struct Rig {
    _dir: tempfile::TempDir,
    log: SqliteLog,
    hub: Hub,
}

async fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("l")).unwrap();
    append(&log, &run(0), vec![created(&run(0)), state(RunState::Running)]).await;
    let hub = Hub::new(log.clone(), Arc::new(|_| Some(77)));
    Rig { _dir: dir, log, hub }
}

fn follow(viewer: &Viewer, run: &RunId, after_seq: Option<u64>) {
    viewer.handle(ClientMessage::Follow { run: run.clone(), after_seq });
}

/// The next message that `keep` wants, as it comes out of the wire's bytes.
async fn next(viewer: &Viewer, keep: impl Fn(&ServerMessage) -> bool) -> ServerMessage {
    let found = timeout(PATIENCE, async {
        loop {
            let message = viewer.next().await.expect("the hub is open");
            let message = rmp_serde::from_slice(&rmp_serde::to_vec_named(&message).unwrap()).unwrap();
            if keep(&message) {
                return message;
            }
        }
    });
    found.await.expect("the message comes")
}

fn of_the_run(message: &ServerMessage) -> bool {
    matches!(message, ServerMessage::Snapshot { .. } | ServerMessage::Events { .. } | ServerMessage::Gap { .. })
}

/// Watches run 0 to its end: joins late, reads in its own rhythm, and gives up waiting in the middle now and then.
async fn watch(viewer: Viewer, who: u64) -> Page {
    sleep(Duration::from_millis(who * 67 % 900)).await;
    follow(&viewer, &run(0), None);
    let mut page = Page::of(run(0));
    for step in 0u64.. {
        // Every third viewer drops its wait again and again, as a socket's select does.
        let message = if who.is_multiple_of(3) {
            timeout(Duration::from_millis(3), viewer.next()).await
        } else {
            timeout(PATIENCE, viewer.next()).await
        };
        if let Ok(message) = message {
            page.take(message.expect("the hub is open"));
        } else {
            assert!(who.is_multiple_of(3), "viewer {who} waits for nothing");
        }
        if page.view.run_state().is_final() && page.view.findings.is_some() {
            break;
        }
        if who % 4 == 1 && step % 3 == 2 {
            sleep(Duration::from_millis(who * 31 % 700)).await;
        }
    }
    page
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_viewer_ends_with_the_fold_of_the_log_whenever_it_joins_and_however_it_reads() {
    let Rig { _dir, log, hub } = rig().await;
    append(&log, &run(1), vec![created(&run(1))]).await;
    let watching: Vec<_> = (0..24).map(|who| tokio::spawn(watch(hub.viewer(), who))).collect();
    let mut n = 0;
    for round in 0..30u32 {
        // Bursts overflow the queues of those who pause.
        let size = if round % 7 == 3 { 400 } else { 5 };
        append(&log, &run(0), (n..n + size).map(batch).collect()).await;
        append(&log, &run(1), vec![batch(round)]).await;
        n += size;
        sleep(Duration::from_millis(30)).await;
    }
    append(&log, &run(0), vec![state(RunState::Done)]).await;
    append(&log, &run(0), vec![Body::Judged { findings: vec![], caveats: vec![] }]).await;
    let events = log.read_from(&run(0), 0, 10_000).await.unwrap();
    let mut all = RunView::default();
    events.iter().for_each(|event| all.apply(event));
    let mut gaps = 0;
    for page in watching {
        let page = page.await.unwrap();
        assert_eq!(page.view, all);
        assert_eq!(page.accounted(), all.seq);
        gaps += u64::from(page.missed > 0);
    }
    assert!(gaps > 0, "no viewer was slow enough to test anything");
}

#[tokio::test]
async fn a_viewer_that_stops_reading_gets_one_gap_and_the_others_see_none() {
    let Rig { _dir, log, hub } = rig().await;
    let (slow, quick) = (hub.viewer(), hub.viewer());
    let (mut slow_page, mut quick_page) = (Page::of(run(0)), Page::of(run(0)));
    for (viewer, page) in [(&slow, &mut slow_page), (&quick, &mut quick_page)] {
        follow(viewer, &run(0), None);
        page.take(next(viewer, of_the_run).await);
    }
    for n in 0..15u32 {
        append(&log, &run(0), (0..100).map(|i| batch(n * 100 + i)).collect()).await;
        while quick_page.view.seq < 2 + u64::from(n + 1) * 100 {
            quick_page.take(next(&quick, of_the_run).await);
        }
    }
    assert_eq!((quick_page.received, quick_page.missed), (1500, 0));
    let gap = next(&slow, of_the_run).await;
    assert_eq!(gap, ServerMessage::Gap { run: run(0), missed: 1500 });
    slow_page.take(gap);
    slow_page.take(next(&slow, of_the_run).await);
    assert_eq!(slow_page.view, quick_page.view);
    append(&log, &run(0), vec![batch(9)]).await;
    slow_page.take(next(&slow, of_the_run).await);
    assert_eq!((slow_page.view.seq, slow_page.received, slow_page.missed), (1503, 1, 1500));
}

#[tokio::test]
async fn a_hub_that_lags_behind_the_log_loses_nobody() {
    // CASES B67: the hub's own subscription overflows, since this thread, on which it runs, is held up.
    let Rig { _dir, log, hub } = rig().await;
    let viewer = hub.viewer();
    let mut page = Page::of(run(0));
    follow(&viewer, &run(0), None);
    page.take(next(&viewer, of_the_run).await);
    let writing = log.clone();
    let writer = std::thread::spawn(move || {
        let append_all = async {
            let appends = (0..1500u32).map(|n| {
                let log = writing.clone();
                tokio::spawn(async move { append(&log, &run(n % 2), vec![batch(n)]).await })
            });
            for done in appends.collect::<Vec<_>>() {
                done.await.unwrap();
            }
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(append_all);
    });
    writer.join().unwrap();
    append(&log, &run(0), vec![state(RunState::Done)]).await;
    while !page.view.run_state().is_final() {
        page.take(next(&viewer, of_the_run).await);
    }
    assert_eq!(page.view, *log.view(&run(0)).await.unwrap().unwrap());
    assert!(page.missed >= 512, "the subscription did not overflow: {}", page.missed);
    assert_eq!(page.accounted(), page.view.seq);
}

/// Follows run 0 of `stored` events from `after_seq`: the message that comes first, as numbers of events.
async fn check_resume(stored: u64, after_seq: Option<u64>, expect: Result<Vec<u64>, u64>) {
    let Rig { _dir, log, hub } = rig().await;
    append(&log, &run(0), (2..stored).map(|n| batch(n as u32)).collect()).await;
    let viewer = hub.viewer();
    follow(&viewer, &run(0), after_seq);
    let got = match next(&viewer, of_the_run).await {
        ServerMessage::Events { events, .. } => Ok(events.iter().map(|e: &Event| e.seq).collect()),
        ServerMessage::Snapshot { view, now_ns, .. } => {
            assert_eq!(now_ns, Some(77));
            Err(view.seq)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(got, expect, "{stored} stored, after {after_seq:?}");
}

#[tokio::test]
async fn a_viewer_that_comes_back_gets_what_it_lacks() {
    check_resume(9, Some(6), Ok(vec![7, 8, 9])).await;
    check_resume(9, Some(0), Ok((1..=9).collect())).await;
    check_resume(9, None, Err(9)).await;
    // It has seen another log, or too much is missing.
    check_resume(9, Some(10), Err(9)).await;
    check_resume(2_500, Some(100), Err(2_500)).await;
}

#[tokio::test]
async fn commits_that_come_together_share_a_frame() {
    let Rig { _dir, log, hub } = rig().await;
    let viewer = hub.viewer();
    let mut page = Page::of(run(0));
    follow(&viewer, &run(0), None);
    page.take(next(&viewer, of_the_run).await);
    for n in 0..40u32 {
        append(&log, &run(0), vec![batch(n)]).await;
    }
    let mut frames = 0;
    while page.view.seq < 42 {
        page.take(next(&viewer, of_the_run).await);
        frames += 1;
    }
    // One, or two where the hub had not heard of the last commit yet.
    assert!(frames <= 2, "{frames} frames for 40 commits");
    assert_eq!((page.received, page.missed), (40, 0));
}

#[tokio::test]
async fn viewers_are_counted_and_told() {
    let Rig { _dir, log: _log, hub } = rig().await;
    let count = |n| move |m: &ServerMessage| *m == ServerMessage::Viewers { run: run(0), count: n };
    let (one, two) = (hub.viewer(), hub.viewer());
    follow(&one, &run(0), None);
    next(&one, count(1)).await;
    follow(&two, &run(0), None);
    next(&one, count(2)).await;
    next(&two, count(2)).await;
    assert_eq!((hub.viewers(&run(0)), hub.viewers(&run(1))), (2, 0));
    two.handle(ClientMessage::Unfollow);
    next(&one, count(1)).await;
    follow(&two, &run(0), None);
    next(&one, count(2)).await;
    drop(two);
    next(&one, count(1)).await;
    drop(one);
    assert_eq!(hub.viewers(&run(0)), 0);
}

#[tokio::test]
async fn everybody_gets_the_list_and_hears_of_changes_and_deletions() {
    let Rig { _dir, log, hub } = rig().await;
    let viewer = hub.viewer();
    let of = |run: RunId, state: RunState| move |m: &ServerMessage| matches!(m, ServerMessage::Rows { rows } if rows.iter().any(|r| r.run == run && r.state == state));
    next(&viewer, of(run(0), RunState::Running)).await;
    append(&log, &run(3), vec![created(&run(3))]).await;
    next(&viewer, of(run(3), RunState::Queued)).await;
    append(&log, &run(0), vec![state(RunState::Failed)]).await;
    next(&viewer, of(run(0), RunState::Failed)).await;
    follow(&viewer, &run(0), None);
    log.delete(&run(0), None).await.unwrap();
    next(&viewer, |m| *m == ServerMessage::Deleted { run: run(0) }).await;
}

#[tokio::test]
async fn what_cannot_be_served_is_a_sentence() {
    let Rig { _dir, log: _log, hub } = rig().await;
    let viewer = hub.viewer();
    follow(&viewer, &run(8), None);
    let refused = |part: &'static str| move |m: &ServerMessage| matches!(m, ServerMessage::Refused { sentence } if sentence.contains(part));
    next(&viewer, refused("There is no run r")).await;
    // One that asks without reading is bounded: at most 8 answers wait.
    (0..1000).for_each(|n| viewer.refuse(format!("number {n}")));
    follow(&viewer, &run(0), None);
    let mut answers = 0;
    loop {
        match next(&viewer, |_| true).await {
            ServerMessage::Refused { .. } => answers += 1,
            ServerMessage::Snapshot { .. } => break,
            _ => {}
        }
    }
    assert!((1..=8).contains(&answers), "{answers}");
}

#[tokio::test]
async fn a_closed_hub_ends_its_viewers() {
    let Rig { _dir, log: _log, hub } = rig().await;
    let (explicit, implicit) = (hub.viewer(), hub.viewer());
    hub.close();
    assert_eq!(timeout(PATIENCE, explicit.next()).await.unwrap(), None);
    assert_eq!(timeout(PATIENCE, hub.viewer().next()).await.unwrap(), None);
    drop(hub);
    assert_eq!(timeout(PATIENCE, implicit.next()).await.unwrap(), None);
}
