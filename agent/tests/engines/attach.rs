//! Owns the ways in which a running server refuses to be attached, each with its own sentence, and its keys.
//! Must not know the agent's insides.

use crate::played_engine::{ABLE, Ability, play};
use crate::support::{Agent, PROGRAM, attached, state};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const KEY: &str = "sk-S3cretOfThisTest";

async fn ended(agent: &Agent, plan: &str) -> Value {
    let run = agent.submit(plan).await;
    agent.wait(&run, LIMIT, |view| ["done", "failed"].contains(&state(view))).await
}

async fn check(agent: &Agent, url: &str, more: &str, words: &str) {
    let view = ended(agent, &attached(url, &format!("{more}\n"))).await;
    let reason = view["reason"].as_str().unwrap_or_default();
    assert!(state(&view) == "failed" && reason.contains(words), "{url}: {} lacks {words}", view["reason"]);
    assert!(!view.to_string().contains(KEY));
}

/// Answers every request with this head.
fn always(head: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            drop(BufReader::new(stream.try_clone().unwrap()).read_line(&mut line));
            drop(write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
        }
    });
    url
}

fn keep(data: &Path, name: &str, value: &str) {
    let mut child = Command::new(PROGRAM)
        .args(["secret", "set", name, "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{value}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
}

#[tokio::test]
async fn each_refusal_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    check(&agent, &always("403 Forbidden"), "", "may not use it").await;
    check(&agent, &always("404 Not Found"), "", "it has no such route; check the engine's kind and URL").await;
    let moved = always("307 Temporary Redirect\r\nlocation: https://elsewhere/v1/models");
    check(&agent, &moved, "", "it redirects to https://elsewhere/v1/models: give the final URL").await;
    let plain = always("400 Bad Request").replace("http:", "https:");
    check(&agent, &plain, "", "it does not speak TLS on this port: give the URL with http://").await;
    let plain = play(ABLE);
    check(&agent, &plain.url.replace("http:", "https:"), "", "it ended the connection before it was encrypted").await;
    // It listens on one of this host's two addresses.
    let other = plain.url.replace("127.0.0.1", "[::1]");
    check(&agent, &other, "", &format!("but something listens at {}: give that", plain.url)).await;
    check(&agent, &plain.url, "model = \"other\"", "does not serve the model \"other\". It serves: played.").await;
}

#[tokio::test]
async fn a_key_goes_to_the_server_on_every_route_and_nowhere_else() {
    // CASES B34: every route needs the key, and there is no `/health`.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path());
    let server = play(Ability { key: Some(KEY), ..ABLE });
    check(&agent, &server.url, "", "it needs an API key: set TOKENPRISM_API_KEY").await;
    check(&agent, &server.url, "api_key = \"BOX_KEY\"", "the secret BOX_KEY, which the agent does not have").await;
    keep(dir.path(), "BOX_KEY", "sk-An0therSecret");
    let view = ended(&agent, &attached(&server.url, "api_key = \"BOX_KEY\"\n")).await;
    let reason = view["reason"].as_str().unwrap();
    // The server quotes what it was sent.
    assert!(reason.contains("does not accept the API key") && reason.contains("provided: [secret]"), "{reason}");
    assert!(!view.to_string().contains("sk-An0therSecret"));
    keep(dir.path(), "BOX_KEY", KEY);
    let view = ended(&agent, &attached(&server.url, "api_key = \"BOX_KEY\"\ngpu = \"L4\"\ngpus = 2\n")).await;
    assert_eq!(state(&view), "done", "{}", view["reason"]);
    assert_eq!(view["points"][1]["summary"]["ok"], 12);
    assert_eq!(
        (&view["engine"]["gpus"][1]["name"], view["engine"]["gpus"].as_array().unwrap().len()),
        (&"L4".into(), 2)
    );
    assert!(!view.to_string().contains(KEY));
    // By header, too, under any name.
    let header = "headers = { authorization = \"BOX_HEADER\" }\n";
    keep(dir.path(), "BOX_HEADER", &format!("Bearer {KEY}"));
    assert_eq!(state(&ended(&agent, &attached(&server.url, header)).await), "done");
    drop(agent);
    for file in ["log.sqlite", "log.sqlite-wal"] {
        let bytes = std::fs::read(dir.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{file} holds the key");
    }
}
