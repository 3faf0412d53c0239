//! Owns the lives of a launched vLLM that the generic tests of lives do not have: it dies as if well, waits for clients for
//! ever, and leaves a worker behind. Must not know the agent's insides.

use crate::replica::program;
use crate::replica::vllm::Vllm;
use crate::replica::{Replica, start_on};
use crate::support::{Agent, alive, client, plan_of, state};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Not a test: the replica as a program, as the tests below have it started.
#[tokio::test]
#[ignore = "runs only as the child process of the tests below"]
async fn engine() {
    program::run().await;
}

fn script(dir: &Path) -> PathBuf {
    let path = dir.join("vllm");
    std::fs::write(&path, program::script("launched::engine")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A plan that starts the program, with more lines of its engine and other lines of its load.
fn plan(script: &Path, more: &str, load: &str) -> String {
    let engine = format!(
        "kind = \"vllm\"\nlaunch = \"native\"\ncommand = [\"{}\"]\nmodel = \"m/7b\"\nserved_name = \"7b\"\n{more}",
        script.display()
    );
    plan_of(&engine).replace("requests = 12\n", load)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until the run measures; what speaks HTTP, and the worker.
async fn measured(agent: &Agent, run: &str) -> [i32; 2] {
    let view = agent.wait(run, LIMIT, |view| ["running", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "running", "{}", view["reason"]);
    pids(&view)
}

/// The two processes, as the engine's log tells.
fn pids(view: &Value) -> [i32; 2] {
    let log = view["engine_log"].to_string();
    let (_, ids) = log.split_once("pids ").unwrap_or_else(|| panic!("no pids in {log}"));
    let mut ids = ids.split(|c: char| !c.is_ascii_digit()).map(|id| id.parse().unwrap());
    [ids.next().unwrap(), ids.next().unwrap()]
}

fn kill_9(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

async fn failed(agent: &Agent, run: &str) -> String {
    let view = agent.wait(run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "failed", "{}", view["reason"]);
    view["reason"].as_str().unwrap().to_owned()
}

const LONG: &str = "duration_s = 300.0\n";

#[tokio::test]
async fn an_engine_that_dies_and_ends_as_if_well_is_a_failed_run_with_the_root_cause() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    // The 20th prompt is too much for it: its streams end with an error and `[DONE]`, and its exit code is 0.
    let prompts = dir.path().join("prompts.jsonl");
    let lines = (0..20).map(|n| format!("{{\"prompt\": \"{n} @d:5 {}\"}}\n", if n == 19 { "@die:3" } else { "" }));
    std::fs::write(&prompts, lines.collect::<String>()).unwrap();
    let workload = format!("file = \"{}\"\nnonce = false\n", prompts.display());
    let plan = plan(&script(dir.path()), "", LONG).replace("input_tokens = 16\n", &workload);
    let run = agent.submit(&plan).await;
    let reason = failed(&agent, &run).await;
    let begins = "The engine's process ended while it was measured (exit code 0). GPU memory is not enough.";
    assert!(reason.starts_with(begins) && reason.contains("torch.OutOfMemoryError: CUDA out of memory."), "{reason}");
}

#[tokio::test]
async fn an_engine_whose_worker_was_killed_is_a_failed_run_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(&plan(&script(dir.path()), "", LONG)).await;
    let [api, worker] = measured(&agent, &run).await;
    kill_9(worker);
    let reason = failed(&agent, &run).await;
    let begins = "The engine's process ended while it was measured (exit code 0).";
    assert!(reason.starts_with(begins) && reason.contains("EngineCore died unexpectedly"), "{reason}");
    assert!(!alive(api) && !alive(worker));
}

#[tokio::test]
async fn a_worker_that_outlives_what_speaks_http_is_ended_before_the_next_engine_starts() {
    // CASES B64: the worker has a name of its own, its parent is gone and its port free, and it would hold the memory.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(&plan(&script(dir.path()), "", LONG)).await;
    let [api, worker] = measured(&agent, &run).await;
    let name = std::fs::read(format!("/proc/{worker}/cmdline")).unwrap();
    assert!(name.starts_with(b"VLLM::EngineCore\0"), "{}", String::from_utf8_lossy(&name));
    kill_9(api);
    let reason = failed(&agent, &run).await;
    let begins = "The engine's process ended while it was measured (SIGKILL).";
    assert!(reason.starts_with(begins), "{reason}");
    assert!(!alive(api) && !alive(worker));
}

#[tokio::test]
async fn an_engine_that_waits_for_somebody_elses_stream_is_killed_when_its_time_is_up() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let port = free_port();
    // Long enough that the other stream has begun before it is over.
    let run = agent.submit(&plan(&script(dir.path()), &format!("port = {port}"), "duration_s = 2.0\n")).await;
    // A stream that the agent knows nothing of, and that would go on for minutes.
    let body = json!({"prompt": "@d:100", "max_tokens": 2000, "ignore_eos": true, "stream": true});
    let url = format!("http://127.0.0.1:{port}/v1/completions");
    let mut open = loop {
        match client().post(&url).json(&body).send().await {
            Ok(response) => break response,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert!(open.chunk().await.unwrap().unwrap().starts_with(b"data: {"));
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let log = view["engine_log"].to_string();
    assert!(log.contains("Waiting for connections to close") && !log.contains("shutdown complete"), "{log}");
    assert!(!pids(&view).into_iter().any(alive), "{log}");
    // Nothing said to our client that this was the end.
    let mut rest = Vec::new();
    while let Ok(Some(bytes)) = open.chunk().await {
        rest.extend(bytes);
    }
    let rest = String::from_utf8_lossy(&rest);
    assert!(!rest.contains("error") && !rest.contains("[DONE]"), "{rest}");
}

#[tokio::test]
async fn an_engine_that_finds_its_port_taken_says_so_and_the_stranger_is_not_touched() {
    // CASES B36: free when the agent looked, and another vLLM's with another model when the engine came to it.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let (port, script) = (free_port(), script(dir.path()));
    std::fs::write(script.with_extension("wait"), "").unwrap();
    let run = agent.submit(&plan(&script, &format!("port = {port}"), "requests = 12\n")).await;
    while !script.with_extension("begun").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let Replica { state: seen, .. } = start_on(TcpListener::bind(("127.0.0.1", port)).unwrap(), Vllm::default());
    while seen.asked("/v1/models").is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::write(script.with_extension("go"), "").unwrap();
    let reason = failed(&agent, &run).await;
    let begins = "The engine did not start. Its process ended (exit code 1). Another process took its port.";
    assert!(reason.starts_with(begins), "{reason}");
    assert!(seen.asked("/v1/completions").is_empty(), "the stranger was asked for work");
    let health = client().get(format!("http://127.0.0.1:{port}/health")).send().await.unwrap();
    assert_eq!(health.status(), 200);
}
