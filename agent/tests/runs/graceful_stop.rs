//! Owns the end of an agent that is told to end: runs are parked and go on later, or come to their end first.
//! Must not know the agent's insides.

use crate::support::{Agent, LONG_PLAN, SHORT_PLAN, client, engines_of, state};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

fn tell(agent: &Agent) {
    kill(Pid::from_raw(agent.child.id().cast_signed()), Signal::SIGTERM).unwrap();
}

/// Waits until the agent has ended by itself, and well.
fn ended(mut agent: Agent) {
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = agent.child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < LIMIT, "the agent does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{status}");
}

/// A run that is measured, and one that waits.
async fn two_runs(agent: &Agent, plan: &str) -> (String, String) {
    let (first, second) = (agent.submit(plan).await, agent.submit(SHORT_PLAN).await);
    agent.wait(&first, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(0)).await;
    (first, second)
}

/// After the next start what waited has its turn, and what was under way is marked as one that can go on, and does.
async fn goes_on(data: &Path, parked: Option<&str>, waited: Option<&str>) -> Agent {
    let agent = Agent::start(data);
    if let Some(run) = waited {
        agent.wait(run, LIMIT, |view| state(view) == "done").await;
    }
    if let Some(run) = parked {
        let (_, view) = agent.get(&format!("/api/v1/runs/{run}")).await;
        assert_eq!(state(&view), "interrupted", "{}", view["reason"]);
        assert!(view["reason"].as_str().unwrap().starts_with("The agent was stopped before"), "{}", view["reason"]);
        let (status, said) = agent.post(&format!("/api/v1/runs/{run}/resume"), String::new(), "application/json").await;
        assert_eq!(status, 202, "{said}");
    }
    agent
}

#[tokio::test]
async fn what_runs_is_parked_and_what_waits_goes_on_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let (first, second) = two_runs(&agent, LONG_PLAN).await;
    let engines = engines_of(agent.child.id());
    assert_eq!(engines.len(), 1);
    tell(&agent);
    ended(agent);
    assert!(!crate::support::alive(engines[0]));
    goes_on(dir.path(), Some(&first), Some(&second)).await;
}

#[tokio::test]
async fn a_run_may_come_to_its_end_first() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::with(dir.path(), &["--finish"]);
    let (first, second) = two_runs(&agent, &SHORT_PLAN.replace("requests = 12", "duration_s = 3.0")).await;
    tell(&agent);
    // Meanwhile everybody still sees it, and nothing new is taken.
    let begun = Instant::now();
    let ready = async || client().get(format!("{}/readyz", agent.url)).send().await.unwrap();
    while ready().await.status() == 200 {
        assert!(begun.elapsed() < LIMIT, "it says that it is ready");
    }
    assert!(ready().await.text().await.unwrap().starts_with("stopping"));
    assert_eq!(client().get(format!("{}/healthz", agent.url)).send().await.unwrap().status(), 200);
    let (status, said) = agent.post("/api/v1/runs", SHORT_PLAN.to_owned(), "application/toml").await;
    assert!(status == 409 && said["error"].as_str().unwrap().starts_with("The agent is stopping"), "{said}");
    assert_eq!(agent.get(&format!("/api/v1/runs/{first}")).await.0, 200);
    ended(agent);
    let agent = goes_on(dir.path(), None, Some(&second)).await;
    let (_, view) = agent.get(&format!("/api/v1/runs/{first}")).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
}

#[tokio::test]
async fn told_twice_it_does_not_wait() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::with(dir.path(), &["--finish"]);
    let (first, _) = two_runs(&agent, LONG_PLAN).await;
    tell(&agent);
    let begun = Instant::now();
    while client().get(format!("{}/readyz", agent.url)).send().await.unwrap().status() == 200 {
        assert!(begun.elapsed() < LIMIT, "it says that it is ready");
    }
    tell(&agent);
    ended(agent);
    goes_on(dir.path(), Some(&first), None).await;
}

#[tokio::test]
async fn what_somebody_cancels_meanwhile_is_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::with(dir.path(), &["--finish"]);
    let (first, _) = two_runs(&agent, LONG_PLAN).await;
    tell(&agent);
    let (status, said) = agent.post(&format!("/api/v1/runs/{first}/cancel"), String::new(), "application/json").await;
    assert_eq!(status, 202, "{said}");
    ended(agent);
    let agent = Agent::start(dir.path());
    let (_, view) = agent.get(&format!("/api/v1/runs/{first}")).await;
    assert_eq!(state(&view), "cancelled");
}
