//! Owns `vllm bench serve`: how it is called, and what its result says.
//! Must not know when it runs or what was true.

use super::compared::Reported;
use super::definition::Definition;
use super::hub;
use super::tool::{Ask, Invocation, Tool};
use serde::Deserialize;

/// The tool.
pub(super) static TOOL: Tool = Tool {
    program: "vllm",
    title: "vLLM bench",
    install: "pip install vllm",
    setting: "`bench serve` with a limit of requests in flight, below which a `--request-rate` starts the streams one each millisecond; token counts from the server's usage; its requests in flight are a count per second of the clock",
    invoke,
    read,
    definition: Some(Definition {
        name: "vLLM bench",
        with_connection: true,
        to_stream_end: false,
        by_token: false,
        between_ranks: true,
    }),
};

const PROMPTS: &str = "prompts.jsonl";

pub(super) fn invoke(ask: &Ask<'_>) -> Invocation {
    let rate = release_rate(ask).to_string();
    let (streams, requests, tokens) = (ask.streams.to_string(), ask.requests.to_string(), ask.tokens.to_string());
    let args = [
        &["bench", "serve", "--backend", "openai", "--base-url", ask.url, "--endpoint", "/v1/completions"][..],
        &["--model", ask.model, "--tokenizer", hub::TOKENIZER, "--skip-chat-template"],
        &["--dataset-name", "custom", "--dataset-path", PROMPTS, "--disable-shuffle", "--custom-output-len", &tokens],
        &["--num-prompts", &requests, "--max-concurrency", &streams, "--ignore-eos", "--temperature", "0"],
        &["--request-rate", &rate, "--burstiness", "inf"],
        &["--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,99"],
        &["--save-result", "--result-dir", ".", "--result-filename", RESULT, "--disable-tqdm"],
    ];
    let line = |prompt: String| format!("{}\n", serde_json::json!({ "prompt": prompt }));
    Invocation {
        args: args.concat().into_iter().map(str::to_owned).collect(),
        env: vec![("VLLM_NO_USAGE_STATS", "1".to_owned()), ("DO_NOT_TRACK", "1".to_owned())],
        files: vec![(PROMPTS.to_owned(), ask.prompts().map(line).collect())],
        result: RESULT,
    }
}

/// Requests released in a second: each then waits for a place among those in flight, which its times leave out. One each
/// millisecond starts the streams gradually; where answers end faster than that, it must not hold them back.
fn release_rate(ask: &Ask<'_>) -> f64 {
    f64::max(1000.0, 1.2 * f64::from(ask.streams) / ask.request_s)
}

const RESULT: &str = "result.json";

#[derive(Deserialize)]
struct BenchResult {
    completed: Option<f64>,
    failed: Option<f64>,
    max_concurrent_requests: Option<f64>,
    mean_ttft_ms: Option<f64>,
    p99_ttft_ms: Option<f64>,
    mean_tpot_ms: Option<f64>,
    p99_tpot_ms: Option<f64>,
    total_output_tokens: Option<f64>,
    output_throughput: Option<f64>,
}

pub(super) fn read(text: &str) -> serde_json::Result<Reported> {
    let result: BenchResult = serde_json::from_str(text)?;
    Ok(Reported {
        completed: result.completed,
        failed: result.failed,
        in_flight: result.max_concurrent_requests,
        ttft_mean_ms: result.mean_ttft_ms,
        ttft_p99_ms: result.p99_ttft_ms,
        tpot_mean_ms: result.mean_tpot_ms,
        tpot_p99_ms: result.p99_tpot_ms,
        tokens: result.total_output_tokens,
        tokens_per_s: result.output_throughput,
    })
}
