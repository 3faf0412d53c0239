//! Owns what axe finds on every page, wide and narrow, light and dark: nothing that is serious or critical.
//! Must not know how the pages are made.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, SHORT_PLAN, TOKEN, state};
use crate::turns::beside_another;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Two short runs that are read together.
pub const STUDY: &str = r#"
schema = 1
name = "Two steps"
kind = "decomposition"
[engines.builtin]
kind = "builtin"
params = { preset = "1m", kv_cache = false, batch = 1 }
[[steps]]
label = "Without KV cache"
engine = "builtin"
[[steps]]
label = "KV cache"
set = { kv_cache = true }
[workload]
input_tokens = 16
output_tokens = 4
[load]
concurrency = [1, 2]
requests = 4
warmup_s = 0.0
trials = 5
"#;

/// Asks axe, and leaves what it finds in `window.found`: a line for each element that is at fault.
const ASK: &str = "
window.found = null;
axe.run(document, { resultTypes: ['violations'] }).then(
  ({ violations }) => {
    window.found = violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map((node) =>
        `${id}: ${node.target.join(' ')} in ${node.html.slice(0, 160)} (${(node.any[0] ?? node.all[0] ?? node.none[0])?.message})`));
  },
  (error) => { window.found = [`axe did not run: ${error}`]; },
);
";

/// What axe finds on the page as it is shown.
async fn found(tab: &Tab, axe: &str) -> Vec<String> {
    // Not by a script element, which the page's policy would refuse.
    tab.0.evaluate(axe).await.unwrap();
    tab.0.evaluate(format!("void (() => {{ {ASK} }})()")).await.unwrap();
    tab.wait_for("window.found !== null").await;
    serde_json::from_value(tab.eval("window.found").await).unwrap()
}

async fn shown_as(tab: &Tab, width: i64, theme: &str) {
    let size = SetDeviceMetricsOverrideParams::new(width, 800, 1.0, width < 720);
    tab.0.execute(size).await.unwrap();
    let scheme = MediaFeature { name: "prefers-color-scheme".to_owned(), value: theme.to_owned() };
    let still = MediaFeature { name: "prefers-reduced-motion".to_owned(), value: "reduce".to_owned() };
    tab.0.execute(SetEmulatedMediaParams::builder().features(vec![scheme, still]).build()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_serious_on_any_page() {
    let _turn = beside_another().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(file).expect("cargo xtask up installs axe-core");
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(SHORT_PLAN).await;
    let deleted = agent.submit(SHORT_PLAN).await;
    let (status, study) = agent.post("/api/v1/studies", STUDY.to_owned(), "application/toml").await;
    assert_eq!(status, 201, "{study}");
    let study = study["study"].as_str().unwrap();
    agent.wait(&run, LIMIT, |view| state(view) == "done").await;
    agent.wait(&deleted, LIMIT, |view| state(view) == "done").await;
    let of_history = async |what: &str, body: serde_json::Value| {
        let path = format!("/api/v1/history/{what}");
        assert_eq!(agent.post(&path, body.to_string(), "application/json").await.0, 200, "{what}");
    };
    of_history("tags", json!({ "items": [run, study], "add": ["nightly"] })).await;
    of_history("pins", json!({ "items": [run], "pinned": true })).await;
    of_history("delete", json!({ "items": [deleted] })).await;
    let (_, view) = agent.get(&format!("/api/v1/studies/{study}")).await;
    for of in view["runs"].as_array().unwrap() {
        agent.wait(of["run"].as_str().unwrap(), LIMIT, |view| state(view) == "done").await;
    }

    let pages = [
        ("/".to_owned(), "h1"),
        ("/new".to_owned(), "[data-testid=plan-toml]"),
        ("/engines".to_owned(), "h1"),
        ("/runs?state=done".to_owned(), "[data-testid=pin-run]"),
        ("/runs?show=bin".to_owned(), "[data-testid=bin]"),
        (format!("/runs/{run}"), "[data-testid=edit-note]"),
        ("/studies".to_owned(), "[data-testid=studies]"),
        ("/studies/new".to_owned(), "[data-testid=study-toml]"),
        (format!("/studies/{study}"), "[data-testid=edit-note]"),
        (format!("/compare?runs={study}"), "table"),
        ("/people".to_owned(), "[data-testid=make-token]"),
        ("/settings".to_owned(), "[data-testid=prices]"),
        ("/queue".to_owned(), "h1"),
        ("/schedule".to_owned(), "h1"),
        ("/metrics-guide".to_owned(), "[data-testid=metric-search]"),
    ];
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/?token={TOKEN}", agent.url)).await;
    tab.wait("connection", |text| text == "open").await;
    let mut faults = Vec::new();
    for (path, ready) in &pages {
        for theme in ["light", "dark"] {
            shown_as(&tab, 1280, theme).await;
            tab.0.goto(format!("{}{path}", agent.url)).await.unwrap();
            let is_there = format!("document.querySelector('{ready}') !== null");
            tab.wait_for(&format!("{is_there} && !document.querySelector('[aria-busy=true]')")).await;
            assert_eq!(tab.eval("document.documentElement.dataset.theme").await, theme);
            for width in [1280, 360] {
                shown_as(&tab, width, theme).await;
                let here = found(&tab, &axe).await;
                if width == 360 {
                    let wide = tab.eval("document.documentElement.scrollWidth").await.as_u64().unwrap_or(u64::MAX);
                    faults.extend((wide > 360).then(|| format!("{path}, {theme}: {wide} px wide on a screen of 360")));
                }
                faults.extend(here.into_iter().map(|fault| format!("{path} at {width} px, {theme}: {fault}")));
            }
        }
    }
    // Whoever is not signed in sees what asks for a token.
    let stranger = chromium.open("about:blank").await;
    stranger.0.goto(format!("{}/runs", agent.url.replace("127.0.0.1", "localhost"))).await.unwrap();
    stranger.wait_for("document.querySelector('main input') !== null").await;
    for (width, theme) in [(1280, "light"), (360, "dark")] {
        shown_as(&stranger, width, theme).await;
        let here = found(&stranger, &axe).await;
        faults.extend(here.into_iter().map(|fault| format!("sign-in at {width} px, {theme}: {fault}")));
    }
    // That it looks at all: a button without a name is found.
    tab.eval("document.querySelector('main').append(document.createElement('button'))").await;
    assert!(found(&tab, &axe).await.iter().any(|fault| fault.starts_with("button-name")), "axe finds nothing");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    chromium.stop().await;
}
