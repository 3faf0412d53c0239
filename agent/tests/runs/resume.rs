//! Owns runs that go on after they ended before their end: killed, cancelled, refused; what was measured stays as it is.
//! Must not know the agent's insides.

use crate::support::{Agent, PROGRAM, SHORT_PLAN, alive, engines_of, finished, state};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Two engine configurations with two levels each, every point two seconds long.
const SWEEP: &str = r#"
schema = 1
name = "Sweep"
[engine]
kind = "builtin"
params = { preset = "1m" }
vary = { batch = [1, 4] }
[workload]
input_tokens = 16
output_tokens = 8
[load]
concurrency = [1, 2]
duration_s = 2.0
"#;

async fn resume(agent: &Agent, run: &str) -> (u16, String) {
    let (status, body) = agent.post(&format!("/api/v1/runs/{run}/resume"), String::new(), "application/json").await;
    (status, body["error"].as_str().unwrap_or_default().to_owned())
}

/// Points with figures, by index.
fn measured(view: &Value) -> Vec<usize> {
    let points = view["points"].as_array().unwrap().iter().enumerate();
    points.filter(|(_, point)| !point["summary"].is_null()).map(|(index, _)| index).collect()
}

/// Every point has figures, of trials that count, on an engine of its own configuration.
fn assert_whole(view: &Value) {
    assert_eq!(measured(view), [0, 1, 2, 3], "{}", view["points"]);
    let trials = view["trials"].as_array().unwrap();
    for (index, point) in view["points"].as_array().unwrap().iter().enumerate() {
        let of_point = trials.iter().filter(|trial| trial["point"] == index && trial["set_aside"] == false);
        assert_eq!(of_point.count(), 1, "point {index}: {trials:?}");
        let engines = point["engines"].as_array().unwrap();
        assert_eq!(engines.len(), 1, "{point}");
        let engine = &view["engines"][engines[0].as_u64().unwrap() as usize];
        assert_eq!(engine["configuration"], point["configuration"]);
        assert_eq!(engine["params"]["batch"], if index < 2 { 1 } else { 4 }, "{engine}");
    }
    // Time never goes back.
    let starts: Vec<u64> = trials.iter().map(|trial| trial["started_ns"].as_u64().unwrap()).collect();
    assert!(starts.is_sorted(), "{starts:?}");
}

fn blobs(data: &Path, view: &Value) -> Vec<(String, Vec<u8>)> {
    let names = view["trials"].as_array().unwrap().iter().filter_map(|trial| trial["blob"].as_str());
    names.map(|name| (name.to_owned(), std::fs::read(data.join("blobs").join(name)).unwrap())).collect()
}

#[tokio::test]
async fn a_sweep_whose_agent_was_killed_goes_on_with_the_first_unfinished_point() {
    // CASES B65 and B66.
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let run = agent.submit(SWEEP).await;
    let in_the_middle = |view: &Value| measured(view) == [0, 1] && view["trials"][2]["ended"]["ok"].as_u64() > Some(0);
    let before = agent.wait(&run, LIMIT, in_the_middle).await;
    let (status, said) = resume(&agent, &run).await;
    assert!(status == 409 && said.contains("is running and has not ended"), "{status} {said}");
    let kept = blobs(dir.path(), &before);
    assert_eq!(kept.len(), 2);
    let engines = engines_of(agent.child.id());
    agent.kill();

    let agent = Agent::start(dir.path());
    let ended = agent.wait(&run, LIMIT, |view| state(view) == "interrupted").await;
    assert_eq!(resume(&agent, &run).await.0, 202);
    let after = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&after), "done", "{}", after["reason"]);
    assert_whole(&after);
    // What was finished is what it was, to the byte, and so is what was cut off.
    for point in [0, 1] {
        assert_eq!(after["points"][point].to_string(), before["points"][point].to_string());
        assert_eq!(after["trials"][point].to_string(), before["trials"][point].to_string());
    }
    assert_eq!(blobs(dir.path(), &after)[..2], kept);
    let cut_off = &after["trials"][2];
    assert_eq!((&cut_off["set_aside"], &cut_off["summary"]), (&true.into(), &Value::Null));
    assert_eq!(after["trials"].as_array().unwrap().len(), 5);
    // The same stream goes on, with an anchor of its own.
    let resumptions = after["resumptions"].as_array().unwrap();
    assert_eq!((resumptions.len(), &resumptions[0]["t_ns"]), (1, &ended["last_ns"]));
    assert!(resumptions[0]["anchor_unix_ms"].as_u64() > after["header"]["anchor_unix_ms"].as_u64());
    assert!(after["caveats"].as_array().unwrap().contains(&"resumed".into()), "{}", after["caveats"]);
    // No two requests have one number, and so one prompt.
    let (_, requests) = agent.get(&format!("/api/v1/runs/{run}/trials/4/requests?limit=1")).await;
    assert!(requests[0]["id"].as_u64() > Some(1 << 40), "{requests}");
    assert!(engines_of(agent.child.id()).is_empty() && engines.iter().all(|engine| !alive(*engine)));
    // Whoever folds it anew finds the same.
    let (_, rows) = agent.get("/api/v1/runs").await;
    assert_eq!((&rows[0]["state"], &rows[0]["trials_done"]), (&"done".into(), &4.into()));

    let (status, said) = resume(&agent, &run).await;
    assert!(status == 409 && said.contains("is done"), "{status} {said}");
    assert_eq!(resume(&agent, "r0000000000000000dead").await.0, 404);
}

/// Five points of a second each.
const FIVE: &str = r#"
schema = 1
name = "Five"
[engine]
kind = "builtin"
params = { preset = "1m", batch = 4 }
[workload]
input_tokens = 16
output_tokens = 8
[load]
concurrency = [1, 2, 3, 4, 5]
duration_s = 1.0
"#;

#[tokio::test]
async fn two_runs_of_one_second_that_were_killed_each_keep_what_they_had() {
    // CASES B65 and B66, by their own inputs.
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let (first, second) = tokio::join!(agent.submit(FIVE), agent.submit(FIVE));
    assert_ne!(first, second);
    // Either may have the first turn.
    let begun = async |run: &str| agent.get(&format!("/api/v1/runs/{run}")).await.1;
    let (first, second) = loop {
        match (measured(&begun(&first).await).len(), measured(&begun(&second).await).len()) {
            (0, 0) => tokio::time::sleep(Duration::from_millis(50)).await,
            (_, 0) => break (first, second),
            _ => break (second, first),
        }
    };
    let before = agent.wait(&first, LIMIT, |view| measured(view).len() == 3).await;
    let kept = blobs(dir.path(), &before);
    agent.kill();

    let agent = Agent::start(dir.path());
    // What waited goes on waiting, and has its turn by itself.
    agent.wait(&first, LIMIT, |view| state(view) == "interrupted").await;
    assert_eq!(resume(&agent, &first).await.0, 202);
    let after = agent.wait(&first, LIMIT, |view| state(view) == "done").await;
    let other = agent.wait(&second, LIMIT, |view| state(view) == "done").await;
    for point in measured(&before) {
        assert_eq!(after["points"][point].to_string(), before["points"][point].to_string());
    }
    assert_eq!(blobs(dir.path(), &after)[..3], kept);
    assert_eq!((measured(&after).len(), measured(&other).len()), (5, 5));
    // Every attempt has a file of its own, named by its run; none was written twice.
    let (of_first, of_second) = (blobs(dir.path(), &after), blobs(dir.path(), &other));
    assert!(of_first.iter().all(|(name, _)| name.starts_with(&first)), "{first}");
    assert!(of_second.iter().all(|(name, _)| name.starts_with(&second)), "{second}");
    let names: std::collections::BTreeSet<&String> = of_first.iter().chain(&of_second).map(|(name, _)| name).collect();
    assert_eq!(names.len(), of_first.len() + of_second.len());
}

#[tokio::test]
async fn a_cancelled_sweep_goes_on_by_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(SWEEP).await;
    agent.wait(&run, LIMIT, |view| measured(view) == [0]).await;
    agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    let before = agent.wait(&run, LIMIT, |view| state(view) == "cancelled").await;

    // By the serving agent, and cancelled there once more.
    let file = dir.path().join("out.json");
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--resume", &run, "--json"]).arg(&file).arg("--data").arg(dir.path());
    let waiting = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    agent.wait(&run, LIMIT, |view| measured(view).len() > measured(&before).len()).await;
    agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    let output = tokio::task::spawn_blocking(|| waiting.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    drop(agent);

    // And by the command alone.
    let output = tokio::task::spawn_blocking(move || finished(&mut command)).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{said}");
    let written: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!((&written["state"], written["resumptions"].as_array().unwrap().len()), (&"done".into(), 2));
    let kept = |point: &Value| (point["summary"].to_string(), point["intervals"].to_string());
    assert_eq!(kept(&written["points"][0]), kept(&before["points"][0]));
    for point in written["points"].as_array().unwrap() {
        assert!(point["summary"]["ok"].as_u64() > Some(0), "{point}");
        let engine = &written["engines"][point["engines"][0].as_u64().unwrap() as usize];
        assert_eq!(engine["configuration"], point["configuration"]);
        assert!(engine["version"].is_string() && !engine["command"].as_array().unwrap().is_empty(), "{engine}");
    }
    let agent = Agent::start(dir.path());
    let (_, view) = agent.get(&format!("/api/v1/runs/{run}")).await;
    assert_whole(&view);
}

#[tokio::test]
async fn a_search_does_not_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let search = "search = { goal = \"saturation\", from = 1, to = 64 }\nduration_s = 60.0";
    let run = agent.submit(&SHORT_PLAN.replace("concurrency = [1, 4]\nrequests = 12", search)).await;
    agent.wait(&run, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(0)).await;
    agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    agent.wait(&run, LIMIT, |view| state(view) == "cancelled").await;
    let (status, said) = resume(&agent, &run).await;
    assert!(status == 409 && said.contains("searches for its levels"), "{status} {said}");
}
