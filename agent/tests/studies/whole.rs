//! Owns studies through the real program: the ladder on the built-in engine, a comparison and the gate by their exit codes.
//! Must not know the agent's insides.

use crate::support::{Agent, PROGRAM, engines_of, finished};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// A small ladder that takes a minute. Without a cache each token computes all before it anew, and prompts, which a batch does
/// not share, are short beside outputs, whose steps it does: what the cache and batches are worth exceeds the noise of a busy
/// machine, and a trial still holds several requests.
const LADDER: &str = r#"
schema = 1
name = "Ladder"
kind = "decomposition"

[engines.builtin]
kind = "builtin"
[engines.builtin.params]
preset = "1m"
kv_cache = false
batch = 1

[[steps]]
label = "Without KV cache"
engine = "builtin"
[[steps]]
label = "KV cache"
set = { kv_cache = true }
[[steps]]
label = "Static batching"
set = { batch = 8 }

[workload]
input_tokens = 16
output_tokens = 48

[load]
concurrency = [1, 8]
duration_s = 1.5
trials = 6
"#;

fn tokenprism(data: &Path, args: &[&str]) -> Output {
    finished(Command::new(PROGRAM).args(args).arg("--data").arg(data))
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_ladder_shows_what_the_cache_and_batches_are_worth() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, out) = (dir.path().join("ladder.toml"), dir.path().join("out.json"));
    std::fs::write(&plan, LADDER).unwrap();
    let (plan, file) = (plan.to_str().unwrap(), out.to_str().unwrap());
    let checked = tokenprism(dir.path(), &["study", plan, "--check"]);
    assert!(checked.status.success() && told(&checked).contains("3 runs"), "{}", told(&checked));

    let output = tokenprism(dir.path(), &["study", plan, "--json", file]);
    // So few requests are doubted, but every run is done.
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{:?}: {}", output.status, told(&output));
    let study = json(&out);
    let cases = study["study"]["decomposition"]["cases"].as_array().unwrap();
    let step = |case: usize, step: usize| &cases[case]["steps"][step]["against"]["output_throughput"];
    for case in [0, 1] {
        let cache = step(case, 1);
        assert_eq!(cache["judgement"], "better", "{cache}");
        assert!(cache["ratio"]["low"].as_f64().unwrap() > 1.0, "{cache}");
    }
    let batches = step(1, 2);
    assert_eq!(batches["judgement"], "better", "{batches}");
    assert!(batches["ratio"]["low"].as_f64().unwrap() > 1.0, "{batches}");
    assert!(told(&output).contains("throughput-bound (8 in flight)"), "{}", told(&output));

    // The file is read again: a run against itself is no regression, and the cache is one the other way round.
    let runs: Vec<&str> =
        study["study"]["runs"].as_array().unwrap().iter().map(|r| r["run"].as_str().unwrap()).collect();
    let gate = |baseline: &str, candidate: &str, limit: &str| {
        let args = ["gate", baseline, candidate, "--metric", "output_throughput", "--max-regression", limit];
        tokenprism(dir.path(), &args)
    };
    // A machine so busy that a rule calls a point invalid proves nothing there.
    let is_invalid = (0..2).any(|run| study["runs"][run]["recorded"]["verdict"] == "invalid");
    let regressed = gate(runs[1], runs[0], "5%");
    let code = regressed.status.code();
    assert!(code == Some(1) || (is_invalid && code == Some(3)), "{code:?}: {}", told(&regressed));
    let passed = gate(runs[0], runs[1], "5%");
    assert_eq!(passed.status.code(), Some(if is_invalid { 3 } else { 0 }), "{}", told(&passed));
    // The same two by their labels in the study's file, and in the study.
    let id = study["study"]["study"].as_str().unwrap();
    for of in [file, id] {
        let picked = gate(&format!("{of}#Without KV cache"), &format!("{of}#KV cache"), "5%");
        assert_eq!(picked.status.code(), passed.status.code(), "{}", told(&picked));
    }
    let several = gate(runs[0], file, "5%");
    assert_eq!(several.status.code(), Some(3), "{}", told(&several));
    assert!(told(&several).contains("holds 3 runs") && told(&several).contains("#KV cache"), "{}", told(&several));
    let unknown = gate(runs[0], "r00000000000000000000", "5%");
    assert_eq!(unknown.status.code(), Some(3), "{}", told(&unknown));
    let compared = tokenprism(dir.path(), &["compare", runs[0], runs[1]]);
    assert!(compared.status.success() && told(&compared).contains("better"), "{}", told(&compared));
    let of_file = tokenprism(dir.path(), &["compare", file]);
    assert!(of_file.status.success() && told(&of_file).contains("Static batching"), "{}", told(&of_file));
}

/// An A/B of two engines, of which one keeps a cache.
const TWO_ENGINES: &str = r#"
schema = 1
name = "Two engines"
kind = "ab"

[engines.plain]
kind = "builtin"
params = { preset = "1m", kv_cache = false }
[engines.cached]
kind = "builtin"
params = { preset = "1m", kv_cache = true }

[workload]
input_tokens = 16
output_tokens = 48

[load]
concurrency = [1]
duration_s = 1.0
trials = 6
"#;

#[test]
fn two_engines_are_measured_in_turns_and_read_round_by_round() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, out) = (dir.path().join("ab.toml"), dir.path().join("out.json"));
    std::fs::write(&plan, TWO_ENGINES).unwrap();
    let file = out.to_str().unwrap();
    let output = tokenprism(dir.path(), &["study", plan.to_str().unwrap(), "--json", file]);
    assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{:?}: {}", output.status, told(&output));
    let study = json(&out);
    assert_eq!(study["study"]["runs"].as_array().map(Vec::len), Some(12));
    let labels: Vec<_> = study["study"]["runs"].as_array().unwrap()[..4].iter().map(|run| &run["label"]).collect();
    assert_eq!(labels, ["cached, round 1", "plain, round 1", "plain, round 2", "cached, round 2"]);
    let compared = &study["study"]["compared"];
    let curves: Vec<_> = compared["curves"].as_array().unwrap().iter().map(|curve| &curve["label"]).collect();
    assert_eq!(curves, ["cached", "plain"]);
    let row = |figure: &str| {
        let rows = compared["rows"].as_array().unwrap();
        rows.iter().map(|row| &row["comparison"]).find(|of| of["figure"] == figure).unwrap().clone()
    };
    let throughput = row("output_throughput");
    assert_eq!((&throughput["in_turns"], &throughput["judgement"]), (&true.into(), &"worse".into()), "{throughput}");
    assert_eq!(throughput["base"]["trials"].as_array().map(Vec::len), Some(6));
    // A median of several runs is the mean of theirs, and said to be.
    let median = row("ttft.p50");
    assert_eq!(median["base"]["averaged"], true, "{median}");
    assert!(told(&output).contains("means over rounds"), "{}", told(&output));

    // A side goes by its label, in the file and in the log.
    let id = study["study"]["study"].as_str().unwrap();
    for of in [file, id] {
        let (base, other) = (format!("{of}#cached"), format!("{of}#plain"));
        let args = ["gate", &base, &other, "--metric", "output_throughput", "--max-regression", "5%"];
        let gated = tokenprism(dir.path(), &args);
        // A machine so busy that a rule calls a round invalid proves nothing.
        assert!(matches!(gated.status.code(), Some(1 | 3)), "{}", told(&gated));
    }
    let of_log = tokenprism(dir.path(), &["compare", id]);
    assert!(of_log.status.success() && told(&of_log).contains("worse"), "{}", told(&of_log));
}

#[test]
fn a_gate_writes_its_reports_and_says_where_repeats_are_too_few() {
    let dir = tempfile::tempdir().unwrap();
    let (plan, out) = (dir.path().join("plan.toml"), dir.path().join("out.json"));
    std::fs::write(&plan, crate::support::SHORT_PLAN).unwrap();
    let file = out.to_str().unwrap();
    let run = tokenprism(dir.path(), &["run", plan.to_str().unwrap(), "--json", file]);
    assert!(out.is_file(), "{}", told(&run));
    assert_eq!(json(&out)["trials"].as_array().map(Vec::len), Some(2));
    let (junit, markdown) = (dir.path().join("junit.xml"), dir.path().join("summary.md"));
    let reports = ["--junit", junit.to_str().unwrap(), "--markdown", markdown.to_str().unwrap()];
    let args = [&["gate", file, file, "--metric", "ttft", "--max-regression", "5%"][..], &reports].concat();
    let undecided = tokenprism(dir.path(), &args);
    // A machine may be so busy that a rule calls a point invalid.
    let is_invalid = json(&out)["verdict"] == "invalid";
    let (code, words) = if is_invalid { (3, "invalid") } else { (4, "not enough repeats") };
    assert_eq!(undecided.status.code(), Some(code), "{}", told(&undecided));
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"0\" errors=\"2\"") && xml.contains(words), "{xml}");
    let summary = std::fs::read_to_string(&markdown).unwrap();
    assert!(summary.contains(&format!("## Performance gate: {words}")), "{summary}");
}

#[tokio::test]
async fn a_study_of_a_serving_agent_is_followed_and_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let long = LADDER.replace("duration_s = 1.5", "duration_s = 60.0");
    let (status, begun) = agent.post("/api/v1/studies", long, "application/toml").await;
    assert_eq!(status, 201, "{begun}");
    let path = format!("/api/v1/studies/{}", begun["study"].as_str().unwrap());
    let (_, view) = agent.get(&path).await;
    let first = view["runs"][0]["run"].as_str().unwrap().to_owned();
    agent.wait(&first, Duration::from_secs(60), |view| view["ended"]["ok"].as_u64() > Some(0)).await;
    let (status, body) = agent.post(&format!("{path}/cancel"), String::new(), "application/json").await;
    assert_eq!(status, 202, "{body}");
    for run in view["runs"].as_array().unwrap() {
        let run = run["run"].as_str().unwrap();
        agent.wait(run, Duration::from_secs(30), |view| crate::support::state(view) == "cancelled").await;
    }
    assert_eq!(agent.get(&path).await.1["state"], "incomplete");
    assert!(engines_of(agent.child.id()).is_empty());
}
