//! Owns how runs that are rounds of one engine become one: each round a repeat, figures over all of them.
//! Must not know how a study plans its rounds, nor what they are compared with.

use super::figure::Figure;
use super::recorded::{Recorded, RecordedPoint, RecordedTrial};
use crate::caveat::Verdict;
use crate::cost::UsdPerMTok;
use crate::ids::StudyId;
use crate::statistics::student_interval;
use crate::summary::{Distribution, Goodput, Summary};
use crate::telemetry::Energy;
use std::collections::{BTreeMap, BTreeSet};

/// Runs of the same levels, by their rounds, as one run whose repeats are the rounds. Percentiles of several runs' samples
/// are unknown: each round's own are in its trial. Nothing where there are no rounds.
#[must_use]
pub fn join(rounds: BTreeMap<u32, Recorded>, study: &StudyId) -> Option<Recorded> {
    let mut joined = Recorded { rounds_of: Some(study.clone()), ..rounds.values().next()?.clone() };
    joined.plan.load.trials = u32::try_from(rounds.len()).unwrap_or(u32::MAX);
    (joined.engines, joined.failures, joined.trials, joined.findings) = (vec![], vec![], vec![], None);
    joined.points.iter_mut().for_each(|point| point.engines.clear());
    for (round, run) in rounds {
        let before = u32::try_from(joined.engines.len()).unwrap_or(u32::MAX);
        for (point, of) in joined.points.iter_mut().zip(&run.points) {
            point.engines.extend(of.engines.iter().map(|place| before.saturating_add(*place)));
            point.verdict = graver(point.verdict, of.verdict);
        }
        joined.trials.extend(run.trials.into_iter().map(|trial| RecordedTrial { repeat: round, ..trial }));
        joined.engines.extend(run.engines);
        joined.failures.extend(run.failures);
        joined.verdict = joined.verdict.zip(run.verdict).map(|(all, of)| graver(all, of));
        joined.caveats.extend(run.caveats);
    }
    joined.caveats.sort();
    joined.caveats.dedup();
    let Recorded { points, trials, .. } = &mut joined;
    for (index, point) in (0..).zip(points) {
        let of_point: Vec<&Summary> = trials.iter().filter(|t| t.point == index).map(|t| &t.summary).collect();
        fill(point, &of_point);
    }
    Some(joined)
}

/// The verdict on both: of what nobody judged it is not known that it was valid.
fn graver(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Invalid, _) | (_, Verdict::Invalid) => Verdict::Invalid,
        (Verdict::NotJudged, _) | (_, Verdict::NotJudged) => Verdict::NotJudged,
        (one, other) => one.max(other),
    }
}

fn fill(point: &mut RecordedPoint, trials: &[&Summary]) {
    point.summary = (!trials.is_empty()).then(|| over(trials));
    point.intervals.clear();
    for figure in Figure::usual() {
        let values: Vec<f64> = trials.iter().filter_map(|trial| figure.read(trial)).collect();
        let interval = student_interval(&values).filter(|_| values.len() == trials.len());
        point.intervals.extend(interval.map(|interval| (figure.key(), interval)));
    }
}

/// Figures over several trials: counts added, rates over all their windows, means over all their samples, dollars over all
/// their tokens. What one of them does not tell is unknown of all.
fn over(trials: &[&Summary]) -> Summary {
    let rate = |read: fn(&Summary) -> Option<f64>| weighted(trials, |t| Some((read(t)?, t.window_s)));
    let a_request = |read: fn(&Summary) -> Option<f64>| weighted(trials, |t| Some((read(t)?, t.ok as f64)));
    let latency = |read: fn(&Summary) -> &Distribution| pooled(&trials.iter().map(|t| read(t)).collect::<Vec<_>>());
    // At several prices it would be the cost of nothing.
    let price = same(trials, |t| t.price);
    let cost = |read: fn(&Summary) -> Option<UsdPerMTok>, tokens: fn(&Summary) -> Option<u64>| {
        let of = weighted(trials, |t| Some((read(t)?.0, tokens(t)? as f64)));
        of.filter(|_| price.is_some()).map(UsdPerMTok)
    };
    Summary {
        attempted: trials.iter().map(|t| t.attempted).sum(),
        ok: trials.iter().map(|t| t.ok).sum(),
        window_s: trials.iter().map(|t| t.window_s).sum(),
        ttft: latency(|t| &t.ttft),
        ttft_scheduled: latency(|t| &t.ttft_scheduled),
        ttfv: latency(|t| &t.ttfv),
        tpot: latency(|t| &t.tpot),
        itl: latency(|t| &t.itl),
        chunk_gap: latency(|t| &t.chunk_gap),
        e2e: latency(|t| &t.e2e),
        queue_client: latency(|t| &t.queue_client),
        output_tokens: added(trials, |t| t.output_tokens),
        prompt_tokens: added(trials, |t| t.prompt_tokens),
        output_tokens_mean: a_request(|t| t.output_tokens_mean),
        prompt_tokens_mean: a_request(|t| t.prompt_tokens_mean),
        output_throughput: rate(|t| t.output_throughput),
        total_throughput: rate(|t| t.total_throughput),
        request_throughput: rate(|t| t.request_throughput),
        per_gpu_throughput: rate(|t| t.per_gpu_throughput),
        goodput: goodput(trials),
        energy: energy(trials),
        token_source: trials.iter().map(|t| t.token_source).max().unwrap_or_default(),
        cost_per_mtok_output: cost(|t| t.cost_per_mtok_output, |t| t.output_tokens),
        cost_per_mtok_total: cost(|t| t.cost_per_mtok_total, |t| Some(t.output_tokens? + t.prompt_tokens?)),
        price: price.flatten(),
        price_origin: same(trials, |t| t.price_origin.clone()).flatten(),
        caveats: trials.iter().flat_map(|t| &t.caveats).collect::<BTreeSet<_>>().into_iter().cloned().collect(),
        ..Summary::default()
    }
}

/// `Σ value × weight / Σ weight` where every trial has both.
fn weighted(trials: &[&Summary], read: impl Fn(&Summary) -> Option<(f64, f64)>) -> Option<f64> {
    let all: Vec<(f64, f64)> = trials.iter().map(|trial| read(trial)).collect::<Option<_>>()?;
    let weight: f64 = all.iter().map(|(_, weight)| weight).sum();
    (weight > 0.0).then(|| all.iter().map(|(value, weight)| value * weight).sum::<f64>() / weight)
}

fn added(trials: &[&Summary], read: fn(&Summary) -> Option<u64>) -> Option<u64> {
    trials.iter().map(|trial| read(trial)).sum()
}

/// What all of them say, where they say the same.
fn same<T: PartialEq>(trials: &[&Summary], read: impl Fn(&Summary) -> T) -> Option<T> {
    let first = read(trials.first()?);
    trials.iter().all(|trial| read(trial) == first).then_some(first)
}

/// A latency over the samples of several: its percentiles would need the samples.
fn pooled(all: &[&Distribution]) -> Distribution {
    let n: Option<u64> = all.iter().map(|of| of.n).sum();
    let sums = all.iter().map(|of| match of.n? {
        0 => Some(0.0),
        n => Some(of.mean_ms? * n as f64),
    });
    let sum: Option<f64> = sums.sum();
    Distribution {
        n,
        absent: all.iter().map(|of| of.absent).sum(),
        mean_ms: sum.zip(n).filter(|(_, n)| *n > 0).map(|(sum, n)| sum / n as f64),
        min_ms: all.iter().filter_map(|of| of.min_ms).reduce(f64::min),
        max_ms: all.iter().filter_map(|of| of.max_ms).reduce(f64::max),
        ..Distribution::default()
    }
}

fn goodput(trials: &[&Summary]) -> Option<Goodput> {
    let each: Vec<(Goodput, f64)> = trials.iter().map(|t| Some((t.goodput?, t.window_s))).collect::<Option<_>>()?;
    Some(Goodput {
        met: each.iter().map(|(of, _)| of.met).sum(),
        of: each.iter().map(|(of, _)| of.of).sum(),
        requests_per_s: weighted(trials, |t| Some((t.goodput?.requests_per_s?, t.window_s))),
        tokens_per_s: weighted(trials, |t| Some((t.goodput?.tokens_per_s?, t.window_s))),
    })
}

/// Joules of all of them, where they were measured in one way on as many GPUs.
fn energy(trials: &[&Summary]) -> Option<Energy> {
    let (gpus, method) = same(trials, |t| t.energy.map(|of| (of.gpus, of.method))).flatten()?;
    let joules: f64 = trials.iter().map(|t| Some(t.energy?.joules)).sum::<Option<f64>>()?;
    let tokens = added(trials, |t| t.output_tokens).filter(|tokens| *tokens > 0).map(|tokens| tokens as f64);
    Some(Energy {
        joules,
        gpus,
        method,
        joules_per_token: tokens.map(|tokens| joules / tokens),
        tokens_per_joule: tokens.filter(|_| joules > 0.0).map(|tokens| tokens / joules),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::run;
    use super::super::{Arm, Terms, compare};
    use super::*;
    use crate::summary::Percentile;

    fn study() -> StudyId {
        StudyId::new(1, 1)
    }

    /// Rounds of one trial each, numbered by the run they are.
    fn rounds(n: u64, values: &[(u32, f64)]) -> BTreeMap<u32, Recorded> {
        let round = |(round, value): &(u32, f64)| {
            let mut run = run(&[*value]);
            run.run = crate::ids::RunId::new(n, *round);
            (*round, run)
        };
        values.iter().map(round).collect()
    }

    fn summary(fill: impl Fn(&mut Summary)) -> Summary {
        let mut summary = Summary::default();
        fill(&mut summary);
        summary
    }

    #[test]
    fn rates_are_over_all_windows_and_means_over_all_samples() {
        let trial = |window_s: f64, rate: f64, n: u64, mean_ms: f64| {
            summary(|s| {
                (s.window_s, s.output_throughput, s.output_tokens) =
                    (window_s, Some(rate), Some((window_s * rate) as u64));
                s.ttft =
                    Distribution { n: Some(n), absent: Some(0), mean_ms: Some(mean_ms), ..Distribution::default() };
                s.ttft.p99 = Percentile::Ms(mean_ms);
                s.cost_per_mtok_output = Some(UsdPerMTok(2.0 / rate));
            })
        };
        let (one, other) = (trial(1.0, 100.0, 10, 5.0), trial(3.0, 200.0, 30, 9.0));
        let all = over(&[&one, &other]);
        assert_eq!((all.output_throughput, all.output_tokens, all.window_s), (Some(175.0), Some(700), 4.0));
        assert_eq!((all.ttft.mean_ms, all.ttft.n, all.ttft.p99), (Some(8.0), Some(40), Percentile::Unknown));
        // What an hour costs is the same, so a token of all costs what the hour does by their throughput.
        let cost = all.cost_per_mtok_output.unwrap().0;
        assert!((cost - 2.0 / 175.0).abs() < 1e-12, "{cost}");
    }

    #[test]
    fn what_one_does_not_tell_is_unknown_of_all() {
        let told = summary(|s| {
            (s.window_s, s.output_throughput, s.output_tokens) = (1.0, Some(9.0), Some(9));
            s.ttft = Distribution { n: Some(0), absent: Some(3), ..Distribution::default() };
            s.price = Some(crate::cost::UsdPerGpuHour(1.0));
            s.cost_per_mtok_output = Some(UsdPerMTok(1.0));
        });
        let dearer = summary(|s| {
            *s = told.clone();
            s.price = Some(crate::cost::UsdPerGpuHour(2.0));
        });
        let silent = summary(|s| s.window_s = 1.0);
        let all = over(&[&told, &silent]);
        assert_eq!((all.output_throughput, all.output_tokens, all.ttft.n), (None, None, None));
        let all = over(&[&told, &dearer]);
        assert_eq!((all.cost_per_mtok_output, all.price, all.output_throughput), (None, None, Some(9.0)));
        assert_eq!((all.ttft.mean_ms, all.ttft.n, all.energy), (None, Some(0), None));
    }

    #[test]
    fn rounds_of_two_engines_are_told_apart_in_turns_where_drift_hides_it() {
        let drift = [0.0, 50.0, 10.0, 80.0, 30.0, 70.0];
        let side = |n: u64, shift: f64| {
            let values: Vec<(u32, f64)> = (0..).zip(drift.map(|value| 100.0 + value + shift)).collect();
            join(rounds(n, &values), &study()).unwrap()
        };
        let (base, other) = (side(1, 0.0), side(2, 5.0));
        let arms = (Arm::of(&base, 0).unwrap(), Arm::of(&other, 0).unwrap());
        let terms = Terms::strict(Figure::parse("output_throughput").unwrap());
        let compared = compare(&[arms], terms).remove(0);
        assert!(compared.in_turns, "{compared:?}");
        assert_eq!(compared.judgement, crate::compare::Judgement::Better, "{compared:?}");
        assert_eq!((compared.base.trials.len(), base.plan.load.trials), (6, 6));
        // Runs of another study were not measured in turns with these, however alike they are.
        let stranger = join(rounds(3, &[(0, 1.0)]), &StudyId::new(9, 9)).unwrap();
        assert!(!arms.0.interleaves_with(&Arm::of(&stranger, 0).unwrap()));
    }

    #[test]
    fn the_gravest_verdict_of_a_round_is_that_of_all() {
        let check = |one: Verdict, other: Verdict, expect: Verdict| {
            assert_eq!((graver(one, other), graver(other, one)), (expect, expect), "{one:?}, {other:?}");
        };
        check(Verdict::Valid, Verdict::Doubtful, Verdict::Doubtful);
        check(Verdict::NotJudged, Verdict::Valid, Verdict::NotJudged);
        check(Verdict::NotJudged, Verdict::Invalid, Verdict::Invalid);
        assert_eq!(join(BTreeMap::new(), &study()), None);
    }
}
