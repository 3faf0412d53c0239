//! Owns what repeats say of a point's figures: an interval for each headline metric (METRICS.md, "Repeats").
//! Must not know how trials are run.

use super::latency::Latency;
use super::statistics::{Ranked, percentile_interval};
use super::tally::{Tally, Terms};
use shared::statistics::student_interval;
use shared::summary::Interval;
use std::collections::BTreeMap;

/// Latencies that have intervals.
const LATENCIES: [Latency; 5] = [Latency::Ttft, Latency::TtftScheduled, Latency::Tpot, Latency::Itl, Latency::E2e];
/// Their percentiles.
const PERCENTILES: [u64; 2] = [50, 99];

/// A figure of one trial.
type Figure = fn(&Tally, &Terms) -> Option<f64>;

/// Figures that each trial has one of, by their key in the registry of metrics.
const FIGURES: [(&str, Figure); 7] = [
    ("output_throughput", |trial, _| trial.output_throughput()),
    ("total_throughput", |trial, _| trial.total_throughput()),
    ("request_throughput", |trial, _| trial.request_throughput()),
    ("per_user_throughput", |trial, _| trial.per_user_throughput()),
    ("per_gpu_throughput", |trial, terms| trial.per_gpu_throughput(terms)),
    ("goodput", |trial, terms| trial.goodput(terms)?.requests_per_s),
    ("cost_per_mtok", |trial, terms| Some(trial.cost(terms)?.0)),
];

/// Intervals over the trials of a point. The key is the metric's, for a latency with what of it: `ttft.mean`,
/// `ttft.p50`, `ttft.p99`. Rates and means are Student's t over trials; percentiles are those of the pooled samples,
/// with whole repeats drawn anew. A figure that any trial lacks has none, and nothing has of a single trial.
#[must_use]
pub fn intervals(trials: &[Tally], terms: &Terms) -> BTreeMap<String, Interval> {
    let mut intervals = BTreeMap::new();
    if trials.len() < 2 {
        return intervals;
    }
    for (key, figure) in FIGURES {
        let values: Option<Vec<f64>> = trials.iter().map(|trial| figure(trial, terms)).collect();
        intervals.extend(values.and_then(|v| student_interval(&v)).map(|interval| (key.to_owned(), interval)));
    }
    for latency in LATENCIES {
        let samples = || trials.iter().map(|trial| trial.samples(latency));
        let means: Option<Vec<f64>> = samples().map(|s| s.mean_ns().map(|ns| ns / 1e6)).collect();
        let mean = means.and_then(|means| student_interval(&means));
        intervals.extend(mean.map(|interval| (format!("{}.mean", latency.key()), interval)));
        let ranked: Vec<Ranked> = samples().map(|s| s.ranked()).collect();
        for percent in PERCENTILES {
            let interval = percentile_interval(&ranked, percent);
            intervals.extend(interval.map(|interval| (format!("{}.p{percent}", latency.key()), interval)));
        }
    }
    intervals
}
