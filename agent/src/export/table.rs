//! Owns the table of results: a line for each trial that counts and each point, with documented columns.
//! Must not know the form in JSON beyond what it reads of it. What is unknown is an empty cell and never zero.

use super::failure::ExportError;
use super::form::RunForm;
use shared::caveat::Verdict;
use shared::plan::Level;
use shared::summary::{Distribution, Interval, Percentile, Summary};
use std::collections::BTreeMap;

/// One line's sources.
struct Line<'a> {
    run: &'a RunForm,
    point: usize,
    /// Absent for the point itself.
    trial: Option<(u32, u32)>,
    summary: &'a Summary,
    intervals: Option<&'a BTreeMap<String, Interval>>,
}

/// What fills a cell; empty where it is unknown.
type Cell = fn(&Line<'_>) -> Option<String>;

/// A column: its name with its unit, and what it is, as `docs/export.md` has it.
pub struct Column {
    /// Its name; the unit is its end.
    pub name: &'static str,
    /// What it is.
    pub says: &'static str,
    cell: Cell,
}

macro_rules! columns {
    ($($name:literal $says:literal $cell:expr;)*) => {
        /// The columns before those of the latencies, in order.
        pub const COLUMNS: &[Column] = &[$(Column { name: $name, says: $says, cell: $cell }),*];
    };
}

columns! {
    "run" "Run id." |l| text(&l.run.run);
    "name" "Name of the plan." |l| text(&l.run.plan.name);
    "source" "Tool that measured, where another one did." |l| l.run.source.as_ref().map(|source| source.tool.clone());
    "engine" "Kind of engine." |l| text(l.run.plan.engine.kind.label());
    "model" "Model that answered, else the plan's." |l| model(l);
    "configuration" "The engine's configuration, from 0." |l| text(l.run.points[l.point].configuration);
    "variant" "What tells that from the others." |l| some_text(&l.run.points[l.point].variant);
    "point" "Point, from 0." |l| text(l.point);
    "level_kind" "`concurrency`, `burst`, `rate`, `ramp` (to this rate) or `trace` (times faster)." |l| text(kind(level(l)));
    "level" "The level's number: requests in flight, or requests per second." |l| text(level(l).value());
    "scope" "`trial`, or `point` for all its trials together." |l| text(if l.trial.is_some() { "trial" } else { "point" });
    "trial" "Trial in execution order, from 0." |l| l.trial.map(|(trial, _)| trial.to_string());
    "repeat" "Which repeat of the point, from 0." |l| l.trial.map(|(_, repeat)| repeat.to_string());
    "verdict" "What the rules say of the point." |l| text(verdict(l.run.points[l.point].verdict));
    "findings" "What they object to, in a few words each." |l| findings(l);
    "caveats" "What must be said beside these figures." |l| caveats(l);
    "window_start_s" "Start of the window since the run began." |l| text(shared::units::ns_to_s(l.summary.window_start_ns));
    "window_s" "Length of the window; of a point that of all trials." |l| text(l.summary.window_s);
    "attempted" "Requests meant to be sent in the window." |l| text(l.summary.attempted);
    "ok" "Requests that ended well." |l| text(l.summary.ok);
    "outcomes" "Requests by how they ended." |l| outcomes(l.summary);
    "token_source" "How output tokens were counted." |l| word(&l.summary.token_source);
    "prompt_tokens" "Prompt tokens credited to the window." |l| some(l.summary.prompt_tokens);
    "output_tokens" "Output tokens of the window." |l| some(l.summary.output_tokens);
    "failed_output_tokens" "Output tokens of requests that did not end well, apart." |l| some(l.summary.failed_output_tokens);
    "output_throughput_tok_per_s" "Output tokens per second." |l| some(l.summary.output_throughput);
    "output_throughput_half_width_tok_per_s" "Half its 95 % interval over trials." |l| half_width(l, "output_throughput");
    "total_throughput_tok_per_s" "Prompt and output tokens per second." |l| some(l.summary.total_throughput);
    "request_throughput_req_per_s" "Requests that ended well per second." |l| some(l.summary.request_throughput);
    "per_user_throughput_tok_per_s" "Median over requests of 1 / TPOT." |l| some(l.summary.per_user_throughput);
    "per_gpu_throughput_tok_per_s" "Output tokens per second and GPU." |l| some(l.summary.per_gpu_throughput);
    "goodput_met" "Requests that kept every limit of the plan." |l| some(l.summary.goodput.map(|g| g.met));
    "goodput_req_per_s" "The same per second." |l| some(l.summary.goodput.and_then(|g| g.requests_per_s));
    "goodput_tok_per_s" "Their output tokens per second." |l| some(l.summary.goodput.and_then(|g| g.tokens_per_s));
    "offered_rate_req_per_s" "Requests that became due per second; open loop." |l| some(l.summary.offered_rate);
    "sent_rate_req_per_s" "Of these, requests sent in the window per second." |l| some(l.summary.sent_rate);
    "sent_late" "Requests sent more than 1 ms late; open loop." |l| some(l.summary.sent_late);
    "in_flight_mean" "Requests in flight, time-weighted mean." |l| some(l.summary.in_flight_mean);
    "in_flight_peak" "Most requests in flight at once." |l| some(l.summary.in_flight_peak);
    "coalesced_chunks_share" "Share of chunks that came in one read with another." |l| some(l.summary.coalesced_chunks);
    "tokens_per_chunk" "Output tokens per chunk." |l| some(l.summary.tokens_per_chunk);
    "prefix_cache_queries_tok" "Prompt tokens looked up in the engine's prefix cache." |l| some(l.summary.prefix_cache.map(|c| c.queries));
    "prefix_cache_hits_tok" "Prompt tokens found there." |l| some(l.summary.prefix_cache.map(|c| c.hits));
    "kv_peak_share" "KV cache in use at its fullest moment, 0 to 1." |l| some(kv_peak(l).and_then(|p| p.share));
    "kv_peak_tok" "Tokens that this stands for." |l| some(kv_peak(l).and_then(|p| p.tokens));
    "kv_peak_bytes" "Bytes that this stands for." |l| some(kv_peak(l).and_then(|p| p.bytes));
    "preemptions" "Requests that lost their KV memory." |l| some(l.summary.kv.as_ref().and_then(|kv| kv.preemptions));
    "memory_above_idle_bytes" "Device memory above what the idle engine held." |l| some(l.summary.kv.as_ref().and_then(|kv| kv.memory?.bytes()));
    "energy_j" "Energy of the engine's GPUs over the window." |l| some(l.summary.energy.as_ref().map(|e| e.joules));
    "energy_j_per_tok" "The same per output token." |l| some(l.summary.energy.as_ref().and_then(|e| e.joules_per_token));
    "price_usd_per_gpu_h" "Price of a GPU hour." |l| some(l.summary.price.map(|price| price.0));
    "cost_usd_per_mtok_output" "USD per million output tokens." |l| some(l.summary.cost_per_mtok_output.map(|cost| cost.0));
    "cost_usd_per_mtok_total" "USD per million prompt and output tokens." |l| some(l.summary.cost_per_mtok_total.map(|cost| cost.0));
    "client_busy_share" "CPU time of the load generator's thread over wall time." |l| some(l.summary.client_busy);
    "client_late_p99_ms" "The client's own lateness in sending." |l| some(l.summary.client_late_p99_ms);
    "client_lag_p99_ms" "The client's own lateness in reading." |l| some(l.summary.client_lag_p99_ms);
}

/// A latency of a summary.
type Of = fn(&Summary) -> &Distribution;

/// Latencies by their keys in the registry of metrics: each has the columns of [`LATENCY_ENDS`].
pub const LATENCIES: [(&str, Of); 9] = [
    ("ttft", |s| &s.ttft),
    ("ttft_scheduled", |s| &s.ttft_scheduled),
    ("ttfv", |s| &s.ttfv),
    ("tpot", |s| &s.tpot),
    ("itl", |s| &s.itl),
    ("chunk_gap", |s| &s.chunk_gap),
    ("e2e", |s| &s.e2e),
    ("queue_client", |s| &s.queue_client),
    ("connect", |s| &s.connect),
];

/// Ends of the columns of a latency, and what they are.
pub const LATENCY_ENDS: [(&str, &str); 10] = [
    ("n", "Samples that the mean is over."),
    ("absent", "Requests that have no such value."),
    ("mean_ms", "Mean over samples that ended well."),
    ("mean_half_width_ms", "Half its 95 % interval over trials."),
    ("min_ms", "Least sample."),
    ("max_ms", "Greatest sample."),
    ("p50_ms", "Median; empty where it is not exactly known."),
    ("p90_ms", "90th percentile, likewise."),
    ("p95_ms", "95th percentile, likewise."),
    ("p99_ms", "99th percentile, likewise."),
];
/// The column of a latency whose percentiles are not exactly known.
const BOUNDS: &str = "bounds";

/// The table of some runs.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn table(runs: &[RunForm]) -> Result<Vec<u8>, ExportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| ExportError::Encode(error.to_string());
    writer.write_record(names()).map_err(failed)?;
    for run in runs {
        for line in lines(run) {
            writer.write_record(cells(&line)).map_err(failed)?;
        }
    }
    writer.into_inner().map_err(|error| ExportError::Encode(error.to_string()))
}

/// True for the names of such a table.
#[must_use]
pub fn is_header(header: &[String]) -> bool {
    let all: Vec<String> = names().collect();
    header.first().is_some_and(|first| *first == all[0]) && header.iter().filter(|name| all.contains(name)).count() > 40
}

fn names() -> impl Iterator<Item = String> {
    let of_latency = |(key, _): (&'static str, Of)| {
        let ends = LATENCY_ENDS.into_iter().map(|(end, _)| end).chain([BOUNDS]);
        ends.map(move |end| format!("{key}_{end}"))
    };
    COLUMNS.iter().map(|column| column.name.to_owned()).chain(LATENCIES.into_iter().flat_map(of_latency))
}

fn cells<'a>(line: &'a Line<'_>) -> impl Iterator<Item = String> + 'a {
    let of_latency = |(key, of): (&'static str, Of)| latency(line, key, of(line.summary));
    let own = COLUMNS.iter().map(|column| (column.cell)(line));
    own.chain(LATENCIES.into_iter().flat_map(of_latency)).map(Option::unwrap_or_default)
}

/// Each point's trials, then the point.
fn lines(run: &RunForm) -> impl Iterator<Item = Line<'_>> {
    run.points.iter().enumerate().flat_map(move |(point, of)| {
        let trials = run.trials.iter().enumerate().filter(move |(_, trial)| trial.point as usize == point);
        let trial = move |(place, trial): (usize, &'_ super::form::TrialForm)| {
            let index = trial.trial.unwrap_or(place as u32);
            (index, trial.repeat)
        };
        let trials = trials.map(move |(place, of)| Line {
            run,
            point,
            trial: Some(trial((place, of))),
            summary: &of.summary,
            intervals: None,
        });
        let whole = of.summary.as_ref().map(|summary| Line {
            run,
            point,
            trial: None,
            summary,
            intervals: Some(&of.intervals),
        });
        trials.chain(whole)
    })
}

fn latency(line: &Line<'_>, key: &str, d: &Distribution) -> Vec<Option<String>> {
    let percentiles = [("p50", d.p50), ("p90", d.p90), ("p95", d.p95), ("p99", d.p99)];
    let mut cells = vec![
        some(d.n),
        some(d.absent),
        some(d.mean_ms),
        half_width(line, &format!("{key}.mean")),
        some(d.min_ms),
        some(d.max_ms),
    ];
    cells.extend(percentiles.map(|(_, percentile)| some(percentile.ms())));
    let bounds: Vec<String> = percentiles.into_iter().filter_map(|(name, p)| bound(name, p)).collect();
    cells.push(some_text(&bounds.join("; ")));
    cells
}

/// What is known of a percentile that is not exactly known.
fn bound(name: &str, percentile: Percentile) -> Option<String> {
    match percentile {
        Percentile::Ms(_) | Percentile::Unknown => None,
        Percentile::AtLeastMs(ms) => Some(format!("{name} >= {ms}")),
        Percentile::Needs(n) => Some(format!("{name} needs n >= {n}")),
    }
}

fn text(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn some(value: Option<impl ToString>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// The word that a value has in JSON.
fn word(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

fn verdict(verdict: Verdict) -> String {
    verdict.label().to_owned()
}

fn level(line: &Line<'_>) -> Level {
    line.run.points[line.point].level
}

/// The level's word in a plan.
pub(super) fn kind(level: Level) -> &'static str {
    match level {
        Level::Concurrency(_) => "concurrency",
        Level::Burst(_) => "burst",
        Level::Rate(_) => "rate",
        Level::Ramp { .. } => "ramp",
        Level::Trace { .. } => "trace",
    }
}

fn model(line: &Line<'_>) -> Option<String> {
    let engines = line.run.points[line.point].engines.iter().filter_map(|place| line.run.engines.get(*place as usize));
    let answered = engines.map(|engine| engine.model.clone()).next();
    answered.or_else(|| line.run.plan.engine.model.clone())
}

fn findings(line: &Line<'_>) -> Option<String> {
    let labels: Vec<&str> = line.run.points[line.point].findings.iter().map(|said| said.label.as_str()).collect();
    some_text(&labels.join("; "))
}

fn caveats(line: &Line<'_>) -> Option<String> {
    let all = line.run.caveats.iter().chain(&line.summary.caveats);
    let mut words: Vec<String> = Vec::new();
    all.filter_map(word).for_each(|word| {
        if !words.contains(&word) {
            words.push(word);
        }
    });
    some_text(&words.join("; "))
}

fn outcomes(summary: &Summary) -> Option<String> {
    let counts: Vec<String> =
        summary.outcomes.iter().filter_map(|(outcome, n)| Some(format!("{} {n}", word(outcome)?))).collect();
    some_text(&counts.join("; "))
}

fn half_width(line: &Line<'_>, key: &str) -> Option<String> {
    some(line.intervals?.get(key).map(|interval| interval.half_width))
}

fn kv_peak<'a>(line: &Line<'a>) -> Option<&'a shared::telemetry::KvPeak> {
    line.summary.kv.as_ref()?.peak.as_ref()
}
