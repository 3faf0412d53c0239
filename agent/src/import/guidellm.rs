//! Owns GuideLLM's report, of 0.3 and before, of 0.4 to 0.6, and of 0.7 on: a trial for each of its benchmarks.
//! Must not know any other format. Prompts, answers and keys that a report holds are passed over.

use super::format::MAX_TRIALS;
use super::json::{self, Bounded};
use super::tool::GUIDELLM;
use super::trial::{Kin, Said, Trial, count, figure, told};
use super::when::When;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::caveat::Caveat;
use shared::engine::EngineKind;
use shared::outcome::Outcome;
use shared::plan::{Arrival, Level};
use shared::summary::{Distribution, Summary};

/// Longest description of synthetic data, bytes: what is longer is data.
const MAX_SPEC_BYTES: usize = 4096;

#[derive(Deserialize)]
struct Report<'a> {
    metadata: Option<Metadata>,
    #[serde(borrow)]
    args: Option<Args<'a>>,
    #[serde(borrow)]
    config: Option<ReportConfig<'a>>,
    benchmarks: Bounded<Benchmark, MAX_TRIALS>,
}

#[derive(Deserialize)]
struct ReportConfig<'a> {
    #[serde(borrow)]
    spec: Option<Args<'a>>,
}

#[derive(Deserialize)]
struct Metadata {
    guidellm_version: Option<String>,
}

#[derive(Deserialize)]
struct Args<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Benchmark {
    #[serde(alias = "args")]
    config: Config,
    worker: Option<Worker>,
    start_time: f64,
    end_time: f64,
    #[serde(rename = "request_totals")]
    totals: Option<Totals>,
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Config {
    strategy: Strategy,
    backend: Option<Backend>,
}

#[derive(Deserialize)]
struct Strategy {
    type_: String,
    streams: Option<u32>,
    rate: Option<f64>,
    max_concurrency: Option<u32>,
}

/// Its other fields may hold a key.
#[derive(Deserialize)]
struct Backend {
    model: Option<String>,
    request_format: Option<String>,
}

#[derive(Deserialize)]
struct Worker {
    backend_model: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
struct Totals {
    successful: u64,
    errored: u64,
    incomplete: u64,
}

#[derive(Deserialize)]
struct Metrics {
    request_totals: Option<Totals>,
    requests_per_second: Option<ByStatus>,
    request_concurrency: Option<ByStatus>,
    request_latency: Option<ByStatus>,
    prompt_token_count: Option<ByStatus>,
    output_token_count: Option<ByStatus>,
    time_to_first_token_ms: Option<ByStatus>,
    time_to_first_output_token_ms: Option<ByStatus>,
    inter_token_latency_ms: Option<ByStatus>,
    output_tokens_per_second: Option<ByStatus>,
    tokens_per_second: Option<ByStatus>,
}

#[derive(Deserialize)]
struct ByStatus {
    successful: Option<Figures>,
    total: Option<Figures>,
}

#[derive(Clone, Deserialize)]
struct Figures {
    mean: Option<f64>,
    median: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    count: Option<u64>,
    total_sum: Option<f64>,
    #[serde(default)]
    percentiles: Percentiles,
}

#[derive(Clone, Default, Deserialize)]
struct Percentiles {
    p50: Option<f64>,
    p90: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

/// Whether these names are those of a report.
pub(super) fn is_named<'a>(mut has: impl FnMut(&'a str) -> bool) -> bool {
    has("benchmarks") && (has("metadata") || has("args") || has("config"))
}

/// The trials of a report.
///
/// # Errors
/// A sentence where it is broken, or holds what was never measured.
pub(super) fn trials(text: &str, folder: &str) -> Result<Vec<Trial>, String> {
    let report: Report = json::parse(text)?;
    let version = report.metadata.and_then(|metadata| metadata.guidellm_version);
    let args = report.args.or(report.config.and_then(|config| config.spec));
    let data = args.and_then(|args| args.data).filter(|data| data.get().len() <= MAX_SPEC_BYTES);
    let lengths = data.map(|data| json::parse(data.get()).map(|data| lengths(&data))).transpose()?.unwrap_or_default();
    let trial = |benchmark: &Benchmark| {
        let mut trial = trial(benchmark)?;
        trial.kin.folder = folder.to_owned();
        trial.kin.version.clone_from(&version);
        (trial.kin.input_tokens, trial.kin.output_tokens) = lengths;
        Ok(trial)
    };
    report.benchmarks.0.iter().map(trial).collect()
}

fn trial(benchmark: &Benchmark) -> Result<Trial, String> {
    let Benchmark { config, metrics, .. } = benchmark;
    let totals = metrics.request_totals.or(benchmark.totals).ok_or("It does not say how many requests there were.")?;
    let (arrival, level) = level(&config.strategy, totals)?;
    let backend = config.backend.as_ref();
    let asked = backend.and_then(|backend| backend.request_format.as_deref());
    let mut kin = Kin::of(&GUIDELLM, asked.map_or(EngineKind::OpenaiCompletions, engine));
    let worker = benchmark.worker.as_ref().and_then(|worker| worker.backend_model.clone());
    kin.model = backend.and_then(|backend| backend.model.clone()).or(worker);
    kin.engine_word = asked.map(str::to_owned);
    kin.arrival = arrival;
    kin.max_in_flight = config.strategy.max_concurrency.filter(|_| arrival.is_open());
    let summary = summary(metrics, totals, benchmark.end_time - benchmark.start_time)?;
    let one = |tokens: &Option<ByStatus>| {
        let figures = good(tokens);
        figures.is_some_and(|of| of.min.is_some() && of.min == of.max)
    };
    Ok(Trial {
        begun: When::of_unix_s(benchmark.start_time),
        alike: one(&metrics.prompt_token_count) && one(&metrics.output_token_count),
        ..Trial::of(kin, Some(level), summary)
    })
}

/// A rate of 0 tokens or a throughput without a bound has no level of its own: all requests are sent at once.
fn level(strategy: &Strategy, totals: Totals) -> Result<(Arrival, Level), String> {
    let rate = || strategy.rate.filter(|rate| rate.is_finite() && *rate > 0.0).map(Level::Rate);
    let known = match strategy.type_.as_str() {
        "synchronous" => Some((Arrival::Closed, Level::Concurrency(1))),
        "concurrent" => strategy.streams.map(|n| (Arrival::Closed, Level::Concurrency(n))),
        "constant" => rate().map(|rate| (Arrival::Constant, rate)),
        "poisson" => rate().map(|rate| (Arrival::Poisson, rate)),
        "throughput" => {
            let all = totals.successful.saturating_add(totals.errored).saturating_add(totals.incomplete);
            u32::try_from(all).ok().map(|all| (Arrival::Burst, Level::Burst(all)))
        }
        _ => None,
    };
    let word: String = strategy.type_.chars().take(40).collect();
    known.ok_or_else(|| format!("Its strategy \"{word}\" has no level that is known here."))
}

fn engine(format: &str) -> EngineKind {
    if format.contains("chat") { EngineKind::OpenaiChat } else { EngineKind::OpenaiCompletions }
}

/// Figures of the requests that ended well; those without a sample are filled with zeros and say nothing.
fn good(of: &Option<ByStatus>) -> Option<&Figures> {
    of.as_ref()?.successful.as_ref().filter(|figures| figures.count != Some(0))
}

fn latency(of: &Option<ByStatus>, unit_ms: f64) -> Distribution {
    let Some(of) = good(of) else { return Distribution::default() };
    let said = Said {
        n: of.count,
        mean: of.mean,
        min: of.min,
        max: of.max,
        p50: of.percentiles.p50.or(of.median),
        p90: of.percentiles.p90,
        p95: of.percentiles.p95,
        p99: of.percentiles.p99,
    };
    said.times(unit_ms)
}

fn summary(metrics: &Metrics, totals: Totals, window_s: f64) -> Result<Summary, String> {
    let Totals { successful: ok, errored, incomplete } = totals;
    let mean = |of: &Option<ByStatus>| figure(good(of)?.mean);
    let sum = |of: &Option<ByStatus>| count(good(of)?.total_sum.map(f64::round));
    let in_flight =
        metrics.request_concurrency.as_ref().and_then(|of| of.total.as_ref()).filter(|of| of.count != Some(0));
    let peak = count(in_flight.and_then(|of| of.max)).and_then(|most| u32::try_from(most).ok());
    Ok(Summary {
        // What was in flight when its time was over was cut off on purpose.
        attempted: ok.checked_add(errored).ok_or("Its requests are too many.")?,
        ok,
        outcomes: [(Outcome::Cancelled, incomplete)].into_iter().filter(|(_, n)| *n > 0).collect(),
        not_connected: (errored == 0).then_some(0),
        window_s: figure(Some(window_s)).ok_or("It ended before it began.")?,
        ttft: latency(&metrics.time_to_first_token_ms, 1.0),
        ttfv: latency(&metrics.time_to_first_output_token_ms, 1.0),
        tpot: latency(&metrics.inter_token_latency_ms, 1.0),
        e2e: latency(&metrics.request_latency, 1000.0),
        prompt_tokens: sum(&metrics.prompt_token_count),
        output_tokens: sum(&metrics.output_token_count),
        output_throughput: mean(&metrics.output_tokens_per_second),
        total_throughput: mean(&metrics.tokens_per_second),
        request_throughput: mean(&metrics.requests_per_second),
        in_flight_mean: figure(in_flight.and_then(|of| of.mean)),
        in_flight_peak: peak,
        caveats: vec![Caveat::PriceUnknown],
        ..told()
    })
}

/// The prompt's and the output's length of synthetic data, where both are fixed: `prompt_tokens=512,output_tokens=256`,
/// or the same as an object.
fn lengths(data: &Value) -> (Option<u32>, Option<u32>) {
    let spec = match data {
        Value::Array(list) if list.len() == 1 => &list[0],
        other => other,
    };
    let parsed;
    let object = match spec {
        Value::Object(object) => object,
        Value::String(text) => {
            let pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
            parsed = serde_json::from_str(text).unwrap_or_else(|_| {
                pairs.map(|(name, n)| (name.to_owned(), n.parse::<u32>().map_or(Value::Null, Value::from))).collect()
            });
            &parsed
        }
        _ => return (None, None),
    };
    let fixed = |name: &str| {
        let spread = object.keys().any(|key| key.starts_with(name) && key != name);
        object.get(name)?.as_u64().filter(|_| !spread).and_then(|n| u32::try_from(n).ok())
    };
    (fixed("prompt_tokens"), fixed("output_tokens"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lengths_are_told_where_they_are_fixed() {
        let check = |data: Value, expect| assert_eq!(lengths(&data), expect, "{data}");
        check(json!(["prompt_tokens=512,output_tokens=256"]), (Some(512), Some(256)));
        check(json!("prompt_tokens=512,output_tokens=256,prompt_tokens_stdev=9"), (None, Some(256)));
        check(json!("{\"prompt_tokens\": 7, \"output_tokens\": 8}"), (Some(7), Some(8)));
        check(json!([{"kind": "json_file", "path": "p.jsonl"}]), (None, None));
        check(json!(null), (None, None));
    }

    #[test]
    fn strategies() {
        let totals = Totals { successful: 5, errored: 1, incomplete: 2 };
        let check = |strategy: Value, expect: Option<(Arrival, Level)>| {
            let strategy: Strategy = serde_json::from_value(strategy).unwrap();
            assert_eq!(level(&strategy, totals).ok(), expect);
        };
        check(json!({"type_": "synchronous"}), Some((Arrival::Closed, Level::Concurrency(1))));
        check(json!({"type_": "concurrent", "streams": 32}), Some((Arrival::Closed, Level::Concurrency(32))));
        check(json!({"type_": "constant", "rate": 2.5}), Some((Arrival::Constant, Level::Rate(2.5))));
        check(json!({"type_": "throughput", "max_concurrency": null}), Some((Arrival::Burst, Level::Burst(8))));
        check(json!({"type_": "poisson", "rate": 0.0}), None);
        check(json!({"type_": "trace"}), None);
    }
}
