//! Owns what a team hands out, in real browsers: links to a study and a comparison, and tokens that an admin makes and
//! revokes in the page.
//! Must not know the agent's insides.

use crate::browser::{Chromium, Tab};
use crate::support::{Agent, TOKEN};
use crate::turns::beside_another;
use serde_json::Value;

/// Answers of the agent that refused this page something.
pub const REFUSED: &str =
    "performance.getEntriesByType('resource').filter(e => e.responseStatus >= 400).map(e => e.name)";

pub async fn link_to_what_is_shown(tab: &Tab) -> String {
    tab.click("share").await;
    tab.click("make-share").await;
    let link = tab.wait("share-link", |text| text.contains("/s/")).await;
    tab.click("share-close").await;
    link
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
    let _turn = beside_another().await;
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
    let _turn = beside_another().await;
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
