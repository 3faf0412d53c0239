//! Owns words that try to become something else: scripts in a page, commands in a shell, paths out of a folder.
//! Must not know how they are kept from it.

use crate::agent::{Agent, LONG_PLAN, TOKEN, client, with_vllm};
use crate::browser::Chromium;
use serde_json::json;
use std::time::{Duration, Instant};

/// What would tell that it ran: an attribute, an element, and the end of the text around it.
const SCRIPT: &str = "\"'></td><img src=x onerror=window.ran=1><script>window.ran=1</script>";

/// A result of another tool whose words are hostile.
fn hostile_result() -> String {
    json!({
        "date": SCRIPT, "endpoint_type": SCRIPT, "backend": "vllm", "model_id": SCRIPT, "tokenizer_id": SCRIPT,
        "num_prompts": 10, "request_rate": "inf", "max_concurrency": 2, "duration": 1.0, "completed": 10,
        "total_input_tokens": 10, "total_output_tokens": 100, "request_throughput": 10.0, "output_throughput": 100.0,
        "total_token_throughput": 110.0, "mean_ttft_ms": 5.0, "median_ttft_ms": 5.0, "std_ttft_ms": 1.0, "p99_ttft_ms": 9.0,
        "mean_tpot_ms": 5.0, "median_tpot_ms": 5.0, "std_tpot_ms": 1.0, "p99_tpot_ms": 9.0,
        "mean_itl_ms": 5.0, "median_itl_ms": 5.0, "std_itl_ms": 1.0, "p99_itl_ms": 9.0
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_from_outside_stay_words_in_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    // An engine that says it and dies, before a run has the floor.
    let said = format!("echo {}; exit 3", shell_words(SCRIPT));
    let engine = json!({ "kind": "llama_server", "launch": "native", "model": SCRIPT, "command": ["sh", "-c", said] });
    let (status, body) = agent.post("/api/v1/engines", engine.to_string(), "application/json").await;
    assert_eq!(status, 201, "{body}");
    while agent.get("/api/v1/engines/now").await.1["started"]["state"] != "failed" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let named = json!({ "name": SCRIPT, "role": "viewer" });
    let (status, made) = agent.post("/api/v1/tokens", named.to_string(), "application/json").await;
    assert_eq!(status, 201, "{made}");
    let run = agent.submit(&LONG_PLAN.replace("name = \"Long\"", &format!("name = {}", json!(SCRIPT)))).await;
    let (status, link) =
        agent.post("/api/v1/shares", json!({ "shared": { "run": run } }).to_string(), "application/json").await;
    assert_eq!(status, 201, "{link}");
    let part = reqwest::multipart::Part::text(hostile_result()).file_name(format!("../../{SCRIPT}.json"));
    let form = reqwest::multipart::Form::new().part("file", part);
    let import = client().post(format!("{}/api/v1/imports", agent.url)).bearer_auth(TOKEN).multipart(form);
    let report: serde_json::Value = import.send().await.unwrap().json().await.unwrap();
    let imported = report["files"][0]["fate"]["imported"]["runs"][0].as_str();
    let imported = imported.unwrap_or_else(|| panic!("{report}")).to_owned();

    let chromium = Chromium::start().await;
    let tab = chromium.open(&format!("{}/runs?token={TOKEN}", agent.url)).await;
    let mut seen = 0;
    for path in [
        "/".to_owned(),
        "/runs".to_owned(),
        format!("/runs/{run}"),
        format!("/runs/{imported}"),
        "/engines".to_owned(),
        "/people".to_owned(),
    ] {
        tab.0.goto(format!("{}{path}", agent.url)).await.unwrap();
        tab.wait("connection", |state| state == "open").await;
        let begun = Instant::now();
        let shows = "document.body.innerText.includes('<script>window.ran=1</script>')";
        while tab.eval(shows).await != true && begun.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let is_shown = tab.eval(shows).await == true;
        seen += u32::from(is_shown);
        assert!(is_shown || path != "/engines", "the engine's own words are not shown, so nothing is tested of them");
        assert_eq!(tab.eval("window.ran ?? null").await, serde_json::Value::Null, "{path} ran it");
        assert_eq!(tab.eval("document.querySelectorAll('img[src=x], body script').length").await, 0, "{path}");
    }
    assert!(seen >= 4, "the words are shown on {seen} pages only, so little is tested");
    chromium.stop().await;
}

/// A text as one word of a shell.
fn shell_words(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engines_flags_and_names_never_meet_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made-by-a-shell");
    let command = with_vllm(dir.path(), "printf '%s\\n' \"$@\" > \"$DIR/arguments\"; exit 3");
    let agent = Agent::of(command, &dir.path().join("data"), "127.0.0.1:0");
    let touch = format!("touch {}", made.display());
    let words = [
        format!("; {touch}"),
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("| {touch} #"),
        format!("\n{touch}\n"),
    ];
    let mut extra: Vec<String> = words.to_vec();
    extra.insert(0, "--chat-template".to_owned());
    let engine = json!({ "kind": "vllm", "launch": "native", "model": words[1], "extra_args": extra });
    let (status, body) = agent.post("/api/v1/engines", engine.to_string(), "application/json").await;
    let begun = Instant::now();
    let arguments = dir.path().join("arguments");
    // Either it is refused in words, or the program gets each word as it is.
    if status == 201 {
        while !arguments.exists() && begun.elapsed() < Duration::from_secs(30) {
            let (_, now) = agent.get("/api/v1/engines/now").await;
            if now["started"]["state"] == "failed" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let got = std::fs::read_to_string(&arguments).expect("the program was started with the words");
        assert!(words.iter().all(|word| got.contains(word)), "{got}");
    } else {
        assert!(body["error"].is_string(), "{status} {body}");
    }
    assert!(!made.exists(), "a shell read the words");
}
