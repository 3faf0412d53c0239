//! Owns the Engines page in a real browser: start by hand, look, measure, stop, and a start that fails.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::failing_engine::out_of_memory;
use crate::support::{Agent, TOKEN, state};
use crate::turns::beside_another;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// The id of the run that the tab shows.
async fn run_of(tab: &Tab) -> String {
    tab.wait_for("location.pathname.startsWith('/runs/r')").await;
    tab.eval("location.pathname.split('/')[2]").await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_is_started_by_hand_looked_at_measured_and_stopped() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/engines?token={TOKEN}", agent.url)).await;
    // What is on this host, each with what to do where it lacks.
    tab.wait("found", |text| text.contains("in this program") && text.contains("llama.cpp server")).await;
    tab.wait("gpus", |text| !text.contains("Looking")).await;

    tab.fill("[name=\"engine.params.batch\"]", "65").await;
    tab.wait("start-refused", |text| text.contains("\"batch\" = 65")).await;
    tab.fill("[name=\"engine.params.batch\"]", "4").await;
    tab.click("start-engine").await;
    tab.wait("engine-state", |text| text.contains("ready")).await;
    tab.wait("engine-log", |text| text.contains("ready http://127.0.0.1:")).await;
    tab.wait("engine-memory", |text| text.contains("iB")).await;
    tab.wait("phases", |text| text.contains("Program loads")).await;
    assert_eq!(tab.text("start-engine").await, None, "a second one cannot be started");

    // A page that comes back shows the same, and the log goes on from its beginning.
    tab.0.reload().await.unwrap();
    tab.wait("engine-state", |text| text.contains("ready")).await;
    tab.wait("engine-log", |text| text.contains("ready http://127.0.0.1:")).await;

    let url = tab.wait("engine-url", |text| text.starts_with("http://")).await;
    tab.click("measure-engine").await;
    tab.wait("plan-toml", |text| text.contains(&url) && !text.contains("[engine.params]")).await;
    tab.click("start-run").await;
    let run = run_of(&tab).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    assert!(view["engine"]["command"].to_string().contains("builtin-engine"), "{}", view["engine"]);

    tab.0.goto(format!("{}/engines", agent.url)).await.unwrap();
    tab.click("stop-engine").await;
    tab.wait("engine-state", |text| text.contains("stopped")).await;
    tab.wait("start-engine", |text| text.contains("Start engine")).await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_shows_its_root_and_its_log() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let engine = out_of_memory(dir.path());
    let words: Vec<String> = engine["command"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/engines?token={TOKEN}", agent.url)).await;
    tab.choose("[name=\"engine.kind\"]", "llama_server").await;
    tab.wait("start-refused", |text| text.contains("engine.model")).await;
    tab.fill("[name=\"engine.model\"]", "m.gguf").await;
    tab.fill("[name=\"engine.command\"]", &words.join(" ")).await;
    tab.fill("[name=\"engine.params.ctx_size\"]", "4096").await;
    tab.click("start-engine").await;
    tab.wait("engine-state", |text| text.contains("failed")).await;
    tab.says("[data-testid=\"started-engine\"]", "The engine did not start.").await;
    tab.says("[data-testid=\"started-engine\"]", "cudaMalloc failed: out of memory").await;
    tab.says("[data-testid=\"started-engine\"]", "-c 4096").await;
    tab.wait("engine-log", |text| text.contains("main: exiting due to model loading error")).await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_the_form_are_those_of_the_run_and_several_values_vary() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/new?preset=first&token={TOKEN}", agent.url)).await;
    tab.fill("[name=\"engine.params.batch\"]", "2, 4").await;
    tab.choose("[name=\"engine.params.kv_cache\"]", "true").await;
    tab.fill("[name=\"load.concurrency\"]", "1").await;
    tab.fill("[name=\"load.duration_s\"]", "1").await;
    let plan = tab.wait("plan-toml", |text| text.contains("batch = [2, 4]") || text.contains("    2,\n")).await;
    assert!(plan.contains("kv_cache = true") && plan.contains("[engine.vary]"), "{plan}");
    tab.click("start-run").await;
    let run = run_of(&tab).await;
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    let batches: Vec<i64> =
        view["engines"].as_array().unwrap().iter().filter_map(|e| e["params"]["batch"].as_i64()).collect();
    assert_eq!(batches, [2, 4]);

    // Another engine has other fields, the rare ones folded, and an image where it runs in a container.
    tab.0.goto(format!("{}/new?preset=study_vllm", agent.url)).await.unwrap();
    tab.fill("[name=\"engine.params.max_num_seqs\"]", "0").await;
    tab.wait("plan-error", |text| text.contains("\"max_num_seqs\" = 0")).await;
    tab.fill("[name=\"engine.params.max_num_seqs\"]", "").await;
    tab.choose("[name=\"engine.launch\"]", "docker").await;
    tab.fill("[name=\"engine.image\"]", "vllm/vllm-openai:v0.33.0").await;
    tab.wait("plan-toml", |text| text.contains("launch = \"docker\"") && text.contains("vllm/vllm-openai:v0.33.0"))
        .await;
    tab.choose("[name=\"engine.kind\"]", "openai_chat").await;
    tab.wait("plan-error", |text| text.contains("engine.url")).await;
    chromium.stop().await;
}
