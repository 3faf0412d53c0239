//! Owns the tests of presets, the plan check, the agent's facts and the API's description.
//! Must not know how plans are executed.

use crate::support::{PLAN, Server, answer, sentence};
use serde_json::{Value, json};

#[tokio::test]
async fn a_plan_is_checked_in_both_forms_without_creating_a_run() {
    let server = Server::start().await;
    let check = || server.ask("POST", "/api/v1/plan/check");
    let (status, first) = answer(check().body(PLAN)).await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["plan"]["load"]["concurrency"], json!([1, 4]));
    let (status, again) = answer(check().json(&first["plan"])).await;
    assert_eq!((status, &again), (200, &first));
    let toml = first["toml"].as_str().unwrap().to_owned();
    let (_, third) = answer(check().header("content-type", "application/toml").body(toml)).await;
    assert_eq!(third, first);
    assert!(server.log.rows(10, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bad_plan_is_refused_with_a_sentence_that_names_the_field() {
    let server = Server::start().await;
    for path in ["/api/v1/plan/check", "/api/v1/runs"] {
        let check = async |from: &str, to: &str, expect: &str| {
            let request =
                server.ask("POST", path).header("content-type", "application/toml").body(PLAN.replace(from, to));
            let (status, body) = answer(request).await;
            assert_eq!(status, 422, "{body}");
            assert!(sentence(&body).contains(expect), "{expect}: {body}");
        };
        check("[1, 4]", "[]", "load.concurrency").await;
        check("requests = 12", "requets = 12", "requets").await;
        check("schema = 1", "schema = 9", "schema").await;
        check("builtin", "warp", "warp").await;
        check("[engine]", "[engine", "could not be read").await;
        let (status, body) = answer(server.ask("POST", path).json(&json!({ "schema": 1 }))).await;
        assert_eq!(status, 422);
        assert!(sentence(&body).contains("name"), "{body}");
        let (status, body) = answer(server.ask("POST", path).header("content-type", "image/png").body(PLAN)).await;
        assert_eq!(status, 415);
        assert!(sentence(&body).contains("image/png"), "{body}");
    }
    assert!(server.log.rows(10, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_preset_passes_the_check() {
    let server = Server::start().await;
    let (status, presets) = answer(server.ask("GET", "/api/v1/presets")).await;
    assert_eq!(status, 200);
    assert_eq!(presets.as_array().unwrap().len(), shared::preset::PRESETS.len());
    for preset in presets.as_array().unwrap() {
        assert!(["key", "title", "about"].iter().all(|key| preset[key].is_string()), "{preset}");
        let toml = preset["toml"].as_str().unwrap().to_owned();
        assert_eq!(answer(server.ask("POST", "/api/v1/plan/check").body(toml)).await.0, 200, "{preset}");
    }
}

#[tokio::test]
async fn every_engine_is_told_of_with_its_parameters() {
    let server = Server::start().await;
    let (status, engines) = answer(server.ask("GET", "/api/v1/engines")).await;
    assert_eq!(status, 200);
    let rows: Vec<shared::wire::EngineRow> = serde_json::from_value(engines).unwrap();
    let row = |kind: &str| rows.iter().find(|row| serde_json::json!(row.kind) == kind).unwrap();
    assert_eq!((row("builtin").by_url, row("builtin").parameters.len()), (false, 5));
    assert!(row("vllm").parameters.iter().any(|parameter| parameter.key == "max_num_seqs"));
    assert_eq!((row("openai_chat").launches.len(), row("openai_chat").parameters.len()), (0, 0));
}

#[tokio::test]
async fn the_agent_tells_of_its_host_and_not_of_its_disk() {
    let server = Server::start().await;
    let (status, about) = answer(server.ask("GET", "/api/v1/agent")).await;
    assert_eq!(status, 200);
    assert_eq!(about["version"], "1.2.3");
    assert!(about["cores"].as_u64().unwrap() > 0 && about["host"].is_string(), "{about}");
    assert!(about["utc_offset_minutes"].is_i64(), "{about}");
    assert!(!about.to_string().contains("/tmp"), "{about}");
}

/// `UPDATE=1 cargo test -p tokenprism --test http_api` writes the file anew.
#[tokio::test]
async fn the_served_description_is_the_one_that_is_checked_in() {
    let server = Server::start().await;
    let (status, served) = answer(server.ask("GET", "/api/v1/openapi.json")).await;
    assert_eq!(status, 200);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, tokenprism::http::openapi_json().unwrap() + "\n").unwrap();
    }
    let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(served, kept, "docs/openapi.json is old: run UPDATE=1 cargo test -p tokenprism --test http_api");
}
