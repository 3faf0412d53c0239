//! Owns the cases of the gate: limits, points that are missing, runs that prove nothing.
//! Must not know exit codes or reports.

use super::super::sample::{levels, run};
use super::*;
use crate::caveat::{Finding, Rule, Verdict};
use crate::event::RunState;
use crate::view::EngineFailure;

fn check_figure(figure: &str, base: &[f64], candidate: &[f64], max_regression: f64, expect: Passage) {
    let limit = Limit { figure: Figure::parse(figure).unwrap(), max_regression };
    let rows = gate(&run(base), &run(candidate), &[limit]).unwrap().rows;
    assert_eq!(rows[0].passage, expect, "{rows:?}");
    assert!(rows[0].sentence().ends_with('.'), "{}", rows[0].sentence());
}

#[test]
fn worse_by_more_than_is_allowed_is_a_regression() {
    let base = [100.0, 100.1, 99.9, 100.2, 99.8];
    let times = |factor: f64| base.map(|v| v * factor);
    check_figure("ttft.mean", &base, &times(1.1), 0.05, Passage::Regression);
    check_figure("ttft.mean", &base, &times(1.03), 0.05, Passage::Pass);
    check_figure("ttft.mean", &base, &times(0.5), 0.05, Passage::Pass);
    check_figure("output_throughput", &base, &times(0.9), 0.05, Passage::Regression);
    check_figure("output_throughput", &base, &times(1.9), 0.05, Passage::Pass);
    check_figure("ttft.mean", &base, &base, 0.0, Passage::Undecided);
    check_figure("ttft.mean", &base[..4], &times(1.1)[..4], 0.05, Passage::NotEnoughRepeats);
    check_figure("e2e.mean", &base, &base, 0.05, Passage::NoFigure);
    // So noisy that five in a hundred could hide in it.
    let noisy = [80.0, 120.0, 100.0, 90.0, 110.0];
    check_figure("ttft.mean", &noisy, &noisy, 0.05, Passage::Undecided);
    check_figure("ttft.mean", &noisy, &noisy, 0.5, Passage::Pass);
}

#[test]
fn what_cannot_be_gated_is_refused() {
    let (one, other) = (levels(&[(1, &[1.0; 5])]), levels(&[(2, &[1.0; 5])]));
    let limit = Limit { figure: Figure::parse("ttft").unwrap(), max_regression: 0.1 };
    assert_eq!(gate(&one, &other, &[limit]), Err(GateError::NothingInCommon));
}

/// Three levels that differ by nothing.
fn three() -> Recorded {
    let values = [100.0, 100.1, 99.9, 100.2, 99.8];
    levels(&[(1, &values), (8, &values), (64, &values)])
}

fn gated(base: &Recorded, candidate: &Recorded) -> Gated {
    gate(base, candidate, &[Limit { figure: Figure::parse("ttft").unwrap(), max_regression: 0.05 }]).unwrap()
}

/// The passages by level, and words that the sentence of the last row has.
fn check(base: &Recorded, candidate: &Recorded, expect: &[Passage], words: &[&str]) -> Gated {
    let found = gated(base, candidate);
    assert_eq!(found.rows.iter().map(|row| row.passage).collect::<Vec<_>>(), expect, "{found:?}");
    let sentence = found.rows.last().unwrap().sentence();
    assert!(words.iter().all(|words| sentence.contains(words)) && sentence.ends_with('.'), "{sentence}");
    found
}

const PASS: Passage = Passage::Pass;

#[test]
fn a_point_that_one_of_the_two_lacks_does_not_pass() {
    let pass_twice = [PASS, PASS, Passage::Missing];
    check(&three(), &three(), &[PASS; 3], &["5.00 % allowed"]);
    // Another plan, or a search that did not come so far.
    let mut fewer = three();
    fewer.points.truncate(2);
    fewer.trials.retain(|trial| trial.point < 2);
    let words = ["The candidate r", "has no point 64 in flight", "measure the same plan"];
    check(&three(), &fewer, &pass_twice, &words);
    // Its engine died there.
    let mut failed = three();
    failed.points[2].summary = None;
    failed.trials.retain(|trial| trial.point < 2);
    let failure = EngineFailure { configuration: 0, reason: "Out of memory.".to_owned(), lines: vec![] };
    failed.failures = vec![failure];
    let words = ["The candidate r", "was not measured to its end at 64 in flight", "Out of memory."];
    check(&three(), &failed, &pass_twice, &words);
    check(&failed, &three(), &pass_twice, &["The baseline r", "Out of memory."]);
    // It ended before its first point.
    let mut none = three();
    (none.points, none.trials) = (vec![], vec![]);
    (none.state, none.reason) = (Some(RunState::Failed), Some("No GPU.".to_owned()));
    check(&three(), &none, &[Passage::Missing; 3], &["It is failed: No GPU."]);
}

#[test]
fn points_of_the_candidate_alone_are_told_and_do_no_harm() {
    let mut fewer = three();
    fewer.points.truncate(2);
    fewer.trials.retain(|trial| trial.point < 2);
    let found = check(&fewer, &three(), &[PASS, PASS], &[]);
    assert_eq!(found.notes, ["Only the candidate has 64 in flight, which is not compared."]);
    assert!(check(&three(), &three(), &[PASS; 3], &[]).notes.is_empty());
}

#[test]
fn a_run_that_did_not_come_to_its_end_passes_nothing() {
    let ended = |state: Option<RunState>| Recorded { state, reason: Some("Why.".to_owned()), ..three() };
    let invalid = [Passage::Invalid; 3];
    for state in RunState::ALL.into_iter().filter(|state| *state != RunState::Done) {
        let ended = ended(Some(state));
        let words = format!("is {}: Why.", state.label());
        check(&three(), &ended, &invalid, &["The candidate r", &words]);
        let found = check(&ended, &three(), &invalid, &["The baseline r", &words]);
        assert_eq!(found.notes.len(), 1, "{found:?}");
    }
    check(&three(), &ended(None), &invalid, &["does not say how it ended", "export it anew"]);
    // What it measured before can still be worse.
    let slow = [200.0, 200.1, 199.9, 200.2, 199.8];
    let fast = [100.0, 100.1, 99.9, 100.2, 99.8];
    let mut slower = levels(&[(1, &slow), (8, &fast), (64, &fast)]);
    slower.state = Some(RunState::Interrupted);
    check(&three(), &slower, &[Passage::Regression, Passage::Invalid, Passage::Invalid], &[]);
}

#[test]
fn an_invalid_point_passes_nothing_and_a_doubtful_run_is_named() {
    let with = |verdict: Verdict, rule: Rule| {
        let mut run = three();
        (run.verdict, run.points[2].verdict) = (Some(verdict), verdict);
        run.findings = Some(vec![Finding { point: 2, rule }]);
        run
    };
    let unreached = with(Verdict::Invalid, Rule::ConcurrencyNotReached { reached: 1, target: 64, requests: None });
    let last = [PASS, PASS, Passage::Invalid];
    check(&three(), &unreached, &last, &["The candidate r", "is invalid at 64 in flight: ", "64"]);
    check(&unreached, &three(), &last, &["The baseline r"]);
    // Of a point that is not compared, or where a file does not tell points apart, no row would say so.
    let mut fewer = three();
    fewer.points.truncate(2);
    check(&fewer, &unreached, &[Passage::Invalid; 2], &["The candidate r", "is invalid"]);
    let untold = Recorded { verdict: Some(Verdict::Invalid), ..three() };
    check(&three(), &untold, &[Passage::Invalid; 3], &["is invalid"]);

    let few = with(Verdict::Doubtful, Rule::TooFewSamples { n: 3, needed: 100 });
    let found = check(&few, &three(), &[PASS; 3], &[]);
    let [note] = found.notes.as_slice() else { panic!("{found:?}") };
    assert!(note.starts_with("The baseline r") && note.contains(" is doubtful: At 64 in flight: "), "{note}");
}
