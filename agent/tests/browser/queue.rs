//! Owns the pages of queue and schedule in a real browser: arranged by hand, the next times shown, an end told of; by keyboard and
//! on a narrow screen.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, LONG_PLAN, SHORT_PLAN, TOKEN, state};
use crate::turns::beside_another;
use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A script's expression: something of each run that waits, in the page's order.
fn each(of: &str) -> String {
    format!("[...document.querySelectorAll('[data-testid=queue-waiting]')].map(row => {of})")
}

/// Waits until runs wait in this order.
async fn in_order(tab: &Tab, runs: &[&String]) {
    let hrefs: Vec<String> = runs.iter().map(|run| format!("/runs/{run}")).collect();
    let shown = each("row.querySelector('a').getAttribute('href')");
    tab.wait_for(&format!("JSON.stringify({shown}) === {}", serde_json::json!(serde_json::json!(hrefs).to_string())))
        .await;
}

/// Clicks what has a test id in the row at a place.
async fn click_in(tab: &Tab, place: usize, id: &str) {
    tab.eval(&format!(
        "document.querySelectorAll('[data-testid=queue-waiting]')[{place}].querySelector('[data-testid={id}]').click()"
    ))
    .await;
}

async fn width(tab: &Tab, width: u32) {
    let metrics = SetDeviceMetricsOverrideParams::new(width, 800, 1.0, width < 720);
    tab.0.execute(metrics).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_seen_arranged_and_told_of_at_its_end() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/queue?token={TOKEN}", agent.url)).await;
    tab.wait_for("document.body.innerText.includes('Nothing runs and nothing waits')").await;
    let long = agent.submit(LONG_PLAN).await;
    agent.wait(&long, LIMIT, |view| state(view) == "running").await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(agent.submit(SHORT_PLAN).await);
    }
    let [a, b, c] = [&runs[0], &runs[1], &runs[2]];
    in_order(&tab, &[a, b, c]).await;
    tab.wait("queue-running", |text| text.contains("this host for itself")).await;
    tab.wait("queue-reason", |text| text.contains("It is measured alone")).await;
    click_in(&tab, 0, "queue-later").await;
    in_order(&tab, &[b, a, c]).await;
    click_in(&tab, 2, "queue-earlier").await;
    in_order(&tab, &[b, c, a]).await;
    // By keyboard: what has the focus is a button like any other.
    tab.eval("document.querySelectorAll('[data-testid=queue-hold]')[0].focus()").await;
    tab.0.find_element(":focus").await.unwrap().press_key("Enter").await.unwrap();
    tab.wait("queue-reason", |text| text.starts_with("Held back by")).await;
    tab.choose("[data-testid=queue-priority]", "-5").await;
    in_order(&tab, &[c, a, b]).await;
    tab.click("queue-pause").await;
    tab.wait("queue-paused", |text| text.contains("nothing starts until it goes on")).await;
    click_in(&tab, 0, "queue-cancel").await;
    tab.click("queue-cancel-confirm").await;
    in_order(&tab, &[a, b]).await;
    agent.wait(c, LIMIT, |view| state(view) == "cancelled").await;
    // Nothing is cut off on a phone.
    width(&tab, 360).await;
    tab.wait_for("document.documentElement.scrollWidth <= 360").await;
    width(&tab, 1280).await;
    // The first screen says so, too.
    tab.eval("document.querySelector('a.rail-item[href=\"/\"]').click()").await;
    tab.wait_for("document.querySelectorAll('.what-waits li').length === 2").await;

    // What is started in the page is told of at its end, wherever one is by then.
    agent.post(&format!("/api/v1/runs/{long}/cancel"), String::new(), "application/json").await;
    tab.eval("document.querySelector('a.rail-item[href=\"/queue\"]').click()").await;
    tab.click("queue-pause").await;
    tab.0.goto(format!("{}/new?preset=first", agent.url)).await.unwrap();
    tab.wait("plan-toml", |text| text.contains("schema")).await;
    tab.click("start-run").await;
    tab.wait_for("location.pathname.startsWith('/runs/r')").await;
    tab.wait("toast", |text| text.contains("is done") || text.contains("is failed")).await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_shows_its_next_times_before_it_is_made() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/schedule?token={TOKEN}", agent.url)).await;
    tab.wait_for("document.body.innerText.includes('Nothing is scheduled')").await;
    tab.choose("[data-testid=schedule-zone]", "Asia/Tokyo").await;
    let would = tab.wait("schedule-would", |text| text.contains("Asia/Tokyo")).await;
    assert_eq!(would.matches("02:30 Asia/Tokyo (+09:00)").count(), 5, "{would}");
    tab.choose("[data-testid=schedule-cron]", "61 2 * * *").await;
    tab.wait_for("document.querySelector('.error-box')?.innerText.includes('no cron pattern')").await;
    assert_eq!(tab.eval("document.querySelector('[data-testid=schedule-make]').disabled").await, true);
    tab.choose("[data-testid=schedule-cron]", "0 3 * * 1").await;
    tab.wait("schedule-would", |text| text.contains("Mon ")).await;
    tab.click("schedule-make").await;
    tab.wait("schedule", |text| text.contains("0 3 * * 1, by the clock of Asia/Tokyo")).await;
    tab.wait("schedule-next", |text| text.matches("Mon ").count() == 5).await;
    width(&tab, 360).await;
    tab.wait_for("document.documentElement.scrollWidth <= 360").await;
    tab.click("schedule-remove").await;
    tab.click("schedule-remove-confirm").await;
    tab.wait_for("document.body.innerText.includes('Nothing is scheduled')").await;
    chromium.stop().await;
}
