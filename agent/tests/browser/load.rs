//! Owns the load in a real browser: an arrival chosen in the form, its run live and after, a distribution, goodput.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, TOKEN};
use crate::turns::beside_another;
use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;

/// Keeps what the console is told beyond information, and what nobody caught.
const CONSOLE: &str = "
window.said = [];
for (const level of ['error', 'warn']) {
  const real = console[level];
  console[level] = (...words) => { said.push(words.join(' ')); real(...words); };
}
addEventListener('error', (event) => said.push(event.message));
";

/// Rows that a chart really holds.
async fn holds_points(tab: &Tab, chart: &str, least: u32) {
    tab.wait_for(&format!("Number(document.querySelector('[data-testid=chart-{chart}]')?.dataset.points) >= {least}"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poisson_arrivals_from_the_form_to_goodput_after_the_run() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open_with(CONSOLE, &format!("{}/new?preset=first&token={TOKEN}", agent.url)).await;
    tab.choose("select[name='load.arrival']", "poisson").await;
    tab.fill("input[name='load.rate']", "8, 20").await;
    tab.fill("input[name='load.duration_s']", "4").await;
    tab.fill("input[name='load.warmup_s']", "0").await;
    let toml = tab.wait("plan-toml", |text| text.contains("arrival = \"poisson\"")).await;
    assert!(toml.contains("rate = [") && !toml.contains("concurrency"), "{toml}");
    tab.click("start-run").await;

    // Live, then judged: rates are the levels, and gaps have a place and a colour.
    tab.wait_for("location.pathname.startsWith('/runs/r')").await;
    tab.counts_requests().await;
    holds_points(&tab, "gaps", 1).await;
    tab.wait("run-state", |text| text.contains("done")).await;
    let rows = tab.rows().await;
    assert!(rows.len() == 2 && rows[0].starts_with("8/s") && rows[1].starts_with("20/s"), "{rows:?}");
    tab.says("[data-testid='points-table']", "TTFT from due, ms (headline)").await;
    tab.wait("verdict", |text| ["valid", "doubtful", "invalid"].iter().any(|word| text.contains(word))).await;
    holds_points(&tab, "by-level", 2).await;

    // A distribution, and limits that nobody had thought of before.
    holds_points(&tab, "ecdf", 4).await;
    tab.choose("[data-testid='distribution-metric']", "e2e").await;
    tab.wait_for("document.querySelector('.chips input:checked') !== null").await;
    tab.fill("input[name='ttft_ms']", "60000").await;
    tab.click("judge").await;
    tab.says("[data-testid='goodput-table']", "100 %").await;

    // A heading leads to its definition; back again, nothing is wider than a phone.
    tab.eval("document.querySelector('a.metric-link[href$=\"#ttft_scheduled\"]').click()").await;
    tab.wait_for("document.querySelector('.metric.chosen')?.id === 'ttft_scheduled'").await;
    tab.eval("history.back()").await;
    tab.wait("run-state", |text| text.contains("done")).await;
    tab.0.execute(SetDeviceMetricsOverrideParams::new(360, 740, 2.0, true)).await.unwrap();
    holds_points(&tab, "ecdf", 4).await;
    tab.wait_for("document.documentElement.scrollWidth <= 360").await;
    assert_eq!(tab.eval("JSON.stringify(said)").await, "[]");
    chromium.stop().await;
}
