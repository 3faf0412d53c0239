//! Owns what a page holds and shows over its life: nothing piles up, and no clock of the browser's matters.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, LONG_PLAN, SHORT_PLAN, TOKEN, state};
use crate::turns::alone;
use chromiumoxide::cdp::browser_protocol::emulation::SetTimezoneOverrideParams;
use serde_json::Value;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Counts charts that were made and not disposed of, and sockets that are not closed.
const HELD: &str = "
window.held = { made: 0, charts: new Set(), sockets: [] };
let library;
Object.defineProperty(window, 'echarts', {
  get: () => library,
  set: (real) => {
    library = Object.assign({}, real, { init: (...args) => {
      const chart = real.init(...args);
      held.made++;
      held.charts.add(chart);
      const dispose = chart.dispose.bind(chart);
      chart.dispose = () => { held.charts.delete(chart); dispose(); };
      return chart;
    } });
  },
});
const Socket = WebSocket;
window.WebSocket = class extends Socket {
  constructor(...args) { super(...args); held.sockets.push(this); }
};
";

/// Goes from the list to each run and back, as a click does, so many times; `rounds` counts them.
const NAVIGATE: &str = "
(async () => {
  window.rounds = 0;
  const until = async (there) => { while (!there()) await new Promise(requestAnimationFrame); };
  const click = (href) => document.querySelector(`a[href='${href}']`).click();
  while (rounds < ROUNDS) {
    for (const run of RUNS) {
      await until(() => document.querySelector(`a[href='/runs/${run}']`));
      click(`/runs/${run}`);
      await until(() => document.querySelectorAll('[data-points]').length >= 5);
      click('/runs');
      await until(() => document.querySelector('[data-testid=runs-table]'));
    }
    rounds++;
  }
})()
";

#[derive(Debug)]
struct Held {
    charts: u64,
    sockets: u64,
    nodes: i64,
    listeners: i64,
}

/// What the page holds on the list of runs, after so many rounds and once garbage is gone.
async fn held_after(tab: &Tab, rounds: u32, runs: &[String]) -> Held {
    let runs = serde_json::to_string(runs).unwrap();
    let script = NAVIGATE.replace("ROUNDS", &rounds.to_string()).replace("RUNS", &runs);
    tab.eval(&format!("void {}", script.trim())).await;
    tab.wait_for(&format!("rounds === {rounds}")).await;
    let counters = tab.held().await;
    let number = async |script: &str| tab.eval(script).await.as_u64().unwrap();
    Held {
        charts: number("held.charts.size").await,
        sockets: number("held.sockets.filter(s => s.readyState !== 3).length").await,
        nodes: counters.nodes,
        listeners: counters.js_event_listeners,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_goes_from_run_to_run_holds_no_more_than_at_first() {
    let _turn = alone().await;
    // CASES B70.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let done = agent.submit(SHORT_PLAN).await;
    agent.wait(&done, LIMIT, |view| state(view) == "done").await;
    let live = agent.submit(LONG_PLAN).await;
    agent.wait(&live, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(3)).await;
    let runs = [done, live];
    let chromium = Chromium::start().await;
    let tab = chromium.open_with(HELD, &format!("{}/runs?token={TOKEN}", agent.url)).await;
    // Both screens, and what they load once, are there after some rounds.
    let before = held_after(&tab, 3, &runs).await;
    let after = held_after(&tab, 25, &runs).await;
    assert!(tab.eval("held.made").await.as_u64() >= Some(28 * 2 * 5), "charts are not counted");
    assert_eq!((before.charts, after.charts), (0, 0), "charts of a screen that is gone");
    assert_eq!((before.sockets, after.sockets), (1, 1));
    assert!(after.nodes <= before.nodes + 50, "{before:?} {after:?}");
    assert!(after.listeners <= before.listeners + 10, "{before:?} {after:?}");
    chromium.stop().await;
}

/// What a browser shows whose clock is wrong by so many hours, in a time zone of its own.
async fn with_clock(chromium: &Chromium, hours: i64, zone: &str, url: &str) -> Tab {
    let script = format!(
        "const Real = Date; const now = () => Real.now() + {hours} * 3600e3; window.Date = class extends Real {{ \
         constructor(...args) {{ if (args.length) super(...args); else super(now()); }} static now() {{ return now(); }} }};"
    );
    let tab = chromium.open_with(&script, "about:blank").await;
    tab.0.execute(SetTimezoneOverrideParams::new(zone)).await.unwrap();
    tab.0.goto(url).await.unwrap();
    tab
}

/// Axes and rows of every chart, and every figure, as text.
const PICTURE: &str = "JSON.stringify([
    [...document.querySelectorAll('[data-points]')].map(e => {
        const axis = echarts.getInstanceByDom(e).getOption().xAxis[0];
        return [e.dataset.testid, e.dataset.points, axis.min, axis.max];
    }),
    document.querySelector('.run-header .figures').innerText,
])";

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_whose_clock_is_an_hour_off_shows_the_same_picture() {
    let _turn = alone().await;
    // CASES B71.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let done = agent.submit(SHORT_PLAN).await;
    agent.wait(&done, LIMIT, |view| state(view) == "done").await;
    let live = agent.submit(LONG_PLAN).await;
    let chromium = Chromium::start().await;
    let mut pictures: Vec<(Value, Value)> = Vec::new();
    for (hours, zone) in [(0, "UTC"), (1, "Pacific/Auckland"), (-1, "America/St_Johns")] {
        let tab = with_clock(&chromium, hours, zone, &format!("{}/runs/{done}?token={TOKEN}", agent.url)).await;
        tab.wait("run-state", |text| text.contains("done")).await;
        // What is asked for after the run has come, too.
        tab.wait_for(
            "['histogram', 'ecdf', 'scatter'].every(name => \
             document.querySelector(`[data-testid=chart-${name}][data-points]`))",
        )
        .await;
        let picture = tab.eval(PICTURE).await;

        // Ages are those of the host: nothing here is older than the test, and the host's time stands on hover.
        tab.0.goto(format!("{}/runs", agent.url)).await.unwrap();
        tab.wait("connection", |text| text == "open").await;
        tab.wait_for("document.querySelectorAll('time').length === 2").await;
        tab.wait_for("[...document.querySelectorAll('time')].every(t => /^(just now|\\d+ s ago|\\d min ago)$/.test(t.innerText))").await;
        tab.wait_for("[...document.querySelectorAll('time')].every(t => t.title.startsWith('20'))").await;
        let times = tab.eval("JSON.stringify([...document.querySelectorAll('time')].map(t => t.title))").await;
        pictures.push((picture, times));

        // A live run goes on at the host's pace: its axis is as long as the run, not an hour longer.
        tab.0.goto(format!("{}/runs/{live}", agent.url)).await.unwrap();
        tab.counts_requests().await;
        tab.wait_for("Number(document.querySelector('[data-testid=chart-throughput]').dataset.points) > 3").await;
        let axis =
            "echarts.getInstanceByDom(document.querySelector('[data-testid=chart-throughput]')).getOption().xAxis[0]";
        assert!(tab.eval(&format!("{axis}.max")).await.as_f64().unwrap() < 600.0);
        assert_eq!(tab.eval(&format!("{axis}.min")).await.as_f64(), Some(0.0));
    }
    assert!(pictures[0].0.as_str().unwrap().contains("chart-throughput"), "{pictures:?}");
    for picture in &pictures[1..] {
        assert_eq!(picture, &pictures[0]);
    }
    chromium.stop().await;
}
