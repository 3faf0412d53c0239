//! Owns how the tables read: what they show, what they leave out, and that they fit a terminal.
//! Must not know how figures come about.

use super::*;
use shared::cost::UsdPerMTok;
use shared::event::{Body, Event, Host};
use shared::ids::RunId;
use shared::plan::{Arrival, Plan};
use shared::summary::{Goodput, Interval};
use shared::telemetry::{
    Energy, EnergyMethod, KvCapacity, KvFigures, KvFill, KvPeak, KvPrediction, KvTheory, MemoryAboveIdle, ServerSide,
};
use std::collections::BTreeMap;

fn latency(ms: f64) -> Distribution {
    let at = |factor: f64| Percentile::Ms(ms * factor);
    Distribution { n: Some(10_000), mean_ms: Some(ms), p50: at(0.9), p99: at(7.7), ..Distribution::default() }
}

/// What a run of one point prints.
fn rendered(arrival: Arrival, summary: Summary, keys: &[&str]) -> String {
    let mut plan: Plan = shared::preset::find("first").unwrap();
    plan.load.arrival = arrival;
    (plan.load.rate, plan.load.concurrency) = (vec![12.5], vec![16]);
    let interval = Interval { n: 3, mean: 1.0, half_width: 0.123_4 };
    let intervals: BTreeMap<String, Interval> = keys.iter().map(|key| ((*key).to_owned(), interval)).collect();
    let bodies = [
        Body::Created {
            run: RunId::new(1, 1),
            plan: Box::new(plan),
            anchor_unix_ms: 0,
            host: Host::default(),
            agent_version: String::new(),
        },
        Body::PointDone { point: 0, summary: Box::new(summary), intervals },
    ];
    let mut view = RunView::default();
    (1..).zip(bodies).for_each(|(seq, body)| view.apply(&Event { seq, t_ns: seq, body }));
    render(&view)
}

fn full() -> Summary {
    Summary {
        attempted: 10_000,
        ok: 10_000,
        ttft: latency(123.4),
        ttft_scheduled: latency(567.8),
        tpot: latency(12.34),
        output_throughput: Some(12_345.6),
        request_throughput: Some(123.4),
        offered_rate: Some(123.5),
        sent_rate: Some(123.4),
        sent_late: Some(17),
        goodput: Some(Goodput { met: 9_900, of: 10_000, requests_per_s: Some(122.0), tokens_per_s: None }),
        cost_per_mtok_output: Some(UsdPerMTok(0.5)),
        ..Summary::default()
    }
}

#[test]
fn everything_at_once_fits_a_terminal_of_120_columns() {
    let keys = ["output_throughput", "request_throughput", "goodput", "cost_per_mtok"];
    let latencies = ["ttft.mean", "ttft.p50", "ttft.p99", "tpot.mean", "tpot.p50", "tpot.p99"];
    let scheduled = ["ttft_scheduled.mean", "ttft_scheduled.p50", "ttft_scheduled.p99"];
    let all = [&keys[..], &latencies, &scheduled].concat();
    for arrival in [Arrival::Closed, Arrival::Poisson] {
        let text = rendered(arrival, full(), &all);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(120), "{widest:?}:\n{text}");
        assert!(text.contains("±0.12 ") && text.contains("half the interval over repeats"), "{text}");
    }
}

#[test]
fn an_open_loop_counts_from_due_and_says_so() {
    let text = rendered(Arrival::Poisson, full(), &[]);
    assert!(text.contains("TTFT from due, mean ms") && text.contains("568 (n=10000)"), "{text}");
    assert!(!text.contains(" 123 (n="), "the two are never mixed: {text}");
    for head in ["due/s", "sent/s", "late", "unsent", "goodput req/s", "9900/10000"] {
        assert!(text.contains(head), "{head}: {text}");
    }
}

#[test]
fn what_no_point_has_takes_no_column() {
    let closed = Summary { offered_rate: None, sent_rate: None, sent_late: None, goodput: None, ..full() };
    let text = rendered(Arrival::Closed, Summary { cost_per_mtok_output: None, ..closed }, &[]);
    assert!(text.contains("TTFT mean ms") && text.contains("123 (n=10000)"), "{text}");
    for head in ["due", "late", "sent", "goodput", "met", "$/Mtok", "±"] {
        assert!(!text.contains(head), "{head}: {text}");
    }
}

#[test]
fn what_the_server_and_the_gpus_say_is_a_table_of_its_own() {
    let bucket = |ms, above_ms, up_to_ms| Some(Bucketed { ms, above_ms, up_to_ms });
    let ttft = ServerLatency {
        n: 200,
        mean_ms: Some(20.0),
        p50: bucket(Some(16.66), 10.0, Some(20.0)),
        p99: bucket(None, 2560.0, None),
    };
    let energy = Energy {
        joules: 500.0,
        gpus: 1,
        method: EnergyMethod::Counter,
        joules_per_token: Some(2.0),
        tokens_per_joule: Some(0.5),
    };
    let server = ServerSide { ttft: Some(ttft), ..ServerSide::default() };
    let text = rendered(Arrival::Closed, Summary { server: Some(server), energy: Some(energy), ..full() }, &[]);
    for words in ["server's TTFT mean ms", "20.0 (n=200)", "≈16.7 (10.0–20.0)", "> 2560", "J/token", "2.00", "0.500"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!rendered(Arrival::Closed, full(), &[]).contains("server"));
}

#[test]
fn a_kv_cache_is_a_table_of_its_own_and_a_sentence() {
    let theory = KvTheory { requests: 128, tokens: 48_700, bytes: Some(25_532_825_600), ..KvTheory::default() };
    let peak = KvPeak {
        share: Some(0.402_5),
        tokens: Some(48_873),
        bytes: Some(25_623_527_424),
        theory: Some(theory),
        ..KvPeak::default()
    };
    let kv = KvFigures {
        capacity: KvCapacity { tokens: Some(121_424), ..KvCapacity::default() },
        peak: Some(peak),
        preemptions: Some(0),
        running_most: Some(128),
        waiting_most: Some(111),
        fill: Some(KvFill::Not { share: 0.402_5, running: Some(128) }),
        predicted: KvPrediction::of(121_424, 400.0, 320.0),
        memory: Some(MemoryAboveIdle { idle_bytes: 1 << 30, peak_bytes: 3 << 30, gpus: 1 }),
    };
    let text = rendered(Arrival::Closed, Summary { kv: Some(kv), ..full() }, &[]);
    let widest = text.lines().filter(|line| !line.starts_with("At ")).map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "{widest:?}:\n{text}");
    for words in ["KV peak %", "40.2", "48873", "121424", "23.9", "23.8", "48700", "111", "above idle GiB", "2.00"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let sentence = "The KV cache was never full: at most 40.2 %, with 128 requests running; by arithmetic 304 requests of \
                    400 tokens fill it at their end, 380 on their way.";
    assert!(text.contains(sentence), "{text}");
    assert!(!text.contains("measured GiB") && !rendered(Arrival::Closed, full(), &[]).contains("KV"));
}

#[test]
fn numbers_have_three_significant_digits_and_absence_is_a_dash() {
    for (value, expect) in [
        (Some(0.0), "0.00"),
        (Some(0.012_34), "0.0123"),
        (Some(1.234), "1.23"),
        (Some(12.34), "12.3"),
        (Some(123.4), "123"),
        (Some(12345.0), "12345"),
        (None, "—"),
    ] {
        assert_eq!(number(value), expect, "{value:?}");
    }
}

#[test]
fn limits_stand_with_what_was_reached_or_with_the_reason() {
    let limit = Limit {
        tpot_floor_ms: Some(3.973),
        of_tpot: Some(0.651_4),
        throughput_ceiling: Some(12_490.0),
        of_throughput: Some(0.514_8),
        ..Limit::default()
    };
    let text = rendered(Arrival::Closed, Summary { limit: Some(limit), ..full() }, &[]);
    for part in ["least TPOT ms", "3.97", "65.1 %", "12490", "51.5 %", "docs/limits.md"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("least TTFT"), "{text}");
    let none = rendered(Arrival::Closed, Summary { no_limit: Some("It guesses.".into()), ..full() }, &[]);
    // Without GPUs nobody expects one.
    assert!(!none.contains("guesses") && !none.contains("reached"), "{none}");
}
