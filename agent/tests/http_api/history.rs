//! Owns the tests of the routes of the history: found, marked, noted, deleted together, and brought back.
//! Must not know how marks are kept.

use crate::support::{Server, answer, sentence};
use serde_json::{Value, json};
use shared::event::RunState;
use shared::ids::RunId;
use shared::people::Shared;

async fn post(server: &Server, path: &str, body: Value) -> (u16, Value) {
    let request = server.anonymous("POST", &format!("/api/v1/history/{path}")).bearer_auth(&server.operator);
    answer(request.body(body.to_string())).await
}

async fn ended(server: &Server, n: u64) -> RunId {
    let run = RunId::new(n * 86_400_000, 0);
    server.run(&run).await;
    server.state(&run, 9, RunState::Done).await;
    run
}

async fn found(server: &Server, query: &str) -> Vec<String> {
    let (status, rows) = answer(server.ask("GET", &format!("/api/v1/runs?{query}"))).await;
    assert_eq!(status, 200, "{query}: {rows}");
    rows.as_array().unwrap().iter().map(|row| row["run"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn runs_are_tagged_pinned_found_deleted_together_and_brought_back() {
    let server = Server::start().await;
    let (a, b) = (ended(&server, 10).await, ended(&server, 20).await);
    let waits = RunId::new(30 * 86_400_000, 0);
    server.run(&waits).await;
    let gone = RunId::new(99, 99);
    let (status, told) = post(&server, "tags", json!({ "items": [a, b, gone], "add": ["Nightly", "fp8"] })).await;
    assert_eq!((status, &told["done"]), (200, &json!([a, b])), "{told}");
    assert_eq!(told["refused"][0]["item"], json!(gone));
    assert!(told["refused"][0]["why"].as_str().unwrap().starts_with("There is no run"), "{told}");
    assert_eq!(post(&server, "tags", json!({ "items": [b], "remove": ["fp8"] })).await.0, 200);
    assert_eq!(post(&server, "pins", json!({ "items": [a], "pinned": true })).await.0, 200);

    let (a, b, waits) = (a.to_string(), b.to_string(), waits.to_string());
    assert_eq!(found(&server, "tag=nightly").await, [b.as_str(), a.as_str()]);
    assert_eq!(found(&server, "tag=FP8").await, [a.as_str()]);
    assert_eq!(found(&server, "q=night&pinned=false").await, [b.as_str()]);
    assert_eq!(found(&server, "state=queued&tag=&q=").await, [waits.as_str()]);
    assert_eq!(found(&server, "q=plan&limit=1").await, [waits.as_str()]);
    assert_eq!(found(&server, &format!("q=plan&limit=1&before={waits}")).await, [b.as_str()]);
    assert_eq!(found(&server, "from=1970-01-15&to=1970-01-25").await, [b.as_str()]);
    let (_, facets) = answer(server.ask("GET", "/api/v1/history/facets")).await;
    assert_eq!(facets["tags"], json!([{ "value": "nightly", "count": 2 }, { "value": "fp8", "count": 1 }]));
    assert_eq!((&facets["runs"], &facets["pinned"]), (&json!(3), &json!(1)));

    let (_, told) = post(&server, "delete", json!({ "items": [a, b, waits] })).await;
    assert_eq!(told["done"], json!([a, b]), "{told}");
    assert!(told["refused"][0]["why"].as_str().unwrap().contains("cancel it before"), "{told}");
    assert_eq!(found(&server, "").await, [waits.as_str()]);
    let (_, bin) = answer(server.ask("GET", "/api/v1/history/bin")).await;
    assert_eq!((bin.as_array().unwrap().len(), &bin[0]["by"]["name"]), (2, &json!("Op")), "{bin}");
    let (_, told) = post(&server, "undelete", json!({ "items": [a, b, waits] })).await;
    assert_eq!(told["done"], json!([a, b]), "{told}");
    assert!(told["refused"][0]["why"].as_str().unwrap().contains("is not in the bin"), "{told}");
    assert_eq!(found(&server, "tag=nightly&pinned=true").await, [a.as_str()]);
    let (_, audit) = answer(server.ask("GET", "/api/v1/audit?limit=10")).await;
    let told: Vec<_> = audit.as_array().unwrap().iter().filter_map(|row| row["action"].as_str()).collect();
    assert_eq!(told[..2], ["brought back", "deleted"], "{audit}");
    assert!(audit.to_string().contains(&format!("+nightly +fp8: {a}, {b}")), "{audit}");
}

#[tokio::test]
async fn a_note_is_markdown_without_a_way_out() {
    let server = Server::start().await;
    let run = ended(&server, 1).await;
    let path = format!("/api/v1/history/items/{run}");
    let (status, none) = answer(server.ask("GET", &path)).await;
    let empty = json!({ "text": "", "html": "", "by": null, "at_unix_ms": null });
    assert_eq!((status, &none["note"], &none["marks"]["noted"]), (200, &empty, &json!(false)));
    let write = async |text: &str| {
        let request = server.ask("PUT", &format!("{path}/note")).body(json!({ "text": text }).to_string());
        answer(request).await
    };
    let (status, noted) = write("**slow** <img src=x onerror=alert(1)> [x](javascript:alert(1))").await;
    assert_eq!(status, 200, "{noted}");
    let html = "<p><strong>slow</strong> &lt;img src=x onerror=alert(1)&gt; x</p>\n";
    assert_eq!((&noted["note"]["html"], &noted["marks"]["noted"]), (&json!(html), &json!(true)));
    assert!(noted["note"]["at_unix_ms"].is_u64() && noted["note"]["by"]["id"].is_string(), "{noted}");
    assert_eq!(found(&server, "q=slow").await, [run.to_string()]);
    let (status, body) = write(&"x".repeat(16 * 1024 + 1)).await;
    assert_eq!(status, 422);
    assert!(sentence(&body).contains("may have at most 16384"), "{body}");
    assert_eq!(write(" ").await.1["marks"]["noted"], json!(false));
    assert_eq!(found(&server, "q=slow").await, [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_a_sentence() {
    let server = Server::start().await;
    let run = ended(&server, 1).await;
    let check = async |path: &str, body: Value, words: &str| {
        let (status, told) = post(&server, path, body).await;
        assert_eq!(status, 422, "{told}");
        assert!(sentence(&told).contains(words), "{told}");
    };
    check("tags", json!({ "items": [run], "add": ["two words"] }), "\"two words\" cannot be a tag").await;
    check("tags", json!({ "items": [], "add": ["a"] }), "there must be 1 to 200").await;
    check("tags", json!({ "items": ["nonsense"], "add": ["a"] }), "neither a run nor a study").await;
    check("pins", json!({ "items": [run] }), "pinned").await;
    let many: Vec<RunId> = (0..201).map(|n| RunId::new(5, n)).collect();
    check("delete", json!({ "items": many }), "there must be 1 to 200").await;
    for (query, words) in [("verdict=good", "one of valid"), ("from=today", "a day such as"), ("pinned=x", "query")] {
        let (status, told) = answer(server.ask("GET", &format!("/api/v1/runs?{query}"))).await;
        assert_eq!(status, 400, "{told}");
        assert!(sentence(&told).contains(words), "{told}");
    }
    // Whoever has a link sees no note, and changes nothing.
    let link = server.link(Shared::Run(run.clone())).await;
    let note = server.anonymous("GET", &format!("/api/v1/history/items/{run}")).bearer_auth(&link);
    assert_eq!(answer(note).await.0, 401);
    let viewer = server.anonymous("POST", "/api/v1/history/delete").bearer_auth(&server.viewer);
    assert_eq!(answer(viewer.body(json!({ "items": [run] }).to_string())).await.0, 403);
}
