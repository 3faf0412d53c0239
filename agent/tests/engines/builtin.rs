//! Owns the built-in engine over real sockets: what a client sees, in this process and as a child process.
//! Must not know how it computes.
// A helper that fails is a failed test here; clippy's own exception covers only the test functions.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokenprism::engine::builtin::{self, BOS, BuiltinOptions, Preset, Running, VOCAB_SIZE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MODEL: &str = "tokenprism-builtin-1m";

async fn engine(options: BuiltinOptions) -> Running {
    builtin::spawn(options).await.unwrap()
}

/// An answer with its HTTP chunks kept apart (one element where the body came with a length).
struct Answer {
    status: u16,
    head: String,
    chunks: Vec<String>,
}

impl Answer {
    fn text(&self) -> String {
        self.chunks.concat()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The JSON of every event but the last, which must be `[DONE]`. Each event must be one HTTP chunk.
    fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text());
        assert!(self.head.contains("content-type: text/event-stream; charset=utf-8"), "{}", self.head);
        let (last, events) = self.chunks.split_last().unwrap();
        assert_eq!(last, "data: [DONE]\n\n");
        let data =
            |chunk: &String| chunk.strip_prefix("data: ").and_then(|c| c.strip_suffix("\n\n")).unwrap().to_owned();
        events.iter().map(|chunk| serde_json::from_str(&data(chunk)).unwrap()).collect()
    }
}

async fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses a large body may close before it has read all of it.
    stream.write_all(body.as_bytes()).await.ok();
    stream
}

async fn receive(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A reset after the answer leaves what has been read.
    stream.read_to_end(&mut bytes).await.ok();
    let text = String::from_utf8(bytes).unwrap();
    let (head, mut body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut chunks = Vec::new();
    if head.contains("transfer-encoding: chunked") {
        loop {
            let (size, rest) = body.split_once("\r\n").unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                break;
            }
            chunks.push(rest[..size].to_owned());
            body = &rest[size + 2..];
        }
    } else {
        chunks.push(body.to_owned());
    }
    Answer { status, head: head.to_ascii_lowercase(), chunks }
}

async fn post(address: SocketAddr, path: &str, body: Value) -> Answer {
    receive(send(address, "POST", path, &body.to_string()).await).await
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    receive(send(address, "GET", path, "").await).await
}

/// The samples of `/metrics`, without the prefix that all of them share.
async fn metrics(address: SocketAddr) -> BTreeMap<String, u64> {
    let text = get(address, "/metrics").await.text();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.strip_prefix("tokenprism_builtin_").unwrap().rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Reads `/metrics` until `holds`; the bound only keeps a failing test from hanging.
async fn metrics_until(address: SocketAddr, holds: impl Fn(&BTreeMap<String, u64>) -> bool) -> BTreeMap<String, u64> {
    for _ in 0..6000 {
        let metrics = metrics(address).await;
        if holds(&metrics) {
            return metrics;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the engine never reached the state: {:?}", metrics(address).await);
}

fn long_stream() -> String {
    json!({"prompt": [1, 2, 3], "max_tokens": 2000, "ignore_eos": true, "stream": true}).to_string()
}

async fn token_ids(options: BuiltinOptions, body: &Value) -> Vec<u64> {
    let running = engine(options).await;
    let answer = post(running.address(), "/v1/completions", body.clone()).await.json();
    answer["choices"][0]["token_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

#[tokio::test]
async fn completions_stream_gives_exactly_the_tokens_asked_for() {
    let running = engine(BuiltinOptions::default()).await;
    let body = json!({"model": MODEL, "prompt": "Hello", "max_tokens": 9, "temperature": 0, "ignore_eos": true,
        "stream": true, "stream_options": {"include_usage": true, "continuous_usage_stats": true}});
    let answer = post(running.address(), "/v1/completions", body).await;
    let mut events = answer.events();
    let usage = events.pop().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], json!({"prompt_tokens": 6, "total_tokens": 15, "completion_tokens": 9}));
    assert_eq!(events.len(), 9);
    for (index, event) in events.iter().enumerate() {
        let choice = &event["choices"][0];
        let text = choice["text"].as_str().unwrap();
        assert!(text.len() == 1 && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{text:?}");
        assert_eq!(choice["finish_reason"], if index == 8 { json!("length") } else { Value::Null });
        assert_eq!(event["usage"]["completion_tokens"], json!(index + 1));
        assert!(event["id"].as_str().unwrap().starts_with("cmpl-"));
    }
    let plain = json!({"prompt": "Hello", "max_tokens": 3, "ignore_eos": true, "stream": true});
    let events = post(running.address(), "/v1/completions", plain).await.events();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[tokio::test]
async fn chat_streams_role_first_and_answers_whole() {
    let running = engine(BuiltinOptions::default()).await;
    let mut body = json!({"messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 4, "temperature": 0,
        "ignore_eos": true, "stream": true});
    let events = post(running.address(), "/v1/chat/completions", body.clone()).await.events();
    assert_eq!(events.len(), 5);
    assert_eq!(events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(events[4]["choices"][0]["finish_reason"], json!("length"));
    let streamed: String =
        events.iter().map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap()).collect();
    body["stream"] = json!(false);
    let whole = post(running.address(), "/v1/chat/completions", body).await.json();
    assert_eq!(whole["choices"][0]["message"], json!({"role": "assistant", "content": streamed}));
    assert_eq!(whole["usage"]["completion_tokens"], json!(4));
}

#[tokio::test]
async fn seed_decides_and_cache_does_not() {
    let body = json!({"prompt": [72, 105, 33], "max_tokens": 12, "temperature": 0, "ignore_eos": true,
        "return_token_ids": true});
    let base = token_ids(BuiltinOptions { seed: 5, ..Default::default() }, &body).await;
    assert_eq!(base.len(), 12);
    assert_eq!(token_ids(BuiltinOptions { seed: 5, ..Default::default() }, &body).await, base);
    assert_eq!(token_ids(BuiltinOptions { seed: 5, kv_cache: false, ..Default::default() }, &body).await, base);
    assert_eq!(token_ids(BuiltinOptions { seed: 5, batch: 4, ..Default::default() }, &body).await, base);
    assert_ne!(token_ids(BuiltinOptions { seed: 6, ..Default::default() }, &body).await, base);
    let sampled = json!({"prompt": [72, 105, 33], "max_tokens": 12, "temperature": 1.5, "seed": 9, "ignore_eos": true,
        "return_token_ids": true});
    let first = token_ids(BuiltinOptions::default(), &sampled).await;
    assert_eq!(token_ids(BuiltinOptions::default(), &sampled).await, first);
}

#[tokio::test]
async fn token_ids_come_back_on_the_stream() {
    let running = engine(BuiltinOptions::default()).await;
    let body = json!({"prompt": [BOS, 65, 66], "max_tokens": 2, "temperature": 0, "ignore_eos": true, "stream": true,
        "return_token_ids": true});
    let events = post(running.address(), "/v1/completions", body).await.events();
    assert_eq!(events[0]["choices"][0]["prompt_token_ids"], json!([BOS, 65, 66]));
    assert_eq!(events[1]["choices"][0]["prompt_token_ids"], Value::Null);
    for event in &events {
        let id = event["choices"][0]["token_ids"][0].as_u64().unwrap();
        assert_eq!(event["choices"][0]["text"].as_str().unwrap().bytes().map(u64::from).collect::<Vec<_>>(), [id]);
    }
}

#[tokio::test]
async fn errors_have_vllms_shape() {
    let running = engine(BuiltinOptions { max_model_len: Some(64), ..Default::default() }).await;
    let address = running.address();
    let check = async |body: &str, status: u16, kind: &str, message: &str| {
        let answer = receive(send(address, "POST", "/v1/completions", body).await).await;
        assert_eq!(answer.status, status, "{body:.60}: {}", answer.text());
        let error = answer.json()["error"].clone();
        assert_eq!(error["type"], kind, "{error}");
        assert_eq!(error["code"], status, "{error}");
        assert!(error.get("param").is_some(), "{error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    };
    check("{bad", 400, "Bad Request", "could not be read").await;
    check(r#"{"prompt":"a","model":"nope"}"#, 404, "NotFoundError", "The model `nope` does not exist.").await;
    check(&format!(r#"{{"prompt":[{VOCAB_SIZE}]}}"#), 400, "BadRequestError", "out of vocabulary").await;
    check(r#"{"prompt":[1,2,3,4],"max_tokens":61}"#, 400, "BadRequestError", "61 > 64 - 4").await;
    let long = json!({"prompt": "x".repeat(64)}).to_string();
    check(&long, 400, "BadRequestError", "maximum context length is 64 tokens").await;
    let huge = json!({"prompt": "x".repeat(2 << 20)}).to_string();
    check(&huge, 413, "Request Entity Too Large", "1048576 bytes").await;
    let fits = json!({"prompt": [1, 2, 3, 4], "max_tokens": 60, "ignore_eos": true});
    assert_eq!(post(address, "/v1/completions", fits).await.json()["usage"]["total_tokens"], 64);
    assert_eq!(get(address, "/nothing").await.status, 404);
    assert_eq!(get(address, "/v1/completions").await.status, 405);
}

#[tokio::test]
async fn models_health_and_version_answer() {
    let running = engine(BuiltinOptions { max_model_len: Some(100), ..Default::default() }).await;
    let model = get(running.address(), "/v1/models").await.json()["data"][0].clone();
    assert_eq!((model["id"].as_str(), model["max_model_len"].as_u64()), (Some(MODEL), Some(100)));
    assert_eq!((model["weights"].as_str(), model["device"].as_str()), (Some("random"), Some("cpu")));
    let health = get(running.address(), "/health").await;
    assert_eq!((health.status, health.text().as_str()), (200, ""));
    assert_eq!(get(running.address(), "/version").await.json()["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place() {
    let running = engine(BuiltinOptions::default()).await;
    let address = running.address();
    let mut first = send(address, "POST", "/v1/completions", &long_stream()).await;
    // The head and at least one token have come: the request runs.
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("data: ") {
        assert!(first.read_buf(&mut seen).await.unwrap() > 0);
    }
    let waiting = send(address, "POST", "/v1/completions", &long_stream()).await;
    let whole = long_stream().replace("\"stream\":true", "\"stream\":false");
    let waiting_for_all = send(address, "POST", "/v1/completions", &whole).await;
    let busy = metrics_until(address, |m| m["requests_waiting"] == 2).await;
    assert_eq!(busy["requests_running"], 1);
    drop((waiting, waiting_for_all));
    metrics_until(address, |m| m["requests_waiting"] == 0).await;
    drop(first);
    let idle = metrics_until(address, |m| m["requests_running"] == 0).await;
    assert_eq!(idle["requests_total{finished_reason=\"abort\"}"], 3);
    assert!(idle["generation_tokens_total"] < 2000);
    let next = json!({"prompt": "a", "max_tokens": 2, "ignore_eos": true});
    assert_eq!(post(address, "/v1/completions", next).await.status, 200);
    assert_eq!(metrics(address).await["requests_total{finished_reason=\"length\"}"], 1);
}

#[tokio::test]
async fn a_static_batch_holds_the_kv_bytes_its_shape_says() {
    let options = BuiltinOptions { batch: 2, batch_wait_ms: 60_000, max_model_len: Some(2000), ..Default::default() };
    let running = engine(options).await;
    let address = running.address();
    let body =
        |prompt: &str, tokens: u32| json!({"prompt": prompt, "max_tokens": tokens, "ignore_eos": true}).to_string();
    let short = send(address, "POST", "/v1/completions", &body("a", 3)).await;
    let long = send(address, "POST", "/v1/completions", &body("a longer one", 1900)).await;
    let config = Preset::P1m.config();
    let bytes_per_token = (2 * config.layers * config.kv_heads * config.head_dim() * 4) as u64;
    let busy = metrics_until(address, |m| m["requests_running"] == 1 && m["generation_tokens_total"] > 3).await;
    assert_eq!(busy["kv_bytes_capacity"], 2 * 2000 * bytes_per_token);
    assert_eq!(busy["kv_bytes_held"] % (2 * bytes_per_token), 0);
    assert!(busy["kv_bytes_held"] >= 2 * 13 * bytes_per_token);
    assert_eq!(busy["prompt_tokens_total"], 2 + 13);
    let answer = receive(short).await.json();
    assert_eq!(answer["usage"]["completion_tokens"], 3);
    assert_eq!(metrics(address).await["requests_total{finished_reason=\"length\"}"], 1, "the long row still runs");
    drop(long);
    let idle = metrics_until(address, |m| m["requests_running"] == 0 && m["kv_bytes_held"] == 0).await;
    assert_eq!(idle["kv_bytes_capacity"], 2 * 2000 * bytes_per_token);
}

#[tokio::test]
async fn without_the_cache_no_kv_bytes_are_held() {
    let running = engine(BuiltinOptions { kv_cache: false, ..Default::default() }).await;
    let body = json!({"prompt": "a", "max_tokens": 3, "ignore_eos": true});
    assert_eq!(post(running.address(), "/v1/completions", body).await.json()["usage"]["completion_tokens"], 3);
    let metrics = metrics(running.address()).await;
    assert_eq!((metrics["kv_bytes_capacity"], metrics["kv_bytes_held"]), (0, 0));
}

#[tokio::test]
async fn a_stopped_engine_ends_its_streams_with_an_error() {
    let running = engine(BuiltinOptions::default()).await;
    let mut stream = send(running.address(), "POST", "/v1/completions", &long_stream()).await;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("data: ") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
    }
    drop(running);
    stream.read_to_end(&mut seen).await.unwrap();
    let text = String::from_utf8(seen).unwrap();
    assert!(text.contains(r#"data: {"error":{"message":"#) && text.contains("data: [DONE]"), "{text}");
}

#[tokio::test]
async fn a_port_in_use_is_a_sentence() {
    let running = engine(BuiltinOptions::default()).await;
    let port = running.address().port();
    let error = builtin::spawn(BuiltinOptions { port, ..Default::default() }).await.err().unwrap().to_string();
    assert!(error.contains(&format!("could not listen on 127.0.0.1:{port}")), "{error}");
}

/// Not a test: what [`Engine::start`] runs in a process of its own.
#[test]
#[ignore = "runs only as the child process of the tests below"]
fn child_process() {
    builtin::serve(BuiltinOptions::default()).unwrap();
}

/// The engine as a child process; killed when the test is over, whatever happened.
struct Engine {
    child: Child,
    address: SocketAddr,
    /// Kept open: the test harness in the child reports there before it ends.
    stdout: BufReader<ChildStdout>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Engine {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "builtin::child_process", "--nocapture"])
            .envs(builtin::child_environment());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut engine = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), stdout };
        loop {
            let mut line = String::new();
            assert!(engine.stdout.read_line(&mut line).unwrap() > 0, "the engine ended before it was ready");
            // The test harness may print its own words before it on the same line.
            if let Some((_, address)) = line.trim_end().split_once("ready http://") {
                engine.address = address.parse().unwrap();
                return engine;
            }
        }
    }

    fn wait(&mut self) -> ExitStatus {
        for _ in 0..6000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the engine did not end");
    }
}

#[tokio::test]
async fn sigterm_ends_the_process_at_once_with_an_open_stream() {
    let mut engine = Engine::start();
    let mut stream = send(engine.address, "POST", "/v1/completions", &long_stream()).await;
    assert!(stream.read_buf(&mut Vec::new()).await.unwrap() > 0);
    let pid = nix::unistd::Pid::from_raw(engine.child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = engine.wait();
    assert!(status.success(), "{status}");
}
