//! Owns AIPerf's `profile_export_aiperf.json`, of its first versions and of those that tell their phases.
//! Must not know any other format.

use super::json;
use super::tool::AIPERF;
use super::trial::{Kin, Said, Trial, count, figure, told};
use super::when::When;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::caveat::Caveat;
use shared::engine::EngineKind;
use shared::plan::{Arrival, Level};
use shared::summary::{Distribution, Summary};

/// Longest configuration that is read, bytes.
const MAX_CONFIG_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
struct Export<'a> {
    aiperf_version: Option<String>,
    start_time: Option<String>,
    was_cancelled: Option<bool>,
    incomplete_reason: Option<String>,
    #[serde(borrow)]
    input_config: &'a RawValue,
    run_info: Option<RunInfo>,
    benchmark_duration: Option<Metric>,
    request_count: Option<Metric>,
    error_request_count: Option<Metric>,
    completed_request_count: Option<Metric>,
    request_throughput: Option<Metric>,
    request_latency: Option<Metric>,
    time_to_first_token: Option<Metric>,
    time_to_first_output_token: Option<Metric>,
    inter_token_latency: Option<Metric>,
    inter_chunk_latency: Option<Metric>,
    output_token_throughput: Option<Metric>,
    total_token_throughput: Option<Metric>,
    input_sequence_length: Option<Metric>,
    output_sequence_length: Option<Metric>,
    total_isl: Option<Metric>,
    total_osl: Option<Metric>,
    effective_concurrency: Option<Metric>,
}

#[derive(Deserialize)]
struct RunInfo {
    trial: Option<u32>,
}

/// A metric; one that is a single number has it as its average.
#[derive(Deserialize)]
struct Metric {
    unit: Option<String>,
    avg: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    p50: Option<f64>,
    p90: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    count: Option<u64>,
}

/// Whether these names are those of an export.
pub(super) fn is_named<'a>(mut has: impl FnMut(&'a str) -> bool) -> bool {
    has("input_config") && has("request_throughput") && has("request_latency")
}

/// The trial of an export.
///
/// # Errors
/// A sentence where it is broken or does not say how hard it asked.
pub(super) fn trial(text: &str, folder: &str) -> Result<Trial, String> {
    let export: Export = json::parse(text)?;
    if export.was_cancelled == Some(true) || export.incomplete_reason.is_some() {
        return Err("It was cut short by whoever ran it, so its figures are of an unknown part.".to_owned());
    }
    if export.input_config.get().len() > MAX_CONFIG_BYTES {
        return Err(format!("Its \"input_config\" is longer than {MAX_CONFIG_BYTES} bytes."));
    }
    let config: Value = json::parse(export.input_config.get())?;
    let config = Config(&config);
    let summary = export.summary()?;
    let (arrival, level) = config.level().ok_or("It does not say how hard it asked.")?;
    let mut kin = Kin::of(&AIPERF, config.engine());
    kin.folder = folder.to_owned();
    kin.version.clone_from(&export.aiperf_version);
    kin.engine_word = config.text(&["/endpoint/type"]);
    kin.model = config.text(&["/models/items/0/name", "/endpoint/model_names/0"]);
    kin.input_tokens = config.fixed("/isl", "/input/prompt/input_tokens");
    kin.output_tokens = config.fixed("/osl", "/input/prompt/output_tokens");
    kin.arrival = arrival;
    kin.max_in_flight = config.int(&["/loadgen/concurrency"]).filter(|_| arrival.is_open());
    let one = |of: &Option<Metric>| of.as_ref().is_some_and(|of| of.min.is_some() && of.min == of.max);
    Ok(Trial {
        repeat: export.run_info.as_ref().and_then(|run| run.trial),
        requests: config.int(&["/loadgen/request_count"]),
        begun: export.start_time.as_deref().map(When::of_text).unwrap_or_default(),
        alike: one(&export.input_sequence_length) && one(&export.output_sequence_length),
        ..Trial::of(kin, Some(level), summary)
    })
}

/// Milliseconds in a unit of time; nothing where it is another unit.
fn ms(unit: Option<&str>) -> Option<f64> {
    match unit? {
        "ms" | "milliseconds" => Some(1.0),
        "s" | "sec" | "seconds" => Some(1000.0),
        "us" | "microseconds" => Some(1e-3),
        "ns" | "nanoseconds" => Some(1e-6),
        _ => None,
    }
}

fn latency(of: &Option<Metric>) -> Distribution {
    let with_unit = of.as_ref().and_then(|of| Some((of, ms(of.unit.as_deref())?)));
    let Some((of, unit_ms)) = with_unit else { return Distribution::default() };
    let Metric { avg, min, max, p50, p90, p95, p99, .. } = *of;
    Said { n: of.count, mean: avg, min, max, p50, p90, p95, p99 }.times(unit_ms)
}

impl Export<'_> {
    fn summary(&self) -> Result<Summary, String> {
        let one = |of: &Option<Metric>| figure(of.as_ref()?.avg);
        let ok = count(one(&self.request_count)).ok_or("It does not say how many requests ended well.")?;
        // By its own word, "completed" counts errors too.
        let failed = count(one(&self.error_request_count))
            .or(count(one(&self.completed_request_count)).map(|all| all.saturating_sub(ok)));
        let duration = self.benchmark_duration.as_ref().and_then(|of| Some(of.avg? * ms(of.unit.as_deref())? / 1e3));
        let in_flight = self.effective_concurrency.as_ref();
        Ok(Summary {
            attempted: ok.saturating_add(failed.unwrap_or(0)),
            ok,
            not_connected: failed.filter(|failed| *failed == 0),
            window_s: figure(duration).ok_or("It does not say how long it took.")?,
            ttft: latency(&self.time_to_first_token),
            ttfv: latency(&self.time_to_first_output_token),
            tpot: latency(&self.inter_token_latency),
            chunk_gap: latency(&self.inter_chunk_latency),
            e2e: latency(&self.request_latency),
            prompt_tokens: count(one(&self.total_isl)),
            output_tokens: count(one(&self.total_osl)),
            output_throughput: one(&self.output_token_throughput),
            total_throughput: one(&self.total_token_throughput),
            request_throughput: one(&self.request_throughput),
            in_flight_mean: figure(in_flight.and_then(|of| of.avg)),
            in_flight_peak: count(in_flight.and_then(|of| of.max)).and_then(|most| u32::try_from(most).ok()),
            caveats: vec![Caveat::PriceUnknown, Caveat::WholeTime],
            ..told()
        })
    }
}

struct Config<'a>(&'a Value);

impl Config<'_> {
    fn int(&self, paths: &[&str]) -> Option<u32> {
        let value = paths.iter().find_map(|path| self.0.pointer(path)?.as_u64());
        value.and_then(|n| u32::try_from(n).ok()).or_else(|| self.phase(|phase| int_of(phase, paths)))
    }

    fn text(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| self.0.pointer(path)?.as_str()).map(|text| text.chars().take(200).collect())
    }

    /// What the phase says that is measured.
    fn phase<T>(&self, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let phases = self.0.pointer("/phases")?.as_array()?;
        phases.iter().filter(|phase| phase.pointer("/kind").and_then(Value::as_str) == Some("profiling")).find_map(read)
    }

    fn level(&self) -> Option<(Arrival, Level)> {
        let rate_of = |value: &Value| value.as_f64().filter(|rate| rate.is_finite() && *rate > 0.0);
        let old_rate = self.0.pointer("/loadgen/request_rate").and_then(rate_of);
        if let Some(rate) = old_rate.or_else(|| self.phase(|phase| phase.pointer("/rate").and_then(rate_of))) {
            let mode = self.text(&["/loadgen/request_rate_mode"]);
            let kind = mode.or_else(|| self.phase(|phase| phase.pointer("/type")?.as_str().map(str::to_owned)));
            let arrival = if kind.as_deref() == Some("constant") { Arrival::Constant } else { Arrival::Poisson };
            return Some((arrival, Level::Rate(rate)));
        }
        let concurrency = self.int(&["/loadgen/concurrency"])?;
        Some((Arrival::Closed, Level::Concurrency(concurrency)))
    }

    fn engine(&self) -> EngineKind {
        match self.text(&["/endpoint/type"]).as_deref() {
            Some("chat") => EngineKind::OpenaiChat,
            Some("huggingface_generate") => EngineKind::Tgi,
            _ => EngineKind::OpenaiCompletions,
        }
    }

    /// A length that is the same for every request.
    fn fixed(&self, name: &str, old: &str) -> Option<u32> {
        let new = self.0.pointer(&format!("/datasets/0/prompts{name}"));
        let length = new.or_else(|| self.0.pointer(old))?;
        let stddev = ["/stddev", "/stdev"].iter().find_map(|path| length.pointer(path)?.as_f64()).unwrap_or(0.0);
        let mean = length.as_f64().or_else(|| length.pointer("/mean")?.as_f64())?;
        let is_fixed = stddev == 0.0 && mean.fract() == 0.0 && (1.0..=1e6).contains(&mean);
        is_fixed.then_some(mean as u32)
    }
}

/// A number of a phase, by the last part of its name in the older form, or by what the newer one calls it.
fn int_of(phase: &Value, paths: &[&str]) -> Option<u32> {
    let newer = |path: &str| match path.rsplit('/').next() {
        Some("request_count") => "requests".to_owned(),
        Some(last) => last.to_owned(),
        None => String::new(),
    };
    paths.iter().find_map(|path| u32::try_from(phase.get(newer(path))?.as_u64()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn levels_of_old_and_new_exports() {
        let check = |config: Value, expect: Option<(Arrival, Level)>| {
            assert_eq!(Config(&config).level(), expect, "{config}");
        };
        let phase = |more: Value| json!({"phases": [{"kind": "warmup", "concurrency": 9}, more]});
        let closed = Some((Arrival::Closed, Level::Concurrency(4)));
        check(json!({"loadgen": {"concurrency": 4, "request_rate": null}}), closed);
        check(phase(json!({"kind": "profiling", "type": "concurrency", "concurrency": 4})), closed);
        check(
            json!({"loadgen": {"request_rate": 2.5, "request_rate_mode": "poisson"}}),
            Some((Arrival::Poisson, Level::Rate(2.5))),
        );
        check(
            phase(json!({"kind": "profiling", "type": "constant", "rate": 20.0})),
            Some((Arrival::Constant, Level::Rate(20.0))),
        );
        check(json!({}), None);
    }

    #[test]
    fn units_are_read_and_others_refused() {
        let metric = |unit: &str| json!({"unit": unit, "avg": 2.0, "count": 3});
        let check = |unit: &str, mean_ms| {
            let metric: Metric = serde_json::from_value(metric(unit)).unwrap();
            assert_eq!(latency(&Some(metric)).mean_ms, mean_ms, "{unit}");
        };
        check("ms", Some(2.0));
        check("sec", Some(2000.0));
        check("tokens", None);
    }
}
