//! Owns the engine that somebody starts by hand: its life over the API, who may start beside it, and its certain end.
//! Must not know the agent's insides.

use crate::failing_engine::out_of_memory;
use crate::support::{Agent, LONG_PLAN, SHORT_PLAN, TOKEN, alive, attached, client, engines_of, plan_of, state};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);
const LAUNCHED: &str = "kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"m\"\ncommand = [\"false\"]";

async fn start(agent: &Agent, engine: &Value) -> (u16, Value) {
    agent.post("/api/v1/engines", engine.to_string(), "application/json").await
}

async fn stop(agent: &Agent) -> u16 {
    let request = client().delete(format!("{}/api/v1/engines/started", agent.url)).bearer_auth(TOKEN);
    request.send().await.unwrap().status().as_u16()
}

/// Waits until the engine satisfies a condition; what the API says of engines then.
async fn until(agent: &Agent, is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let (status, now) = agent.get("/api/v1/engines/now").await;
        assert_eq!(status, 200, "{now}");
        if is_so(&now["started"]) {
            return now;
        }
        assert!(begun.elapsed() < LIMIT, "the engine did not come so far: {}", now["started"]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_state(agent: &Agent, state: &str) -> Value {
    until(agent, |started| started["state"] == state).await
}

fn gone(pids: &[i32]) {
    for _ in 0..1000 {
        if !pids.iter().any(|pid| alive(*pid)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{pids:?} are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_by_hand_is_measured_by_its_url_with_all_that_is_known_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    assert_eq!(stop(&agent).await, 404);
    let (status, refused) = start(&agent, &json!({ "kind": "builtin", "params": { "batch": 0 } })).await;
    assert_eq!((status, refused["error"].as_str().unwrap().contains("batch")), (422, true), "{refused}");
    let engine = json!({ "kind": "builtin", "params": { "preset": "1m", "batch": 4 } });
    let (status, started) = start(&agent, &engine).await;
    assert_eq!(
        (status, &started["state"], &started["engine"]["params"]["batch"]),
        (201, &json!("starting"), &json!(4))
    );
    let now = until_state(&agent, "ready").await;
    let (info, url) = (&now["started"]["info"], now["started"]["url"].as_str().unwrap());
    assert!(info["command"].as_array().unwrap().iter().any(|word| word == "builtin-engine"), "{info}");
    assert!(info["start_ms"].as_f64() > Some(0.0) && !info["phases"].as_array().unwrap().is_empty(), "{info}");
    let lines = now["log"]["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line.as_str().unwrap().contains("ready http://")), "{lines:?}");
    until(&agent, |started| started["memory_bytes"].as_u64() > Some(1 << 20)).await;

    // Nobody else starts an engine that needs the devices; the built-in one, and a server by URL, are measured.
    let (status, refused) = start(&agent, &engine).await;
    assert_eq!((status, refused["error"].as_str().unwrap().contains("stop it first")), (409, true), "{refused}");
    let (status, refused) = agent.post("/api/v1/runs", plan_of(LAUNCHED), "application/toml").await;
    assert_eq!((status, refused["error"].as_str().unwrap().contains("Engines page")), (409, true), "{refused}");
    let run = agent.submit(&attached(url, "")).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    for known in ["command", "phases", "start_ms", "params", "version"] {
        assert_eq!(view["engine"][known], info[known], "{known}");
    }
    assert!(view["caveats"].to_string().contains("random_weights_on_cpu"), "{}", view["caveats"]);
    let beside = agent.submit(SHORT_PLAN).await;
    agent.wait(&beside, LIMIT, |view| state(view) == "done").await;

    let pids = engines_of(agent.child.id());
    assert_eq!(pids.len(), 1);
    assert_eq!(stop(&agent).await, 202);
    let now = until_state(&agent, "stopped").await;
    assert_eq!((&now["started"]["memory_bytes"], &now["started"]["reason"]), (&Value::Null, &Value::Null));
    gone(&pids);
    // Its URL is nobody's any more, and the host is free again.
    let run = agent.submit(&attached(url, "")).await;
    agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
    let run = agent.submit(&plan_of(LAUNCHED)).await;
    agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_shows_the_root_and_leaves_the_host_free() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let (status, started) = start(&agent, &out_of_memory(dir.path())).await;
    assert_eq!(status, 201, "{started}");
    let now = until_state(&agent, "failed").await;
    let reason = now["started"]["reason"].as_str().unwrap();
    assert!(reason.starts_with("The engine did not start.") && reason.contains("memory"), "{reason}");
    assert!(now["log"]["lines"].to_string().contains("cudaMalloc failed"), "{}", now["log"]);
    // Somebody who stops a start gets what he wants, too.
    // This one is asked for its version first, and answers.
    let script = "[ \"$0\" = --version ] && exit; sleep 300";
    let sleeps = json!({ "kind": "llama_server", "launch": "native", "model": "m", "command": ["sh", "-c", script] });
    assert_eq!(start(&agent, &sleeps).await.0, 201);
    until(&agent, |started| started["url"].is_string()).await;
    assert_eq!(stop(&agent).await, 202);
    assert_eq!(until_state(&agent, "stopped").await["started"]["number"], 2);
    let missing = json!({ "kind": "vllm", "launch": "native", "model": "m", "venv": "/nonexistent" });
    assert_eq!(start(&agent, &missing).await.0, 201);
    let now = until_state(&agent, "failed").await;
    assert!(now["started"]["reason"].as_str().unwrap().contains("was not found"), "{}", now["started"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_starts_its_engine_keeps_others_from_starting_one() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    let (status, refused) = start(&agent, &json!({ "kind": "builtin" })).await;
    assert_eq!((status, refused["error"].as_str().unwrap().contains("waits or runs")), (409, true), "{refused}");
    agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    agent.wait(&run, LIMIT, |view| state(view) == "cancelled").await;
    // The place is free once the run's turn is over, which is a moment after its last event.
    let begun = Instant::now();
    while start(&agent, &json!({ "kind": "builtin" })).await.0 != 201 {
        assert!(begun.elapsed() < LIMIT, "the host is still taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until_state(&agent, "ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_says_so_and_nothing_outlives_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    for signal in [None, Some(Signal::SIGKILL), Some(Signal::SIGTERM)] {
        assert_eq!(start(&agent, &json!({ "kind": "builtin" })).await.0, 201);
        until_state(&agent, "ready").await;
        let pids = engines_of(agent.child.id());
        let of_agent = Pid::from_raw(agent.child.id().cast_signed());
        match signal {
            None => {
                kill(Pid::from_raw(pids[0]), Signal::SIGKILL).unwrap();
                let now = until_state(&agent, "failed").await;
                let reason = now["started"]["reason"].as_str().unwrap();
                assert!(reason.starts_with("The engine's process ended (SIGKILL)."), "{reason}");
            }
            Some(signal) => {
                kill(of_agent, signal).unwrap();
                agent.child.wait().unwrap();
                gone(&pids);
                agent = Agent::start(dir.path());
            }
        }
    }
}
