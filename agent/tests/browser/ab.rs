//! Owns the A/B of two whole engines in a real browser: the second put beside the first, measured in turns, read together.
//! Must not know the agent's insides; two pacing servers play the engines, of which one is twice as slow.

use crate::browser::Chromium;
use crate::support::{Agent, TOKEN};
use crate::turns::beside_another;
use serde_json::json;
use tokenprism::bench::{PacerConfig, PacerHandle, spawn_pacer_in_process};

fn server(gap_ns: u64) -> (PacerHandle, String) {
    let config = PacerConfig { ttft_ns: 2_000_000, gap_ns, ..PacerConfig::default() };
    let pacer = spawn_pacer_in_process(config).unwrap();
    let url = format!("http://{}", pacer.addr);
    (pacer, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_are_put_side_by_side_and_told_apart() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let ((_quick, quick), (_slow, slow)) = (server(2_000_000), server(4_000_000));
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/?token={TOKEN}", agent.url)).await;
    tab.click("study-ab").await;
    let engine =
        |label: &str, url: &str| format!("[engines.{label}]\nkind = \"openai_completions\"\nurl = \"{url}\"\n");
    let plan = format!(
        "schema = 1\nname = \"Side by side\"\nkind = \"ab\"\n{}{}[workload]\ninput_tokens = 16\noutput_tokens = 16\n\
         [load]\nconcurrency = [2]\nrequests = 32\nwarmup_s = 0.0\ntrials = 6\n",
        engine("quick", &quick),
        engine("other", &quick)
    );
    tab.fill("[data-testid=study-toml]", &plan).await;
    tab.wait("estimate", |text| text.contains("12 runs")).await;
    // One engine alone is no A/B, and the page says what is missing until another is put beside it.
    tab.eval("document.querySelector('[aria-label=\"Take other out\"]').click()").await;
    tab.wait("study-error", |text| text.contains("two values in vary")).await;
    tab.click("add-engine").await;
    tab.fill("[name='study.engine.label']", "slow").await;
    tab.fill("[name='engine.url']", &slow).await;
    tab.click("engine-done").await;
    tab.wait("estimate", |text| text.contains("12 runs")).await;
    assert_eq!(tab.eval("document.querySelectorAll('[data-testid=study-engine]').length").await, 2);
    // An A/B has two sides.
    assert_eq!(tab.text("add-engine").await, None);
    tab.click("start-study").await;
    tab.wait("study-state", |text| text.contains("done")).await;
    tab.wait("runs-done", |text| text == "12 of 12").await;

    let study = tab.eval("location.pathname.split('/')[2]").await;
    let (_, view) = agent.get(&format!("/api/v1/studies/{}", study.as_str().unwrap())).await;
    let rows = view["compared"]["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["comparison"]["figure"] == "output_throughput").unwrap();
    assert_eq!(
        (&row["comparison"]["in_turns"], &row["comparison"]["judgement"]),
        (&json!(true), &json!("worse")),
        "{row}"
    );
    // Both sides stand in the page, what is told of them, and that percentiles are means over rounds.
    for words in ["quick", "slow", "worse", "slow, round 6"] {
        tab.says("main", words).await;
    }
    tab.choose("[data-testid=figure]", "tpot.p50").await;
    tab.says("[data-testid=pairs]", "TPOT p50, compared with quick").await;
    tab.says("main", "means over rounds").await;
    chromium.stop().await;
}
