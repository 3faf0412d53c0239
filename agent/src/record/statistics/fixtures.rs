//! Owns the comparison of every statistic with SciPy's and NumPy's, from `agent/tests/fixtures/statistics`.
//! Must not know how the references were made (the script beside them does).

use super::*;
use serde::Deserialize;
use shared::summary::Percentile;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Reference {
    percentiles: Vec<Ranks>,
    trends: Vec<Trend>,
    effective_sizes: Vec<Effective>,
    pooled_percentiles: Vec<Pooled>,
}

#[derive(Deserialize)]
struct Ranks {
    values_ns: Vec<u64>,
    ranks_ns: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Trend {
    points: Vec<(u64, u64)>,
    s: f64,
    p: f64,
    slope: f64,
}

#[derive(Deserialize)]
struct Effective {
    coefficient: f64,
    series: Vec<f64>,
    effective_n: f64,
}

#[derive(Deserialize)]
struct Pooled {
    trials_ns: Vec<Vec<u64>>,
    percent: u64,
    mean_ms: f64,
    half_width_ms: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../tests/fixtures/statistics/reference.json")).unwrap()
}

/// Equal but for a share `tolerance` of the reference.
fn close(got: f64, expect: f64, tolerance: f64, what: &str) {
    assert!((got - expect).abs() <= tolerance * expect.abs(), "{what}: {got}, reference {expect}");
}

#[test]
fn percentiles_are_the_references() {
    for case in reference().percentiles {
        let samples = Samples { ok_ns: case.values_ns, ..Samples::default() };
        let d = samples.distribution();
        for (percent, got) in [("50", d.p50), ("90", d.p90), ("95", d.p95), ("99", d.p99)] {
            assert_eq!(got, Percentile::Ms(case.ranks_ns[percent] as f64 / 1e6), "p{percent}");
        }
    }
}

#[test]
fn trends_are_the_references() {
    for case in reference().trends {
        let kendall = Kendall::of(&case.points);
        assert_eq!(kendall.s, case.s);
        close(kendall.p(), case.p, 1e-9, "p");
        close(median(sen_slopes(&case.points).collect()).unwrap(), case.slope, 1e-12, "slope");
    }
    assert_eq!((Kendall::of(&[]).p(), median(vec![])), (1.0, None));
}

#[test]
fn effective_sizes_are_the_references() {
    for case in reference().effective_sizes {
        let got = effective_n(&case.series);
        close(got, case.effective_n, 1e-9, &format!("coefficient {}", case.coefficient));
        // What theory says of such a series, n (1 − φ) / (1 + φ), within what 400 samples tell of it.
        let n = case.series.len() as f64;
        let theory = (n * (1.0 - case.coefficient) / (1.0 + case.coefficient)).min(n);
        close(got, theory, 0.5, &format!("theory of coefficient {}", case.coefficient));
    }
    assert_eq!((effective_n(&[3.0; 9]), effective_n(&[])), (9.0, 0.0));
}

#[test]
fn intervals_of_pooled_percentiles_are_near_every_way_to_draw() {
    for case in reference().pooled_percentiles {
        let ranked = |ns: Vec<u64>| Samples { ok_ns: ns, ..Samples::default() }.ranked();
        let repeats: Vec<Ranked> = case.trials_ns.into_iter().map(ranked).collect();
        let interval = percentile_interval(&repeats, case.percent).unwrap();
        close(interval.mean, case.mean_ms, 1e-12, "pooled percentile");
        // A thousand draws know a standard error to about 2 %.
        close(interval.half_width, case.half_width_ms, 0.07, "half width");
        assert_eq!(percentile_interval(&repeats[..1], case.percent), None);
    }
    let hidden = Samples { ok_ns: vec![1; 9], at_least_ns: vec![2; 9], ..Samples::default() }.ranked();
    assert_eq!(percentile_interval(&[hidden.clone(), hidden], 90), None);
}
