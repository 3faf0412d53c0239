//! Owns the tests of the routes of studies and comparisons.
//! Must not know how runs are executed.

use crate::support::{Server, answer, sentence};
use serde_json::Value;
use shared::event::{Body, RunState};
use shared::ids::RunId;
use shared::people::Shared;
use shared::summary::Summary;

const LADDER: &str = include_str!("../../../shared/presets/studies/decomposition.toml");

async fn begin(server: &Server, toml: &str) -> (u16, Value) {
    let request = server.ask("POST", "/api/v1/studies").header("content-type", "application/toml");
    answer(request.body(toml.to_owned())).await
}

/// The runs of a study.
fn runs(view: &Value) -> Vec<RunId> {
    let run = |of: &Value| RunId::try_from(of["run"].as_str().unwrap().to_owned()).unwrap();
    view["runs"].as_array().unwrap().iter().map(run).collect()
}

/// Trials of both levels around a throughput, then the run's end.
async fn measure(server: &Server, run: &RunId, around: f64) {
    let summary = |value: f64| Box::new(Summary { output_throughput: Some(value), ..Summary::default() });
    let mut bodies = vec![(1, Body::State { state: RunState::Starting, reason: None })];
    for trial in 0..10u32 {
        let (point, repeat) = (trial % 2, trial / 2);
        bodies.push((2, Body::TrialStarted { trial, point, repeat }));
        let value = around * (1.0 + f64::from(repeat) / 100.0);
        bodies.push((3, Body::TrialDone { trial, summary: summary(value), blob: None }));
    }
    for point in 0..2 {
        bodies.push((4, Body::PointDone { point, summary: summary(around * 1.02), intervals: [].into() }));
    }
    bodies.push((5, Body::Judged { findings: vec![], caveats: vec![] }));
    bodies.push((6, Body::State { state: RunState::Done, reason: None }));
    server.log.append(run, bodies).await.unwrap();
}

#[tokio::test]
async fn a_study_is_checked_begun_read_cancelled_and_deleted() {
    let server = Server::start().await;
    let check = server.ask("POST", "/api/v1/studies/check").header("content-type", "application/toml").body(LADDER);
    let (status, checked) = answer(check).await;
    assert_eq!((status, checked["runs"].as_array().map(Vec::len)), (200, Some(4)), "{checked}");
    assert!(checked["estimate_words"].as_str().unwrap().starts_with("About "), "{checked}");

    let (status, begun) = begin(&server, LADDER).await;
    assert_eq!(status, 201, "{begun}");
    let path = format!("/api/v1/studies/{}", begun["study"].as_str().unwrap());
    let (status, view) = answer(server.ask("GET", &path)).await;
    assert_eq!((status, &view["state"]), (200, &"waiting".into()), "{view}");
    // Each run tells which study it is part of, in the list and on the socket.
    let (_, rows) = answer(server.ask("GET", "/api/v1/runs")).await;
    assert!(rows.as_array().unwrap().iter().all(|row| row["study"]["study"] == begun["study"]), "{rows}");
    assert!(sentence(&answer(server.ask("DELETE", &path)).await.1).contains("cancel the study first"));

    let runs = runs(&view);
    for (run, around) in runs.iter().zip([10.0, 40.0, 40.2]) {
        measure(&server, run, around).await;
    }
    let (_, view) = answer(server.ask("GET", &path)).await;
    assert_eq!(view["state"], "running");
    let steps = &view["decomposition"]["cases"][1]["steps"];
    assert_eq!(steps[1]["against"]["output_throughput"]["judgement"], "better", "{steps}");
    assert_eq!(steps[2]["against"]["output_throughput"]["judgement"], "within_noise", "{steps}");
    assert!(view["eta_ns"].is_u64());

    assert_eq!(answer(server.ask("POST", &format!("{path}/cancel"))).await.0, 202);
    let (_, view) = answer(server.ask("GET", &path)).await;
    assert_eq!(view["state"], "incomplete");
    assert_eq!(answer(server.ask("POST", &format!("{path}/cancel"))).await.0, 409);
    assert_eq!(answer(server.ask("POST", &format!("{path}/resume"))).await.0, 202);
    assert_eq!(answer(server.ask("GET", &path)).await.1["state"], "running");
    assert_eq!(answer(server.ask("POST", &format!("{path}/cancel"))).await.0, 202);
    let (_, list) = answer(server.ask("GET", "/api/v1/studies")).await;
    assert_eq!((list[0]["runs"].as_u64(), list[0]["done"].as_u64()), (Some(4), Some(3)), "{list}");

    assert_eq!(answer(server.ask("DELETE", &path)).await.0, 204);
    assert_eq!(answer(server.ask("GET", &path)).await.0, 404);
    assert_eq!(answer(server.ask("GET", "/api/v1/studies")).await.1, Value::Array(vec![]));
    // Its runs stay.
    assert_eq!(answer(server.ask("GET", &format!("/api/v1/runs/{}", runs[0]))).await.0, 200);
}

#[tokio::test]
async fn runs_and_studies_are_compared_with_the_first() {
    let server = Server::start().await;
    let (_, begun) = begin(&server, LADDER).await;
    let study = begun["study"].as_str().unwrap();
    let (_, view) = answer(server.ask("GET", &format!("/api/v1/studies/{study}"))).await;
    let runs = runs(&view);
    measure(&server, &runs[0], 10.0).await;
    measure(&server, &runs[1], 40.0).await;
    let path = format!("/api/v1/compare?runs={},{}&figures=output_throughput", runs[0], runs[1]);
    let (status, found) = answer(server.ask("GET", &path)).await;
    assert_eq!(status, 200, "{found}");
    let comparison = &found["rows"][0]["comparison"];
    assert_eq!((&comparison["judgement"], &comparison["family"]), (&"better".into(), &2.into()), "{found}");
    assert_eq!(comparison["ratio"]["value"].as_f64().map(f64::round), Some(4.0));
    let (_, of_study) = answer(server.ask("GET", &format!("/api/v1/compare?runs={study}"))).await;
    assert_eq!(of_study["curves"].as_array().map(Vec::len), Some(2), "{of_study}");

    let refused = async |query: &str, status: u16, words: &str| {
        let (got, body) = answer(server.ask("GET", &format!("/api/v1/compare{query}"))).await;
        assert_eq!(got, status, "{query}: {body}");
        assert!(sentence(&body).contains(words), "{query}: {body}");
    };
    refused("", 400, "query").await;
    refused("?runs=nonsense", 400, "is not a run id").await;
    refused(&format!("?runs={}&figures=nonsense", runs[0]), 400, "no figure that can be compared").await;
    refused(&format!("?runs={}", RunId::new(9, 9)), 404, "There is no run").await;
}

#[tokio::test]
async fn what_is_no_study_is_refused_and_who_sees_some_runs_sees_no_study() {
    let server = Server::start().await;
    let (status, body) = begin(&server, &LADDER.replace("trials = 5", "trials = 3")).await;
    assert_eq!(status, 422);
    assert!(sentence(&body).contains("load.trials in the plan is 3"), "{body}");
    let (status, body) = begin(&server, &LADDER.replace("kv_cache = true", "nonsense = true")).await;
    assert_eq!(status, 422);
    assert!(sentence(&body).contains("The run \"KV cache\" of the study is refused"), "{body}");
    let (_, begun) = begin(&server, LADDER).await;
    let path = format!("/api/v1/studies/{}", begun["study"].as_str().unwrap());
    let as_of = |method: &str, path: &str, token: &str| answer(server.anonymous(method, path).bearer_auth(token));
    assert_eq!(as_of("GET", &path, &server.viewer).await.0, 200);
    assert_eq!(as_of("POST", &format!("{path}/cancel"), &server.viewer).await.0, 403);
    let run = RunId::new(7, 7);
    server.run(&run).await;
    assert_eq!(as_of("GET", &path, &server.link(Shared::Run(run)).await).await.0, 404);
    assert_eq!(answer(server.ask("GET", "/api/v1/studies/nonsense")).await.0, 400);
}

#[tokio::test]
async fn pictures_are_listed_by_what_was_measured_and_shown_to_who_may_see_it() {
    let server = Server::start().await;
    let names = async |path: &str| -> Vec<String> {
        let (status, rows) = answer(server.ask("GET", path)).await;
        assert_eq!(status, 200, "{path} {rows}");
        rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    let (_, begun) = begin(&server, LADDER).await;
    let study = format!("/api/v1/studies/{}", begun["study"].as_str().unwrap());
    assert_eq!(names(&format!("{study}/pictures")).await, [""; 0]);
    let (status, none) = answer(server.ask("GET", &format!("{study}/pictures/pareto"))).await;
    assert_eq!((status, sentence(&none)), (404, "Nothing has been measured that a chart could show."));
    let (_, view) = answer(server.ask("GET", &study)).await;
    let runs = runs(&view);
    for (run, around) in runs.iter().zip([10.0, 40.0, 40.2]) {
        measure(&server, run, around).await;
    }
    let of = |case: &str| ["waterfall", "left-out"].map(|kind| format!("{kind}-{case}-bound-output-throughput"));
    let ladder = ["latency", "throughput"].map(of).concat();
    assert_eq!(names(&format!("{study}/pictures")).await, ladder);
    assert_eq!(names(&format!("/api/v1/runs/{}/pictures", runs[0])).await, ["by-level"]);
    let compared = format!("/api/v1/compare/pictures?runs={},{}", runs[0], runs[1]);
    assert_eq!(names(&compared).await, ["curve-output-throughput"]);
    let odd = format!("/api/v1/runs/{}/pictures/by-level?runs=a", runs[0]);
    assert_eq!(answer(server.ask("GET", &odd)).await.0, 400);
    let guest = server.link(Shared::Run(runs[2].clone())).await;
    for path in [format!("{study}/pictures"), format!("{study}/report"), format!("/api/v1/runs/{}/report", runs[0])] {
        let (status, body) = answer(server.anonymous("GET", &path).bearer_auth(&guest)).await;
        assert_eq!(status, 404, "{path} {body}");
        assert_eq!(answer(server.anonymous("GET", &path)).await.0, 401, "{path}");
    }
}
