//! Owns what a page says when something fails: each kind a sentence, in a real browser.
//! Must not know the agent's insides.

use crate::browser::Chromium;
use crate::small_disk::on_a_small_disk;
use crate::support::{Agent, LONG_PLAN, PROGRAM, TOKEN, attached, engines_of, state};
use crate::turns::beside_another;
use std::time::Duration;
use tokenprism::bench::{PacerConfig, spawn_pacer_in_process};

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_measured_says_why_on_its_page() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let pacer = spawn_pacer_in_process(PacerConfig::default()).unwrap();
    // A port that was free a moment ago: nobody answers there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let unreachable = agent.submit(&attached(&format!("http://{free}"), "")).await;
    let unserved = agent.submit(&attached(&format!("http://{}", pacer.addr), "model = \"other\"\n")).await;
    let dying = agent.submit(LONG_PLAN).await;
    agent.wait(&dying, LIMIT, |view| view["ended"]["ok"].as_u64() > Some(3)).await;
    let engine = nix::unistd::Pid::from_raw(engines_of(agent.child.id())[0]);

    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs/{dying}?token={TOKEN}", agent.url)).await;
    tab.wait("run-state", |text| text.contains("running")).await;
    nix::sys::signal::kill(engine, nix::sys::signal::SIGKILL).unwrap();
    let sentences = [
        (dying, "The engine's process ended while it was measured".to_owned()),
        (unreachable, format!("No server answers at http://{free}")),
        (unserved, "does not serve the model \"other\". It serves: pacer.".to_owned()),
    ];
    for (run, sentence) in sentences {
        let page = format!("{}/runs/{run}", agent.url);
        if tab.0.url().await.unwrap() != Some(page.clone()) {
            tab.0.goto(page).await.unwrap();
        }
        tab.wait("run-state", |text| text.contains("failed")).await;
        tab.says("main", &sentence).await;
    }
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_plan_is_refused_above_the_form() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/new?preset=first&token={TOKEN}", agent.url)).await;
    tab.fill("[name=\"load.concurrency\"]", "0").await;
    tab.wait("plan-error", |text| text.contains("load.concurrency")).await;
    let disabled = "document.querySelector('[data-testid=\"start-run\"]').disabled";
    assert_eq!(tab.eval(disabled).await, true);
    tab.fill("[name=\"load.concurrency\"]", "1").await;
    tab.wait_for(&format!("!{disabled}")).await;
    assert_eq!(tab.text("plan-error").await, None);
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_refused_beside_its_field_and_the_right_one_still_fits() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/?token=wrong", agent.url)).await;
    tab.says("body", "This token is wrong.").await;
    tab.0.goto(format!("{}/runs", agent.url)).await.unwrap();
    tab.fill("[data-testid=\"token\"]", "wrong").await;
    tab.click("sign-in").await;
    tab.wait("error", |text| text.contains("This is not the token of this agent: copy it again")).await;
    // The page goes on trying to connect, which must not wipe out what is typed here.
    let asked = "performance.getEntriesByName(location.origin + '/api/v1/me').length";
    let before = tab.eval(asked).await;
    tab.wait_for(&format!("{asked} >= {before} + 2")).await;
    assert!(tab.text("error").await.is_some(), "the refusal is gone");
    tab.fill("[data-testid=\"token\"]", TOKEN).await;
    tab.click("sign-in").await;
    tab.wait("connection", |text| text == "open").await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_leaves_what_was_typed() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/new?preset=first&token={TOKEN}", agent.url)).await;
    tab.fill("[name=\"name\"]", "Typed by hand").await;
    tab.wait("plan-toml", |text| text.contains("Typed by hand")).await;
    let address = agent.url.strip_prefix("http://").unwrap().to_owned();
    agent.kill();
    tab.wait("connection", |text| text == "lost").await;
    assert!(tab.text("plan-toml").await.unwrap().contains("Typed by hand"));
    let agent = Agent::start_at(dir.path(), &address);
    tab.wait("connection", |text| text == "open").await;
    assert!(tab.text("plan-toml").await.unwrap().contains("Typed by hand"));
    drop(agent);
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_whose_code_does_not_come_says_so_and_offers_to_reload() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let run = agent.submit(LONG_PLAN).await;
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/?token={TOKEN}", agent.url)).await;
    tab.wait("connection", |state| state == "open").await;
    let link = format!("document.querySelector('a[href=\"/runs/{run}\"]')");
    for _ in 0..1000 {
        if tab.eval(&format!("!{link}")).await == false {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What a run's page needs does not come with the first screen.
    let fetched = "performance.getEntriesByType('resource').map(e => e.name).filter(n => n.endsWith('.wasm')).join()";
    let parts = tab.eval(fetched).await;
    assert!(parts.as_str().is_some_and(|names| names.contains("_bg.wasm") && !names.contains("_run.wasm")), "{parts}");
    agent.kill();
    tab.eval(&format!("{link}.click()")).await;
    tab.wait("code-missing", |text| text.contains("This screen did not load") && text.contains("Reload")).await;

    let _back = Agent::start_at(dir.path(), agent.url.trim_start_matches("http://"));
    tab.eval("document.querySelector('[data-testid=\"code-missing\"] button').click()").await;
    tab.wait("run-state", |text| text.contains("interrupted")).await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_by_the_run_that_it_ended_and_by_the_one_that_it_does_not_take() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let Some(program) = on_a_small_disk(dir.path(), 768, PROGRAM) else { return };
    let agent = Agent::of(program, dir.path(), "127.0.0.1:0");
    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/?token={TOKEN}", agent.url)).await;
    let run = agent.submit(LONG_PLAN).await;
    tab.0.goto(format!("{}/runs/{run}", agent.url)).await.unwrap();
    tab.wait("run-state", |text| text.contains("failed")).await;
    tab.says("main", "The disk that holds the log is full").await;
    while let (201, body) = agent.post("/api/v1/runs", LONG_PLAN.to_owned(), "application/toml").await {
        agent.wait(body["run"].as_str().unwrap(), LIMIT, |view| state(view) == "failed").await;
    }
    tab.0.goto(format!("{}/new?preset=first", agent.url)).await.unwrap();
    tab.click("start-run").await;
    tab.wait("error", |text| text.contains("The disk that holds the log is full")).await;
    chromium.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_cannot_be_read_are_told_as_another_version() {
    let _turn = beside_another().await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let chromium = Chromium::start().await;
    // A byte that is no MessagePack, whatever the agent said.
    let garbled = "const Real = WebSocket; window.WebSocket = class extends Real { set onmessage(hear) { \
        super.onmessage = () => hear(new MessageEvent('message', { data: new Uint8Array([0xc1]).buffer })); } };";
    let tab = chromium.open_with(garbled, &format!("{}/?token={TOKEN}", agent.url)).await;
    tab.wait("connection", |text| text == "outdated").await;
    tab.says("body", "This page is of another version than the agent: reload it.").await;
    chromium.stop().await;
}
