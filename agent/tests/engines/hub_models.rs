//! Owns what is known of a model before its engine is started, and what is told of the start: a hub on loopback.
//! Must not know the agent's insides.

use crate::support::{Agent, plan_of, state, with_vllm};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const TOKEN: &str = "hf_OfThisTest";

/// Tells of a download and of weights as it goes.
const VLLM: &str = r#"touch "$DIR/started"
echo "Fetching 4 files:  25%|##5       | 1/4 [00:03<00:09,  3.21s/it]" >&2; sleep 1.5
echo "Fetching 4 files:  75%|#######5  | 3/4 [00:03<00:09,  3.21s/it]" >&2; sleep 1.5
echo "Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:02<00:02,  1.35s/it]" >&2; sleep 1.5
"#;

/// Requests that a hub was sent: the line, and whether the token came along.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

fn hub() -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, asked) = (format!("http://{}", listener.local_addr().unwrap()), Asked::default());
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(answer(stream, &seen));
        }
    });
    (url, asked)
}

fn answer(mut stream: TcpStream, asked: &Asked) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let has_token = head.iter().any(|line| line.ends_with(&format!("Bearer {TOKEN}")));
    let files = |bytes: u64, gated: Value| {
        json!({"gated": gated, "siblings": [
            {"rfilename": "config.json", "size": 700}, {"rfilename": "model.safetensors", "size": bytes}
        ]})
    };
    let (status, body) = match first.as_str() {
        list if list.starts_with("GET /api/models/org/small?") => ("200 OK", files(1 << 20, json!(false))),
        list if list.starts_with("GET /api/models/org/large?") => ("200 OK", files(1 << 60, json!(false))),
        list if list.starts_with("GET /api/models/org/gated?") => ("200 OK", files(1 << 20, json!("manual"))),
        file if file.starts_with("HEAD /org/gated/resolve/main/config.json ") && has_token => {
            ("403 Forbidden", json!({}))
        }
        file if file.starts_with("HEAD /org/gated/") => ("401 Unauthorized", json!({})),
        list if list.starts_with("GET /api/models/org/private?") => ("401 Unauthorized", json!({})),
        list if list.starts_with("GET /api/models/org/none?") => {
            ("404 Not Found\r\nx-error-code: RepoNotFound", json!({}))
        }
        _ => ("500 Internal Server Error", json!({})),
    };
    asked.lock().unwrap().push((first, has_token));
    let body = if status.starts_with('4') { String::new() } else { body.to_string() };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn agent(dir: &Path, hub: &str, token: Option<&str>) -> Agent {
    let mut command = with_vllm(dir, VLLM);
    command.env("HF_ENDPOINT", hub).env("HF_HOME", dir.join("hf")).env("HF_HUB_OFFLINE", "0");
    command.env_remove("HF_TOKEN").env_remove("HUGGING_FACE_HUB_TOKEN").envs(token.map(|token| ("HF_TOKEN", token)));
    Agent::of(command, &dir.join("data"), "127.0.0.1:0")
}

fn plan(model: &str) -> String {
    plan_of(&format!("kind = \"vllm\"\nlaunch = \"native\"\nmodel = \"{model}\"\nserved_name = \"m\""))
}

async fn ended(agent: &Agent, plan: &str) -> Value {
    let run = agent.submit(plan).await;
    agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await
}

#[tokio::test]
async fn a_model_that_is_not_given_or_does_not_fit_is_refused_before_anything_starts() {
    let (hub, asked) = hub();
    let refused = async |token: Option<&str>, model: &str, words: &str| {
        let dir = tempfile::tempdir().unwrap();
        let agent = agent(dir.path(), &hub, token);
        let view = ended(&agent, &plan(model)).await;
        let reason = view["reason"].as_str().unwrap_or_default();
        assert!(state(&view) == "failed" && reason.contains(words), "{model}: {}", view["reason"]);
        assert!(!dir.path().join("started").exists(), "{model}");
        assert!(!reason.contains(TOKEN), "{reason}");
    };
    refused(None, "org/gated", "does not give the model org/gated (401): it is gated, private or not there").await;
    refused(Some(TOKEN), "org/gated", "(403): it is gated, and the account of this HF_TOKEN has no access").await;
    refused(None, "org/private", "and the agent has no HF_TOKEN").await;
    refused(Some(TOKEN), "org/private", "it does not accept the agent's HF_TOKEN").await;
    refused(None, "org/none", "(404): it has none of this name").await;
    refused(None, "org/large", "The model's files need 1073741824.0 GiB more in ").await;
    let asked = asked.lock().unwrap();
    let with_token = asked.iter().filter(|(line, _)| line.contains("org/private")).map(|(_, token)| *token);
    assert_eq!(with_token.collect::<Vec<_>>(), [false, true], "{asked:?}");
}

#[tokio::test]
async fn a_start_is_told_as_it_goes() {
    let (hub, _) = hub();
    let dir = tempfile::tempdir().unwrap();
    let agent = agent(dir.path(), &hub, Some(TOKEN));
    let run = agent.submit(&plan("org/small")).await;
    for (phase, percent) in [("download", 25), ("download", 75), ("weights", 50)] {
        let here = |view: &Value| view["starting"] == json!({"phase": phase, "percent": percent});
        let view = agent.wait(&run, LIMIT, |view| here(view) || state(view) == "failed").await;
        assert!(here(&view), "{phase} {percent}: {}", view["reason"]);
    }
    let view = agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await;
    assert_eq!((state(&view), &view["starting"]), ("done", &Value::Null), "{}", view["reason"]);
    let phases: Vec<&Value> =
        view["engine"]["phases"].as_array().unwrap().iter().map(|phase| &phase["phase"]).collect();
    assert_eq!(phases, ["process", "download", "weights"]);
}

#[tokio::test]
async fn a_model_that_is_there_is_not_asked_for_and_a_hub_that_fails_stops_nothing() {
    let (hub, asked) = hub();
    let dir = tempfile::tempdir().unwrap();
    let snapshot = dir.path().join("hf/hub/models--org--large/snapshots/1f");
    std::fs::create_dir_all(&snapshot).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::write(snapshot.join(name), "{}").unwrap();
    }
    let agent = agent(dir.path(), &hub, None);
    let view = ended(&agent, &plan("org/large")).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    assert!(asked.lock().unwrap().is_empty());
    let view = ended(&agent, &plan("org/broken")).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    assert_eq!(asked.lock().unwrap().len(), 1);
}
