//! Owns AIPerf: how it is called, and what its export says.
//! Must not know when it runs or what was true.

use super::compared::Reported;
use super::definition::Definition;
use super::hub;
use super::tool::{Ask, Invocation, Tool};
use serde::Deserialize;

/// The tool.
pub(super) static TOOL: Tool = Tool {
    program: "aiperf",
    title: "AIPerf",
    install: "pip install aiperf==0.13.0",
    setting: "`--use-server-token-count`, without which it tokenises the text again; streams started over as long as ours; one worker and one record processor, since it has one core",
    invoke,
    read,
    definition: Some(Definition {
        name: "AIPerf",
        with_connection: true,
        to_stream_end: false,
        by_token: false,
        between_ranks: true,
    }),
};

const PROMPTS: &str = "prompts.jsonl";

fn invoke(ask: &Ask<'_>) -> Invocation {
    let (streams, requests) = (ask.streams.to_string(), ask.requests.to_string());
    let (tokens, ramp_s) = (format!("max_tokens:{}", ask.tokens), ask.ramp_s().to_string());
    let args = [
        &["profile", "--model", ask.model, "--tokenizer", hub::TOKENIZER, "--url", ask.url][..],
        &["--endpoint-type", "completions", "--streaming", "--use-server-token-count", "--use-legacy-max-tokens"],
        &["--concurrency", &streams, "--concurrency-ramp-duration", &ramp_s, "--request-count", &requests],
        &["--input-file", PROMPTS, "--custom-dataset-type", "single_turn"],
        &["--extra-inputs", &tokens, "ignore_eos:true"],
        &["--artifact-dir", FOLDER, "--export-level", "summary", "--ui", "none"],
        // On one core more of them only take turns.
        &["--workers-max", "1", "--record-processors", "1"],
        // Neither a GPU nor a server's metrics are here to be watched.
        &["--no-gpu-telemetry", "--no-server-metrics"],
    ];
    let line = |prompt: String| format!("{}\n", serde_json::json!({ "text": prompt }));
    Invocation {
        args: args.concat().into_iter().map(str::to_owned).collect(),
        env: Vec::new(),
        files: vec![(PROMPTS.to_owned(), ask.prompts().map(line).collect())],
        result: RESULT,
    }
}

const FOLDER: &str = "artifacts";
const RESULT: &str = "artifacts/profile_export_aiperf.json";

#[derive(Deserialize)]
struct Export {
    request_count: Option<Metric>,
    completed_request_count: Option<Metric>,
    effective_concurrency: Option<Metric>,
    time_to_first_token: Option<Metric>,
    inter_token_latency: Option<Metric>,
    total_osl: Option<Metric>,
    output_token_throughput: Option<Metric>,
}

/// A metric; one that is a single number has it as its average.
#[derive(Deserialize)]
struct Metric {
    avg: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

fn read(text: &str) -> serde_json::Result<Reported> {
    let export: Export = serde_json::from_str(text)?;
    let one = |metric: Option<Metric>| metric.and_then(|metric| metric.avg);
    let both = |metric: Option<Metric>| metric.map_or((None, None), |metric| (metric.avg, metric.p99));
    let completed = one(export.request_count);
    let (ttft_mean_ms, ttft_p99_ms) = both(export.time_to_first_token);
    let (tpot_mean_ms, tpot_p99_ms) = both(export.inter_token_latency);
    Ok(Reported {
        completed,
        // By its own word, "completed" counts errors too.
        failed: Option::zip(one(export.completed_request_count), completed).map(|(all, good)| all - good),
        in_flight: export.effective_concurrency.and_then(|metric| metric.max),
        ttft_mean_ms,
        ttft_p99_ms,
        tpot_mean_ms,
        tpot_p99_ms,
        tokens: one(export.total_osl),
        tokens_per_s: one(export.output_token_throughput),
    })
}
