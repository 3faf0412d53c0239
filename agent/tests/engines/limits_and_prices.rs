//! Owns the proof that a run stands beside what its GPUs allow and what they cost, through API and command line.
//! Must not know the agent's insides: a played engine and a played driver stand in for real ones.

use crate::fake_nvml::FakeNvml;
use crate::support::{Agent, PROGRAM, TOKEN, client, finished, plan_of, state, with_vllm};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// The driver of an H100, and one that tells nothing of what bounds it.
const SCRIPT: &str = r#"
[[device]]
uuid = "GPU-aa11"
name = "NVIDIA H100 80GB HBM3"
says = { power = 100000, max_memory_clock = 2619, bus_width = 5120, max_sm_clock = 1980, cores = 16896, capability = 90 }

[[device]]
uuid = "GPU-bb22"
name = "NVIDIA L4"
says = { power = 100000 }
"#;

/// A small Llama: 168,313,856 parameters, 32,768,000 of which are a table that is only looked up.
const CONFIG: &str = r#"{"model_type": "llama", "hidden_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 16,
    "num_key_value_heads": 16, "intermediate_size": 2816, "vocab_size": 32000, "torch_dtype": "bfloat16"}"#;

struct Stage {
    agent: Agent,
    model: std::path::PathBuf,
    _fake: FakeNvml,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn set() -> Self {
        let (fake, dir) = (FakeNvml::playing(SCRIPT), tempfile::tempdir().unwrap());
        let model = dir.path().join("model");
        std::fs::create_dir(&model).unwrap();
        std::fs::write(model.join("config.json"), CONFIG).unwrap();
        let mut command = with_vllm(dir.path(), "");
        command.env("TOKENPRISM_NVML", fake.driver()).env_remove("CUDA_VISIBLE_DEVICES");
        let agent = Agent::of(command, &dir.path().join("data"), "127.0.0.1:0");
        Self { agent, model, _fake: fake, _dir: dir }
    }

    /// A run on the played engine with more lines of its engine, once it is done.
    async fn run(&self, more: &str) -> (String, Value) {
        let model = self.model.display();
        let engine = format!("kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"{model}\"\nserved_name = \"m\"\n{more}");
        let run = self.agent.submit(&plan_of(&engine)).await;
        let view = self.agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
        assert_eq!(state(&view), "done", "{}", view["reason"]);
        (run, view)
    }

    async fn give_price(&self, gpu: &str, usd: f64) {
        let request = client().put(format!("{}/api/v1/prices/{gpu}", self.agent.url)).bearer_auth(TOKEN);
        let given = request.json(&json!({ "usd_per_gpu_hour": usd })).send().await.unwrap();
        assert_eq!(given.status(), 200);
    }
}

/// Each point's and each trial's figures.
fn summaries(view: &Value) -> Vec<&Value> {
    let of = |part: &str| view[part].as_array().unwrap().iter().map(|one| &one["summary"]).collect::<Vec<_>>();
    [of("points"), of("trials")].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_stand_beside_what_the_hardware_allows_or_beside_the_reason() {
    let stage = Stage::set();
    let (_, view) = stage.run("gpus = [0]\nparams = { dtype = \"bfloat16\" }").await;
    let shape = &view["engine"]["shape"];
    assert_eq!((&shape["parameters"], &shape["bytes_per_weight"]), (&json!(168_313_856), &json!(2.0)), "{shape}");
    for summary in summaries(&view) {
        let limit = &summary["limit"];
        assert_eq!((&limit["gpus"], &limit["origin"]), (&json!(1), &json!("driver")), "{summary}");
        assert_eq!(limit["weight_bytes"], 2 * (168_313_856 - 32_768_000));
        assert_eq!(limit["bytes_per_s"], 3.352_32e12);
        assert_eq!(limit["flops_per_s"], 132.0 * 4096.0 * 1.98e9);
        assert_eq!(limit["output_tokens"], 8.0, "{limit}");
        let number = |of: &Value, key: &str| of[key].as_f64().unwrap_or_else(|| panic!("no {key} in {of}"));
        // What is measured is a small model on the CPU: it is slower than that.
        for share in ["of_tpot", "of_throughput", "of_ttft"] {
            assert!((0.0..1.0).contains(&number(limit, share)), "{share} of {limit}");
        }
        let context = number(limit, "prompt_tokens") + 4.0;
        assert!((number(limit, "context_tokens") - context).abs() < 1e-9);
        // By hand: weights and the KV cache of the batch, less 60 MiB of cache.
        let batch = number(limit, "decoding").max(1.0);
        let bytes = 271_091_712.0 + batch * context * f64::from(2 * 8 * 1024 * 2) - 62_914_560.0;
        let floor_ms = bytes / 3.352_32e12 * 1e3;
        assert!((number(limit, "tpot_floor_ms") / floor_ms - 1.0).abs() < 1e-9, "{limit}, not {floor_ms}");
        let ceiling = number(limit, "throughput_ceiling");
        assert!((number(summary, "output_throughput") / ceiling / number(limit, "of_throughput") - 1.0).abs() < 1e-9);
    }
    let kept = stage.run("gpus = [0]\nparams = { prefix_caching = true }").await.1;
    for summary in summaries(&kept) {
        assert_eq!(summary["limit"]["prompts_kept"], true, "{summary}");
    }
    let why = |view: &Value, words: &str| {
        for summary in summaries(view) {
            assert!(summary["limit"].is_null(), "{summary}");
            assert!(summary["no_limit"].as_str().unwrap_or_default().contains(words), "{}", summary["no_limit"]);
        }
    };
    why(&stage.run("gpus = [1]").await.1, "NVIDIA L4");
    why(&stage.run("gpus = [0]\nextra_args = [\"--speculative-config\", \"x\"]").await.1, "speculative");
    why(&stage.run("gpus = [0]\nextra_args = [\"--dtype\", \"float16\"]").await.1, "engine.extra_args has --dtype");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engines_time_has_the_price_that_held_when_it_was_ready() {
    let stage = Stage::set();
    let life = |view: &Value| view["spending"]["lives"][0].clone();
    let (_, unknown) = stage.run("gpus = [0]").await;
    assert!(life(&unknown)["pricing"]["reason"].as_str().unwrap().contains("No price of the NVIDIA H100 80GB HBM3"));
    for summary in summaries(&unknown) {
        assert_eq!((&summary["price"], &summary["cost_per_mtok_output"]), (&Value::Null, &Value::Null));
    }
    let (_, by_table) = stage.run("gpus = [1]").await;
    let pricing = &life(&by_table)["pricing"];
    assert_eq!((&pricing["gpus"], &pricing["price"]["usd_per_gpu_hour"]), (&json!(1), &json!(2.93)));
    assert_eq!(pricing["price"]["origin"]["table"]["gpu"], "L4");

    stage.give_price("H100", 4.0).await;
    let (run, before) = stage.run("gpus = [0]").await;
    let paid = life(&before);
    let between = paid["end_ns"].as_u64().unwrap() - paid["ready_ns"].as_u64().unwrap();
    let measured: f64 =
        before["trials"].as_array().unwrap().iter().map(|t| t["summary"]["window_s"].as_f64().unwrap()).sum();
    assert!(between as f64 / 1e9 > measured, "{paid}");
    for summary in summaries(&before) {
        assert_eq!((&summary["price"], &summary["price_origin"]["edited"]["gpu"]), (&json!(4.0), &json!("H100")));
        let tokens = summary["output_tokens"].as_f64().unwrap();
        let cost = 4.0 * summary["window_s"].as_f64().unwrap() / 3600.0 / tokens * 1e6;
        assert!((summary["cost_per_mtok_output"].as_f64().unwrap() / cost - 1.0).abs() < 1e-9, "{summary}");
    }
    // What is over keeps its price; the plan's own goes before every other.
    stage.give_price("H100", 9.0).await;
    let (_, after) = stage.agent.get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!(after, before);
    let (_, now) = stage.run("gpus = [0]").await;
    assert_eq!(life(&now)["pricing"]["price"]["usd_per_gpu_hour"], 9.0);
    let (_, own) = stage.run("gpus = [0]\n[cost]\nusd_per_gpu_hour = 1.5").await;
    assert_eq!(summaries(&own)[0]["price_origin"], "plan");
}

fn price(data: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    let said = finished(command.arg("price").args(words).arg("--data").arg(data));
    (said.status.code(), String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr))
}

#[test]
fn prices_on_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (code, shipped) = price(&data, &["list"]);
    assert!(code == Some(0) && shipped.starts_with("2.93 USD per GPU-hour: L4 in its table, 2025-12-02"), "{shipped}");
    let (code, set) = price(&data, &["set", "A100 80GB", "1.5", "--source", "our contract"]);
    assert!(code == Some(0) && set.contains("A100 80GB given to the agent"), "{set}");
    assert_eq!(price(&data, &["list"]).1.lines().count(), 2);
    let (code, refused) = price(&data, &["set", "H100", "0"]);
    assert!(code == Some(1) && refused.contains("must be above 0"), "{refused}");
    assert_eq!(price(&data, &["remove", "a100 80gb"]).0, Some(0));
    let (code, none) = price(&data, &["remove", "L4"]);
    assert!(code == Some(1) && none.contains("no price was set for L4"), "{none}");
    assert_eq!(price(&data, &["list"]).1, shipped);
}
