//! Owns Hugging Face's inference-benchmarker: how it is called, and what its results say.
//! Must not know when it runs or what was true.

use super::compared::Reported;
use super::hub;
use super::tool::{Ask, Invocation, Tool};
use serde::Deserialize;

/// The tool.
pub(super) static TOOL: Tool = Tool {
    program: "inference-benchmarker",
    title: "inference-benchmarker",
    install: "cargo install --git https://github.com/huggingface/inference-benchmarker --tag v1.1.0",
    setting: "`throughput` for a time, since it takes no number of requests, by chat, all streams started at once; it always tokenises the text again, and leaves out what ends after its time",
    invoke,
    read,
    definition: None,
};

/// Repository and file of its prompts.
const PROMPTS: (&str, &str) = ("tokenprism/prompts", "prompts.json");

fn invoke(ask: &Ask<'_>) -> Invocation {
    let (streams, tokens) = (ask.streams.to_string(), ask.tokens);
    let decode = format!("num_tokens={tokens},min_tokens={tokens},max_tokens={tokens},variance=0");
    let duration = format!("{}s", whole_seconds(ask));
    let args = [
        &["--tokenizer-name", hub::TOKENIZER, "--model-name", ask.model, "--url", ask.url, "--no-console"][..],
        &["--benchmark-kind", "throughput", "--max-vus", &streams, "--duration", &duration, "--warmup", "1s"],
        &["--decode-options", &decode, "--dataset", PROMPTS.0, "--dataset-file", PROMPTS.1],
    ];
    let conversation = |(id, prompt): (usize, String)| serde_json::json!({"id": id.to_string(), "conversations": [{"role": "user", "content": prompt}]});
    let conversations: Vec<_> = ask.prompts().enumerate().map(conversation).collect();
    Invocation {
        args: args.concat().into_iter().map(str::to_owned).collect(),
        env: Vec::new(),
        files: hub::dataset(PROMPTS.0, PROMPTS.1, &serde_json::Value::from(conversations).to_string()),
        result: "results",
    }
}

/// A time in which each stream begins as many requests as the others are asked for, were every answer on time: until
/// the middle of the last one.
fn whole_seconds(ask: &Ask<'_>) -> u64 {
    let rounds = f64::from(ask.requests) / f64::from(ask.streams);
    ((rounds - 0.5) * ask.request_s).round().max(1.0) as u64
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Step>,
}

/// One of its steps: a warm-up, then what was asked for.
#[derive(Deserialize)]
struct Step {
    id: String,
    successful_requests: f64,
    failed_requests: f64,
    time_to_first_token_ms: Latency,
    inter_token_latency_ms: Latency,
    total_tokens: f64,
    token_throughput_secs: f64,
}

#[derive(Deserialize)]
struct Latency {
    avg: f64,
    p99: f64,
}

fn read(text: &str) -> serde_json::Result<Reported> {
    let results: Results = serde_json::from_str(text)?;
    let Some(step) = results.results.into_iter().find(|step| step.id == "throughput") else {
        return Ok(Reported::default());
    };
    Ok(Reported {
        completed: Some(step.successful_requests),
        failed: Some(step.failed_requests),
        in_flight: None,
        ttft_mean_ms: Some(step.time_to_first_token_ms.avg),
        ttft_p99_ms: Some(step.time_to_first_token_ms.p99),
        tpot_mean_ms: Some(step.inter_token_latency_ms.avg),
        tpot_p99_ms: Some(step.inter_token_latency_ms.p99),
        tokens: Some(step.total_tokens),
        tokens_per_s: Some(step.token_throughput_secs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_time_ends_within_the_last_round() {
        let check = |streams: u32, requests: u32, request_s: f64, expect: u64| {
            let ask = Ask { url: "", model: "", mark: "", streams, requests, tokens: 1, request_s };
            assert_eq!(whole_seconds(&ask), expect, "{requests} of {request_s} s by {streams}");
        };
        check(256, 1024, 1.31, 5);
        check(8, 8, 0.1, 1);
        check(8, 80, 10.0, 95);
    }
}
