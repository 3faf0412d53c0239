//! Owns how often a comparison is wrong, on recorded trials of a real run: alarms where nothing differs, slowdowns missed.
//! Must not know how the trials were measured (`shared/tests/fixtures/repeats` says).

use super::sample::run;
use super::{Arm, Figure, Judgement, Terms, compare};
use crate::metric::Direction;
use crate::statistics::{ALPHA, POWER, SplitMix, least_repeats, mean, variance};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Comparisons of each kind.
const TIMES: u32 = 200;
/// The slowdown that is to be found.
const SLOWDOWN: f64 = 0.03;

#[derive(Deserialize)]
struct Recorded {
    figures: BTreeMap<String, Vec<f64>>,
}

fn recorded() -> BTreeMap<String, Vec<f64>> {
    let text = include_str!("../../tests/fixtures/repeats/trials.json");
    let figures = serde_json::from_str::<Recorded>(text).unwrap().figures;
    assert!(figures.len() >= 4 && figures.values().all(|trials| trials.len() >= 20));
    figures
}

/// Judgements of two sets of `repeats` trials each, drawn at random without putting back, the second made worse.
fn judgements(key: &str, trials: &[f64], repeats: usize, worse_by: f64) -> Vec<Judgement> {
    let worse = match Figure::parse(key).unwrap().direction() {
        Direction::Higher => 1.0 - worse_by,
        _ => 1.0 + worse_by,
    };
    // What a run of values stands for in tests has these two figures.
    let figure = Figure::parse(if worse < 1.0 { "output_throughput" } else { "ttft.mean" }).unwrap();
    let mut random = SplitMix(0);
    let once = |_| {
        let mut drawn = trials.to_vec();
        for place in 0..2 * repeats {
            let with = place + random.below(drawn.len() - place);
            drawn.swap(place, with);
        }
        let other: Vec<f64> = drawn[repeats..2 * repeats].iter().map(|value| value * worse).collect();
        let (base, other) = (run(&drawn[..repeats]), run(&other));
        let pair = (Arm::of(&base, 0).unwrap(), Arm::of(&other, 0).unwrap());
        compare(&[pair], Terms::strict(figure)).remove(0).judgement
    };
    (0..TIMES).map(once).collect()
}

#[test]
fn a_run_against_itself_is_called_different_no_more_often_than_is_stated() {
    for (key, trials) in recorded() {
        for repeats in [5, 8, 10] {
            let told = judgements(&key, &trials, repeats, 0.0);
            let alarms = told.iter().filter(|told| **told != Judgement::WithinNoise).count();
            assert!(alarms as f64 <= ALPHA * f64::from(TIMES), "{key}, {repeats} repeats: {alarms} of {TIMES}");
        }
    }
}

#[test]
fn a_true_slowdown_is_found_as_often_as_is_stated() {
    let mut tried = 0;
    for (key, trials) in recorded() {
        let spread = variance(&trials).unwrap().sqrt() / mean(&trials).unwrap();
        // With the repeats that such a spread needs, where so many were recorded.
        let most = trials.len() as u32 / 2;
        let Some(repeats) = least_repeats(spread, SLOWDOWN, most) else { continue };
        let told = judgements(&key, &trials, repeats.max(Terms::STRICT) as usize, SLOWDOWN);
        let found = told.iter().filter(|told| **told == Judgement::Worse).count();
        assert!(found as f64 >= POWER * f64::from(TIMES), "{key}, {repeats} repeats: {found} of {TIMES}");
        tried += 1;
    }
    assert!(tried > 0, "every figure spreads too much to find {SLOWDOWN}");
}
