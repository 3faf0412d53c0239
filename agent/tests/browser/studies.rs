//! Owns studies, comparisons and imports in a real browser: begun there, filling, compared, and taken in.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, TOKEN, state};
use crate::turns::beside_another;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// The shipped ladder, short: a trial is long enough for several requests even without a cache.
const LADDER: &str = r#"
schema = 1
name = "Short ladder"
kind = "decomposition"
leave_one_out = true
[engines.builtin]
kind = "builtin"
params = { preset = "1m", kv_cache = false, batch = 1 }
[[steps]]
label = "Without KV cache"
engine = "builtin"
[[steps]]
label = "KV cache"
set = { kv_cache = true }
[[steps]]
label = "Static batching"
set = { batch = 4 }
[workload]
input_tokens = 16
output_tokens = 8
[load]
concurrency = [1, 4]
requests = 8
warmup_s = 0.0
trials = 5
"#;

fn plan(name: &str, batch: u32) -> String {
    format!(
        "schema = 1\nname = \"{name}\"\n[engine]\nkind = \"builtin\"\n[engine.params]\npreset = \"1m\"\nbatch = {batch}\n\
         [workload]\ninput_tokens = 16\noutput_tokens = 8\n[load]\nconcurrency = [1, 4]\nrequests = 8\nwarmup_s = 0.0\ntrials = 4\n"
    )
}

/// Waits until a chart has drawn so many rows.
async fn drawn(tab: &Tab, chart: &str, least: u32) {
    let points = format!("Number(document.querySelector('[data-testid=chart-{chart}]')?.dataset.points)");
    tab.wait_for(&format!("{points} >= {least}")).await;
    // The same by what the chart itself holds.
    let held = format!(
        "echarts.getInstanceByDom(document.querySelector('[data-testid=chart-{chart}]')).getModel().getSeriesByIndex(0)\
         .getData().count()"
    );
    assert!(tab.eval(&held).await.as_u64().unwrap_or(0) >= u64::from(least), "{chart}");
}

async fn count(tab: &Tab, selector: &str) -> u64 {
    let selector = serde_json::json!(selector);
    tab.eval(&format!("document.querySelectorAll({selector}).length")).await.as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decomposition_is_begun_with_two_clicks_and_fills() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/?token={TOKEN}", agent.url)).await;
    tab.click("study-decomposition").await;
    tab.wait("estimate", |text| text.contains("4 runs. About")).await;
    // A ladder's steps name its engines: none can be put in.
    assert_eq!(tab.text("add-engine").await, None);
    tab.fill("[data-testid=study-toml]", "nonsense").await;
    tab.wait("study-error", |text| text.contains("plan")).await;
    assert_eq!(tab.eval("document.querySelector('[data-testid=start-study]').disabled").await, true);
    tab.fill("[data-testid=study-toml]", LADDER).await;
    tab.wait("estimate", |text| text.contains("4 runs. Time unknown")).await;
    tab.wait_for("document.querySelector('[name=\"study.levels\"]').value === '1, 4'").await;
    tab.click("start-study").await;

    tab.wait_for("location.pathname.startsWith('/studies/s')").await;
    tab.wait("study-state", |text| text.contains("running")).await;
    tab.wait("study-runs", |text| text.contains("All but: KV cache")).await;
    // It fills while it runs, nobody reloads.
    drawn(&tab, "waterfall-latency", 1).await;
    tab.wait("study-state", |text| text.contains("done")).await;
    tab.wait("runs-done", |text| text == "4 of 4").await;
    // A bar and a whisker for each step, in both cases.
    drawn(&tab, "waterfall-latency", 6).await;
    drawn(&tab, "waterfall-throughput", 6).await;
    assert_eq!(count(&tab, "[data-testid=ladder] [data-testid=rung]").await, 6);
    assert_eq!(count(&tab, "[data-testid=without] [data-testid=rung]").await, 4);
    for case in ["latency", "throughput"] {
        drawn(&tab, &format!("left-out-{case}"), 1).await;
    }
    let ladder = tab.text("ladder").await.unwrap();
    assert!(ladder.contains("±") && ladder.contains('×'), "{ladder}");
    tab.wait("distance", |text| text.contains("What the hardware allows is unknown: ")).await;
    // The same numbers as the API's.
    let study = tab.eval("location.pathname.split('/')[2]").await;
    let (_, view) = agent.get(&format!("/api/v1/studies/{}", study.as_str().unwrap())).await;
    let words: Vec<&str> = view["decomposition"]["cases"][0]["steps"].as_array().unwrap()[1..]
        .iter()
        .map(|step| step["against"]["output_throughput"]["judgement"].as_str().unwrap())
        .collect();
    let shown = tab
        .eval("[...document.querySelectorAll('[data-testid=ladder]')][0].innerText.match(/better|worse|within noise/g)")
        .await;
    assert_eq!(shown, serde_json::json!(words.iter().map(|word| word.replace('_', " ")).collect::<Vec<_>>()));

    // Another figure: nothing is known of money, and the page says why.
    tab.eval("[...document.querySelectorAll('[role=tab]')].find(tab => tab.innerText === '$/Mtok').click()").await;
    tab.wait("no-figure", |text| text.contains("price")).await;
    tab.eval("[...document.querySelectorAll('[role=tab]')].find(tab => tab.innerText === 'TTFT').click()").await;
    drawn(&tab, "waterfall-throughput", 6).await;

    // Deleted, taken back, and deleted for good; its runs stay.
    tab.click("delete-study").await;
    tab.wait_for("location.pathname === '/studies'").await;
    tab.click("undo").await;
    tab.wait("studies", |text| text.contains("Short ladder") && text.contains("4 of 4")).await;
    // What is chosen in the list is compared: curves of all its runs, each with the first of like work.
    tab.click("pick-study").await;
    tab.click("compare-studies").await;
    tab.wait_for(&format!("location.pathname === '/compare' && location.search.includes({study})")).await;
    drawn(&tab, "curve-throughput", 4).await;
    tab.0.goto(format!("{}/studies", agent.url)).await.unwrap();
    tab.wait("studies", |text| text.contains("Short ladder")).await;
    tab.eval("document.querySelector('[data-testid=studies] button').click()").await;
    tab.wait_for("document.querySelector('[data-testid=studies]') === null").await;
    tab.wait_for("document.querySelector('[data-testid=toast]') === null").await;
    assert_eq!(agent.get("/api/v1/runs").await.1.as_array().unwrap().len(), 4);
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_are_chosen_and_compared() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let (first, second) = (agent.submit(&plan("Same", 1)).await, agent.submit(&plan("Same", 4)).await);
    for run in [&first, &second] {
        let view = agent.wait(run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
        assert_eq!(state(&view), "done", "{}", view["reason"]);
    }
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs?token={TOKEN}", agent.url)).await;
    tab.wait_for("document.querySelectorAll('[data-testid=pick-run]').length === 2").await;
    // The last row is the oldest run: it becomes the base.
    tab.eval("[...document.querySelectorAll('[data-testid=pick-run]')].reverse().forEach(box => box.click())").await;
    tab.click("compare-chosen").await;
    tab.wait_for(&format!(
        "location.search === '?runs={first},{second}' || location.search === '?runs={first}%2C{second}'"
    ))
    .await;
    for chart in ["curve-throughput", "curve-ttft", "curve-tpot", "pareto"] {
        drawn(&tab, chart, 4).await;
    }
    // Two runs of one name are told apart.
    tab.wait("pairs", |text| text.contains("Output throughput, compared with Same") && text.contains("Same (2)")).await;
    assert_eq!(count(&tab, "[data-testid=pair-row]").await, 2);
    assert_eq!(count(&tab, "[data-testid=value-row]").await, 2);
    tab.choose("[data-testid=level]", "4").await;
    tab.wait_for("document.querySelectorAll('[data-testid=pair-row]').length === 1").await;
    tab.choose("[data-testid=figure]", "tpot.mean").await;
    tab.wait("pairs", |text| text.contains("TPOT mean, compared with Same")).await;
    // All of it is in the address, and the base can be another.
    tab.0.reload().await.unwrap();
    tab.wait("pairs", |text| text.contains("TPOT mean, compared with Same")).await;
    tab.wait_for("document.querySelectorAll('[data-testid=pair-row]').length === 1").await;
    tab.choose("[data-testid=base]", &second).await;
    tab.wait_for(&format!("new URLSearchParams(location.search).get('runs') === '{second},{first}'")).await;
    tab.wait_for(&format!("document.querySelector('[data-testid=base]').value === '{second}'")).await;

    tab.0.goto(format!("{}/compare", agent.url)).await.unwrap();
    tab.says("main", "Nothing to compare yet").await;
    tab.0.goto(format!("{}/compare?runs=r0", agent.url)).await.unwrap();
    tab.says("main", "These cannot be compared").await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_other_tools_are_taken_in_and_shown_for_what_they_are() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import");
    let files = ["vllm-bench-2024.json", "guidellm-0.8.1.json", "README.md"]
        .map(|name| fixtures.join(name).to_str().unwrap().to_owned());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs?token={TOKEN}", agent.url)).await;
    tab.click("import").await;
    tab.wait("drop", |text| text.contains("Choose files")).await;
    tab.give("import-files", &files).await;
    let said = tab.wait("import-summary", |text| text.contains("3 files")).await;
    assert!(said.contains("2 imported, 1 refused"), "{said}");
    tab.wait_for("[...document.querySelectorAll('[data-testid=imported-file]')].some(row => row.innerText.includes('refused: '))")
        .await;
    tab.wait("runs-table", |text| text.contains("from vLLM bench") && text.contains("from GuideLLM")).await;
    tab.give("import-files", &files).await;
    tab.wait("import-summary", |text| text.contains("2 there already, 1 refused; 0 new runs")).await;

    let (_, rows) = agent.get("/api/v1/runs").await;
    let run = rows.as_array().unwrap().iter().find(|row| row["source"] == "vLLM bench").unwrap()["run"].clone();
    let run = run.as_str().unwrap();
    tab.0.goto(format!("{}/runs/{run}", agent.url)).await.unwrap();
    tab.wait("source-tool", |text| text.starts_with("vLLM bench")).await;
    tab.wait("source-files", |text| text.contains("vllm-bench-2024.json")).await;
    drawn(&tab, "curve-throughput", 1).await;
    // Nobody knows its price; with one, costs are worked out.
    tab.wait("no-curve", |text| text.contains("Give a price")).await;
    tab.eval(
        "(() => { const field = document.querySelector('[data-testid=price]'); field.value = '2.93'; \
         field.dispatchEvent(new Event('change', { bubbles: true })); })()",
    )
    .await;
    drawn(&tab, "curve-cost", 1).await;
    // What only a run of our own has is not there.
    for absent in ["chart-throughput", "machine", "engine-log", "chart-by-level"] {
        assert_eq!(tab.text(absent).await, None, "{absent}");
    }
    chromium.stop().await;
}
