//! Owns the cases of every rule, at its threshold and just before it, and of the verdict that they make.
//! Must not know records.

use super::*;
use shared::caveat::{Verdict, verdict_of};
use shared::plan::{Curve, PrefixPlan, RampPlan};
use shared::summary::{PrefixCache, Steadiness};
use std::collections::BTreeMap;

/// A point that no rule objects to.
fn sound() -> Summary {
    Summary { attempted: 1000, ok: 1000, in_flight_peak: Some(8), ..Summary::default() }
}

fn plan() -> Plan {
    shared::preset::find("first").unwrap()
}

fn found(plan: &Plan, level: Level, summary: &Summary, context: Option<u32>) -> Vec<(&'static str, Verdict)> {
    let findings = judge(0, level, plan, summary, context);
    findings.iter().map(|f| (f.rule.label(), f.rule.verdict())).collect()
}

/// What a summary that differs from a sound one is said of, in a closed loop of 8.
fn check(change: impl FnOnce(&mut Summary), expect: &[(&'static str, Verdict)]) {
    let mut summary = sound();
    change(&mut summary);
    assert_eq!(found(&plan(), Level::Concurrency(8), &summary, Some(512)), expect, "{summary:?}");
}

fn outcomes(of: &[(Outcome, u64)]) -> BTreeMap<Outcome, u64> {
    of.iter().copied().collect()
}

const DOUBTFUL: Verdict = Verdict::Doubtful;
const INVALID: Verdict = Verdict::Invalid;

#[test]
fn a_sound_point_is_valid() {
    check(|_| (), &[]);
    assert_eq!(verdict_of(&[]), Verdict::Valid);
}

#[test]
fn the_client_may_not_be_the_limit() {
    check(|s| s.client_late_p99_ms = Some(5.0), &[]);
    check(|s| s.client_late_p99_ms = Some(5.1), &[("client late", DOUBTFUL)]);
    check(|s| s.client_late_p99_ms = Some(26.0), &[("client late", INVALID)]);
    check(|s| s.client_lag_p99_ms = Some(5.1), &[("client lagging", DOUBTFUL)]);
    check(|s| s.client_busy = Some(0.89), &[]);
    check(|s| s.client_busy = Some(0.9), &[("client busy", DOUBTFUL)]);
}

#[test]
fn an_open_loop_must_keep_its_rate() {
    // CASES B37: 200 were asked for, 183.5 were sent.
    let rates = |offered, sent| move |s: &mut Summary| (s.offered_rate, s.sent_rate) = (Some(offered), Some(sent));
    check(rates(200.0, 198.0), &[]);
    check(rates(200.0, 183.5), &[("rate missed", DOUBTFUL)]);
    check(rates(200.0, 100.0), &[("rate missed", INVALID)]);
    // CASES B42: what stayed in the queue is a miss of this point.
    let unsent = |n: u64| {
        move |s: &mut Summary| {
            s.attempted += n;
            s.outcomes = outcomes(&[(Outcome::Unsent, n)]);
        }
    };
    check(unsent(1), &[("unsent", DOUBTFUL)]);
    check(unsent(8288), &[("unsent", INVALID)]);
}

#[test]
fn a_level_that_is_never_reached_says_why() {
    check(|s| s.in_flight_peak = Some(7), &[("concurrency never reached", INVALID)]);
    let sentence = |requests: Option<u32>| {
        let mut plan = plan();
        plan.load.requests = requests;
        let summary = Summary { in_flight_peak: Some(100), ..sound() };
        judge(0, Level::Concurrency(128), &plan, &summary, None)[0].rule.sentence()
    };
    assert!(sentence(Some(100)).contains("100 requests cannot make 128 in flight"));
    assert!(sentence(Some(500)).contains("At most 100 requests were in flight"));
    assert!(sentence(None).contains("At most 100 requests were in flight"));
}

#[test]
fn refused_connections_are_told_from_other_failures() {
    check(|s| (s.ok, s.not_connected) = (995, Some(5)), &[("connections refused", DOUBTFUL), ("failures", DOUBTFUL)]);
    check(|s| (s.ok, s.not_connected) = (0, Some(1000)), &[("failures", INVALID), ("too few samples", DOUBTFUL)]);
    check(|s| s.ok = 990, &[("failures", DOUBTFUL)]);
    check(|s| s.ok = 989, &[("failures", INVALID)]);
    check(|s| (s.attempted, s.ok) = (0, 0), &[("failures", INVALID), ("too few samples", DOUBTFUL)]);
}

#[test]
fn a_full_context_is_told_from_a_short_answer() {
    // CASES B53: a prompt of 508 and a model length of 512 leave 4 of the 100 tokens asked for.
    let short = |tokens: Option<u64>| {
        move |s: &mut Summary| {
            s.outcomes = outcomes(&[(Outcome::OkShort, 3), (Outcome::Ok, 997)]);
            s.short_tokens = tokens;
        }
    };
    check(short(Some(508 + 4)), &[("short output: context", DOUBTFUL)]);
    check(short(Some(508 + 3)), &[("short output", DOUBTFUL)]);
    check(short(None), &[("short output", DOUBTFUL)]);
    let mut summary = sound();
    short(Some(512))(&mut summary);
    assert_eq!(found(&plan(), Level::Concurrency(8), &summary, None), [("short output", DOUBTFUL)]);
}

#[test]
fn a_prefix_cache_may_help_only_where_it_is_asked_to() {
    // CASES B54: 92.9 % of "random" prompts were found.
    let hits = |hits| move |s: &mut Summary| s.prefix_cache = Some(PrefixCache { queries: 1000, hits });
    check(hits(9), &[]);
    check(hits(10), &[("unasked cache hits", DOUBTFUL)]);
    check(hits(929), &[("unasked cache hits", INVALID)]);
    check(|s| s.prefix_cache = Some(PrefixCache { queries: 0, hits: 0 }), &[]);
    let mut asked = plan();
    asked.workload.prefix = Some(PrefixPlan { groups: 2, tokens: 64 });
    let mut summary = sound();
    hits(929)(&mut summary);
    assert_eq!(found(&asked, Level::Concurrency(8), &summary, None), []);
}

#[test]
fn samples_must_be_settled_independent_and_enough() {
    let steady = |ttft_drift, trend_p, effective_n| {
        move |s: &mut Summary| s.steadiness = Some(Steadiness { ttft_drift, trend_p, effective_n })
    };
    check(steady(0.3, 0.02, 900), &[]);
    check(steady(0.09, 1e-9, 900), &[]);
    check(steady(-0.3, 0.001, 900), &[("not settled", DOUBTFUL)]);
    check(steady(0.0, 1.0, 99), &[("dependent samples", DOUBTFUL)]);
    check(steady(0.0, 1.0, 100), &[]);
    check(|s| (s.attempted, s.ok) = (99, 99), &[("too few samples", DOUBTFUL)]);
    // A ramp is meant to change latency.
    let mut summary = sound();
    steady(3.0, 1e-9, 900)(&mut summary);
    let mut ramp = plan();
    ramp.load.ramp = Some(RampPlan { from_rate: 1.0, to_rate: 9.0, curve: Curve::Linear });
    assert_eq!(found(&ramp, Level::Ramp { from: 1.0, to: 9.0 }, &summary, None), []);
}

#[test]
fn every_sentence_says_what_to_do() {
    let mut summary = sound();
    summary.ok = 20;
    summary.in_flight_peak = Some(1);
    summary.client_busy = Some(1.0);
    for finding in judge(0, Level::Concurrency(8), &plan(), &summary, None) {
        let sentence = finding.rule.sentence();
        assert!(sentence.ends_with('.') && sentence.contains([':', '.']), "{sentence}");
    }
}
