//! Owns the main job in a real browser: preset, start, live charts, a latecomer, a reload, a restart of the agent.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, LONG_PLAN, SHORT_PLAN, TOKEN, state};
use crate::turns::beside_another;
use serde_json::json;
use std::time::Duration;

/// Keeps what the browser was asked to tell, in place of telling it.
const NOTICES: &str = "window.notices = [];
window.Notification = class {
  static permission = 'granted';
  static requestPermission() { return Promise.resolve('granted'); }
  constructor(told) { notices.push(told); }
};";

const LIMIT: Duration = Duration::from_secs(120);

async fn sequence(tab: &Tab) -> u64 {
    tab.wait("run-seq", |text| text.parse::<u64>().is_ok()).await.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clicks_from_the_url_to_a_live_run_that_every_viewer_sees_alike() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open_with(NOTICES, &format!("{}/new?token={TOKEN}", agent.url)).await;
    tab.click("preset-first").await;
    tab.wait("plan-toml", |text| text.contains("kind = \"builtin\"")).await;
    tab.click("start-run").await;
    tab.wait_for("location.pathname.startsWith('/runs/r')").await;
    assert_eq!(tab.eval("location.search").await, "", "the token stayed in the address");

    // Live: requests end, charts hold points.
    tab.wait("run-state", |text| text.contains("running")).await;
    tab.counts_requests().await;
    tab.wait_for("Number(document.querySelector('[data-testid=\"chart-throughput\"]')?.dataset.points ?? document.querySelector('[data-testid=\"chart-throughput\"] [data-points]')?.dataset.points) > 3").await;

    // A teammate who joins late sees the same at the same sequence number.
    let late = chromium.open_with(NOTICES, tab.eval("location.href").await.as_str().unwrap()).await;
    assert!(sequence(&late).await > 1);

    // A page draws only while it is in front, so each is brought there to be read.
    let done = |text: &str| text.contains("done");
    late.wait("run-state", done).await;
    let (late_rows, late_seq) = (late.rows().await, sequence(&late).await);
    tab.0.bring_to_front().await.unwrap();
    tab.wait("run-state", done).await;
    assert_eq!(sequence(&tab).await, late_seq);
    let rows = tab.rows().await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows, late_rows);
    // The browser tells whoever started it, and nobody else.
    tab.wait_for("notices.length > 0").await;
    assert_eq!(tab.eval("notices.map(told => /^\"[^\"]+\" is done\\.$/.test(told))").await, json!([true]));
    assert_eq!(late.eval("notices").await, json!([]));

    // A reload shows the same again.
    tab.0.reload().await.unwrap();
    tab.wait("run-state", done).await;
    assert_eq!(rows, tab.rows().await);
    // A dozen requests carry no 99th percentile, so it is doubtful at least; on a busy host the client is late, too.
    tab.wait("verdict", |text| text.contains("doubtful") || text.contains("invalid")).await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_interrupted_and_unknown_runs_say_so() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let cancelled = agent.submit(LONG_PLAN).await;
    agent.wait(&cancelled, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(3)).await;
    agent.post(&format!("/api/v1/runs/{cancelled}/cancel"), String::new(), "application/json").await;
    agent.wait(&cancelled, LIMIT, |view| state(view) == "cancelled").await;
    let interrupted = agent.submit(LONG_PLAN).await;
    agent.wait(&interrupted, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(3)).await;
    agent.kill();

    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs/{interrupted}?token={TOKEN}", agent.url)).await;
    tab.wait("run-state", |text| text.contains("interrupted")).await;
    let tab = chromium.open(&format!("{}/runs/{cancelled}", agent.url)).await;
    tab.wait("run-state", |text| text.contains("cancelled")).await;
    let tab = chromium.open(&format!("{}/runs", agent.url)).await;
    tab.wait("runs-table", |text| text.contains("interrupted") && text.contains("cancelled")).await;
    let tab = chromium.open(&format!("{}/runs/r0000000000000000dead", agent.url)).await;
    tab.wait_for("/no run|not found|unknown|does not/i.test(document.body.innerText)").await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_shown_as_lost_and_the_hole_is_filled_when_the_agent_returns() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs/{run}?token={TOKEN}", agent.url)).await;
    tab.wait("run-state", |text| text.contains("running")).await;
    let address = agent.url.strip_prefix("http://").unwrap().to_owned();
    agent.kill();
    tab.wait("connection", |text| text.to_lowercase().contains("lost")).await;
    let agent = Agent::start_at(dir.path(), &address);
    tab.wait("run-state", |text| text.contains("interrupted")).await;
    drop(agent);
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_phone_width_nothing_is_wider_than_the_screen() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(SHORT_PLAN).await;
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/?token={TOKEN}", agent.url)).await;
    for path in ["/", "/new", "/new?preset=study_vllm", "/engines", "/runs", "/metrics-guide", &format!("/runs/{run}")]
    {
        let size =
            chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams::new(360, 740, 2.0, true);
        tab.0.execute(size).await.unwrap();
        tab.0.goto(format!("{}{path}", agent.url)).await.unwrap();
        tab.wait_for("document.querySelector('h1') !== null").await;
        let width = tab.eval("document.documentElement.scrollWidth").await;
        assert!(width.as_u64() <= Some(360), "{path} is {width} px wide");
    }
    chromium.stop().await;
}
