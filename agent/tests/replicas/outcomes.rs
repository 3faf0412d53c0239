//! Owns the proof that the load generator counts and judges every answer of every server as what it is.
//! Must not know how bytes are read.

use crate::raw_engine::{one, run, spec};
use crate::replica::llama_server::LlamaServer;
use crate::replica::sglang::Sglang;
use crate::replica::tgi::{Tgi, Version};
use crate::replica::transformers_serve::TransformersServe;
use crate::replica::vllm::Vllm;
use crate::replica::{Condition, Replica, Server, start};
use serde_json::{Value, json};
use shared::outcome::Outcome;
use std::sync::Arc;
use tokenprism::load::Stop;
use tokenprism::record::RequestRecord;
use tokenprism::secret::Secret;
use tokenprism::stream::Protocol;

/// The record of one request.
fn ask(replica: &Replica, path: &str, body: &Value, expects: u32) -> RequestRecord {
    let mut spec = spec(replica.port, 1, Stop::Requests(1));
    path.clone_into(&mut spec.target.path);
    spec.target.protocol = match path {
        "/v1/chat/completions" => Protocol::OpenAiChat,
        "/generate_stream" => Protocol::TgiGenerateStream,
        _ => Protocol::OpenAiCompletions,
    };
    let body = body.to_string();
    spec.work = Arc::new(move |_| {
        let mut work = one(body.clone());
        work.requests[0].expect_output_tokens = expects;
        work
    });
    run(spec).records.remove(0)
}

const COMPLETIONS: &str = "/v1/completions";
const CHAT: &str = "/v1/chat/completions";
const NATIVE: &str = "/generate_stream";

/// A request with a prompt of text for so many tokens.
fn body(path: &str, prompt: &str, tokens: u32) -> Value {
    match path {
        NATIVE => {
            json!({"inputs": prompt, "parameters": {"max_new_tokens": tokens, "do_sample": false, "details": true}})
        }
        CHAT => json!({"messages": [{"role": "user", "content": prompt}], "max_tokens": tokens, "temperature": 0,
            "stream": true, "stream_options": {"include_usage": true}}),
        _ => json!({"prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": true,
            "stream_options": {"include_usage": true}}),
    }
}

/// One more field.
fn with(mut body: Value, field: &str, value: impl Into<Value>) -> Value {
    body[field] = value.into();
    body
}

/// Asks for a number of tokens and expects an outcome, the server's count, and words of the sentence.
fn check(server: impl Server, path: &str, body: &Value, expect: (Outcome, Option<u32>), words: &str) -> RequestRecord {
    check_in(Condition::Serving, server, path, body, expect, words)
}

fn check_in(
    condition: Condition,
    server: impl Server,
    path: &str,
    body: &Value,
    (outcome, tokens): (Outcome, Option<u32>),
    words: &str,
) -> RequestRecord {
    let replica = start(server);
    replica.state.becomes(condition);
    let expects = body["max_tokens"].as_u64().or_else(|| body["parameters"]["max_new_tokens"].as_u64()).unwrap();
    let record = ask(&replica, path, body, expects as u32);
    assert_eq!((record.outcome, record.output_tokens), (outcome, tokens), "{body} {record:?}");
    let said = record.error.as_deref().unwrap_or_default();
    assert!(said.contains(words) && said.is_empty() == outcome.is_ok(), "{words:?} in {said:?}");
    assert_eq!(replica.state.asked(path).len(), 1, "no request is ever repeated");
    record
}

/// Tokens of the chunks, where they are known.
fn chunks(record: &RequestRecord) -> Vec<Option<u32>> {
    record.chunks.iter().map(|chunk| chunk.tokens).collect()
}

use Outcome::{FailedMidStream, Ok, OkShort, Refused, Truncated};

#[test]
fn every_server_counts_exactly_what_it_generated() {
    for path in [COMPLETIONS, CHAT] {
        // As many arrivals as tokens: a role, a reason, usage and `[DONE]` are none.
        let four = |record: RequestRecord| {
            assert_eq!((record.chunks.len(), record.prompt_tokens), (4, Some(3)), "{record:?}");
        };
        let (asked, good) = (body(path, "one two", 4), (Ok, Some(4)));
        four(check(Vllm::default(), path, &asked, good, ""));
        four(check(Vllm { keeps_alive: true, ..Vllm::default() }, path, &asked, good, ""));
        four(check(Sglang::default(), path, &asked, good, ""));
        four(check(Tgi::default(), path, &asked, good, ""));
        four(check(TransformersServe::default(), path, &asked, good, ""));
        four(check(LlamaServer::default(), path, &asked, good, ""));
    }
    for version in [Version::V2, Version::V3] {
        let server = Tgi { version, ..Tgi::default() };
        let record = check(server, NATIVE, &body(NATIVE, "one two @keepalive:1", 4), (Ok, Some(4)), "");
        assert_eq!((chunks(&record), record.prompt_tokens), (vec![Some(1); 4], Some(4)));
    }
}

#[test]
fn tokens_and_chunks_that_do_not_match_are_counted_all_the_same() {
    // A token without text counts where the server says that there was one.
    let ids = with(body(COMPLETIONS, "a @utf:2", 4), "return_token_ids", true);
    assert_eq!(chunks(&check(Vllm::default(), COMPLETIONS, &ids, (Ok, Some(4)), "")), vec![Some(1); 4]);
    let plain = body(COMPLETIONS, "a @utf:2", 4);
    assert_eq!(check(Vllm::default(), COMPLETIONS, &plain, (Ok, Some(4)), "").chunks.len(), 3);
    assert_eq!(check(LlamaServer::default(), COMPLETIONS, &plain, (Ok, Some(4)), "").chunks.len(), 3);
    assert_eq!(check(TransformersServe::default(), COMPLETIONS, &plain, (Ok, Some(4)), "").chunks.len(), 3);
    let native = check(Tgi::default(), NATIVE, &body(NATIVE, "a @utf:2", 4), (Ok, Some(4)), "");
    assert_eq!(chunks(&native), vec![Some(1); 4]);
    // Several tokens in a chunk.
    let some = with(with(body(COMPLETIONS, "a", 8), "stream_interval", 4), "return_token_ids", true);
    let record = check(Vllm::default(), COMPLETIONS, &some, (Ok, Some(8)), "");
    assert_eq!(chunks(&record), [Some(1), Some(4), Some(3)]);
    let mut running = body(CHAT, "a", 3);
    running["stream_options"]["continuous_usage_stats"] = true.into();
    assert_eq!(chunks(&check(Vllm::default(), CHAT, &running, (Ok, Some(3)), "")), vec![Some(1); 3]);
    // Two events in one chunk of the transfer coding.
    let together = TransformersServe { together: Some(3), ..TransformersServe::default() };
    let record = check(together, COMPLETIONS, &body(COMPLETIONS, "a", 4), (Ok, Some(4)), "");
    assert!(record.chunks.len() == 4 && record.coalesced >= 1, "{record:?}");
    // TGI generates runs of 1,024 and says so.
    let record = check(Tgi::default(), NATIVE, &body(NATIVE, "a", 1500), (Ok, Some(2048)), "");
    assert_eq!(record.chunks.len(), 2048);
}

#[test]
fn an_early_end_of_the_text_is_short_unless_the_server_was_told_to_go_on() {
    let early = |path| body(path, "a @eos:3", 6);
    let short = (OkShort, Some(3));
    check(Vllm::default(), COMPLETIONS, &early(COMPLETIONS), short, "");
    check(Sglang::default(), CHAT, &early(CHAT), short, "");
    check(Tgi::default(), COMPLETIONS, &early(COMPLETIONS), short, "");
    check(LlamaServer::default(), COMPLETIONS, &early(COMPLETIONS), short, "");
    check(TransformersServe::default(), CHAT, &early(CHAT), short, "");
    let forced = with(early(COMPLETIONS), "ignore_eos", true);
    check(Vllm::default(), COMPLETIONS, &forced, (Ok, Some(6)), "");
    check(Sglang::default(), COMPLETIONS, &forced, (Ok, Some(6)), "");
    check(LlamaServer::default(), COMPLETIONS, &forced, (Ok, Some(6)), "");
    // TGI passes over it, and Transformers' server refuses it: that one has another way.
    check(Tgi::default(), NATIVE, &with(early(NATIVE), "ignore_eos", true), short, "");
    let refused = (Refused, None);
    check(
        TransformersServe::default(),
        COMPLETIONS,
        &forced,
        refused,
        "answered 422: Unexpected fields in the request",
    );
    let config = r#"{"do_sample":false,"max_new_tokens":6,"min_new_tokens":6}"#;
    let forced = with(early(COMPLETIONS), "generation_config", config);
    check(TransformersServe::default(), COMPLETIONS, &forced, (Ok, Some(6)), "");
}

#[test]
fn what_is_too_long_is_refused_cut_or_passed_over_as_each_version_does() {
    let ids = |prompt: usize, tokens: u32| json!({"prompt": vec![7; prompt], "max_tokens": tokens, "stream": true, "stream_options": {"include_usage": true}});
    let text = |words: usize, tokens: u32| body(NATIVE, &"word ".repeat(words), tokens);
    let refused = (Refused, None);
    let context = "answered 400: This model's maximum context length is 512 tokens. However, your prompt contains 600";
    check(Vllm::default(), COMPLETIONS, &ids(600, 4), refused, context);
    // The shape of an error before 0.10.
    check(Vllm { version: (0, 9, 2), ..Vllm::default() }, COMPLETIONS, &ids(600, 4), refused, context);
    check(Vllm::default(), COMPLETIONS, &ids(508, 100), (OkShort, Some(4)), "");
    let old = Vllm { version: (0, 25, 1), ..Vllm::default() };
    check(
        old,
        COMPLETIONS,
        &ids(508, 100),
        refused,
        "answered 400: 'max_tokens' or 'max_completion_tokens' is too large",
    );
    let words = "answered 400: The input (600 tokens) is longer than the model's context length (512 tokens).";
    check(Sglang::default(), COMPLETIONS, &ids(600, 4), refused, words);
    let words = "exceeds the model's maximum context length of 512 tokens";
    check(Sglang::default(), COMPLETIONS, &ids(508, 100), refused, words);
    let cuts = Sglang { truncates: true, ..Sglang::default() };
    check(cuts, COMPLETIONS, &ids(508, 100), (OkShort, Some(4)), "");
    check(LlamaServer::default(), COMPLETIONS, &ids(505, 100), (OkShort, Some(7)), "");
    let words = "answered 400: request (900 tokens) exceeds the available context size (512 tokens)";
    check(LlamaServer::default(), COMPLETIONS, &ids(900, 4), refused, words);
    // TGI has begun its answer by then.
    let words =
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3001 `inputs` tokens";
    check(Tgi::default(), NATIVE, &text(3000, 4), (FailedMidStream, None), words);
    let openai = body(COMPLETIONS, &"word ".repeat(3000), 4);
    check(Tgi::default(), COMPLETIONS, &openai, (FailedMidStream, None), words);
    // This one does not look at lengths.
    check(TransformersServe::default(), COMPLETIONS, &openai, (Ok, Some(4)), "");
}

#[test]
fn what_a_server_does_not_take_is_refused_in_its_own_words() {
    let refused = (Refused, None);
    let other = with(body(COMPLETIONS, "a", 4), "model", "other");
    check(Vllm::default(), COMPLETIONS, &other, refused, "answered 404: The model `other` does not exist.");
    let words = "answered 400: Server is pinned to '/srv/mymodels/tinymodel'; requested 'other'.";
    check(TransformersServe::default(), COMPLETIONS, &other, refused, words);
    check(LlamaServer::default(), COMPLETIONS, &other, (Ok, Some(4)), "");
    let ids = with(body(COMPLETIONS, "", 4), "prompt", vec![5, 6, 7]);
    check(TransformersServe::default(), COMPLETIONS, &ids, refused, "answered 400: prompt must be a string.");
    check(Tgi::default(), COMPLETIONS, &ids, refused, "answered 422: Failed to deserialize the JSON body");
    let mut greedy = body(NATIVE, "a", 4);
    greedy["parameters"]["temperature"] = 0.into();
    let words = "Input validation error: `temperature` must be strictly positive.";
    check(Tgi::default(), NATIVE, &greedy, (FailedMidStream, None), words);
    check(Tgi { needs_key: true, ..Tgi::default() }, NATIVE, &body(NATIVE, "a", 4), refused, "answered 401 without");
    let loading = body(COMPLETIONS, "a", 4);
    check_in(
        Condition::Loading,
        LlamaServer::default(),
        COMPLETIONS,
        &loading,
        refused,
        "answered 503: Loading model.",
    );
}

#[test]
fn a_server_that_is_full_never_succeeds_whatever_its_status() {
    let (refused, failed) = ((Refused, None), (FailedMidStream, None));
    let refuses = Vllm { refuses: true, ..Vllm::default() };
    let words = "answered 503: The engine is currently busy and cannot accept new requests.";
    check_in(Condition::Full, refuses, COMPLETIONS, &body(COMPLETIONS, "a", 4), refused, words);
    // Status 200, an error, and then, but for TGI's own route, `[DONE]`.
    let begun_well = |record: RequestRecord| assert_eq!((record.status, record.chunks.len()), (Some(200), 0));
    for path in [COMPLETIONS, CHAT] {
        let words = "The request queue is full.";
        begun_well(check_in(Condition::Full, Sglang::default(), path, &body(path, "a", 4), failed, words));
    }
    for path in [NATIVE, COMPLETIONS, CHAT] {
        let words = "Model is overloaded.";
        begun_well(check_in(Condition::Full, Tgi::default(), path, &body(path, "a", 4), failed, words));
    }
}

#[test]
fn a_server_that_breaks_its_promise_to_keep_connections_fails_requests_unless_none_is_kept() {
    let check = |more: &[(&str, &str)], expect: [Outcome; 2]| {
        let replica = start(LlamaServer::default());
        let mut spec = spec(replica.port, 1, Stop::Requests(2));
        spec.target.headers = more.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
        spec.work = Arc::new(|_| one(body(COMPLETIONS, "a", 4).to_string()));
        let outcomes: Vec<Outcome> = run(spec).records.iter().map(|record| record.outcome).collect();
        assert_eq!(outcomes, expect, "{more:?}");
    };
    check(&[], [Ok, Truncated]);
    check(&[("connection", "close")], [Ok, Ok]);
}

#[test]
fn a_request_that_fails_in_its_stream_has_failed_whatever_follows() {
    // CASES B33: an error that is no JSON is an error.
    let words = r#"The server failed mid-stream: CUDA "out" of memory."#;
    let unescaped = TransformersServe { failure: r#"CUDA "out" of memory"#, ..TransformersServe::default() };
    let failing = |path| body(path, "a @errd:3", 6);
    let failed = (FailedMidStream, None);
    let two = |record: RequestRecord| assert_eq!(record.chunks.len(), 2, "{record:?}");
    two(check(unescaped, COMPLETIONS, &failing(COMPLETIONS), failed, words));
    two(check(TransformersServe::default(), CHAT, &failing(CHAT), failed, "mid-stream: CUDA out of memory."));
    two(check(LlamaServer::default(), COMPLETIONS, &failing(COMPLETIONS), failed, "Compute error."));
    two(check(Sglang::default(), CHAT, &failing(CHAT), failed, "CUDA out of memory."));
    for path in [NATIVE, COMPLETIONS, CHAT] {
        let words = "Request failed during generation: Server error: CUDA error: an illegal memory access";
        let record = check(Tgi::default(), path, &failing(path), (FailedMidStream, ids(path)), words);
        two(record);
    }
    // The engine's process dies; `[DONE]` follows all the same.
    let dying = |path| body(path, "a @die:3", 6);
    two(check(Vllm::default(), COMPLETIONS, &dying(COMPLETIONS), failed, "EngineCore encountered an issue."));
    two(check(Vllm::default(), CHAT, &dying(CHAT), failed, "EngineCore encountered an issue."));
    two(check(Tgi::default(), NATIVE, &dying(NATIVE), (FailedMidStream, ids(NATIVE)), "transport error."));
    // The server's process dies, and nothing follows.
    let lost = |path| body(path, "a @close:3", 6);
    two(check(Vllm::default(), COMPLETIONS, &lost(COMPLETIONS), (Truncated, None), "closed the connection"));
    two(check(Tgi::default(), NATIVE, &lost(NATIVE), (Truncated, ids(NATIVE)), "closed the connection"));
}

/// What two tokens of a stream that broke are counted as: where each event names its token, that is known.
fn ids(path: &str) -> Option<u32> {
    (path == NATIVE).then_some(2)
}
