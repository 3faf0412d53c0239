//! Owns two people in two browsers before one run: both see the same at the same event, whatever the network does, until the
//! link that one came by is revoked.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::relay::Relay;
use crate::share::{REFUSED, link_to_what_is_shown};
use crate::support::{Agent, LONG_PLAN, TOKEN};
use crate::turns::alone;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a page may go on showing after its link was revoked.
const END_LIMIT: Duration = Duration::from_secs(2);

/// A run that goes on for minutes and says something now and then only, so that a page shows each event for a while: a busy
/// machine draws few frames, and two pages must have drawn the same event to be compared.
fn plan() -> String {
    let load = "[load]\narrival = \"poisson\"\nrate = [1.0]\nduration_s = 300.0\n";
    LONG_PLAN.replace("[load]\nconcurrency = [4]\nduration_s = 300.0\n", load)
}

/// Keeps, in each frame, what the page shows, by the number of the last event that it shows.
const WATCH: &str = "(() => {
  window.shown = {};
  const look = () => {
    const seq = document.querySelector('[data-testid=run-seq]')?.textContent;
    const figures = document.querySelector('.run-header .figures')?.innerText;
    const rows = [...document.querySelectorAll('[data-testid=point-row]')].map(row => row.innerText);
    if (seq) shown[seq] = JSON.stringify([figures, rows]);
    requestAnimationFrame(look);
  };
  look();
})()";

/// What a page has shown, by number of the last event.
async fn shown(tab: &Tab) -> BTreeMap<u64, String> {
    let shown: BTreeMap<String, String> = serde_json::from_value(tab.eval("shown").await).unwrap_or_default();
    shown.into_iter().filter_map(|(seq, shown)| Some((seq.parse().ok()?, shown))).collect()
}

/// The last event that a page shows.
async fn seq(tab: &Tab) -> u64 {
    tab.wait("run-seq", |text| text.parse::<u64>().is_ok()).await.parse().unwrap()
}

/// The last event that a page shows once what had arrived is drawn.
async fn stands(tab: &Tab) -> u64 {
    let mut at = seq(tab).await;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        match seq(tab).await {
            same if same == at => return at,
            later => at = later,
        }
    }
}

/// Waits until two pages have shown an event in common that comes after this one; all that both have shown are the same.
async fn agree(own: &Tab, other: &Tab, after: u64) {
    let begun = Instant::now();
    loop {
        let (left, right) = (shown(own).await, shown(other).await);
        let both: Vec<_> = left.iter().filter_map(|(seq, shown)| Some((*seq, shown, right.get(seq)?))).collect();
        for (seq, own, other) in &both {
            assert_eq!(own, other, "two pages differ at event {seq}");
        }
        if both.iter().any(|(seq, ..)| *seq > after) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "the pages showed no event in common after {after}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_a_link_sees_the_run_as_its_owner_does_until_it_is_revoked() {
    let _turn = alone().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(&plan()).await;
    let network = Relay::to(&agent.url).await;
    let (owner, stranger) = (Chromium::start().await, Chromium::start().await);
    let own = owner.open(&format!("{}/runs/{run}?token={TOKEN}", agent.url)).await;
    own.wait("run-state", |text| text.contains("running")).await;
    own.counts_requests().await;
    let link = link_to_what_is_shown(&own).await.replace(&agent.url, &network.url);

    // In the middle of the run the stranger comes, without a token.
    let tab = stranger.open(&link).await;
    tab.wait("run-state", |text| text.contains("running")).await;
    assert_eq!(tab.eval("location.href").await, Value::from(format!("{}/runs/{run}", network.url)));
    tab.counts_requests().await;
    own.eval(WATCH).await;
    tab.eval(WATCH).await;
    agree(&own, &tab, 0).await;
    tab.wait("viewers", |text| text == "2").await;
    // Nothing is offered that would be refused, and nothing was asked for that was.
    for control in ["share", "cancel-run", "run-again", "run-resume"] {
        assert_eq!(tab.text(control).await, None, "a guest is offered {control}");
    }
    let rail = "document.querySelectorAll('.rail a[href=\"/runs\"], .rail a[href=\"/new\"]').length";
    assert_eq!(tab.eval(rail).await, 0);
    assert_eq!(tab.eval(REFUSED).await, Value::Array(vec![]));

    // The stranger's network fails for a while: the page says so and stands still; then it has what it missed.
    network.cut();
    tab.wait("connection", |state| state == "lost").await;
    tab.says(".banner", "No connection to the agent since").await;
    let stood = stands(&tab).await;
    let begun = Instant::now();
    while seq(&own).await < stood + 5 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the owner's page stands still, too");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seq(&tab).await, stood);
    network.mend();
    tab.wait("connection", |state| state == "open").await;
    tab.wait_for("document.querySelector('.banner') === null").await;
    agree(&own, &tab, stood).await;

    // A reload in the middle of the run.
    let before = seq(&own).await;
    tab.0.reload().await.unwrap();
    tab.wait("run-state", |text| text.contains("running")).await;
    tab.eval(WATCH).await;
    agree(&own, &tab, before).await;

    // Once it is over, both show the same, after a reload too.
    own.click("cancel-run").await;
    own.click("cancel-run-confirm").await;
    let over = |text: &str| text.contains("cancelled");
    let picture = "JSON.stringify([document.querySelector('[data-testid=run-seq]').textContent, \
        document.querySelector('.run-header .figures').innerText, \
        [...document.querySelectorAll('[data-testid=point-row]')].map(row => row.innerText)])";
    for reloads in [false, true] {
        if reloads {
            own.0.reload().await.unwrap();
            tab.0.reload().await.unwrap();
        }
        own.wait("run-state", over).await;
        tab.wait("run-state", over).await;
        let (of_owner, of_stranger) = (own.eval(picture).await, tab.eval(picture).await);
        assert!(of_owner.as_str().unwrap().len() > 50, "{of_owner}");
        assert_eq!(of_owner, of_stranger, "reloaded: {reloads}");
    }
    tab.0.goto(format!("{}/runs", network.url)).await.unwrap();
    tab.wait("not-shared", |text| text.contains("not shared with you")).await;
    tab.0.goto(format!("{}/runs/{run}", network.url)).await.unwrap();
    tab.wait("run-state", over).await;

    // The owner revokes the link: the stranger's page says so, and no request brings anything any more.
    own.click("share").await;
    own.click("revoke-share").await;
    let begun = Instant::now();
    tab.wait_for("document.querySelector('[data-testid=link-ended]') !== null").await;
    assert!(begun.elapsed() < END_LIMIT, "{:?}", begun.elapsed());
    own.wait("no-shares", |_| true).await;
    no_data(&tab, &run).await;
    tab.0.reload().await.unwrap();
    tab.wait("link-ended", |_| true).await;
    no_data(&tab, &run).await;
    assert_eq!(tab.text("run-ok").await, None, "figures stay on the page");
    // The owner is not disturbed.
    own.0.reload().await.unwrap();
    own.wait("run-state", over).await;
    owner.stop().await;
    stranger.stop().await;
}

/// Nothing that a page of the agent asks for brings data.
async fn no_data(tab: &Tab, run: &str) {
    for path in [
        format!("/api/v1/runs/{run}"),
        format!("/api/v1/runs/{run}/goodput?ttft_ms=9"),
        "/api/v1/me".to_owned(),
        "/api/v1/runs".to_owned(),
        format!("/api/v1/compare?runs={run}"),
    ] {
        let status = tab.eval(&format!("fetch('{path}').then(answer => answer.status)")).await;
        assert_eq!(status, 401, "{path}");
    }
    let socket = "new Promise(told => { const socket = new WebSocket(`ws://${location.host}/ws`); \
        socket.onmessage = () => told('a message'); socket.onopen = () => told('open'); socket.onerror = () => told('refused'); })";
    assert_eq!(tab.eval(socket).await, "refused");
}
