//! Owns the comparison of every statistic with SciPy's and statsmodels', from `shared/tests/fixtures/statistics`.
//! Must not know how the references were made (the script beside them does).

use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    t_quantiles: Vec<Quantile>,
    intervals: Vec<OfMean>,
    pairs: Vec<Pair>,
    blocks: Vec<Blocks>,
    holm: Vec<Family>,
    powers: Vec<Power>,
    detectable: Vec<Least>,
}

#[derive(Deserialize)]
struct Quantile {
    df: f64,
    confidence: f64,
    t: f64,
}

#[derive(Deserialize)]
struct OfMean {
    values: Vec<f64>,
    mean: f64,
    half_width: f64,
}

#[derive(Deserialize)]
struct Pair {
    base: Vec<f64>,
    other: Vec<f64>,
    difference: [f64; 3],
    ratio: [f64; 3],
    hedges_g: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Blocks {
    blocks: Vec<(Vec<f64>, Vec<f64>)>,
    p: f64,
}

#[derive(Deserialize)]
struct Family {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct Power {
    base: u32,
    other: u32,
    alpha: f64,
    effect: f64,
    power: f64,
}

#[derive(Deserialize)]
struct Least {
    n: u32,
    effect: f64,
    in_turns: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/fixtures/statistics/reference.json")).unwrap()
}

/// Equal but for a share `tolerance` of the reference.
fn close(got: f64, expect: f64, tolerance: f64, what: &str) {
    assert!((got - expect).abs() <= tolerance * expect.abs(), "{what}: {got}, reference {expect}");
}

#[test]
fn t_quantiles_are_the_references() {
    for case in reference().t_quantiles {
        let t = t_two_sided(case.confidence, case.df).unwrap();
        close(t, case.t, 1e-9, &format!("{} at {} degrees", case.confidence, case.df));
    }
    assert_eq!((t_two_sided(0.95, 0.0), t_two_sided(1.0, 3.0), t_two_sided(0.95, f64::NAN)), (None, None, None));
}

#[test]
fn intervals_of_means_are_the_references() {
    for case in reference().intervals {
        let interval = student_interval(&case.values).unwrap();
        close(interval.mean, case.mean, 1e-12, "mean");
        close(interval.half_width, case.half_width, 1e-9, "half width");
    }
    assert_eq!((student_interval(&[1.0]), student_interval(&[])), (None, None));
}

#[test]
fn two_sets_lie_as_far_apart_as_the_references_say() {
    let bounds = |found: Option<Bounds>, expect: [f64; 3], what: &str| {
        let found = found.unwrap();
        for (got, expect) in [found.value, found.low, found.high].into_iter().zip(expect) {
            close(got, expect, 1e-8, what);
        }
    };
    for case in reference().pairs {
        bounds(difference(&case.base, &case.other), case.difference, "difference");
        bounds(ratio(&case.base, &case.other), case.ratio, "ratio");
        close(hedges_g(&case.base, &case.other).unwrap(), case.hedges_g, 1e-9, "Hedges' g");
        let one_block = [Block { base: case.base, other: case.other }];
        close(permutation_test(&one_block).unwrap().p, case.p, 1e-12, "p");
    }
    assert_eq!((difference(&[1.0], &[1.0, 2.0]), ratio(&[0.0, 0.0], &[1.0, 1.0])), (None, None));
    assert_eq!((hedges_g(&[1.0, 1.0], &[2.0, 2.0]), hedges_g(&[], &[])), (None, None));
    // Nothing varies: the difference is certain.
    assert_eq!(difference(&[1.0, 1.0], &[3.0, 3.0]), Some(Bounds { value: 2.0, low: 2.0, high: 2.0 }));
}

#[test]
fn blocks_are_permuted_as_the_reference_does() {
    for case in reference().blocks {
        let blocks: Vec<Block> = case.blocks.into_iter().map(|(base, other)| Block { base, other }).collect();
        close(permutation_test(&blocks).unwrap().p, case.p, 1e-12, "p");
    }
}

#[test]
fn families_are_adjusted_as_the_reference_does() {
    for case in reference().holm {
        let adjusted = holm(&case.p.iter().copied().map(Some).collect::<Vec<_>>());
        for (got, expect) in adjusted.into_iter().zip(case.adjusted) {
            close(got.unwrap(), expect, 1e-12, "adjusted p");
        }
    }
    // What was not tested takes nothing from the others.
    assert_eq!(holm(&[None, Some(0.02), None]), [None, Some(0.02), None]);
}

#[test]
fn power_is_the_references() {
    for case in reference().powers {
        let design = Design::apart(case.base, case.other, case.alpha).unwrap();
        close(design.power(case.effect).unwrap(), case.power, 1e-6, "power");
    }
    for case in reference().detectable {
        let design = Design::apart(case.n, case.n, ALPHA).unwrap();
        close(design.detectable(POWER).unwrap(), case.effect, 1e-5, "least effect found");
        let in_turns = Design::rounds(case.n, ALPHA).unwrap();
        close(in_turns.detectable(POWER).unwrap(), case.in_turns, 1e-5, "least effect found in turns");
    }
    assert_eq!((Design::apart(1, 1, ALPHA), Design::rounds(1, ALPHA)), (None, None));
    assert_eq!((least_repeats(0.01, 0.03, 99), least_repeats(1.0, 0.001, 99)), (Some(4), None));
}
