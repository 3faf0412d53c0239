//! Owns the check that replicas give the bytes that real servers were recorded with, for the same requests.
//! Must not know what the agent makes of them.

use crate::mask::{masked, values};
use crate::replica::llama_server::LlamaServer;
use crate::replica::sglang::Sglang;
use crate::replica::tgi::{Tgi, Version};
use crate::replica::transformers_serve::TransformersServe;
use crate::replica::vllm::Vllm;
use crate::replica::{Condition, Replica, Server, start};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

fn file(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures").join(folder).join(name)
}

/// A replica's whole answer; a request without a body is a GET.
fn ask(replica: &Replica, path: &str, body: Option<&str>) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", replica.port)).unwrap();
    let head = match body {
        Some(body) => {
            format!("POST {path} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {}", body.len())
        }
        None => format!("GET {path} HTTP/1.1"),
    };
    write!(stream, "{head}\r\nhost: replica\r\nconnection: close\r\n\r\n{}", body.unwrap_or_default()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// A recorded answer, and the replica's to the same request. How many tokens the prompt has is the model's affair and was
/// recorded; so is the state that the server was in.
struct Case<'a> {
    folder: &'a str,
    name: &'a str,
    prompt: u32,
    condition: Condition,
    dies_at: Option<u32>,
}

fn recorded<'a>(folder: &'a str, name: &'a str, prompt: u32) -> Case<'a> {
    Case { folder, name, prompt, condition: Condition::Serving, dies_at: None }
}

impl Case<'_> {
    fn while_it_is(self, condition: Condition) -> Self {
        Self { condition, ..self }
    }

    fn check(&self, server: impl Server) {
        let Self { folder, name, .. } = self;
        let meta: Value =
            serde_json::from_slice(&std::fs::read(file(folder, &format!("{name}.raw.meta.json"))).unwrap()).unwrap();
        let body = match &meta["request_body"] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            body => Some(body.to_string()),
        };
        self.check_request(server, meta["request_path"].as_str().unwrap(), body.as_deref());
    }

    fn check_request(&self, server: impl Server, path: &str, body: Option<&str>) {
        let Self { folder, name, .. } = self;
        let replica = start(server);
        *replica.state.prompt_tokens.lock().unwrap() = Some(self.prompt);
        *replica.state.dies_at.lock().unwrap() = self.dies_at;
        replica.state.becomes(self.condition);
        let recorded = std::fs::read(file(folder, &format!("{name}.raw"))).unwrap();
        let (ours, theirs) = (masked(&ask(&replica, path, body)), masked(&recorded));
        assert_eq!(ours, theirs, "{folder}/{name}: the replica's, then the recorded");
    }
}

#[test]
fn vllm_as_recorded() {
    for (name, prompt) in [
        ("completions_stream", 8),
        ("completions_ids_token_ids", 4),
        ("completions_stream_interval", 3),
        ("chat_stream_plain", 14),
        ("chat_stream_cont_usage", 14),
        ("clamp_512", 512),
        ("err_ctx_ids", 600),
        ("err_max_tokens", 2),
        ("err_model", 2),
        ("err_badjson", 2),
        ("get_health", 0),
        ("get_v1_models", 0),
        ("get_version", 0),
    ] {
        recorded("vllm-0.32-cpu", name, prompt).check(Vllm::default());
    }
    let full = recorded("vllm-0.32-cpu", "load_3", 2).while_it_is(Condition::Full);
    full.check(Vllm { refuses: true, ..Vllm::default() });
    let killed = recorded("vllm-0.32-cpu", "engine_killed_midstream", 2);
    Case { dies_at: Some(1), ..killed }.check(Vllm::default());
}

#[test]
fn transformers_serve_as_recorded() {
    for (name, prompt) in [
        ("completions_stream", 8),
        ("chat_stream", 14),
        ("err_ids", 3),
        ("err_ignore_eos", 4),
        ("err_model", 4),
        ("get_metrics", 0),
        ("get_v1_models", 0),
    ] {
        recorded("transformers-serve", name, prompt).check(TransformersServe::default());
    }
    let together = TransformersServe { together: Some(4), ..TransformersServe::default() };
    recorded("transformers-serve", "stream_options", 4).check(together);
}

#[test]
fn llama_server_as_recorded() {
    for (name, prompt) in
        [("completions_forced_ascii", 3), ("chat_stream_usage", 21), ("err_ctx", 900), ("get_health", 0)]
    {
        recorded("llama-server", name, prompt).check(LlamaServer::default());
    }
    let loading = recorded("llama-server", "health_loading", 0).while_it_is(Condition::Loading);
    loading.check_request(LlamaServer::default(), "/health", None);
}

#[test]
fn tgi_3_as_recorded() {
    for (name, prompt) in [
        ("gs_details_true", 4),
        ("gs_details_false", 4),
        ("gs_one_token", 4),
        ("gs_eos", 7),
        ("gs_errdecode", 7),
        ("gs_temp0", 2),
        ("gs_max_new_0", 2),
        ("gs_utf_split", 7),
        ("gs_ignore_eos_param", 7),
        ("gs_bad_json", 0),
        ("comp_stream", 4),
        ("comp_stream_eos", 7),
        ("comp_stream_errdecode", 7),
        ("chat_stream", 15),
        ("chat_stream_usage", 15),
        ("auth_info_none", 0),
        ("models", 0),
        ("metrics_idle_fresh", 0),
        ("ping", 0),
        ("version_404", 0),
    ] {
        recorded("tgi-3.3.7-router", name, prompt).check(Tgi::default());
    }
    for name in ["ov_gs", "ov_comp_stream", "ov_chat_stream"] {
        recorded("tgi-3.3.7-router", name, 2).while_it_is(Condition::Full).check(Tgi::default());
    }
    for name in ["kill_new_gs", "kill_health"] {
        recorded("tgi-3.3.7-router", name, 2).while_it_is(Condition::Dead).check(Tgi::default());
    }
    for (name, token) in [("kill_gs", 10), ("kill_comp", 11), ("kill_chat", 10)] {
        Case { dies_at: Some(token), ..recorded("tgi-3.3.7-router", name, 4) }.check(Tgi::default());
    }
    let short = Tgi { max_input: 150, ..Tgi::default() };
    recorded("tgi-3.3.7-router", "gs_input_too_long", 166).check(short);
    recorded("tgi-3.3.7-router", "auth_gs_none", 2).check(Tgi { needs_key: true, ..Tgi::default() });
}

/// No server of SGLang was recorded: these are chunks that its own formatter made, one token, without a head.
#[test]
fn sglang_as_its_formatter_wrote() {
    let replica = start(Sglang::default());
    let body = r#"{"messages":[{"role":"user","content":"Hi"}],"max_tokens":1,"stream":true}"#;
    let ours = events(&ask(&replica, "/v1/chat/completions", Some(body)));
    let theirs = std::fs::read(file("sglang-0.5.23-synthesised", "chat_chunks_from_sse_utils.raw")).unwrap();
    assert_eq!(values(&ours), format!("{}data: [DONE]\n\n", values(&String::from_utf8_lossy(&theirs))));
}

/// No server of TGI 2.0 was recorded: its source differs from 3.3's in one byte of each event.
#[test]
fn tgi_2_from_its_source_writes_no_space_behind_data() {
    let body = r#"{"inputs":"Hello there","parameters":{"max_new_tokens":3,"details":true}}"#;
    let of = |version| {
        let replica = start(Tgi { version, ..Tgi::default() });
        events(&ask(&replica, "/generate_stream", Some(body)))
    };
    let (two, three) = (of(Version::V2), of(Version::V3));
    assert!(two.starts_with("data:{\"index\":1"), "{two}");
    assert_eq!(two.replace("data:", "data: "), three);
}

/// A chunked answer's events.
fn events(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer).into_owned();
    let (_, mut rest) = text.split_once("\r\n\r\n").unwrap();
    let mut all = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(size, 16).unwrap();
        all += &after[..length];
        rest = &after[length + 2..];
    }
    all
}
