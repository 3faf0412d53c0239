//! Owns the tests of the routes that list, create, read, cancel and delete runs.
//! Must not know how runs are stored.

use crate::support::{PLAN, Server, answer, sentence};
use serde_json::Value;
use shared::event::RunState;
use shared::ids::RunId;
use shared::plan::Plan;

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["run"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_run_is_created_read_cancelled_and_deleted() {
    let server = Server::start().await;
    let create = server.ask("POST", "/api/v1/runs").header("content-type", "application/toml").body(PLAN);
    let (status, created) = answer(create).await;
    assert_eq!(status, 201, "{created}");
    let run = created["run"].as_str().unwrap();
    assert_eq!(created["url"], format!("/runs/{run}"));

    let path = format!("/api/v1/runs/{run}");
    let (status, view) = answer(server.ask("GET", &path)).await;
    assert_eq!((status, &view["state"][0]), (200, &"queued".into()));
    assert_eq!(view["header"]["plan"]["name"], "A plan");

    let (status, body) = answer(server.ask("DELETE", &path)).await;
    assert_eq!(status, 409);
    assert!(sentence(&body).contains("is queued: cancel it first"), "{body}");

    assert_eq!(answer(server.ask("POST", &format!("{path}/cancel"))).await.0, 202);
    let (_, view) = answer(server.ask("GET", &path)).await;
    assert_eq!(view["state"][0], "cancelled");
    let (status, body) = answer(server.ask("POST", &format!("{path}/cancel"))).await;
    assert_eq!(status, 409);
    assert!(sentence(&body).contains("is cancelled already"), "{body}");

    assert_eq!(answer(server.ask("DELETE", &path)).await.0, 204);
    for (method, path) in [("GET", path.clone()), ("DELETE", path.clone()), ("POST", format!("{path}/cancel"))] {
        let (status, body) = answer(server.ask(method, &path)).await;
        assert_eq!(status, 404, "{method} {path}");
        assert!(sentence(&body).contains(run), "{body}");
    }
    assert!(ids(&answer(server.ask("GET", "/api/v1/runs")).await.1).is_empty());
}

#[tokio::test]
async fn a_plan_is_taken_as_json_too() {
    let server = Server::start().await;
    let plan = Plan::from_toml(PLAN).unwrap();
    assert_eq!(answer(server.ask("POST", "/api/v1/runs").json(&plan)).await.0, 201);
    let full = Plan { name: "Full".to_owned(), ..plan };
    let (status, body) = answer(server.ask("POST", "/api/v1/runs").json(&full)).await;
    assert_eq!((status, sentence(&body)), (409, "The queue is full: wait until a run has ended."));
}

#[tokio::test]
async fn runs_are_listed_newest_first_page_by_page() {
    let server = Server::start().await;
    let runs: Vec<RunId> = (1..=5).map(|ms| RunId::new(ms, 0)).collect();
    for run in &runs {
        server.run(run).await;
    }
    server.state(&runs[2], 9, RunState::Done).await;
    let list = async |query: &str| answer(server.ask("GET", &format!("/api/v1/runs{query}"))).await.1;
    let newest: Vec<_> = runs.iter().rev().map(RunId::as_str).collect();
    assert_eq!(ids(&list("").await), newest);
    assert_eq!(ids(&list("?limit=2").await), newest[..2]);
    assert_eq!(ids(&list(&format!("?limit=2&before={}", newest[1])).await), newest[2..4]);
    assert_eq!(list("").await[2]["state"], "done");
}

#[tokio::test]
async fn what_names_no_run_is_refused_with_a_sentence() {
    let server = Server::start().await;
    let run = RunId::new(1, 1);
    let check = async |path: &str, status: u16, expect: &str| {
        let (got, body) = answer(server.ask("GET", path)).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(sentence(&body).contains(expect), "{path}: {body}");
    };
    check(&format!("/api/v1/runs/{run}"), 404, "There is no run").await;
    check("/api/v1/runs/nonsense", 400, "is not a run id").await;
    check("/api/v1/runs/%ff", 400, "could not be read").await;
    check(&format!("/api/v1/runs/{}", "r".repeat(5000)), 400, "is not a run id").await;
    check("/api/v1/runs?before=x", 400, "is not a run id").await;
    check("/api/v1/runs?limit=0", 400, "limit").await;
    check("/api/v1/runs?limit=201", 400, "limit").await;
    check("/api/v1/runs?limit=x", 400, "query").await;
    check("/api/v1/runs?limits=1", 400, "limits").await;
}
