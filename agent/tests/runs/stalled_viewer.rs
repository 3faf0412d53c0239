//! Owns the proof that a viewer who stops reading is dropped, costs the agent no memory, and the others no event.
//! Must not know the agent's insides.

use crate::page::Page;
use crate::socket::{Client, LIMIT};
use crate::support::{Agent, TOKEN, resident_kib};
use futures_util::StreamExt;
use shared::event::RunState;
use shared::ids::RunId;
use shared::wire::ServerMessage;
use tokenprism::bench::{PacerConfig, spawn_pacer_in_process};
use tokio::time::timeout;

/// Follows the run and folds what comes until a message is the one.
async fn fold(client: &mut Client, page: &mut Page, until: impl Fn(&ServerMessage, &Page) -> bool) {
    let found = timeout(2 * LIMIT, async {
        loop {
            let message = client.hear().await.expect("the agent closed");
            page.take(message.clone());
            if until(&message, page) {
                return;
            }
        }
    });
    found.await.expect("what is waited for comes");
}

fn viewers(n: u32) -> impl Fn(&ServerMessage, &Page) -> bool {
    move |message, _| matches!(message, ServerMessage::Viewers { count, .. } if *count == n)
}

fn ended(_: &ServerMessage, page: &Page) -> bool {
    page.view.run_state().is_final()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_stops_reading_is_dropped_and_the_others_see_every_event() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let host = agent.url.strip_prefix("http://").unwrap().to_owned();
    // Short answers, many at once: batches are as large as they get.
    let pacer = spawn_pacer_in_process(PacerConfig { ttft_ns: 20_000_000, ..PacerConfig::default() }).unwrap();
    let run = RunId::try_from(agent.submit(&plan(pacer.addr)).await).unwrap();

    let (mut stalled, mut stalled_page) = (Client::narrow(&host, TOKEN).await, Page::of(run.clone()));
    stalled.follow(&run).await;
    fold(&mut stalled, &mut stalled_page, |_, page| page.begun_at.is_some()).await;
    let mut other = Client::greeted(&host, TOKEN).await;
    let mut other_page = Page::of(run.clone());
    other.follow(&run).await;
    let other = tokio::spawn(async move {
        fold(&mut other, &mut other_page, ended).await;
        other_page
    });
    let (mut quick, mut page) = (Client::greeted(&host, TOKEN).await, Page::of(run.clone()));
    quick.follow(&run).await;
    fold(&mut quick, &mut page, viewers(3)).await;
    let before_kib = resident_kib(agent.child.id());
    fold(&mut quick, &mut page, viewers(2)).await;
    let grown_kib = resident_kib(agent.child.id()).saturating_sub(before_kib);
    assert!(grown_kib < 64 << 10, "the agent grew by {grown_kib} KiB while a viewer did not read");

    agent.post(&format!("/api/v1/runs/{run}/cancel"), String::new(), "application/json").await;
    fold(&mut quick, &mut page, ended).await;
    let other = other.await.unwrap();
    for page in [&page, &other] {
        assert_eq!((page.missed, page.accounted()), (0, page.view.seq));
        assert_eq!(page.view.run_state(), RunState::Cancelled);
    }
    assert_eq!(page.view, other.view);

    // What the dropped one still finds is what lay between the two: whole frames in order, then the end.
    let mut bytes = 0;
    while let Some(Ok(message)) = stalled.0.next().await {
        bytes += message.len();
        if message.is_binary() {
            stalled_page.take(rmp_serde::from_slice(&message.into_data()).unwrap());
        }
    }
    assert!(bytes < 512 << 10, "{bytes} bytes had been kept for it");
    assert!(stalled_page.view.seq < page.view.seq, "it was never behind");
}

fn plan(server: std::net::SocketAddr) -> String {
    format!(
        "schema = 1\nname = \"Many\"\n[engine]\nkind = \"openai_completions\"\nurl = \"http://{server}\"\n\
         [workload]\ninput_tokens = 16\noutput_tokens = 2\n[load]\nconcurrency = [64]\nduration_s = 300.0\n"
    )
}
