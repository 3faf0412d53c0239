//! Owns the tests of the routes that read single requests.
//! Must not know how records are stored.

use crate::support::{Server, answer, sentence};
use shared::event::{Body, RunState};
use shared::ids::RunId;
use shared::outcome::Outcome;
use shared::summary::TokenSource;
use tokenprism::record::{Chunk, RequestRecord, Tally, Terms};

fn record(id: u64) -> RequestRecord {
    let sent = 1_000 * (id + 1);
    RequestRecord {
        sent_ns: Some(sent),
        head_ns: Some(sent + 5),
        chunks: vec![Chunk { t_ns: sent + 100, tokens: Some(1) }, Chunk { t_ns: sent + 300, tokens: Some(2) }],
        end_ns: sent + 400,
        outcome: if id == 2 { Outcome::TimedOut } else { Outcome::Ok },
        status: Some(200),
        error: (id == 2).then(|| "No byte for 1 s.".to_owned()),
        prompt_tokens: Some(4),
        output_tokens: Some(3),
        token_source: TokenSource::ServerUsage,
        ..RequestRecord::due(id, sent - 10)
    }
}

/// A run with one trial that ended with five records, one that ended without, and one that goes on.
async fn run_with_records(server: &Server) -> RunId {
    let run = RunId::new(1, 1);
    server.run(&run).await;
    let mut writer = server.blobs.create(&run, 0).unwrap();
    for id in 0..5 {
        writer.push(&record(id)).unwrap();
    }
    let blob = writer.finish().unwrap();
    let summary = || Box::new(Tally::default().summary(&Terms::default()));
    let trial = |trial: u32, repeat: u32| Body::TrialStarted { trial, point: 0, repeat };
    let bodies = vec![
        (1, Body::State { state: RunState::Running, reason: None }),
        (2, trial(0, 0)),
        (3, Body::TrialDone { trial: 0, summary: summary(), blob: Some(blob) }),
        (4, trial(1, 1)),
        (5, Body::TrialDone { trial: 1, summary: summary(), blob: None }),
        (6, trial(2, 2)),
    ];
    server.log.append(&run, bodies).await.unwrap();
    run
}

#[tokio::test]
async fn a_trials_requests_are_listed_page_by_page() {
    let server = Server::start().await;
    let run = run_with_records(&server).await;
    let list = async |query: &str| {
        let (status, rows) = answer(server.ask("GET", &format!("/api/v1/runs/{run}/trials/0/requests{query}"))).await;
        assert_eq!(status, 200, "{rows}");
        rows.as_array().unwrap().clone()
    };
    assert_eq!(list("").await.len(), 5);
    let page = list("?offset=2&limit=2").await;
    assert_eq!((&page[0]["id"], &page[1]["id"], page.len()), (&2.into(), &3.into(), 2));
    assert_eq!((&page[0]["outcome"], &page[0]["error"]), (&"timed_out".into(), &"No byte for 1 s.".into()));
    assert_eq!((&page[1]["ttft_ns"], &page[1]["tpot_ns"], &page[1]["error"]), (&100.into(), &100.into(), &().into()));
    assert!(list("?offset=5").await.is_empty());
}

#[tokio::test]
async fn one_request_is_a_timeline_since_it_was_sent() {
    let server = Server::start().await;
    let run = run_with_records(&server).await;
    let (status, timeline) = answer(server.ask("GET", &format!("/api/v1/runs/{run}/requests/4"))).await;
    assert_eq!(status, 200, "{timeline}");
    assert_eq!(timeline["sample"]["id"], 4);
    assert_eq!(timeline["chunks"], serde_json::json!([[100, 1], [300, 2]]));
    assert_eq!((&timeline["head_ns"], &timeline["close_ns"]), (&5.into(), &400.into()));
    assert_eq!((&timeline["queue_client_ns"], &timeline["connect_ns"]), (&10.into(), &().into()));
}

#[tokio::test]
async fn what_has_no_records_says_why() {
    let server = Server::start().await;
    let run = run_with_records(&server).await;
    let check = async |path: &str, status: u16, expect: &str| {
        let (got, body) = answer(server.ask("GET", &format!("/api/v1/runs/{run}{path}"))).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(sentence(&body).contains(expect), "{path}: {body}");
    };
    check("/trials/1/requests", 404, "could not be written").await;
    check("/trials/2/requests", 404, "has not ended").await;
    check("/trials/9/requests", 404, "has not begun").await;
    check("/trials/x/requests", 400, "is not a trial number").await;
    check("/trials/-1/requests", 400, "is not a trial number").await;
    check("/trials/0/requests?limit=501", 400, "limit").await;
    check("/requests/99", 404, "in no trial").await;
    check("/requests/99999999999999999999999", 400, "is not a id number").await;
}
