//! Owns the proof that the agent measures the real naive baseline: torch and Transformers on the CPU, a tiny model.
//! Must not know the baseline's insides.

use crate::support::{Agent, PROGRAM, alive, attached, children_of, client, plan_of, state};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);

/// The environment, which `cargo xtask test --transformers` makes.
fn venv() -> PathBuf {
    std::env::var_os("TOKENPRISM_VENV")
        .expect("TOKENPRISM_VENV names an environment with torch and Transformers")
        .into()
}

/// Writes a tiny model's config and tokenizer below a folder.
fn tiny(folder: &Path) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../baseline");
    let model = folder.join("tiny");
    let python = venv().join("bin/python");
    let written = Command::new(python).args(["-m", "tests.tiny"]).arg(&model).env("PYTHONPATH", sources).output();
    assert!(written.unwrap().status.success());
    model
}

/// A running baseline; killed when dropped.
struct Baseline {
    child: Child,
    stdin: Option<ChildStdin>,
    url: String,
    /// The process that computes.
    model: i32,
    _folder: tempfile::TempDir,
}

impl Baseline {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = tiny(folder.path());
        let mut child = Command::new(PROGRAM)
            .arg("baseline")
            .arg("--venv")
            .arg(venv())
            .arg("--data")
            .arg(folder.path().join("data"))
            .args(["--", "--random-weights", "--device", "cpu", "--exit-with-stdin", "--model"])
            .arg(model)
            .args(more)
            // The machine is the agent's, too.
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("the baseline ended before it was ready").unwrap();
            if let Some(url) = line.strip_prefix("ready ") {
                break url.to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let pid = child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let model = children.split_whitespace().next().unwrap().parse().unwrap();
        Self { child, stdin, url, model, _folder: folder }
    }

    /// A sample of its metrics.
    async fn shown(&self, name: &str) -> f64 {
        let text = client().get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap();
        let name = format!("tokenprism_baseline_{name} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    }

    async fn until(&self, name: &str, value: f64) {
        let begun = Instant::now();
        while self.shown(name).await != value {
            assert!(begun.elapsed() < LIMIT, "{name} never was {value}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A stream that goes on for a while, its first bytes read.
    async fn stream(&self) -> reqwest::Response {
        let body = json!({"prompt": [1, 2, 3], "max_tokens": 250, "ignore_eos": true, "stream": true});
        let mut response = client().post(format!("{}/v1/completions", self.url)).json(&body).send().await.unwrap();
        assert!(response.chunk().await.unwrap().unwrap().starts_with(b"data: {"));
        response
    }

    /// Waits until the whole program is gone.
    fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap()
                && !alive(self.model)
            {
                return status;
            }
            assert!(begun.elapsed() < LIMIT, "the baseline did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test]
#[ignore = "needs torch and Transformers: cargo xtask test --transformers"]
async fn the_agent_measures_it_and_both_count_the_same() {
    let mut baseline = Baseline::start(&["--batch", "4", "--batch-wait-ms", "50", "--drain-s", "0"]);
    let version: Value = reqwest_json(&format!("{}/version", baseline.url)).await;
    assert_eq!((&version["dtype"], &version["attention"]), (&"float32".into(), &"sdpa".into()), "{version}");

    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let before = baseline.shown("generation_tokens_total").await;
    let run = agent.submit(&attached(&baseline.url, "")).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let points = view["points"].as_array().unwrap();
    assert_eq!(points.len(), 2);
    for point in points {
        let summary = &point["summary"];
        assert_eq!((&summary["attempted"], &summary["ok"]), (&12.into(), &12.into()), "{summary}");
        assert_eq!(summary["token_source"], "server_usage");
        assert!(summary["output_throughput"].as_f64().unwrap() > 0.0);
    }
    let caveats = view["caveats"].as_array().unwrap();
    assert!(!caveats.contains(&"length_not_forced".into()), "{caveats:?}");
    // Eight tokens each, every one an event of its own, the prompt as long as planned.
    let (_, timeline) = agent.get(&format!("/api/v1/runs/{run}/requests/0")).await;
    assert_eq!(timeline["chunks"].as_array().unwrap().len(), 8, "{timeline}");
    assert_eq!(timeline["prompt_tokens"], 16, "{timeline}");
    // Two points of 12 requests; probes and warm-up come on top of that.
    assert!(baseline.shown("generation_tokens_total").await - before >= 2.0 * 12.0 * 8.0);
    assert_eq!(baseline.shown("requests_total{finished_reason=\"abort\"}").await, 0.0);
    assert_eq!(baseline.shown("requests_total{finished_reason=\"error\"}").await, 0.0);
    assert_eq!((baseline.shown("requests_running").await, baseline.shown("kv_bytes_held").await), (0.0, 0.0));
    assert!(baseline.shown("kv_bytes_peak").await > 0.0);
    // Concurrency 4 filled batches.
    let (up_to_2, all) = ("batch_rows_bucket{le=\"2\"}", "batch_rows_bucket{le=\"4\"}");
    assert!(baseline.shown(all).await > baseline.shown(up_to_2).await);

    // A client that leaves frees its row.
    drop(baseline.stream().await);
    baseline.until("requests_total{finished_reason=\"abort\"}", 1.0).await;
    baseline.until("requests_running", 0.0).await;

    // SIGTERM cuts what runs after the time it has, here none, and ends well.
    let open = baseline.stream().await;
    kill(Pid::from_raw(baseline.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let rest = open.text().await.unwrap();
    assert!(rest.contains("data: {\"error\":") && rest.ends_with("data: [DONE]\n\n"), "{rest}");
    assert!(baseline.ended().success());
}

#[tokio::test]
#[ignore = "needs torch and Transformers: cargo xtask test --transformers"]
async fn the_agent_starts_it_in_each_configuration_and_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let model = tiny(dir.path());
    let mut command = Command::new(PROGRAM);
    command.env("OMP_NUM_THREADS", "1");
    let agent = Agent::of(command, &dir.path().join("data"), "127.0.0.1:0");
    let engine = format!(
        "kind = \"transformers\"\nlaunch = \"native\"\nvenv = \"{}\"\nmodel = \"{}\"\nserved_name = \"tiny\"\n\
         params = {{ device = \"cpu\", dtype = \"float32\", attention = \"eager\", random_weights = true, seed = 7, \
         batch_wait_ms = 50, max_model_len = 128 }}\nvary = {{ batch = [1, 4], kv_cache = [false, true] }}",
        venv().display(),
        model.display()
    );
    let run = agent.submit(&plan_of(&engine)).await;
    let view = agent.wait(&run, LIMIT * 2, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{} {}", view["reason"], view["engine_log"]);
    let points = view["points"].as_array().unwrap();
    assert_eq!(points.len(), 8);
    assert!(points.iter().all(|point| point["summary"]["ok"] == 12), "{points:?}");
    let engines = view["engines"].as_array().unwrap();
    assert_eq!(engines.len(), 4);
    for engine in engines {
        assert_eq!((&engine["model"], &engine["context_tokens"]), (&"tiny".into(), &128.into()), "{engine}");
        let phases = engine["phases"].as_array().unwrap().iter().map(|start| start["phase"].as_str().unwrap());
        assert_eq!(phases.collect::<Vec<_>>(), ["process", "weights", "compile", "serve"], "{engine}");
        assert!(engine["version"].as_str().unwrap().starts_with('5'), "{engine}");
    }
    assert!(children_of(agent.child.id().cast_signed()).is_empty(), "something of it is left");
}

async fn reqwest_json(url: &str) -> Value {
    client().get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
#[ignore = "needs torch and Transformers: cargo xtask test --transformers"]
async fn both_of_its_processes_end_with_whoever_started_them_and_with_one_another() {
    let mut baseline = Baseline::start(&[]);
    let _open = baseline.stream().await;
    drop(baseline.stdin.take());
    assert!(baseline.ended().success());

    let mut baseline = Baseline::start(&[]);
    kill(Pid::from_raw(baseline.child.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
    assert!(!baseline.ended().success());
}

#[test]
#[ignore = "needs torch and Transformers: cargo xtask test --transformers"]
fn doctor_says_what_an_environment_has() {
    let dir = tempfile::tempdir().unwrap();
    let doctor = |venv: &Path| {
        let output = Command::new(PROGRAM).arg("doctor").arg("--venv").arg(venv).arg("--data").arg(dir.path()).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let before = |line: &&str| line.split_whitespace().nth(1) != Some("baseline");
        text.lines().skip_while(before).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = doctor(&venv());
    assert!(lines[0].starts_with('✓') && lines[0].contains("transformers 5"), "{lines:?}");
    let nothing = dir.path().join("nothing");
    let lines = doctor(&nothing);
    assert!(lines[0].starts_with('!') && lines[0].contains("no Python environment"), "{lines:?}");
    let nothing = nothing.display();
    let expect = format!("python3 -m venv {nothing} && {nothing}/bin/python -m pip install torch 'transformers>=5'");
    assert!(lines[1].contains(&expect), "{lines:?}");
}
