//! Owns the figures of a point over several trials of which there are only summaries: what can be added up is, and no
//! percentile is made of percentiles.
//! Must not know any format.

use super::trial::{Latencies, Trial};
use shared::statistics::student_interval;
use shared::summary::{Distribution, Interval, Summary};
use shared::units::finite;
use std::collections::BTreeMap;

/// A figure of one trial.
type Figure = fn(&Summary) -> Option<f64>;

/// Figures that have intervals, by their key in the registry of metrics, for a mean with what of it.
const FIGURES: [(&str, Figure); 8] = [
    ("output_throughput", |s| s.output_throughput),
    ("total_throughput", |s| s.total_throughput),
    ("request_throughput", |s| s.request_throughput),
    ("ttft.mean", |s| s.ttft.mean_ms),
    ("ttfv.mean", |s| s.ttfv.mean_ms),
    ("tpot.mean", |s| s.tpot.mean_ms),
    ("chunk_gap.mean", |s| s.chunk_gap.mean_ms),
    ("e2e.mean", |s| s.e2e.mean_ms),
];

/// Intervals over trials by Student's t; none for a figure that a trial lacks, nor of a single trial.
pub(super) fn intervals(trials: &[&Trial]) -> BTreeMap<String, Interval> {
    let interval = |(key, figure): (&str, Figure)| {
        let values: Vec<f64> = trials.iter().map(|trial| figure(&trial.summary)).collect::<Option<_>>()?;
        Some((key.to_owned(), student_interval(&values)?))
    };
    FIGURES.into_iter().filter_map(interval).collect()
}

/// Figures over all trials. Those of a single trial are its own, to the last digit.
pub(super) fn pooled(trials: &[&Trial]) -> Summary {
    let summaries: Vec<&Summary> = trials.iter().map(|trial| &trial.summary).collect();
    let [first, _, ..] = summaries.as_slice() else {
        return summaries.first().map(|summary| (*summary).clone()).unwrap_or_default();
    };
    let window_s: f64 = summaries.iter().map(|s| s.window_s).sum();
    // One trial that does not say makes the sum unknown, not smaller.
    let sum = |count: fn(&Summary) -> Option<u64>| summaries.iter().map(|s| count(s)).sum::<Option<u64>>();
    let per_s = |n: Option<u64>| finite(n? as f64 / window_s);
    let (prompt, output) = (sum(|s| s.prompt_tokens), sum(|s| s.output_tokens));
    // Where tokens are unknown, trials of known length still weigh a rate by their length.
    let by_length = |rate: Figure| {
        let weighed = summaries.iter().map(|s| Some(rate(s)? * s.window_s)).sum::<Option<f64>>();
        finite(weighed? / window_s)
    };
    let total = prompt.zip(output).map(|(prompt, output)| prompt + output);
    let mut outcomes = first.outcomes.clone();
    for summary in &summaries[1..] {
        summary.outcomes.iter().for_each(|(outcome, n)| *outcomes.entry(*outcome).or_default() += n);
    }
    let latency = |of: fn(&Summary) -> &Distribution| self::latency(&summaries, of);
    let mut pooled = Summary {
        attempted: summaries.iter().map(|s| s.attempted).sum(),
        ok: summaries.iter().map(|s| s.ok).sum(),
        outcomes,
        not_connected: sum(|s| s.not_connected),
        window_s,
        window_start_ns: first.window_start_ns,
        ttft: latency(|s| &s.ttft),
        ttfv: latency(|s| &s.ttfv),
        tpot: latency(|s| &s.tpot),
        chunk_gap: latency(|s| &s.chunk_gap),
        e2e: latency(|s| &s.e2e),
        prompt_tokens: prompt,
        output_tokens: output,
        output_throughput: per_s(output).filter(|_| first.output_throughput.is_some()),
        total_throughput: per_s(total).filter(|_| first.total_throughput.is_some()),
        request_throughput: by_length(|s| s.request_throughput),
        in_flight_mean: by_length(|s| s.in_flight_mean),
        in_flight_peak: summaries
            .iter()
            .map(|s| s.in_flight_peak)
            .collect::<Option<Vec<_>>>()
            .and_then(|p| p.into_iter().max()),
        token_source: first.token_source,
        caveats: first.caveats.clone(),
        ..Summary::default()
    };
    if let Some(samples) = trials.iter().map(|trial| trial.samples.as_deref()).collect::<Option<Vec<&Latencies>>>() {
        let mut all = Latencies::default();
        for of in samples {
            all.ttft.merge(&of.ttft);
            all.e2e.merge(&of.e2e);
        }
        (pooled.ttft, pooled.e2e) = (all.ttft.distribution(), all.e2e.distribution());
    }
    pooled
}

/// The mean over the samples of all trials, the least and the greatest of them; percentiles stay unknown.
fn latency(summaries: &[&Summary], of: fn(&Summary) -> &Distribution) -> Distribution {
    let all = || summaries.iter().map(|summary| of(summary));
    let n = all().map(|d| d.n).sum::<Option<u64>>();
    let sum = all().map(|d| Some(d.mean_ms? * d.n? as f64)).sum::<Option<f64>>();
    let most = |value: fn(&Distribution) -> Option<f64>, better: fn(f64, f64) -> f64| {
        all().map(value).collect::<Option<Vec<_>>>()?.into_iter().reduce(better)
    };
    Distribution {
        n,
        absent: all().map(|d| d.absent).sum(),
        mean_ms: sum.zip(n).and_then(|(sum, n)| finite(sum / n as f64)),
        min_ms: most(|d| d.min_ms, f64::min),
        max_ms: most(|d| d.max_ms, f64::max),
        ..Distribution::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::tool::VLLM_BENCH;
    use crate::import::trial::Kin;
    use shared::engine::EngineKind;
    use shared::summary::Percentile;

    fn trial(ok: u64, window_s: f64, mean_ms: f64) -> Trial {
        let ttft = Distribution { n: Some(ok), mean_ms: Some(mean_ms), p99: Percentile::Ms(9.0), ..Default::default() };
        let tpot = Distribution { mean_ms: Some(1.0), ..Default::default() };
        let output_throughput = Some(10.0 * ok as f64 / window_s);
        let (attempted, output_tokens) = (ok, Some(10 * ok));
        let summary =
            Summary { attempted, ok, window_s, ttft, tpot, output_tokens, output_throughput, ..Summary::default() };
        Trial::of(Kin::of(&VLLM_BENCH, EngineKind::Vllm), None, summary)
    }

    #[test]
    fn a_single_trial_is_its_own_point() {
        let one = trial(3, 0.7, 0.1);
        assert_eq!(pooled(&[&one]), one.summary);
        assert!(intervals(&[&one]).is_empty());
    }

    #[test]
    fn what_adds_up_is_added_and_percentiles_are_not_made() {
        let (a, b) = (trial(100, 2.0, 10.0), trial(300, 2.0, 30.0));
        let point = pooled(&[&a, &b]);
        assert_eq!((point.attempted, point.ok, point.window_s), (400, 400, 4.0));
        assert_eq!((point.output_tokens, point.output_throughput), (Some(4000), Some(1000.0)));
        assert_eq!((point.ttft.n, point.ttft.mean_ms, point.ttft.p99), (Some(400), Some(25.0), Percentile::Unknown));
        // Of how many samples a mean is, it must say to be weighed.
        assert_eq!((point.tpot.n, point.tpot.mean_ms), (None, None));
        assert_eq!((point.prompt_tokens, point.total_throughput), (None, None));
        let intervals = intervals(&[&a, &b]);
        assert_eq!((intervals["ttft.mean"].n, intervals["ttft.mean"].mean), (2, 20.0));
        assert!(!intervals.contains_key("e2e.mean"));
    }
}
