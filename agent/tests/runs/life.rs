//! Owns the life of runs in a real agent process: done, cancelled, killed in the middle, refused with a sentence.
//! Must not know the agent's insides.

use crate::support::{Agent, LONG_PLAN, PROGRAM, SHORT_PLAN, alive, attached, engines_of, finished, state};
use std::time::Duration;
use tokenprism::bench::{PacerConfig, PacerHandle, spawn_pacer_in_process};

const LIMIT: Duration = Duration::from_secs(120);

/// A line of an engine that no server here has.
const OTHER_MODEL: &str = "model = \"other\"\n";

/// A server of the model "pacer".
fn pacer() -> PacerHandle {
    spawn_pacer_in_process(PacerConfig::default()).unwrap()
}

#[tokio::test]
async fn a_run_on_the_built_in_engine_ends_with_exact_figures_and_leaves_no_engine() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(SHORT_PLAN).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    for point in view["points"].as_array().unwrap() {
        let summary = &point["summary"];
        assert_eq!((&summary["attempted"], &summary["ok"]), (&12.into(), &12.into()), "{summary}");
        assert_eq!(summary["token_source"], "server_usage");
        assert!(summary["ttft"]["mean_ms"].as_f64().unwrap() > 0.0);
        assert_eq!(summary["ttft"]["p99"]["needs"], 100);
        assert!(summary["output_throughput"].as_f64().unwrap() > 0.0);
        // No price is known, so there is no cost, and it is not zero.
        assert!(summary["cost_per_mtok_output"].is_null());
    }
    let caveats = view["caveats"].as_array().unwrap();
    assert!(caveats.contains(&"random_weights_on_cpu".into()), "{caveats:?}");
    assert!(engines_of(agent.child.id()).is_empty());

    // Every request is in the records, with its timeline.
    let (status, requests) = agent.get(&format!("/api/v1/runs/{run}/trials/1/requests?limit=100")).await;
    assert_eq!(status, 200, "{requests}");
    let (status, timeline) = agent.get(&format!("/api/v1/runs/{run}/requests/0")).await;
    assert_eq!(status, 200, "{timeline}");
    assert_eq!(timeline["chunks"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_cancelled_run_ends_at_once_and_its_engine_too() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    agent.wait(&run, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(3)).await;
    let (status, body) = agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    assert!((200..300).contains(&status), "{body}");
    agent.wait(&run, Duration::from_secs(20), |view| state(view) == "cancelled").await;
    assert!(engines_of(agent.child.id()).is_empty());
}

#[tokio::test]
async fn kill_9_in_the_middle_leaves_an_interrupted_run_no_engine_and_a_log_that_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    let before = agent.wait(&run, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(10)).await;
    let engines = engines_of(agent.child.id());
    assert_eq!(engines.len(), 1);
    agent.kill();
    for _ in 0..200 {
        if !alive(engines[0]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!alive(engines[0]), "the engine outlived its agent");

    let agent = Agent::start(dir.path());
    let after = agent.wait(&run, LIMIT, |view| state(view) == "interrupted").await;
    assert!(after["seq"].as_u64() > before["seq"].as_u64());
    assert!(after["ended"]["ok"].as_u64() >= before["ended"]["ok"].as_u64(), "an acknowledged request was lost");
    let next = agent.submit(SHORT_PLAN).await;
    agent.wait(&next, LIMIT, |view| state(view) == "done").await;
}

#[tokio::test]
async fn an_engine_that_dies_fails_the_run_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    agent.wait(&run, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(3)).await;
    let engine = engines_of(agent.child.id())[0];
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(engine), nix::sys::signal::SIGKILL).unwrap();
    let view = agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
    let reason = view["reason"].as_str().unwrap();
    assert!(reason.contains("The engine's process ended while it was measured (SIGKILL)."), "{reason}");
    assert!(reason.contains("It was killed from outside"), "{reason}");
}

#[tokio::test]
async fn what_cannot_be_measured_is_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());

    let (status, body) = agent.post("/api/v1/runs", SHORT_PLAN.replace("[1, 4]", "[]"), "application/toml").await;
    assert_eq!(status, 422);
    assert!(body["error"].as_str().unwrap().contains("load.concurrency"), "{body}");

    // A port that was free a moment ago: nobody answers there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = agent.submit(&attached(&format!("http://{free}"), "")).await;
    let view = agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
    assert!(view["reason"].as_str().unwrap().starts_with("No server answers at"), "{}", view["reason"]);

    // A server that serves something else.
    let pacer = pacer();
    let run = agent.submit(&attached(&format!("http://{}", pacer.addr), OTHER_MODEL)).await;
    let view = agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
    let reason = view["reason"].as_str().unwrap();
    assert!(reason.contains("does not serve the model \"other\". It serves: pacer."), "{reason}");

    // Another service on the port: this agent itself, whose API refuses us.
    let run = agent.submit(&attached(&agent.url, "")).await;
    let view = agent.wait(&run, LIMIT, |view| state(view) == "failed").await;
    assert!(view["reason"].as_str().unwrap().contains("answered"), "{}", view["reason"]);
}

#[tokio::test]
async fn a_command_whose_engine_dies_under_the_serving_agent_fails_with_the_same_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let plan = dir.path().join("plan.toml");
    std::fs::write(&plan, LONG_PLAN).unwrap();
    let command = std::process::Command::new(PROGRAM)
        .args(["run", plan.to_str().unwrap(), "--data", dir.path().to_str().unwrap()])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let run = loop {
        let (_, rows) = agent.get("/api/v1/runs").await;
        if let Some(run) = rows[0]["run"].as_str() {
            break run.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    agent.wait(&run, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(3)).await;
    let engine = engines_of(agent.child.id())[0];
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(engine), nix::sys::signal::SIGKILL).unwrap();
    let output = command.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the run is failed. The engine's process ended while it was measured"), "{said}");
}

#[test]
fn the_command_line_refuses_with_sentences_and_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let check = |args: &[&str], expect: &str| {
        let output = finished(std::process::Command::new(PROGRAM).args(args).env("TOKENPRISM_DATA", dir.path()));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?} said: {said}");
        assert!(said.contains(expect), "{args:?} said: {said}");
    };
    check(&["run", "no-such-preset"], "neither a preset");
    let bad = dir.path().join("bad.toml");
    std::fs::write(&bad, SHORT_PLAN.replace("requests = 12", "requests = 12\nrequets = 3")).unwrap();
    check(&["run", bad.to_str().unwrap()], "requets");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    check(&["run", "first", "--engine", &format!("http://{free}")], "No server answers");
    let pacer = pacer();
    let other = dir.path().join("other.toml");
    std::fs::write(&other, attached(&format!("http://{}", pacer.addr), OTHER_MODEL)).unwrap();
    check(&["run", other.to_str().unwrap()], "does not serve the model \"other\". It serves: pacer.");
    check(&["serve", "--token", "short"], "at least 32 are needed");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&["serve", "--listen", &address], "another program may hold the port");
}

#[test]
fn a_headless_run_prints_its_table_and_writes_its_figures() {
    let dir = tempfile::tempdir().unwrap();
    let plan = dir.path().join("plan.toml");
    std::fs::write(&plan, SHORT_PLAN).unwrap();
    let json = dir.path().join("out.json");
    let output = finished(
        std::process::Command::new(PROGRAM)
            .args(["run", plan.to_str().unwrap(), "--json", json.to_str().unwrap()])
            .env("TOKENPRISM_DATA", dir.path().join("data")),
    );
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // A dozen requests carry no 99th percentile, so the run is doubtful at least; on a busy host the client is late, too.
    let code = output.status.code();
    assert!(matches!(code, Some(3 | 4)), "{code:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("12/12") && said.contains("random weights on the CPU"), "{said}");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let point = &file["points"][1];
    assert_eq!((&file["state"], &point["level"]["concurrency"]), (&"done".into(), &4.into()));
    assert_eq!(file["verdict"], if code == Some(4) { "doubtful" } else { "invalid" });
    assert!(["doubtful", "invalid"].iter().any(|verdict| point["verdict"] == *verdict), "{point}");
    assert!(point["findings"].as_array().unwrap().iter().any(|f| f["label"] == "too few samples"), "{point}");
}
