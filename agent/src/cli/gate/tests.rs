//! Owns the cases of the gate's arguments, exit codes and reports.
//! Must not know how the gate decides.

use super::*;
use shared::view::RunView;

#[test]
fn a_limit_is_a_percentage() {
    let check = |text: &str, expect: Option<f64>| assert_eq!(share(text).ok(), expect, "{text}");
    check("5%", Some(0.05));
    check("5 %", Some(0.05));
    check("0", Some(0.0));
    check("12.5%", Some(0.125));
    check("-1%", None);
    check("nan", None);
    check("five", None);
}

#[test]
fn one_limit_serves_all_figures_or_each_has_its_own() {
    let of = |metrics: &[&str], regressions: &[f64]| {
        let metrics: Vec<String> = metrics.iter().map(|m| (*m).to_owned()).collect();
        limits(&metrics, regressions)
            .map(|limits| limits.iter().map(|limit| (limit.figure.key(), limit.max_regression)).collect::<Vec<_>>())
            .ok()
    };
    let pair = |key: &str, share: f64| (key.to_owned(), share);
    assert_eq!(of(&["ttft_p99"], &[0.05]), Some(vec![pair("ttft.p99", 0.05)]));
    assert_eq!(of(&["ttft", "tpot"], &[0.05]), Some(vec![pair("ttft.mean", 0.05), pair("tpot.mean", 0.05)]));
    assert_eq!(of(&["ttft", "tpot"], &[0.05, 0.1]), Some(vec![pair("ttft.mean", 0.05), pair("tpot.mean", 0.1)]));
    assert_eq!(of(&["ttft", "tpot", "itl"], &[0.05, 0.1]), None);
    assert_eq!(of(&["nonsense"], &[0.05]), None);
}

#[test]
fn a_run_before_its_creation_is_none() {
    assert_eq!(Recorded::of(&RunView::default()), None);
    assert_eq!(code(&[]), BAD_INPUT);
}
