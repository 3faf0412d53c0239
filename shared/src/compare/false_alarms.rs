//! Owns how often a comparison is wrong, on recorded trials of real runs: alarms where nothing differs, slowdowns missed.
//! Must not know how the trials were measured (`shared/tests/fixtures/repeats` says).

use super::sample::run;
use super::{Arm, Figure, Judgement, Terms, compare};
use crate::metric::Direction;
use crate::statistics::{ALPHA, Design, POWER, SplitMix, attained, least_p, mean, variance};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Comparisons of each kind.
const TIMES: u32 = 200;
/// Comparisons of one kind, to know a rate to a third of a percent.
const MANY_TIMES: u32 = 4_000;
/// The slowdown that is to be found.
const SLOWDOWN: f64 = 0.03;

/// Figures of each trial of a run.
type Figures = BTreeMap<String, Vec<f64>>;

#[derive(Deserialize)]
struct Recorded {
    figures: Figures,
}

fn recorded(text: &str) -> Figures {
    let figures = serde_json::from_str::<Recorded>(text).unwrap().figures;
    assert!(figures.len() >= 4 && figures.values().all(|trials| trials.len() >= 20));
    figures
}

/// The built-in engine on two cores, whose trials spread.
fn on_cores() -> Figures {
    recorded(include_str!("../../tests/fixtures/repeats/builtin/trials.json"))
}

/// vLLM on a GPU, whose trials are alike.
fn on_a_gpu() -> Figures {
    recorded(include_str!("../../tests/fixtures/repeats/h200/trials.json"))
}

/// Both, each with the standard errors that its counts may lie away from what is stated. With a second run there are so many
/// counts that some lie two away by chance: one that did at 200 times did not at 700.
fn recordings() -> [(f64, Figures); 2] {
    [(2.0, on_cores()), (3.0, on_a_gpu())]
}

/// Judgements of two sets of `repeats` trials each, drawn at random without putting back, the second made worse by a share
/// of the mean. It is moved and not stretched, since what repeats can find is stated for sets that spread alike.
fn judgements(key: &str, trials: &[f64], repeats: usize, worse_by: f64, times: u32) -> Vec<Judgement> {
    let higher = Figure::parse(key).unwrap().direction() == Direction::Higher;
    let step = worse_by * mean(trials).unwrap() * if higher { -1.0 } else { 1.0 };
    // What a run of values stands for in tests has these two figures.
    let figure = Figure::parse(if higher { "output_throughput" } else { "ttft.mean" }).unwrap();
    let mut random = SplitMix(0);
    let once = |_| {
        let mut drawn = trials.to_vec();
        for place in 0..2 * repeats {
            let with = place + random.below(drawn.len() - place);
            drawn.swap(place, with);
        }
        let other: Vec<f64> = drawn[repeats..2 * repeats].iter().map(|value| value + step).collect();
        let (base, other) = (run(&drawn[..repeats]), run(&other));
        let pair = (Arm::of(&base, 0).unwrap(), Arm::of(&other, 0).unwrap());
        compare(&[pair], Terms::strict(figure)).remove(0).judgement
    };
    (0..times).map(once).collect()
}

/// So many standard errors of a count that has this rate.
fn slack(errors: f64, rate: f64, times: u32) -> f64 {
    errors * (rate * (1.0 - rate) * f64::from(times)).sqrt()
}

fn design(repeats: usize) -> Design {
    let n = repeats as u32;
    Design::apart(n, n, attained(ALPHA, least_p(n, false))).unwrap()
}

fn spread(trials: &[f64]) -> f64 {
    variance(trials).unwrap().sqrt() / mean(trials).unwrap()
}

#[test]
fn a_run_against_itself_is_called_different_no_more_often_than_is_stated() {
    let check = |errors: f64, key: &str, trials: &[f64], repeats: usize, times: u32| {
        let told = judgements(key, trials, repeats, 0.0, times);
        let alarms = told.iter().filter(|told| **told != Judgement::WithinNoise).count() as f64;
        let most = ALPHA * f64::from(times) + slack(errors, ALPHA, times);
        assert!(alarms <= most, "{key}, {repeats} repeats: {alarms} of {times}");
        alarms / f64::from(times)
    };
    for (errors, figures) in recordings() {
        for (key, trials) in figures {
            for repeats in [5, 8] {
                check(errors, &key, &trials, repeats, TIMES);
            }
        }
    }
    let rate = check(2.0, "output_throughput", &on_cores()["output_throughput"], 5, MANY_TIMES);
    // Nor is nothing ever called different.
    assert!(rate > 0.6 * ALPHA, "{rate}");
}

#[test]
fn a_true_slowdown_is_found_as_often_as_is_stated() {
    let check = |errors: f64, key: &str, trials: &[f64], repeats: usize, slowdown: f64| {
        let stated = design(repeats).power(slowdown / spread(trials)).unwrap();
        let told = judgements(key, trials, repeats, slowdown, TIMES);
        let found = told.iter().filter(|told| **told == Judgement::Worse).count() as f64;
        let least = stated * f64::from(TIMES) - slack(errors, stated, TIMES);
        assert!(found >= least, "{key}, {repeats} repeats, {slowdown}: {found} of {TIMES}, stated {stated}");
    };
    for (errors, figures) in recordings() {
        for (key, trials) in figures {
            for repeats in [5, 8] {
                check(errors, &key, &trials, repeats, SLOWDOWN);
                // What so many repeats are said to find.
                let found = design(repeats).detectable(POWER).unwrap();
                check(errors, &key, &trials, repeats, found * spread(&trials));
            }
        }
    }
}

/// The table of the documentation: what so many repeats of each find at a spread.
fn table() -> String {
    const REPEATS: [usize; 5] = [5, 8, 10, 20, 40];
    let cells = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let head = REPEATS.iter().map(|repeats| format!("{repeats} repeats"));
    let mut text = cells(&mut std::iter::once("spread".to_owned()).chain(head));
    text += &format!("|---|{}\n", "---:|".repeat(REPEATS.len()));
    for spread in [1.0, 2.0, 4.0, 6.0, 8.0] {
        let found = REPEATS.iter().map(|repeats| design(*repeats).detectable(POWER).unwrap() * spread);
        let found = found.map(|percent| format!("{percent:.1} %"));
        text += &cells(&mut std::iter::once(format!("{spread:.0} %")).chain(found));
    }
    text
}

#[test]
fn the_documentation_states_what_repeats_find() {
    let documented = include_str!("../../../docs/studies.md").replace("\r\n", "\n");
    let check = |expect: &str| assert!(documented.contains(expect), "docs/studies.md does not say:\n{expect}");
    check(&table());
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)))
    };
    let power = |trials: &Vec<f64>| [5, 8].map(|repeats| design(repeats).power(SLOWDOWN / spread(trials)).unwrap());
    for (recorded, last) in [(on_cores(), " only"), (on_a_gpu(), "")] {
        let (least, most) = range(&mut recorded.values().map(|trials| spread(trials) * 100.0));
        check(&format!("spread by {least:.1} to {most:.1} %"));
        let (least, most) = range(&mut recorded.values().flat_map(power));
        check(&format!("probability of {least:.2} to {most:.2}{last}"));
    }
}
