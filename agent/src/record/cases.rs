//! Owns the known mistakes of tools like this one (`CASES B37` to `B39`, `B49` to `B52`), from records to figures.
//! Must not know sockets.

use super::fixture::{MS, S, duration, open, request, unsent};
use super::statistics::Pool;
use super::*;
use proptest::prelude::*;
use shared::outcome::Outcome;
use shared::plan::SloPlan;
use shared::summary::{Goodput, Percentile, Summary, TokenSource};

fn summary(records: &[RequestRecord], window: Window) -> Summary {
    Tally::of(records, window, &ClientSide::default()).summary(&Terms::default())
}

/// A request that was due at `due`, sent at `sent` and answered with one token at `first`.
fn due(id: u64, due: u64, sent: u64, first: u64) -> RequestRecord {
    RequestRecord { sched_ns: due, ..request(id, sent, &[first]) }
}

#[test]
fn a_schedule_that_slips_shows_in_the_rates() {
    // CASES B37: 200 requests per second are due; each is sent 5.45 ms after the one before instead of 5.
    let records: Vec<_> = (0..2000).map(|i| due(i, i * 5 * MS, i * 5_450_000, i * 5_450_000 + MS)).collect();
    let summary = summary(&records, open(0, 10 * S));
    assert_eq!((summary.offered_rate, summary.sent_rate), (Some(200.0), Some(183.5)));
    // All but the first three are more than 1 ms late.
    assert_eq!((summary.sent_late, summary.attempted), (Some(1997), 2000));
}

#[test]
fn a_wait_for_room_in_the_client_is_in_the_open_loops_headline() {
    // CASES B38: with one in flight and 100 ms of service, requests that are due every 50 ms wait ever longer.
    let records: Vec<_> = (0..100).map(|i| due(i, i * 50 * MS, i * 100 * MS, i * 100 * MS + 100 * MS)).collect();
    let summary = summary(&records, open(0, 5 * S));
    assert_eq!((summary.ttft.p50, summary.ttft.p99), (Percentile::Ms(100.0), Percentile::Ms(100.0)));
    assert_eq!(
        (summary.ttft_scheduled.p50, summary.ttft_scheduled.p99),
        (Percentile::Ms(2550.0), Percentile::Ms(5000.0))
    );
    assert_eq!(summary.queue_client.p99, Percentile::Ms(4900.0));
}

#[test]
fn a_stall_is_counted_from_the_schedule_and_once() {
    // CASES B39: one a millisecond, 0.1 ms each, and a stall of 10 ms: 10 samples of 10 to 1 ms, and no made-up ones.
    let stalled = (0..10).map(|i| due(i, i * MS, i * MS, 10 * MS));
    let records: Vec<_> = stalled.chain((10..200).map(|i| due(i, i * MS, i * MS, i * MS + MS / 10))).collect();
    let summary = summary(&records, open(0, S));
    let d = &summary.ttft_scheduled;
    assert_eq!((d.n, d.p50, d.p95, d.max_ms), (Some(200), Percentile::Ms(0.1), Percentile::Ms(0.1), Some(10.0)));
    // The 198th of 200: two lie beyond it.
    assert_eq!(d.p99, Percentile::Ms(8.0));
}

#[test]
fn nothing_that_was_scheduled_vanishes() {
    let sent = (0..90).map(|i| due(i, i * 10 * MS, i * 10 * MS, i * 10 * MS + MS));
    // Due before the end, sent after it; and never sent at all.
    let late = (90..95).map(|i| due(i, i * 10 * MS, 2 * S, 2 * S + MS));
    let records: Vec<_> = sent.chain(late).chain((95..100).map(|i| unsent(i, i * 10 * MS, 9 * S))).collect();
    let summary = summary(&records, open(0, S));
    assert_eq!((summary.attempted, summary.ok, summary.outcomes[&Outcome::Unsent]), (100, 95, 5));
    assert_eq!((summary.offered_rate, summary.sent_rate, summary.sent_late), (Some(100.0), Some(90.0), Some(5)));
    assert_eq!(summary.ttft_scheduled.p90, Percentile::Ms(1.0));
    assert!(matches!(summary.ttft_scheduled.p99, Percentile::AtLeastMs(ms) if ms > 8000.0), "{summary:?}");
    // A closed loop has no schedule, and no rates of one.
    let closed = super::cases::summary(&records, duration(0, S));
    assert_eq!((closed.offered_rate, closed.sent_rate, closed.sent_late), (None, None, None));
}

#[test]
fn speed_per_user_does_not_depend_on_the_first_token() {
    // CASES B49: 5 s to the first token, then 100 tokens in 1 s.
    let at: Vec<u64> = (0..100).map(|i| 5 * S + i * S / 99).collect();
    let summary = summary(&[request(0, 0, &at), request(1, 0, &at)], duration(0, 10 * S));
    assert!((summary.per_user_throughput.unwrap() - 99.0).abs() < 0.01, "{summary:?}");
    let end_to_end = 100.0 / (summary.e2e.mean_ms.unwrap() / 1e3);
    assert!((end_to_end - 16.7).abs() < 0.05, "{end_to_end}");
}

#[test]
fn tokens_in_one_read_have_no_speed_and_are_not_filtered_away() {
    // CASES B50: all at once, one token, an end that is the beginning.
    let records = [request(0, 0, &[S, S, S]), request(1, 0, &[S]), request(2, S, &[S])];
    let summary = summary(&records, duration(0, 10 * S));
    assert_eq!((summary.ok, summary.tpot.n, summary.tpot.absent), (3, Some(0), Some(3)));
    assert_eq!((summary.tpot.mean_ms, summary.per_user_throughput), (None, None));
    assert_eq!((summary.ttft.n, summary.e2e.n, summary.e2e.min_ms), (Some(3), Some(3), Some(0.0)));
    assert_eq!(summary.output_tokens, Some(5));
}

#[test]
fn without_a_success_nothing_is_a_number() {
    // CASES B51.
    let refused = RequestRecord { outcome: Outcome::Refused, chunks: vec![], ..request(0, S, &[]) };
    for (records, window) in
        [(vec![refused.clone()], duration(0, 10 * S)), (vec![], duration(0, 0)), (vec![refused], open(0, 0))]
    {
        let terms = Terms {
            gpus: Some(1),
            slo: Some(SloPlan { ttft_ms: Some(1.0), ..SloPlan::default() }),
            ..Terms::default()
        };
        let summary = Tally::of(&records, window, &ClientSide::default()).summary(&terms);
        // What is not a number would not be equal to itself.
        assert_eq!(summary, summary.clone());
        let json = serde_json::to_string(&summary).unwrap();
        assert!(!json.contains("NaN") && !json.contains("inf"), "{json}");
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
        assert_eq!((summary.ttft.mean_ms, summary.output_throughput, summary.per_gpu_throughput), (None, None, None));
    }
}

#[test]
fn percentiles_are_ranks_of_sorted_samples() {
    // CASES B52.
    let samples = Samples { ok_ns: vec![30 * MS, 10 * MS, 20 * MS], ..Samples::default() };
    let ranked = samples.ranked();
    let pool = Pool::of(&ranked);
    assert_eq!((pool.unguarded(99), pool.unguarded(50)), (Percentile::Ms(30.0), Percentile::Ms(20.0)));
    assert_eq!((pool.percentile(99), samples.distribution().n), (Percentile::Needs(100), Some(3)));
}

#[test]
fn a_gap_before_several_tokens_is_shared_among_them() {
    let mut record = request(0, 0, &[S, S + 90 * MS, S + 100 * MS]);
    record.chunks[1].tokens = Some(9);
    record.output_tokens = Some(11);
    let counted = summary(&[record.clone(), request(1, 0, &[S])], duration(0, 10 * S));
    // Nine of 10 ms and one of 10 ms; the request of one token has no gap, which is no absence.
    assert_eq!((counted.itl.n, counted.itl.mean_ms, counted.itl.absent), (Some(10), Some(10.0), Some(0)));
    assert_eq!((counted.chunk_gap.n, counted.chunk_gap.mean_ms), (Some(2), Some(50.0)));
    assert_eq!(counted.tokens_per_chunk, Some(3.0));
    record.chunks[1].tokens = None;
    let estimated = summary(&[record], duration(0, 10 * S));
    assert_eq!((estimated.itl.n, estimated.itl.absent), (Some(0), Some(1)));
}

#[test]
fn reasoning_comes_before_what_is_visible() {
    let record = RequestRecord { first_visible_ns: Some(3 * S), ..request(0, S, &[2 * S, 3 * S]) };
    let silent = RequestRecord { first_visible_ns: None, ..request(1, S, &[2 * S]) };
    let summary = summary(&[record, silent], duration(0, 10 * S));
    assert_eq!(
        (summary.ttft.n, summary.ttfv.n, summary.ttfv.absent, summary.ttfv.mean_ms),
        (Some(2), Some(1), Some(1), Some(2000.0))
    );
}

#[test]
fn connecting_is_a_figure_of_those_that_connected() {
    let connected = RequestRecord { connect_ns: Some(2 * MS), ..request(0, 0, &[S]) };
    let timed_out = RequestRecord { outcome: Outcome::TimedOut, sent_ns: None, ..request(2, 0, &[]) };
    let refused = RequestRecord { outcome: Outcome::ConnectFailed, sent_ns: None, ..request(3, 0, &[]) };
    let summary = summary(&[connected, request(1, 0, &[S]), timed_out, refused], duration(0, 10 * S));
    assert_eq!((summary.connect.n, summary.connect.absent, summary.connect.mean_ms), (Some(1), Some(0), Some(2.0)));
    assert_eq!(summary.not_connected, Some(2));
}

/// What limits say of four requests: fast, slow, of one token, and failed.
fn check_goodput(slo: SloPlan, window: Window, expect: Option<Goodput>) {
    let records = [
        RequestRecord { sched_ns: 0, ..request(0, S, &[2 * S, 3 * S]) },
        request(1, S, &[5 * S, 8 * S]),
        request(2, S, &[2 * S]),
        RequestRecord { outcome: Outcome::Truncated, ..request(3, S, &[2 * S]) },
    ];
    let terms = Terms { slo: Some(slo.clone()), ..Terms::default() };
    let got = Tally::of(&records, window, &ClientSide::default()).summary(&terms).goodput;
    assert_eq!(got, expect, "{slo:?}");
}

fn met(met: u64, tokens: u64) -> Option<Goodput> {
    Some(Goodput { met, of: 4, requests_per_s: Some(met as f64 / 10.0), tokens_per_s: Some(tokens as f64 / 10.0) })
}

#[test]
fn goodput_counts_what_keeps_every_limit_and_failures_as_misses() {
    let slo = |ttft, tpot, e2e| SloPlan { ttft_ms: ttft, tpot_ms: tpot, e2e_ms: e2e };
    let window = duration(0, 10 * S);
    check_goodput(slo(None, None, None), window, None);
    check_goodput(slo(Some(1000.0), None, None), window, met(2, 3));
    check_goodput(slo(Some(4000.0), None, None), window, met(3, 5));
    // A request of one token has no time per token that could be too long.
    check_goodput(slo(None, Some(1000.0), None), window, met(2, 3));
    check_goodput(slo(None, Some(999.0), None), window, met(1, 1));
    check_goodput(slo(Some(4000.0), Some(5000.0), Some(2000.0)), window, met(2, 3));
    // In an open loop the first token is late since it was due.
    check_goodput(slo(Some(1000.0), None, None), open(0, 10 * S), met(1, 1));
}

#[test]
fn a_limit_per_token_knows_nothing_of_tokens_that_nobody_counted() {
    let mut record = request(0, 0, &[S, 2 * S]);
    record.chunks.iter_mut().for_each(|chunk| chunk.tokens = None);
    record.output_tokens = None;
    record.token_source = TokenSource::Unknown;
    let served = [Served::of(&record, shared::plan::Arrival::Closed)];
    let per_token = SloPlan { tpot_ms: Some(9.0), ..SloPlan::default() };
    assert_eq!(goodput(&served, &per_token, S), None);
    let first = SloPlan { ttft_ms: Some(1000.0), ..SloPlan::default() };
    let found = goodput(&served, &first, S).unwrap();
    assert_eq!((found.met, found.requests_per_s, found.tokens_per_s), (1, Some(1.0), None));
}

#[test]
fn repeats_give_intervals_and_a_single_trial_none() {
    let trial = |i: u64| {
        let records: Vec<_> =
            (0..120).map(|id| request(id, id * MS, &[id * MS + (i + 1) * MS, id * MS + 9 * MS])).collect();
        Tally::of(&records, duration(0, (10 + i) * S), &ClientSide::default())
    };
    let trials: Vec<Tally> = (0..3).map(trial).collect();
    let found = intervals(&trials, &Terms::default());
    let (throughput, ttft) = (found["output_throughput"], found["ttft.mean"]);
    assert_eq!((throughput.n, ttft.n, ttft.mean), (3, 3, 2.0));
    // 4.3027 · 1 / √3: samples of 1, 2 and 3 ms.
    assert!((ttft.half_width - 2.484).abs() < 1e-3, "{ttft:?}");
    assert_eq!(found["ttft.p50"].mean, 2.0);
    assert!(found["ttft.p99"].half_width > 0.0);
    assert!(!found.contains_key("goodput") && !found.contains_key("per_gpu_throughput"), "{found:?}");
    assert!(intervals(&trials[..1], &Terms::default()).is_empty());
}

#[test]
fn every_latency_stands_at_its_own_place_and_under_its_own_key() {
    for (place, latency) in Latency::ALL.into_iter().enumerate() {
        assert_eq!(latency as usize, place);
        assert!(shared::metric::METRICS.iter().any(|m| m.key == latency.key()), "{latency:?}");
    }
}

proptest! {
    /// Whatever the schedule and its outcome, every request that was due in the window is accounted for once.
    #[test]
    fn an_open_loops_window_holds_what_was_due_in_it(
        requests in prop::collection::vec((0u64..2000, 0u64..3000, 0u64..500, 0u8..4), 0..80),
    ) {
        let records: Vec<_> = requests.iter().enumerate().map(|(id, (at, wait, long, kind))| {
            let (at, sent) = (at * MS, (at + wait) * MS);
            let answered = due(id as u64, at, sent, sent + long * MS);
            match kind {
                0 => unsent(id as u64, at, 9 * S),
                1 => RequestRecord { outcome: Outcome::TimedOut, chunks: vec![], ..answered },
                _ => answered,
            }
        }).collect();
        let summary = summary(&records, open(500 * MS, 1500 * MS));
        let inside = records.iter().filter(|r| (500 * MS..1500 * MS).contains(&r.sched_ns)).count() as u64;
        prop_assert_eq!(summary.attempted, inside);
        prop_assert_eq!(summary.offered_rate, Some(inside as f64));
        prop_assert!(summary.sent_rate <= summary.offered_rate);
        let unsent = summary.outcomes.get(&Outcome::Unsent).copied().unwrap_or(0);
        prop_assert!(summary.sent_late.unwrap() <= inside - unsent);
        prop_assert_eq!(summary.ttft_scheduled.n, Some(summary.ok));
    }
}
