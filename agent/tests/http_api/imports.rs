//! Owns the tests of the route that takes files of other tools in: what it answers, and what it refuses.
//! Must not know how files are read.

use super::support::{Server, answer, sentence};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::path::Path;

const SWEEP: &str =
    "sweep/20260102_030405/SERVE--max_num_seqs=64-max_model_len=2048-dtype=auto-BENCH--max_concurrency=2";

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import").join(name)).unwrap()
}

fn form(files: &[(&str, Vec<u8>)]) -> Form {
    let part = |bytes: &Vec<u8>, name: &str| Part::bytes(bytes.clone()).file_name(name.to_owned());
    files.iter().fold(Form::new(), |form, (name, bytes)| form.part("file", part(bytes, name)))
}

async fn import(server: &Server, files: &[(&str, Vec<u8>)]) -> Value {
    let (status, report) = answer(server.ask("POST", "/api/v1/imports").multipart(form(files))).await;
    assert_eq!(status, 200, "{report}");
    report["files"].clone()
}

#[tokio::test]
async fn files_of_one_form_become_runs_and_each_is_answered_for() {
    let server = Server::start().await;
    let run = |k: u32| (format!("{SWEEP}/run={k}.json"), fixture(&format!("{SWEEP}/run={k}.json")));
    let (a, b) = (run(0), run(1));
    let broken = ("../../etc/broken<b>.json", b"{\"completed\": ".to_vec());
    let files = import(&server, &[(&a.0, a.1.clone()), (&b.0, b.1), broken]).await;
    assert_eq!(files[0]["name"], "etc/broken<b>.json");
    assert!(files[0]["fate"]["refused"]["why"].as_str().unwrap().starts_with("It is broken: "), "{files}");
    let run = files[1]["fate"]["imported"]["runs"][0].as_str().unwrap();
    assert_eq!(files[1]["fate"], files[2]["fate"]);
    let (_, view) = answer(server.ask("GET", &format!("/api/v1/runs/{run}"))).await;
    assert_eq!(view["source"]["tool"], "vLLM bench");
    assert_eq!((view["trials"].as_array().unwrap().len(), view["points"].as_array().unwrap().len()), (2, 1));
    let (_, rows) = answer(server.ask("GET", "/api/v1/runs")).await;
    assert_eq!((&rows[0]["source"], &rows[0]["state"]), (&"vLLM bench".into(), &"done".into()));
    let again = import(&server, &[(&a.0, a.1)]).await;
    assert_eq!(again[0]["fate"]["known"]["runs"][0], run);
}

#[tokio::test]
async fn only_an_operator_may_import() {
    let server = Server::start().await;
    let post = || server.anonymous("POST", "/api/v1/imports").multipart(form(&[("x.json", b"{}".to_vec())]));
    assert_eq!(answer(post()).await.0, 401);
    assert_eq!(answer(post().bearer_auth(&server.viewer)).await.0, 403);
}

#[tokio::test]
async fn what_is_no_form_or_beyond_every_limit_is_refused() {
    let server = Server::start().await;
    let ask = || server.ask("POST", "/api/v1/imports");
    let (status, body) = answer(ask().body("{}").header("content-type", "application/json")).await;
    assert!(status == 415 && sentence(&body).contains("multipart/form-data"), "{status} {body}");
    let (status, body) = answer(ask().body("no part").header("content-type", "multipart/form-data; boundary=x")).await;
    assert!(status == 400 && sentence(&body).contains("could not be read"), "{status} {body}");
    let head = format!(
        "POST /api/v1/imports HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-length: 99999999999\r\n\
         content-type: multipart/form-data; boundary=x\r\nconnection: close\r\n\r\n",
        server.host,
        super::support::ADMIN
    );
    let refused = server.raw(&head).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let archive = import(&server, &[("study.zip", b"PK\x03\x04 and more".to_vec())]).await;
    assert!(archive[0]["fate"]["refused"]["why"].as_str().unwrap().contains("archives are not opened"), "{archive}");
}

#[tokio::test]
async fn a_file_that_is_too_long_is_named_and_the_rest_goes_in() {
    let server = Server::start().await;
    let long = vec![b' '; (64 << 20) + 1];
    let files = import(&server, &[("a-long.json", long), ("b.json", fixture("vllm-bench-2024.json"))]).await;
    assert!(files[0]["fate"]["refused"]["why"].as_str().unwrap().contains("64 MiB"), "{files}");
    assert!(files[1]["fate"]["imported"].is_object(), "{files}");
}
