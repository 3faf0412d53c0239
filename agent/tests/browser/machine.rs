//! Owns the machine in a real browser: tracks on a run's page, a GPU that is lost for a while, one that lacks much, none.
//! Must not know the agent's insides: a played engine and a played driver stand in for real ones.

use crate::browser::{Chromium, Tab};
use crate::fake_nvml::FakeNvml;
use crate::played_engine::{ABLE, play};
use crate::support::{Agent, TOKEN, attached, state};
use crate::turns::beside_another;
use serde_json::Value;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// It is lost while somebody says so, held down by heat, and tells neither energy nor temperatures.
const SCRIPT: &str = r#"
[[device]]
uuid = "GPU-bb22-0000"
name = "NVIDIA H100 80GB HBM3"
says = { memory_total = 85520809984, memory_used = 42949672960, gpu_busy = 90, memory_busy = 40, power = 200000, sm_clock = 1200, throttle_reasons = 32 }

[[device.process]]
pid = 1
memory = 1073741824
busy = 50

[[fault]]
file = "lost"
fails = "gpu_is_lost"
"#;

/// What the console is told beyond information.
const CONSOLE: &str = "
window.said = [];
for (const level of ['error', 'warn']) console[level] = (...words) => said.push(words.join(' '));
addEventListener('error', (event) => said.push(event.message));
";

/// An engine's page of metrics: what runs, how full its cache is, and `n` first tokens within 20 ms.
fn page(n: u32) -> String {
    format!(
        "vllm:num_requests_running 3\nvllm:kv_cache_usage_perc 0.5\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.01\"}} 0\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.02\"}} {n}\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"+Inf\"}} {n}\n\
         vllm:time_to_first_token_seconds_sum {}\nvllm:time_to_first_token_seconds_count {n}\n",
        f64::from(n) * 0.015
    )
}

async fn drawn(tab: &Tab, chart: &str, least: u32) {
    tab.wait_for(&format!("Number(document.querySelector('[data-testid=chart-{chart}]')?.dataset.points) >= {least}"))
        .await;
}

/// Times at which the first line of a chart has values, as it is drawn, s.
async fn times(tab: &Tab, chart: &str) -> Vec<f64> {
    let script = format!(
        "(() => {{ const data = echarts.getInstanceByDom(document.querySelector('[data-testid=chart-{chart}]')).getModel()\
         .getSeriesByIndex(0).getData(); const of = (axis, row) => data.get(data.mapDimension(axis), row);\
         return [...Array(data.count()).keys()].filter(row => !isNaN(of('y', row))).map(row => of('x', row)); }})()"
    );
    serde_json::from_value(tab.eval(&script).await).unwrap()
}

/// Words of what is marked in a chart.
async fn marks(tab: &Tab, chart: &str) -> String {
    let script = format!(
        "echarts.getInstanceByDom(document.querySelector('[data-testid=chart-{chart}]')).getOption().series[0].markLine.data\
         .map(mark => mark.name).join()"
    );
    tab.eval(&script).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gpu_that_is_lost_for_a_while_is_a_gap_a_mark_and_a_sentence() {
    let _turn = beside_another().await;
    let (fake, data, played) = (FakeNvml::playing(SCRIPT), tempfile::tempdir().unwrap(), play(ABLE));
    played.shows(&page(0));
    let metrics = std::sync::Arc::clone(&played.metrics);
    let counting = tokio::spawn(async move {
        for n in 1.. {
            *metrics.lock().unwrap() = Some(page(n * 10));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let agent = Agent::driven_by(&fake.driver(), data.path());
    let plan = |load: &str| {
        let plan = attached(&played.url, "gpus = [\"GPU-bb22\"]\n").replace("requests = 12", load);
        format!("{plan}\n[telemetry]\nrate_hz = 10.0\n")
    };
    let done = agent.submit(&plan("duration_s = 1")).await;
    agent.wait(&done, LIMIT, |view| state(view) == "done").await;
    let live = agent.submit(&plan("duration_s = 90")).await;
    let chromium = Chromium::start().await;
    let tab = chromium.open_with(CONSOLE, &format!("{}/runs/{live}?token={TOKEN}", agent.url)).await;
    // Live: tracks of GPU and engine, on the crosshair of the others.
    for chart in ["gpu-memory", "gpu-busy", "gpu-power", "gpu-clocks", "kv-cache", "engine-requests"] {
        drawn(&tab, chart, 3).await;
    }
    let group = "echarts.getInstanceByDom(document.querySelector('[data-testid=chart-gpu-power]')).group";
    assert_eq!(tab.eval(group).await, "run");
    fake.raise("lost");
    tab.wait("gpu-said", |text| text.contains("was lost")).await;
    let seen = tab.eval("Number(document.querySelector('[data-testid=chart-kv-cache]').dataset.points)").await;
    drawn(&tab, "kv-cache", seen.as_u64().unwrap() as u32 + 5).await;
    fake.lower("lost");
    tab.wait("gpu-said", |text| text.contains("answered again")).await;
    drawn(&tab, "gpu-power", seen.as_u64().unwrap() as u32 + 8).await;
    agent.post(&format!("/api/v1/runs/{live}/cancel"), String::new(), "application/json").await;
    tab.wait("run-state", |text| text.contains("cancelled")).await;
    let marks = marks(&tab, "gpu-power").await;
    assert!(marks.starts_with("lost") && marks.ends_with("back"), "{marks}");
    let view = agent.wait(&live, LIMIT, |view| state(view) == "cancelled").await;
    let at_s = |trouble: usize| view["telemetry"]["troubles"][trouble]["at_ns"].as_f64().unwrap() / 1e9;
    let (lost_s, back_s) = (at_s(0), at_s(1));
    // The middle of a bin in which it was lost may lie a little after that.
    let between = |times: &[f64]| times.iter().filter(|s| (lost_s + 0.2..back_s - 0.2).contains(*s)).count();
    let (power, kv) = (times(&tab, "gpu-power").await, times(&tab, "kv-cache").await);
    assert!(power[0] < lost_s && power[power.len() - 1] > back_s, "{power:?} {lost_s} {back_s}");
    assert_eq!(between(&power), 0, "{power:?} {lost_s} {back_s}");
    assert!(between(&kv) > 0, "{kv:?} {lost_s} {back_s}");
    // The same in words, and what this device does not tell.
    let said = tab.wait("gpu-said", |text| text.contains("answered again")).await;
    for words in ["was lost", "held down: by heat in 100 % of reads", "(GPU is lost)"] {
        assert!(said.contains(words), "{said}");
    }
    let lacks = tab.text("gpu-lacks").await.unwrap();
    assert!(lacks.contains("Not supported by this GPU") && lacks.contains("energy"), "{lacks}");
    assert!(tab.text("chart-gpu-temperature").await.is_none());
    tab.wait("processes", |text| text.contains("1.00 GiB")).await;
    assert_eq!(tab.eval("JSON.stringify(said)").await, "[]");
    // The server's own TTFT beside ours, and energy with how it was measured.
    tab.0.goto(format!("{}/runs/{done}", agent.url)).await.unwrap();
    tab.wait("run-state", |text| text.contains("done")).await;
    tab.says("[data-testid='points-table']", "TTFT by the server, ms").await;
    let rows = tab.rows().await;
    assert!(rows.len() == 2 && rows.iter().all(|row| row.contains("power") && row.contains("15.0")), "{rows:?}");
    assert_eq!(tab.eval("JSON.stringify(said)").await, "[]");
    counting.abort();
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_driver_says_so_and_shows_itself() {
    let _turn = beside_another().await;
    let (data, played) = (tempfile::tempdir().unwrap(), play(ABLE));
    let agent = Agent::driven_by(&data.path().join("no-such-library.so"), data.path());
    let run = agent.submit(&attached(&played.url, "").replace("requests = 12", "duration_s = 2")).await;
    agent.wait(&run, LIMIT, |view: &Value| state(view) == "done").await;
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs/{run}?token={TOKEN}", agent.url)).await;
    tab.wait("no-gpus", |text| text == "This host has no NVIDIA driver.").await;
    // Folded parts are not there until they are opened.
    assert!(tab.text("chart-host-cpu").await.is_none());
    tab.eval("document.querySelector('[data-testid=machine-host] summary').click()").await;
    drawn(&tab, "host-cpu", 1).await;
    tab.wait("cores", |_| true).await;
    chromium.stop().await;
}
