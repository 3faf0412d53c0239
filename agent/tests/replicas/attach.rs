//! Owns the proof that the agent attaches each server, finds out what it is and takes, and counts to the token.
//! Must not know the agent's insides.

use crate::replica::llama_server::LlamaServer;
use crate::replica::sglang::Sglang;
use crate::replica::tgi::{Tgi, Version};
use crate::replica::transformers_serve::TransformersServe;
use crate::replica::vllm::Vllm;
use crate::replica::{Condition, Replica, Server, start};
use crate::support::{Agent, plan_of, state};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A run that has come to its end.
async fn ended(agent: &Agent, plan: &str) -> (String, Value) {
    let run = agent.submit(plan).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    (run, view)
}

/// A replica whose tokens take time, as they do, so that a load level is reached.
fn paced(server: impl Server) -> Replica {
    let replica = start(server);
    replica.state.pace_ms.store(2, Ordering::SeqCst);
    replica
}

/// What the agent is to find of a server.
struct Found {
    version: Value,
    context: Value,
    kv_tokens: Value,
    max_running: Value,
    /// Prompts are token ids, so that their lengths are those of the plan.
    exact_prompts: bool,
    /// The length can be forced.
    forced: bool,
    /// Its prefix cache counts.
    counts_hits: bool,
}

/// Runs 2 levels of 12 requests for 8 tokens each, and gives the replica and the last body that it was sent.
async fn check(agent: &Agent, kind: &str, more: &str, server: impl Server, found: Found) -> (Replica, Value) {
    let replica = paced(server);
    let engine = format!("kind = \"{kind}\"\nurl = \"{}\"\n{more}", replica.url);
    let (run, view) = ended(agent, &plan_of(&engine)).await;
    assert_eq!(state(&view), "done", "{kind}: {}", view["reason"]);
    let engine = &view["engine"];
    let capacity = &engine["capacity"];
    let got = [&engine["version"], &engine["context_tokens"], &capacity["kv_tokens"], &capacity["max_running"]];
    assert_eq!(got, [&found.version, &found.context, &found.kv_tokens, &found.max_running], "{kind}: {engine}");
    let caveats = view["caveats"].as_array().unwrap();
    assert_eq!(caveats.contains(&"length_not_forced".into()), !found.forced, "{kind}: {caveats:?}");
    assert_eq!(caveats.contains(&"prompt_length_approximate".into()), !found.exact_prompts, "{kind}: {caveats:?}");
    for point in view["points"].as_array().unwrap() {
        let summary = &point["summary"];
        assert_eq!(summary["outcomes"], json!({"ok": 12}), "{kind}: {summary}");
        assert_eq!(summary["token_source"], "server_usage", "{kind}");
        let hits = &summary["prefix_cache"]["hits"];
        assert_eq!(hits, &if found.counts_hits { json!(0) } else { Value::Null }, "{kind}: {summary}");
    }
    let mut requests = 0;
    while let (200, record) = agent.get(&format!("/api/v1/runs/{run}/requests/{requests}")).await {
        let arrivals = record["chunks"].as_array().unwrap().len();
        assert_eq!((arrivals, &record["sample"]["output_tokens"]), (8, &8.into()), "{kind}: {record}");
        if found.exact_prompts {
            assert_eq!(record["prompt_tokens"], 16, "{kind}: {record}");
        }
        requests += 1;
    }
    assert!(requests >= 2 * 12, "{requests}");
    let bodies = ["/generate_stream", "/v1/completions", "/v1/chat/completions"].map(|path| replica.state.asked(path));
    let last = bodies.concat().pop().unwrap();
    (replica, last)
}

#[tokio::test]
async fn each_server_is_recognised_asked_for_equal_work_and_counted_to_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let unknown = || Found {
        version: Value::Null,
        context: Value::Null,
        kv_tokens: Value::Null,
        max_running: Value::Null,
        exact_prompts: false,
        forced: true,
        counts_hits: false,
    };
    let vllm = |version: &str| Found {
        version: version.into(),
        context: 512.into(),
        kv_tokens: 8192.into(),
        exact_prompts: true,
        counts_hits: true,
        ..unknown()
    };
    let (_, body) = check(&agent, "vllm", "", Vllm::default(), vllm("0.32.0")).await;
    assert_eq!(
        (&body["ignore_eos"], &body["return_token_ids"], &body["temperature"]),
        (&true.into(), &true.into(), &0.into())
    );
    // Other names and no size of the cache in tokens, eleven versions before.
    let old = Vllm { version: (0, 11, 0), ..Vllm::default() };
    check(&agent, "openai_completions", "", old, vllm("0.11.0")).await;
    let chat = Found { exact_prompts: false, ..vllm("0.32.0") };
    check(&agent, "openai_chat", "", Vllm { keeps_alive: true, ..Vllm::default() }, chat).await;

    let sglang = |kv_tokens: Value, counts_hits| Found {
        version: "0.5.23".into(),
        context: 512.into(),
        kv_tokens,
        max_running: 256.into(),
        exact_prompts: true,
        counts_hits,
        ..unknown()
    };
    check(&agent, "sglang", "", Sglang::default(), sglang(8192.into(), true)).await;
    // Its counters are there only where it was started with a flag.
    let (replica, body) =
        check(&agent, "sglang", "", Sglang { counts: false, ..Sglang::default() }, sglang(Value::Null, false)).await;
    assert_eq!((&body["ignore_eos"], replica.state.asked("/metrics").is_empty()), (&true.into(), false));

    // What it is sent, it takes: nothing that it would pass over or refuse.
    let tgi = |version: &str| Found { version: version.into(), context: 2048.into(), forced: false, ..unknown() };
    let (_, body) = check(&agent, "tgi", "", Tgi::default(), tgi("3.3.6-dev0")).await;
    assert_eq!(body["parameters"], json!({"details": true, "do_sample": false, "max_new_tokens": 8}));
    let two = Tgi { version: Version::V2, ..Tgi::default() };
    check(&agent, "tgi", "", two, tgi("2.0.4")).await;
    let (_, body) = check(&agent, "openai_completions", "", Tgi::default(), tgi("3.3.6-dev0")).await;
    assert_eq!(body["ignore_eos"], Value::Null);
    check(&agent, "openai_chat", "", Tgi::default(), tgi("3.3.6-dev0")).await;

    // It cannot list its model, refuses fields that it does not know, and has a length forced in its own way.
    let named = "model = \"/srv/mymodels/tinymodel\"";
    let (replica, body) = check(&agent, "openai_completions", named, TransformersServe::default(), unknown()).await;
    assert_eq!(body["generation_config"], r#"{"do_sample":false,"max_new_tokens":8,"min_new_tokens":8}"#);
    assert!(replica.state.asked("/v1/completions")[..2].iter().all(|body| body["ignore_eos"] == true));
    check(&agent, "openai_chat", named, TransformersServe::default(), unknown()).await;

    // Slots may share one cache, so that what it holds is not known of one that we did not start.
    let llama = Found {
        version: "b0-unknown".into(),
        context: 512.into(),
        max_running: 2.into(),
        exact_prompts: true,
        counts_hits: true,
        ..unknown()
    };
    let (_, body) = check(&agent, "llama_server", "", LlamaServer::default(), llama).await;
    assert_eq!((&body["cache_prompt"], &body["ignore_eos"]), (&false.into(), &true.into()));
}

#[tokio::test]
async fn a_server_that_cannot_be_measured_says_why_in_its_own_words() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let refused = async |kind: &str, more: &str, replica: Replica, words: &str| {
        let (_, view) = ended(&agent, &plan_of(&format!("kind = \"{kind}\"\nurl = \"{}\"\n{more}", replica.url))).await;
        let reason = view["reason"].as_str().unwrap_or_default();
        assert!(state(&view) == "failed" && reason.contains(words), "{kind}: {} lacks {words}", view["reason"]);
    };
    let becomes = |replica: Replica, condition| {
        replica.state.becomes(condition);
        replica
    };
    let loading = becomes(start(LlamaServer::default()), Condition::Loading);
    refused("llama_server", "", loading, "answered 503: {\"error\":{\"message\":\"Loading model\"").await;
    let full = becomes(start(Tgi::default()), Condition::Full);
    refused("tgi", "", full, "accepted a request but generated nothing: Model is overloaded").await;
    let dead = becomes(start(Vllm::default()), Condition::Dead);
    refused("vllm", "", dead, "generated nothing: EngineCore encountered an issue.").await;
    // CASES B36: another model on the port.
    refused("vllm", "model = \"7b\"", start(Vllm::default()), "does not serve the model \"7b\". It serves: tiny.")
        .await;
    refused("openai_completions", "model = \"other\"", start(TransformersServe::default()), "Server is pinned to")
        .await;
    refused("openai_completions", "", start(TransformersServe::default()), "answered 500: Internal Server Error").await;
    let short = Vllm { context: 20, ..Vllm::default() };
    refused("vllm", "", start(short), "20").await;
}

#[tokio::test]
async fn every_failed_request_is_counted_and_told_with_its_sentence() {
    // CASES B33: one of three fails in its stream, with an error that is no JSON. CASES B29: failures stay beside figures.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let failure = r#"no "kernel" for this"#;
    let replica = paced(TransformersServe { failure, ..TransformersServe::default() });
    let prompts = dir.path().join("prompts.jsonl");
    std::fs::write(&prompts, "{\"prompt\": \"a\"}\n{\"prompt\": \"b @errd:3\"}\n{\"prompt\": \"c\"}\n").unwrap();
    let engine =
        format!("kind = \"openai_completions\"\nmodel = \"/srv/mymodels/tinymodel\"\nurl = \"{}\"", replica.url);
    let workload = format!("file = \"{}\"\nnonce = false\n", prompts.display());
    let plan = plan_of(&engine).replace("input_tokens = 16\n", &workload);
    let (run, view) = ended(&agent, &plan).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    for point in view["points"].as_array().unwrap() {
        let summary = &point["summary"];
        assert_eq!(summary["outcomes"], json!({"failed_mid_stream": 4, "ok": 8}), "{summary}");
        assert_eq!((&summary["attempted"], &summary["ok"]), (&12.into(), &8.into()));
    }
    let (status, record) = agent.get(&format!("/api/v1/runs/{run}/requests/1")).await;
    let said = "The server failed mid-stream: no \"kernel\" for this.";
    assert_eq!((status, &record["error"]), (200, &said.into()), "{record}");
}
