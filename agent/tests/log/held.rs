//! Owns what happens where another program holds the log, as a backup may that locks it: for a moment nothing, for longer an
//! end with a sentence, and never a run without one.
//! Must not know how the log is stored, beyond that SQLite does it.

use crate::support::{Agent, LONG_PLAN, SHORT_PLAN, engines_of, state};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Holds the log until it is dropped.
fn hold(data: &Path) -> Connection {
    let other = Connection::open(data.join("log.sqlite")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn a_run_waits_for_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(&SHORT_PLAN.replace("requests = 12", "duration_s = 3.0")).await;
    agent.wait(&run, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(0)).await;
    let held = hold(dir.path());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    drop(held);
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    // What came meanwhile is all there: what the points have is what the live counters have.
    let of_points =
        view["points"].as_array().unwrap().iter().map(|point| point["summary"]["ok"].as_u64().unwrap()).sum();
    assert!(view["ended"]["ok"].as_u64() >= Some(of_points), "{}", view["ended"]);
}

#[tokio::test]
async fn a_run_that_waits_too_long_ends_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    agent.wait(&run, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(0)).await;
    let engines = engines_of(agent.child.id());
    let held = hold(dir.path());
    // Its engine is ended though nothing of that can be stored yet.
    let begun = std::time::Instant::now();
    while engines.iter().any(|engine| crate::support::alive(*engine)) {
        assert!(begun.elapsed() < LIMIT, "the engine goes on for a run that cannot be stored");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(state(&agent.get(&format!("/api/v1/runs/{run}")).await.1), "running");
    tokio::time::sleep(Duration::from_secs(6)).await;
    drop(held);
    let view = agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
    assert!(view["reason"].as_str().unwrap().starts_with("Another program holds the log"), "{}", view["reason"]);
    let next = agent.submit(SHORT_PLAN).await;
    agent.wait(&next, LIMIT, |view| state(view) == "done").await;
}
