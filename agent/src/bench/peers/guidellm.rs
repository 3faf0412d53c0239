//! Owns GuideLLM: how it is called, and what its report says.
//! Must not know when it runs or what was true.

use super::compared::Reported;
use super::definition::Definition;
use super::hub;
use super::tool::{Ask, Invocation, Tool};
use serde::Deserialize;

/// The tool.
pub(super) static TOOL: Tool = Tool {
    program: "guidellm",
    title: "GuideLLM",
    install: "pip install 'guidellm[recommended]==0.8.1'",
    setting: "`concurrent` profile, streams started over as long as ours, one worker process, since it has one core: with its default of ten its latencies are further from the truth; token counts from the server's usage",
    invoke,
    read,
    definition: Some(Definition {
        name: "GuideLLM",
        with_connection: false,
        to_stream_end: true,
        by_token: true,
        between_ranks: false,
    }),
};

const PROMPTS: &str = "prompts.jsonl";

fn invoke(ask: &Ask<'_>) -> Invocation {
    let Ask { url, model, streams, requests, tokens, .. } = ask;
    let args = [
        "run".to_owned(),
        format!("--backend=kind=openai_http,target={url},model={model},request_format=/v1/completions"),
        format!("--profile=kind=concurrent,streams={streams},rampup_duration={}", ask.ramp_s()),
        format!("--constraint=kind=max_requests,count={requests}"),
        format!("--tokenizer=kind=huggingface_auto,model={}", hub::TOKENIZER),
        format!("--data=kind=json_file,path={PROMPTS}"),
        format!("--output=kind=json,path={RESULT}"),
        // The texts of requests and answers are of no use here and take seconds to write.
        "--metrics=kind=generative,sample_size=0".to_owned(),
        "--disable-console".to_owned(),
    ];
    let line = |prompt: String| format!("{}\n", serde_json::json!({"prompt": prompt, "output_tokens_count": tokens}));
    Invocation {
        args: args.into(),
        // On one core more of them only take turns.
        env: vec![("GUIDELLM__MAX_WORKER_PROCESSES", "1".to_owned())],
        files: vec![(PROMPTS.to_owned(), ask.prompts().map(line).collect())],
        result: RESULT,
    }
}

const RESULT: &str = "result.json";

#[derive(Deserialize)]
struct Report {
    benchmarks: Vec<Benchmark>,
}

#[derive(Deserialize)]
struct Benchmark {
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    request_totals: Totals,
    request_concurrency: ByStatus,
    time_to_first_token_ms: ByStatus,
    inter_token_latency_ms: ByStatus,
    output_token_count: ByStatus,
    output_tokens_per_second: ByStatus,
}

#[derive(Deserialize)]
struct Totals {
    successful: f64,
    errored: f64,
    incomplete: f64,
}

#[derive(Deserialize)]
struct ByStatus {
    successful: Summary,
    total: Summary,
}

#[derive(Deserialize)]
struct Summary {
    mean: f64,
    max: f64,
    total_sum: f64,
    percentiles: Percentiles,
}

#[derive(Deserialize)]
struct Percentiles {
    p99: f64,
}

fn read(text: &str) -> serde_json::Result<Reported> {
    let report: Report = serde_json::from_str(text)?;
    let Some(Benchmark { metrics }) = report.benchmarks.into_iter().next() else { return Ok(Reported::default()) };
    // It fills what has no samples with zeros.
    let of = |value: f64| (metrics.request_totals.successful > 0.0).then_some(value);
    Ok(Reported {
        completed: Some(metrics.request_totals.successful),
        failed: Some(metrics.request_totals.errored + metrics.request_totals.incomplete),
        in_flight: of(metrics.request_concurrency.total.max),
        ttft_mean_ms: of(metrics.time_to_first_token_ms.successful.mean),
        ttft_p99_ms: of(metrics.time_to_first_token_ms.successful.percentiles.p99),
        tpot_mean_ms: of(metrics.inter_token_latency_ms.successful.mean),
        tpot_p99_ms: of(metrics.inter_token_latency_ms.successful.percentiles.p99),
        tokens: of(metrics.output_token_count.successful.total_sum),
        tokens_per_s: of(metrics.output_tokens_per_second.total.mean),
    })
}
