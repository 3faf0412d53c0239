//! Owns the proof of the KV cache's figures through the real agent: an engine in blocks, a scripted fill, measured tensors.
//! Must not know the agent's insides: replicas, a played engine and the built-in one stand in for GPUs.

use crate::played_engine::{ABLE, play};
use crate::replica::program;
use crate::support::{Agent, attached, plan_of, state};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);

/// A model's own config where the plan says the model is: without it nobody knows what a token takes.
const CONFIG: &str = r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
"intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3, "vocab_size": 500,
"torch_dtype": "bfloat16", "max_position_embeddings": 512}"#;
/// Key and value, 3 layers, 2 heads of 16 numbers of 2 bytes.
const BYTES_PER_TOKEN: u64 = 2 * 3 * 2 * 16 * 2;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The plan for so many in flight and answers of 64 tokens, its machine looked at ten times a second.
fn sampled(plan: &str, concurrency: u32, load: &str) -> String {
    let plan = plan.replace("[1, 4]", &format!("[{concurrency}]")).replace("requests = 12", load);
    format!("{}\n[telemetry]\nrate_hz = 10.0\n", plan.replace("output_tokens = 8", "output_tokens = 64"))
}

async fn ended(agent: &Agent, run: &str) -> Value {
    let view = agent.wait(run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    view
}

/// Not a test: the replica as a program, as the test below has it started.
#[tokio::test]
#[ignore = "runs only as the child process of the test below"]
async fn engine() {
    program::run().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_engine_in_blocks_tells_lies_within_a_block_of_what_its_requests_hold() {
    let dir = tempfile::tempdir().unwrap();
    let (script, prompts) = (dir.path().join("vllm"), dir.path().join("prompts.jsonl"));
    std::fs::write(dir.path().join("config.json"), CONFIG).unwrap();
    std::fs::write(&script, program::script("kv_cache::engine")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Prompts of 30 to 60 words, and a token each 20 ms.
    let line = |n: usize| format!("{{\"prompt\": \"@d:20{}\"}}\n", " word".repeat(30 + n));
    std::fs::write(&prompts, (0..30).map(line).collect::<String>()).unwrap();
    let engine = format!(
        "kind = \"vllm\"\nlaunch = \"native\"\ncommand = [\"{}\"]\nmodel = \"{}\"\nserved_name = \"7b\"\n\
         extra_args = [\"--num-gpu-blocks-override\", \"65\"]\n[engine.params]\ndtype = \"float16\"\n",
        script.display(),
        dir.path().display()
    );
    let workload = format!("file = \"{}\"\nnonce = false\n", prompts.display());
    let plan = plan_of(&engine).replace("input_tokens = 16\n", &workload);
    let agent = Agent::start(&dir.path().join("data"));
    let run = agent.submit(&sampled(&plan, 4, "duration_s = 3.0")).await;
    let view = ended(&agent, &run).await;
    let kv = &view["points"][0]["summary"]["kv"];
    let capacity = &kv["capacity"];
    assert_eq!((&capacity["tokens"], &capacity["block_tokens"]), (&1040.into(), &16.into()), "{kv}");
    assert_eq!(capacity["bytes"], 1040 * BYTES_PER_TOKEN);
    let (peak, theory) = (&kv["peak"], &kv["peak"]["theory"]);
    let requests = number(&theory["requests"]) + number(&theory["starting"]);
    assert!((1..=4).contains(&requests), "{kv}");
    // A client that is held up sees tokens late: two blocks a request are room for that, too.
    let (told, held) = (number(&peak["tokens"]), number(&theory["tokens"]));
    let most = held + number(&theory["starting_tokens"]) + requests * 2 * 16;
    assert!((held..=most).contains(&told), "{told} of {held} to {most}: {kv}");
    assert_eq!(peak["bytes"], told * BYTES_PER_TOKEN);
    assert_eq!(theory["bytes"], held * BYTES_PER_TOKEN);
    // Not full, and by arithmetic at more requests than there were.
    assert!(kv["fill"]["not"]["share"].as_f64().unwrap() < 0.9, "{kv}");
    let (of_request, at_end) = (&kv["predicted"]["request_tokens"], kv["predicted"]["at_end"].as_f64().unwrap());
    assert!((at_end - 1040.0 / of_request.as_f64().unwrap()).abs() < 1e-9 && at_end > 4.0, "{kv}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_fills_says_with_how_many_requests() {
    let (data, played) = (tempfile::tempdir().unwrap(), play(ABLE));
    let page = |used: f64, running: u32, waiting: u32, preempted: u32| {
        format!(
            "vllm:kv_cache_usage_perc{{engine=\"0\"}} {used}\nvllm:num_requests_running{{engine=\"0\"}} {running}\n\
             vllm:num_requests_waiting{{engine=\"0\"}} {waiting}\nvllm:num_preemptions_total{{engine=\"0\"}} {preempted}\n"
        )
    };
    played.shows(&page(0.5, 3, 0, 7));
    let agent = Agent::start(data.path());
    let run = agent.submit(&sampled(&attached(&played.url, ""), 1, "duration_s = 4.0")).await;
    let shown = |view: &Value, ppm: i64| {
        let tracks = view["telemetry"]["tracks"].as_array().unwrap();
        tracks.iter().any(|track| track["signal"] == "kv_used" && track["latest"] == ppm)
    };
    agent.wait(&run, LIMIT, |view| view["trials"][0]["window_ns"].is_u64() && shown(view, 500_000)).await;
    played.shows(&page(0.995, 5, 2, 9));
    agent.wait(&run, LIMIT, |view| shown(view, 995_000)).await;
    played.shows(&page(0.7, 4, 1, 9));
    let view = ended(&agent, &run).await;
    let kv = &view["trials"][0]["summary"]["kv"];
    assert_eq!((&kv["peak"]["share"], &kv["peak"]["running"]), (&0.995.into(), &5.into()), "{kv}");
    assert_eq!((&kv["running_most"], &kv["waiting_most"], &kv["preemptions"]), (&5.into(), &2.into(), &2.into()));
    let fill = &kv["fill"]["at"];
    assert_eq!((&fill["running"], &fill["sign"]), (&5.into(), &"used".into()), "{kv}");
    assert_eq!(fill["at_ns"], kv["peak"]["at_ns"]);
    // It does not say how much it can hold, so that nothing follows.
    assert_eq!((&kv["peak"]["tokens"], &kv["predicted"], &kv["memory"]), (&Value::Null, &Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tensors_that_the_built_in_engine_measures_are_those_of_the_formula() {
    let data = tempfile::tempdir().unwrap();
    let agent = Agent::start(data.path());
    let engine = "kind = \"builtin\"\n[engine.params]\npreset = \"15m\"\nbatch = 4\n";
    let run = agent.submit(&sampled(&plan_of(engine), 4, "requests = 16")).await;
    let view = ended(&agent, &run).await;
    let kv = &view["points"][0]["summary"]["kv"];
    // Key and value, 9 layers, 2 heads of 64 numbers of 4 bytes; rooms for 4 rows of 2,048 tokens.
    let per_token: u32 = 2 * 9 * 2 * 64 * 4;
    assert_eq!(kv["capacity"]["bytes_per_token"], f64::from(per_token), "{kv}");
    assert_eq!((&kv["capacity"]["tokens"], &kv["capacity"]["block_tokens"]), (&(4 * 2048).into(), &Value::Null));
    let (peak, theory) = (&kv["peak"], &kv["peak"]["theory"]);
    let measured = number(&peak["measured_bytes"]);
    // Whole columns of whole rows, none of which is longer than a request can be.
    assert!(measured > 0 && measured.is_multiple_of(u64::from(per_token)), "{kv}");
    let share = measured as f64 / number(&kv["capacity"]["bytes"]) as f64;
    assert!((peak["share"].as_f64().unwrap() - share).abs() < 1e-6, "{kv}");
    assert!(kv["fill"]["not"]["share"].as_f64().is_some(), "{kv}");
    if number(&theory["requests"]) == 4 {
        // A row each, and a client that may be a step or two behind.
        let (tokens, held) = (measured / u64::from(per_token), number(&theory["tokens"]));
        assert!(tokens.abs_diff(held) <= 4 * 3, "{tokens} and {held}: {kv}");
    }
    assert_eq!(kv["preemptions"], Value::Null);
}
