//! Owns the history in a real browser: found by address, tagged, pinned, noted, deleted together, and brought back.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, SHORT_PLAN, TOKEN, state};
use crate::turns::beside_another;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

async fn count(tab: &Tab, expect: u64) {
    tab.wait_for(&format!("document.querySelectorAll('[data-testid=run-row]').length === {expect}")).await;
}

/// Keeps a picture of the page where `TOKENPRISM_PICTURES` names a folder, for somebody to look at.
async fn picture(tab: &Tab, name: &str) {
    use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;
    let Ok(folder) = std::env::var("TOKENPRISM_PICTURES") else { return };
    for (width, theme) in [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")] {
        tab.0.execute(SetDeviceMetricsOverrideParams::new(width, 900, 1.0, width < 720)).await.unwrap();
        tab.eval(&format!("document.documentElement.dataset.theme = '{theme}'")).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let file = Path::new(&folder).join(format!("{name}-{width}-{theme}.png"));
        let how = chromiumoxide::page::ScreenshotParams::builder().build();
        tab.0.save_screenshot(how, file).await.unwrap();
    }
    tab.0.execute(SetDeviceMetricsOverrideParams::new(1280, 900, 1.0, false)).await.unwrap();
    tab.eval("document.documentElement.dataset.theme = 'light'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_found_marked_deleted_and_brought_back() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let mut runs = Vec::new();
    for name in ["Night one", "Night two", "Morning"] {
        let run = agent.submit(&SHORT_PLAN.replace("\"Short\"", &json!(name).to_string())).await;
        agent.wait(&run, LIMIT, |view| state(view) == "done").await;
        runs.push(run);
    }
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs?token={TOKEN}", agent.url)).await;
    count(&tab, 3).await;

    // Typed, found, and in the address: a page that is loaded there shows the same.
    tab.fill("[data-testid=search]", "nig").await;
    count(&tab, 2).await;
    assert_eq!(tab.eval("location.search").await, "?q=nig");
    tab.0.reload().await.unwrap();
    count(&tab, 2).await;
    tab.fill("[data-testid=search]", "nothing like it").await;
    tab.wait("none-found", |text| text.contains("No run is like that")).await;
    tab.fill("[data-testid=search]", "nig").await;
    count(&tab, 2).await;

    // Both are chosen and tagged; the tag is a filter from then on.
    tab.eval("document.querySelectorAll('[data-testid=pick-run]').forEach(box => box.click())").await;
    tab.wait("chosen-words", |text| text.contains("2 runs")).await;
    tab.fill("[data-testid=tag-field]", "two words").await;
    tab.click("tag-chosen").await;
    tab.wait("toast", |text| text.contains("cannot be a tag")).await;
    tab.fill("[data-testid=tag-field]", "Nightly").await;
    tab.click("tag-chosen").await;
    tab.wait_for("document.querySelectorAll('[data-testid=tag]').length === 2").await;
    picture(&tab, "runs-chosen").await;
    tab.0.goto(format!("{}/runs", agent.url)).await.unwrap();
    count(&tab, 3).await;
    tab.click("filters").await;
    tab.choose("[data-testid=filter-tag]", "nightly").await;
    count(&tab, 2).await;
    assert_eq!(tab.eval("location.search").await, "?tag=nightly");
    picture(&tab, "runs-filtered").await;

    // A second page deletes them together; this one hears of it, and an undo brings both back to both.
    let other = chromium.open(&format!("{}/runs", agent.url)).await;
    count(&other, 3).await;
    other.eval("[...document.querySelectorAll('[data-testid=pick-run]')].slice(1).forEach(box => box.click())").await;
    other.click("delete-chosen").await;
    other.wait("toast", |text| text.contains("2 runs were deleted.")).await;
    count(&other, 1).await;
    tab.0.bring_to_front().await.unwrap();
    tab.wait("none-found", |text| text.contains("No run is like that")).await;
    other.0.bring_to_front().await.unwrap();
    other.click("undo").await;
    count(&other, 3).await;
    tab.0.bring_to_front().await.unwrap();
    count(&tab, 2).await;

    // One is deleted, and comes back out of the bin later.
    tab.click("delete-run").await;
    count(&tab, 1).await;
    tab.click("to-bin").await;
    tab.wait("bin", |text| text.contains("Night two")).await;
    picture(&tab, "bin").await;
    tab.click("undelete").await;
    tab.wait("bin-empty", |text| text.contains("Nothing was deleted")).await;

    // A note on the run's page is Markdown, and a script in it stays words.
    tab.0.goto(format!("{}/runs/{}", agent.url, runs[0])).await.unwrap();
    tab.click("edit-note").await;
    tab.fill(
        "[data-testid=note-field]",
        "# Slow\n**very** <img src=x onerror=\"window.ran=1\"> [d](javascript:window.ran=1)",
    )
    .await;
    tab.click("save-note").await;
    tab.wait("note", |text| text.contains("very <img src=x")).await;
    assert_eq!(tab.eval("document.querySelectorAll('.note img, .note script, .note a').length").await, 0);
    assert_eq!(
        tab.eval("document.querySelector('.note h3').innerText + document.querySelector('.note strong').innerText")
            .await,
        "Slowvery"
    );
    assert_eq!(tab.eval("window.ran ?? null").await, serde_json::Value::Null);
    tab.fill("[data-testid=new-tag]", "fp8 keep").await;
    tab.click("add-tag").await;
    tab.wait("marks", |text| text.contains("fp8") && text.contains("keep") && text.contains("nightly")).await;
    tab.click("pin").await;
    tab.wait("pin", |text| text == "Pinned").await;
    tab.eval("document.querySelector('[data-testid=marks]').scrollIntoView({ block: 'center' })").await;
    picture(&tab, "run-note").await;
    tab.0.goto(format!("{}/runs?q=slow&pinned=true", agent.url)).await.unwrap();
    count(&tab, 1).await;
    for path in ["/runs?tag=nightly", "/runs?show=bin"] {
        use chromiumoxide::cdp::browser_protocol::emulation::SetDeviceMetricsOverrideParams;
        tab.0.execute(SetDeviceMetricsOverrideParams::new(360, 740, 2.0, true)).await.unwrap();
        tab.0.goto(format!("{}{path}", agent.url)).await.unwrap();
        tab.wait_for("document.querySelector('h1') !== null").await;
        let width = tab.eval("document.documentElement.scrollWidth").await;
        assert!(width.as_u64() <= Some(360), "{path} is {width} px wide");
    }
    chromium.stop().await;
}
