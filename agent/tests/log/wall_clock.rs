//! Owns what a jump of the host's clock does: to runs nothing, to what ends at a time what that time says.
//! Must not know how time is measured.

use crate::support::{PROGRAM, attached};
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::{Role, Who};
use shared::plan::Plan;
use std::time::{Duration, Instant};
use tokenprism::bench::{PacerConfig, spawn_pacer_in_process};
use tokenprism::blob::BlobStore;
use tokenprism::engine::Means;
use tokenprism::log::SqliteLog;
use tokenprism::orchestrate::{Queue, Terms};
use tokenprism::people::{People, hash};
use tokenprism::price::Prices;
use tokenprism::process::Host;
use tokenprism::wall_clock::{jump, unix_ms};

const HOUR_MS: i64 = 3_600_000;
const LIMIT: Duration = Duration::from_secs(60);

async fn until(log: &SqliteLog, run: &RunId, state: RunState) {
    let begun = Instant::now();
    while log.view(run).await.unwrap().unwrap().run_state() != state {
        let view = log.view(run).await.unwrap().unwrap();
        assert!(begun.elapsed() < LIMIT, "the run is {:?} and not {state:?}: {:?}", view.run_state(), view.reason);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One test, for the clock is the whole program's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_by_an_hour_changes_no_figure_and_no_order() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let log = SqliteLog::open(&dir.path().join("log.sqlite")).unwrap();
    let blobs = BlobStore::open(dir.path().join("blobs")).unwrap();
    let means = Means::of(dir.path(), Host::open(dir.path()).unwrap().0.with_supervisor(PROGRAM));
    let queue = Queue::start(log.clone(), blobs, means, Prices::of(dir.path()), Terms::of_a_command()).await.unwrap();
    let paced = PacerConfig { ttft_ns: 20_000_000, gap_ns: 5_000_000, ..PacerConfig::default() };
    let engine = spawn_pacer_in_process(paced).unwrap();
    let plan = attached(&format!("http://{}", engine.addr), "").replace("requests = 12", "duration_s = 1.0");
    let plan = Plan::from_toml(&plan).unwrap();
    let mut runs = Vec::new();
    for ms in [HOUR_MS, -HOUR_MS, -HOUR_MS, HOUR_MS] {
        let (before, begun) = (unix_ms(), Instant::now());
        let run = queue.submit(plan.clone()).await.unwrap();
        until(&log, &run, RunState::Running).await;
        jump(ms);
        until(&log, &run, RunState::Done).await;
        let view = log.view(&run).await.unwrap().unwrap();
        // As long as it was, by a clock that does not jump.
        assert!(Duration::from_nanos(view.last_ns) <= begun.elapsed(), "{} ns", view.last_ns);
        for point in &view.points {
            let summary = point.summary.as_ref().unwrap();
            assert!(summary.ok > 0 && summary.ttft.mean_ms.unwrap() < 60_000.0, "{summary:?}");
        }
        // Its beginning is dated by the clock of that moment.
        let anchor = view.header.as_ref().unwrap().anchor_unix_ms;
        assert!(anchor >= before && anchor < before + 60_000, "{anchor} {before}");
        runs.insert(0, run);
    }
    // The last comes first, whatever the clock was.
    let rows: Vec<RunId> = log.rows(9, None).await.unwrap().into_iter().map(|row| row.run).collect();
    assert_eq!(rows, runs);

    // What ends at a time ends by the host's clock, and is there again where that was set back before it.
    let people = People::open(log.clone()).await.unwrap();
    let by = || Who { id: "test".to_owned(), name: "a test".to_owned() };
    let (row, secret) = people.create_token("Ada", Role::Viewer, Some(1), by()).await.unwrap();
    let opens = || people.principal(&hash(secret.expose())).is_some();
    assert!(opens());
    jump(HOUR_MS);
    assert!(opens());
    jump(23 * HOUR_MS);
    assert!(!opens());
    jump(-24 * HOUR_MS);
    assert!(opens());
    people.revoke_token(&row.token, by()).await.unwrap();
    jump(-HOUR_MS);
    // What was revoked is gone, and what was done stays in its order.
    assert!(!opens());
    let rows = log.audit(9, None).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["token revoked", "token created"]);
    queue.stop().await;
}
