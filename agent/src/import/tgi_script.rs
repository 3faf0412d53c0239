//! Owns the CSV of the published study's TGI script: a line for each request of batches that are sent at once.
//! Must not know any other format.

use super::cell::{Cell, Row};
use super::tool::TGI_SCRIPT;
use super::trial::{Kin, Latencies, Trial, figure, told};
use shared::caveat::Caveat;
use shared::engine::EngineKind;
use shared::outcome::Outcome;
use shared::plan::{Arrival, Level};
use shared::summary::Summary;
use shared::units::{NS_PER_MS, finite};
use std::collections::BTreeMap;

/// Its columns. What it says a token costs is the price of a request's own time, whatever ran beside it: it is not taken.
const COLUMNS: [&str; 11] = [
    "scenario",
    "concurrency",
    "prompt_idx",
    "run",
    "request_idx_in_batch",
    "ttft_ms",
    "latency_ms",
    "tokens",
    "per_request_throughput_tok_per_sec",
    "aggregate_throughput_tok_per_sec",
    "cost_per_token_usd",
];

/// Whether a first line is its.
pub(super) fn is_named(names: &[String]) -> bool {
    names == COLUMNS
}

/// A trial a batch.
///
/// # Errors
/// A sentence that names the line that cannot be read.
pub(super) fn trials(rows: impl Iterator<Item = Result<Row, String>>, folder: &str) -> Result<Vec<Trial>, String> {
    let mut batches: BTreeMap<Batch, Vec<Request>> = BTreeMap::new();
    // The first line has the names.
    for (line, row) in (2..).zip(rows) {
        let (batch, request) = read(&row?).map_err(|name| format!("Line {line} has no usable \"{name}\"."))?;
        batches.entry(batch).or_default().push(request);
    }
    Ok(batches.into_iter().map(|(batch, requests)| trial(batch, &requests, folder)).collect())
}

/// What is sent at once.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Batch {
    scenario: String,
    prompt: u32,
    concurrency: u32,
    run: u32,
}

struct Request {
    ttft_ns: u64,
    latency_ns: u64,
    tokens: u64,
    aggregate: f64,
}

/// A line's batch, and its request.
fn read(row: &Row) -> Result<(Batch, Request), &'static str> {
    let number = |name: &'static str| figure(row.0.get(name).and_then(Cell::number)).ok_or(name);
    let whole = |name: &'static str| {
        let n = number(name)?;
        (n.fract() == 0.0 && n <= f64::from(u32::MAX)).then_some(n as u32).ok_or(name)
    };
    // Two digits after the point are whole nanoseconds.
    let ns = |name: &'static str| number(name).map(|ms| (ms * NS_PER_MS as f64).round() as u64);
    let Some(Cell::Text(scenario)) = row.0.get("scenario") else { return Err("scenario") };
    let request = Request {
        ttft_ns: ns("ttft_ms")?,
        latency_ns: ns("latency_ms")?,
        tokens: whole("tokens")?.into(),
        aggregate: number("aggregate_throughput_tok_per_sec")?,
    };
    let batch = Batch {
        scenario: scenario.clone(),
        prompt: whole("prompt_idx")?,
        concurrency: whole("concurrency")?,
        run: whole("run")?,
    };
    Ok((batch, request))
}

fn trial(batch: Batch, requests: &[Request], folder: &str) -> Trial {
    let Batch { scenario, prompt, concurrency, run } = batch;
    let mut kin = Kin::of(&TGI_SCRIPT, EngineKind::Tgi);
    kin.folder = folder.to_owned();
    kin.part = format!("{scenario}, prompt {prompt}");
    kin.arrival = Arrival::Burst;
    let mut samples = Latencies::default();
    // Without a token the script writes the whole latency for the time to the first.
    let answered = requests.iter().filter(|request| request.tokens > 0);
    for request in answered.clone() {
        samples.ttft.add(Some(request.ttft_ns));
        samples.e2e.add(Some(request.latency_ns));
    }
    let ok = answered.count() as u64;
    let empty = requests.len() as u64 - ok;
    let tokens: u64 = requests.iter().map(|request| request.tokens).sum();
    let aggregate = requests.first().map(|request| request.aggregate);
    // The wall time of a batch is not written, but what is divided by it and what comes out are.
    let longest_s = requests.iter().map(|request| request.latency_ns).max().unwrap_or(0) as f64 / 1e9;
    let window_s = aggregate.and_then(|rate| finite(tokens as f64 / rate)).filter(|s| *s > 0.0).unwrap_or(longest_s);
    let summary = Summary {
        // What failed has no line.
        attempted: u64::from(concurrency).max(requests.len() as u64),
        ok,
        outcomes: [(Outcome::Ok, ok), (Outcome::Empty, empty)].into_iter().filter(|(_, n)| *n > 0).collect(),
        window_s,
        ttft: samples.ttft.distribution(),
        e2e: samples.e2e.distribution(),
        output_tokens: Some(tokens),
        output_throughput: aggregate,
        caveats: vec![Caveat::PriceUnknown, Caveat::WholeTime],
        ..told()
    };
    let lengths = || requests.iter().map(|request| request.tokens);
    Trial {
        repeat: Some(run.saturating_sub(1)),
        // One prompt is all that a batch asks, so its outputs tell whether greedy answers were the same.
        alike: lengths().min() == lengths().max(),
        samples: Some(Box::new(samples)),
        ..Trial::of(kin, Some(Level::Burst(concurrency)), summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::format;

    const HEAD: &str = "scenario,concurrency,prompt_idx,run,request_idx_in_batch,ttft_ms,latency_ms,tokens,\
        per_request_throughput_tok_per_sec,aggregate_throughput_tok_per_sec,cost_per_token_usd\n";

    #[test]
    fn a_batch_is_a_trial_and_what_has_no_line_failed() {
        let lines = "throughput,4,0,1,0,58.71,1000.00,60,60.00,150.00,0.00000329\n\
                     throughput,4,0,1,2,60.71,1200.00,60,50.00,150.00,0.00000394\n\
                     throughput,4,0,1,3,7.00,7.00,0,0.00,150.00,inf\n";
        let read = format::read(format!("{HEAD}{lines}").as_bytes(), "TGI").unwrap();
        let format::Read::Trials(trials) = read else { panic!("{read:?}") };
        let [trial] = trials.as_slice() else { panic!("{} trials", trials.len()) };
        let s = &trial.summary;
        assert_eq!((s.attempted, s.ok, s.outcomes[&Outcome::Empty]), (4, 2, 1));
        assert_eq!((s.output_throughput, s.window_s, s.ttft.mean_ms), (Some(150.0), 0.8, Some(59.71)));
        assert_eq!((s.tpot.mean_ms, s.prompt_tokens, s.cost_per_mtok_output), (None, None, None));
        assert_eq!((trial.level, trial.repeat), (Some(Level::Burst(4)), Some(0)));
    }

    #[test]
    fn a_broken_line_is_named() {
        let check = |line: &str, words: &str| {
            let why = format::read(format!("{HEAD}{line}\n").as_bytes(), "").unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        check("throughput,4,0,1,0,oops,1000.00,60,60.00,150.00,0.1", "Line 2 has no usable \"ttft_ms\"");
        check("throughput,4,0,1,0,1.0,-1.00,60,60.00,150.00,0.1", "\"latency_ms\"");
        check("throughput,4,0", "broken");
        check("7,4,0,1,0,1.0,1.00,60,60.00,150.00,0.1", "\"scenario\"");
    }
}
