//! Owns the proof that a page left on a live run holds a flat heap; half an hour long, so only on demand:
//! `cargo test --locked --workspace --exclude tokenprism-web --test browser -- --ignored --nocapture soak::`.
//! Must not know the agent's insides.

use crate::browser::Chromium;
use crate::support::{Agent, TOKEN};
use crate::turns::alone;
use chromiumoxide::cdp::js_protocol::runtime::GetHeapUsageParams;
use std::time::{Duration, Instant};
use tokenprism::bench::{PacerConfig, spawn_pacer_in_process};

const LENGTH: Duration = Duration::from_secs(30 * 60);
const EVERY: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half an hour"]
async fn a_page_left_on_a_live_run_holds_a_flat_heap() {
    let _turn = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let paced = PacerConfig { ttft_ns: 50_000_000, gap_ns: 20_000_000, ..PacerConfig::default() };
    let engine = spawn_pacer_in_process(paced).unwrap();
    let plan = format!(
        "schema = 1\nname = \"Soak\"\n[engine]\nkind = \"openai_completions\"\nurl = \"http://{}\"\nmodel = \"pacer\"\n\
         [workload]\nprompts = \"all\"\noutput_tokens = 64\n[load]\nconcurrency = [16]\nduration_s = {}.0\n",
        engine.addr,
        (LENGTH + EVERY).as_secs()
    );
    let run = agent.submit(&plan).await;
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs/{run}?token={TOKEN}", agent.url)).await;
    tab.counts_requests().await;

    println!("s,heap_bytes,nodes,listeners");
    let began = Instant::now();
    let mut heap: Vec<f64> = Vec::new();
    while began.elapsed() < LENGTH {
        tokio::time::sleep(EVERY).await;
        let dom = tab.held().await;
        let used = tab.0.execute(GetHeapUsageParams::default()).await.unwrap().result.used_size;
        println!("{},{used},{},{}", began.elapsed().as_secs(), dom.nodes, dom.js_event_listeners);
        heap.push(used);
    }
    assert!(tab.text("run-state").await.is_some_and(|text| text.contains("running")));
    // Series halve their bins again and again, so the heap is a saw: its teeth must not grow.
    let (early, late) = heap.split_at(heap.len() * 2 / 3);
    let highest = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    assert!(highest(late) < 1.15 * highest(early), "{heap:?}");
    chromium.stop().await;
}
