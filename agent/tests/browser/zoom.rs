//! Owns the stretch of time that the charts of a run show: a drag zooms all of them, and whoever asked to follow somebody who
//! leads sees the same.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::share::link_to_what_is_shown;
use crate::support::{Agent, SHORT_PLAN, TOKEN, state};
use crate::turns::alone;
use chromiumoxide::cdp::browser_protocol::input::{DispatchMouseEventParams, DispatchMouseEventType, MouseButton};
use std::time::Duration;

/// Charts on the shared axis, by their test ids.
const CHARTS: [&str; 4] = ["chart-throughput", "chart-in-flight", "chart-ttft", "chart-tpot"];

/// First and last second that a chart draws.
async fn range(tab: &Tab, chart: &str) -> (f64, f64) {
    let script = format!(
        "(() => {{ const axis = echarts.getInstanceByDom(document.querySelector('[data-testid={chart}]')).getOption().xAxis[0]; \
         return [axis.min, axis.max]; }})()"
    );
    serde_json::from_value(tab.eval(&script).await).unwrap_or((f64::NAN, f64::NAN))
}

/// Waits until every chart of a page draws this stretch.
async fn draws(tab: &Tab, stretch: (f64, f64)) {
    let begun = std::time::Instant::now();
    loop {
        let mut ranges = Vec::new();
        for chart in CHARTS {
            ranges.push(range(tab, chart).await);
        }
        let is_it = |(from, to): &(f64, f64)| (from - stretch.0).abs() < 1e-6 && (to - stretch.1).abs() < 1e-6;
        if ranges.iter().all(is_it) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{ranges:?} are drawn, and not {stretch:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Drags over a chart, from one share of its width to another.
async fn drag(tab: &Tab, chart: &str, from: f64, to: f64) {
    let script = format!(
        "(() => {{ const chart = document.querySelector('[data-testid={chart}]'); chart.scrollIntoView({{ block: 'center' }}); \
         const box = chart.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; }})()"
    );
    let [left, top, width, height]: [f64; 4] = serde_json::from_value(tab.eval(&script).await).unwrap();
    let event = |kind, share: f64| {
        DispatchMouseEventParams::builder()
            .r#type(kind)
            .x(left + share * width)
            .y(top + height / 2.0)
            .button(MouseButton::Left)
            .buttons(1)
            .click_count(1)
            .build()
            .unwrap()
    };
    use DispatchMouseEventType::{MouseMoved, MousePressed, MouseReleased};
    for (kind, share) in [(MousePressed, from), (MouseMoved, (from + to) / 2.0), (MouseMoved, to), (MouseReleased, to)]
    {
        tab.0.execute(event(kind, share)).await.unwrap();
    }
}

/// Turns the wheel over a chart with the shift key held.
async fn pan(tab: &Tab, chart: &str) {
    let script = format!(
        "document.querySelector('[data-testid={chart}]').dispatchEvent(new WheelEvent('wheel', {{ deltaY: -100, shiftKey: true, \
         bubbles: true, cancelable: true }}))"
    );
    tab.eval(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drag_zooms_every_chart_and_whoever_follows_sees_what_is_shown() {
    let _turn = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(&SHORT_PLAN.replace("requests = 12", "duration_s = 2.0")).await;
    agent.wait(&run, Duration::from_secs(90), |view| state(view) == "done").await;
    let (presents, watches, strays) = (Chromium::start().await, Chromium::start().await, Chromium::start().await);
    let presenter = presents.open(&format!("{}/runs/{run}?token={TOKEN}", agent.url)).await;
    let link = link_to_what_is_shown(&presenter).await;
    let (follower, other) = (watches.open(&link).await, strays.open(&link).await);
    for tab in [&presenter, &follower, &other] {
        let drawn = "echarts.getInstanceByDom(document.querySelector('[data-testid=chart-tpot]'))?.getOption().series.length > 0";
        tab.wait_for(drawn).await;
    }
    let whole = range(&presenter, CHARTS[0]).await;
    for tab in [&presenter, &follower, &other] {
        draws(tab, whole).await;
    }
    assert_eq!(follower.text("follow").await, None, "nobody leads");
    assert_eq!(follower.text("lead").await, None, "a guest is offered to lead");

    // A drag over one chart zooms all of this page's, and nobody else's.
    drag(&presenter, CHARTS[1], 0.4, 0.8).await;
    presenter.says(".zoom-note", "of the run").await;
    let zoomed = range(&presenter, CHARTS[1]).await;
    assert!(zoomed.0 > whole.0 && zoomed.1 < whole.1 && zoomed.1 - zoomed.0 > 0.2, "{zoomed:?} of {whole:?}");
    draws(&presenter, zoomed).await;
    draws(&follower, whole).await;

    // Whoever asks to follow sees it, as exactly as it is told, and what comes after.
    presenter.click("lead").await;
    let told = |(from, to): (f64, f64)| ((from * 1e9).round() / 1e9, (to * 1e9).round() / 1e9);
    follower.click("follow").await;
    other.wait_for("document.querySelector('[data-testid=follow]') !== null").await;
    draws(&follower, told(zoomed)).await;
    pan(&presenter, CHARTS[0]).await;
    presenter.wait_for(&format!(
        "echarts.getInstanceByDom(document.querySelector('[data-testid=chart-ttft]')).getOption().xAxis[0].min < {}",
        zoomed.0
    ))
    .await;
    let panned = range(&presenter, CHARTS[0]).await;
    assert!(((panned.1 - panned.0) - (zoomed.1 - zoomed.0)).abs() < 1e-6, "{panned:?} is no longer or shorter");
    draws(&follower, told(panned)).await;
    draws(&other, whole).await;

    // Nobody leads any more: each page is its reader's own again.
    presenter.click("lead").await;
    follower.wait_for("document.querySelector('[data-testid=follow]') === null").await;
    presenter.eval("document.querySelector('.zoom-note button').click()").await;
    draws(&presenter, whole).await;
    draws(&follower, told(panned)).await;
    for chromium in [presents, watches, strays] {
        chromium.stop().await;
    }
}
