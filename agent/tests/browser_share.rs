//! Owns a team in real browsers: whoever has a link sees a run as who started it does, until it is revoked; a token's owner
//! is out when it is; an admin makes tokens in the page.
//! Must not know the agent's insides.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "support/browser.rs"]
mod browser;
mod support;

use browser::{Chromium, Tab};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::{Agent, SHORT_PLAN, TOKEN, state};

/// Long enough for a slow machine; on any other it takes less than two seconds.
const END_LIMIT: Duration = Duration::from_secs(30);

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
async fn shown(tab: &Tab) -> BTreeMap<String, String> {
    serde_json::from_value(tab.eval("shown").await).unwrap_or_default()
}

/// Answers of the agent that refused this page something.
const REFUSED: &str = "performance.getEntriesByType('resource').filter(e => e.responseStatus >= 400).map(e => e.name)";

/// A run of half a minute or so.
fn plan() -> String {
    SHORT_PLAN.replace("requests = 12", "duration_s = 12.0")
}

async fn link_to_what_is_shown(tab: &Tab) -> String {
    tab.click("share").await;
    tab.click("make-share").await;
    let link = tab.wait("share-link", |text| text.contains("/s/")).await;
    tab.click("share-close").await;
    link
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_a_link_sees_the_run_as_its_owner_does_until_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let run = agent.submit(&plan()).await;
    let (owner, stranger) = (Chromium::start().await, Chromium::start().await);
    let own = owner.open(&format!("{}/runs/{run}?token={TOKEN}", agent.url)).await;
    own.wait("run-state", |text| text.contains("running")).await;
    own.counts_requests().await;
    let link = link_to_what_is_shown(&own).await;

    // In the middle of the run the stranger comes, without a token.
    let tab = stranger.open(&link).await;
    tab.wait("run-state", |text| text.contains("running")).await;
    assert_eq!(tab.eval("location.pathname").await, Value::from(format!("/runs/{run}")));
    tab.counts_requests().await;
    own.eval(WATCH).await;
    tab.eval(WATCH).await;
    let begun = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (own, other) = (shown(&own).await, shown(&tab).await);
        let both: Vec<_> = own.iter().filter_map(|(seq, shown)| Some((seq, shown, other.get(seq)?))).collect();
        for (seq, own, other) in &both {
            assert_eq!(own, other, "two pages differ at event {seq}");
        }
        // A busy machine draws few frames, and two pages seldom stop at the same event; all where they do are compared.
        if !both.is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "the pages showed no event in common");
    }
    tab.wait("viewers", |text| text == "2").await;

    // Nothing is offered that would be refused, and nothing was asked for that was.
    for control in ["share", "cancel-run", "run-again", "run-resume"] {
        assert_eq!(tab.text(control).await, None, "a guest is offered {control}");
    }
    assert_eq!(
        tab.eval("document.querySelectorAll('.rail a[href=\"/runs\"], .rail a[href=\"/new\"]').length").await,
        0
    );
    assert_eq!(tab.eval(REFUSED).await, Value::Array(vec![]));
    agent.wait(&run, Duration::from_secs(120), |view| state(view) == "done").await;
    let done = |text: &str| text.contains("done");
    own.wait("run-state", done).await;
    tab.wait("run-state", done).await;

    // A reload shows the same again, on both sides.
    let picture = "JSON.stringify([document.querySelector('[data-testid=run-seq]').textContent, \
        document.querySelector('.run-header .figures').innerText, \
        [...document.querySelectorAll('[data-testid=point-row]')].map(row => row.innerText)])";
    own.0.reload().await.unwrap();
    tab.0.reload().await.unwrap();
    own.wait("run-state", done).await;
    tab.wait("run-state", done).await;
    let (of_owner, of_stranger) = (own.eval(picture).await, tab.eval(picture).await);
    assert!(of_owner.as_str().unwrap().len() > 50, "{of_owner}");
    assert_eq!(of_owner, of_stranger);
    tab.0.goto(format!("{}/runs", agent.url)).await.unwrap();
    tab.wait("not-shared", |text| text.contains("not shared with you")).await;
    tab.0.goto(format!("{}/runs/{run}", agent.url)).await.unwrap();
    tab.wait("run-state", done).await;

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
    own.wait("run-state", done).await;
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

/// Two plans' worth of a study: one engine, two repeats each of two levels.
const STUDY: &str = r#"
schema = 1
name = "For two"
kind = "curves"
[engines.one]
kind = "builtin"
params = { preset = "1m" }
[engines.other]
kind = "builtin"
params = { preset = "1m", batch = 4 }
[workload]
input_tokens = 16
output_tokens = 8
[load]
concurrency = [1, 4]
requests = 8
warmup_s = 0.0
trials = 2
"#;

/// Controls that a guest would be refused.
const CONTROLS: [&str; 5] = ["share", "cancel-study", "delete-study", "study-resume", "run-again"];

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_a_study_or_a_comparison_and_offers_nothing_that_would_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let (status, begun) = agent.post("/api/v1/studies", STUDY.to_owned(), "application/toml").await;
    assert_eq!(status, 201, "{begun}");
    let study = begun["study"].as_str().unwrap().to_owned();
    let (owner, stranger) = (Chromium::start().await, Chromium::start().await);
    let own = owner.open(&format!("{}/studies/{study}?token={TOKEN}", agent.url)).await;
    own.wait("study-state", |text| text.contains("done")).await;
    let link = link_to_what_is_shown(&own).await;
    let tab = stranger.open(&link).await;
    tab.wait("study-state", |text| text.contains("done")).await;
    tab.wait("runs-done", |text| text == "2 of 2").await;
    tab.wait_for("document.querySelectorAll('[data-testid=pair-row]').length > 0").await;
    offers_nothing(&tab).await;
    // A run of the study is part of what was shared.
    let runs = tab.eval("[...document.querySelectorAll('[data-testid=study-runs] a')].map(a => a.pathname)").await;
    let runs: Vec<String> = serde_json::from_value(runs).unwrap();
    assert_eq!(runs.len(), 2, "{runs:?}");
    tab.0.goto(format!("{}{}", agent.url, runs[0])).await.unwrap();
    tab.wait("run-state", |text| text.contains("done")).await;

    let ids: Vec<&str> = runs.iter().filter_map(|path| path.rsplit('/').next()).collect();
    own.0.goto(format!("{}/compare?runs={}", agent.url, ids.join(","))).await.unwrap();
    own.wait_for("document.querySelectorAll('[data-testid=pair-row]').length > 0").await;
    let link = link_to_what_is_shown(&own).await;
    let other = Chromium::start().await;
    let tab = other.open(&link).await;
    tab.wait_for("document.querySelectorAll('[data-testid=pair-row]').length > 0").await;
    offers_nothing(&tab).await;
    // The other base is as much a part of it.
    tab.choose("[data-testid=base]", ids[1]).await;
    tab.wait_for(&format!("location.search.startsWith('?runs={}')", ids[1])).await;
    tab.wait_for("document.querySelectorAll('[data-testid=pair-row]').length > 0").await;
    tab.0.goto(format!("{}/studies/{study}", agent.url)).await.unwrap();
    tab.wait_for("document.querySelector('[data-testid=study-state]') === null").await;
    for chromium in [owner, stranger, other] {
        chromium.stop().await;
    }
}

async fn offers_nothing(tab: &Tab) {
    for control in CONTROLS {
        assert_eq!(tab.text(control).await, None, "a guest is offered {control}");
    }
    assert_eq!(tab.eval(REFUSED).await, Value::Array(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_makes_a_token_in_the_page_and_its_owner_is_out_when_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let (admins, adas) = (Chromium::start().await, Chromium::start().await);
    let admin = admins.open(&format!("{}/people?token={TOKEN}", agent.url)).await;
    admin.fill("[data-testid=token-name]", "Ada").await;
    admin.choose("[data-testid=token-role]", "viewer").await;
    admin.click("make-token").await;
    let secret = admin.wait("fresh-token", |text| text.len() == 64).await;
    admin.wait("tokens", |text| text.contains("Ada") && text.contains("viewer")).await;

    let ada = adas.open(&format!("{}/runs", agent.url)).await;
    ada.fill("[data-testid=token]", &secret).await;
    ada.click("sign-in").await;
    ada.wait("connection", |state| state == "open").await;
    ada.wait_for("document.body.innerText.includes('No run yet')").await;
    // A viewer is not offered what is not hers.
    assert_eq!(
        ada.eval("document.querySelectorAll('.rail a[href=\"/people\"], .rail a[href=\"/new\"]').length").await,
        0
    );

    admin.0.reload().await.unwrap();
    admin.wait("tokens", |text| text.contains("Ada") && !text.contains(&secret)).await;
    admin.click("revoke-token").await;
    admin.click("revoke-confirm").await;
    ada.wait_for("document.querySelector('[data-testid=token-ended]') !== null").await;
    admin.0.reload().await.unwrap();
    admin.wait("audit", |text| text.contains("token revoked") && text.contains("token created")).await;
    admins.stop().await;
    adas.stop().await;
}
