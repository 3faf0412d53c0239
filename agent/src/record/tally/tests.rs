//! Owns the cases of windows and of what is credited to them.
//! Must not know sockets.

use super::*;
use crate::record::fixture::{S, duration, plan, request};
use crate::record::judge;
use shared::caveat::{Caveat, Rule, Verdict, verdict_of};
use shared::cost::{Price, PriceOrigin, UsdPerGpuHour};
use shared::plan::Level;
use shared::summary::Summary;

fn summary(records: &[RequestRecord], window: Window) -> Summary {
    Tally::of(records, window, &ClientSide::default()).summary(&Terms::default())
}

#[test]
fn events_are_credited_to_the_window_whichever_request_they_belong_to() {
    // CASES B47, B48: 8 streams of 10 tokens/s that outlast a 10 s window give 80 tokens/s, warm-up excluded.
    let at: Vec<u64> = (1..=150).map(|i| i * S / 10).collect();
    let records: Vec<_> = (0..8)
        .map(|id| RequestRecord { outcome: Outcome::Cancelled, ..request(id, 0, &at) })
        .chain([request(8, 3 * S, &[4 * S])])
        .collect();
    let summary = summary(&records, duration(2 * S, 12 * S));
    assert_eq!(summary.output_tokens, Some(801));
    assert_eq!(summary.output_throughput, Some(80.1));
    assert_eq!((summary.attempted, summary.ok), (1, 1));
    // What the window cut off is of no request's length.
    assert_eq!((summary.prompt_tokens_mean, summary.output_tokens_mean), (Some(10.0), Some(1.0)));
}

#[test]
fn total_is_prompt_plus_output_exactly_once() {
    // CASES B18.
    let at: Vec<u64> = (1..=50).map(|i| i * S / 10).collect();
    let record = RequestRecord { prompt_tokens: Some(100), ..request(0, 0, &at) };
    let summary = summary(&[record], duration(0, 10 * S));
    assert_eq!(summary.total_throughput, Some(15.0));
}

#[test]
fn cached_prompt_tokens_are_part_of_the_prompt_and_paid_for_once() {
    // CASES B73: 4 GPUs at $2.50 an hour for a quarter of one are $2.50, for 1,000 prompt tokens and one more.
    let record = RequestRecord { prompt_tokens: Some(1000), cached_tokens: Some(800), ..request(0, 0, &[S]) };
    let price = Some(Price { usd_per_gpu_hour: UsdPerGpuHour(2.5), origin: PriceOrigin::Plan });
    let terms = Terms { gpus: Some(4), price, ..Terms::default() };
    let summary = Tally::of(&[record], duration(0, 900 * S), &ClientSide::default()).summary(&terms);
    assert_eq!((summary.prompt_tokens, summary.output_tokens), (Some(1000), Some(1)));
    assert_eq!((summary.prompt_tokens_mean, summary.output_tokens_mean), (Some(1000.0), Some(1.0)));
    let per_mtok = summary.cost_per_mtok_total.unwrap().0;
    assert!((per_mtok - 2.5 / 1001.0 * 1e6).abs() < 1e-9, "{per_mtok}");
    assert_eq!((summary.price, summary.price_origin), (Some(UsdPerGpuHour(2.5)), Some(PriceOrigin::Plan)));
}

#[test]
fn tpot_follows_its_definition() {
    let ms = 1_000_000;
    assert_eq!(request(0, 0, &[100 * ms, 200 * ms, 300 * ms]).tpot_ns(), Some(100 * ms));
    assert_eq!(request(0, 0, &[100 * ms]).tpot_ns(), None);
    // All chunks in one read: no span to divide.
    assert_eq!(request(0, 0, &[7, 7, 7]).tpot_ns(), None);
    let mut chunky = request(0, 0, &[100 * ms, 200 * ms]);
    chunky.chunks[0].tokens = Some(4);
    chunky.output_tokens = Some(14);
    assert_eq!(chunky.tpot_ns(), Some(10 * ms));
}

#[test]
fn an_empty_stream_is_no_sample_and_no_zero() {
    // CASES B02: six of ten without output.
    let records: Vec<_> = (0..10)
        .map(|id| match id {
            0..6 => RequestRecord { outcome: Outcome::Empty, ..request(id, id, &[]) },
            _ => request(id, id, &[id + 5 * S]),
        })
        .collect();
    let summary = summary(&records, duration(0, 10 * S));
    assert_eq!((summary.ttft.n, summary.outcomes[&Outcome::Empty]), (Some(4), 6));
    assert_eq!(summary.ttft.p50.ms(), Some(5000.0));
}

#[test]
fn refused_requests_never_better_a_latency() {
    // CASES B29: half refused at once.
    let records: Vec<_> = (0..100)
        .map(|id| match id % 2 {
            0 => RequestRecord { outcome: Outcome::Refused, chunks: vec![], ..request(id, id, &[id + 1]) },
            _ => request(id, id, &[id + 2 * S]),
        })
        .collect();
    let summary = summary(&records, duration(0, 10 * S));
    assert_eq!((summary.attempted, summary.ok, summary.ttft.p50.ms()), (100, 50, Some(2000.0)));
    let findings = judge(0, Level::Concurrency(1), &plan(), &summary, None);
    assert!(findings.iter().any(|f| matches!(f.rule, Rule::Failures { failed: 50, attempted: 100 })));
    assert_eq!(verdict_of(&findings), Verdict::Invalid);
}

#[test]
fn by_count_the_saturated_part_is_the_headline_only_where_it_holds_enough() {
    let window = Window {
        start_ns: Some(0),
        end_ns: Some(9 * S),
        load_end_ns: 20 * S,
        by_count: true,
        arrival: Arrival::Closed,
    };
    let records: Vec<_> = (0..10).map(|id| request(id, id * S, &[id * S + S / 2])).collect();
    let saturated = summary(&records, window);
    assert_eq!((saturated.window_s, saturated.caveats.contains(&Caveat::WholeSpan)), (9.0, false));
    let slow: Vec<_> = (0..10).map(|id| request(id, id * S, &[19 * S])).collect();
    let whole = summary(&slow, window);
    assert_eq!((whole.window_s, whole.caveats.contains(&Caveat::WholeSpan)), (20.0, true));
    assert_eq!((whole.in_flight_peak, whole.attempted), (Some(10), 10));
}

#[test]
fn chunks_without_counts_are_credited_their_share_and_marked() {
    let mut record = request(0, 0, &[S, 2 * S, 3 * S, 12 * S]);
    record.chunks.iter_mut().for_each(|c| c.tokens = None);
    record.output_tokens = Some(8);
    let summary = summary(&[record], duration(0, 10 * S));
    assert_eq!(summary.output_tokens, Some(6));
    assert!(summary.caveats.contains(&Caveat::ChunkCountsEstimated));
}

#[test]
fn without_any_count_figures_per_token_are_absent() {
    let mut record = request(0, 0, &[S, 2 * S]);
    record.chunks.iter_mut().for_each(|c| c.tokens = None);
    record.output_tokens = None;
    record.token_source = TokenSource::Unknown;
    let summary = summary(&[record], duration(0, 10 * S));
    assert_eq!((summary.output_tokens, summary.output_throughput, summary.tpot.n), (None, None, Some(0)));
    assert!(summary.caveats.contains(&Caveat::TokenCountUnknown));
}

#[test]
fn the_clients_lateness_in_sending_and_in_reading_are_two_figures() {
    let client = ClientSide {
        loop_lag_ns: vec![20_000_000; 4],
        send_late_ns: vec![1_000_000; 200],
        busy: Some(0.5),
        ..ClientSide::default()
    };
    let summary = Tally::of(&[request(0, 0, &[S])], duration(0, 10 * S), &client).summary(&Terms::default());
    assert_eq!((summary.client_lag_p99_ms, summary.client_late_p99_ms), (Some(20.0), Some(1.0)));
    assert_eq!(summary.client_busy, Some(0.5));
}

#[test]
fn bursts_by_count_are_measured_as_a_whole_by_design() {
    let window =
        Window { end_ns: Some(S), load_end_ns: 20 * S, by_count: true, arrival: Arrival::Burst, ..duration(0, 0) };
    let records: Vec<_> = (0..8).map(|id| request(id, id / 4 * 10 * S, &[id / 4 * 10 * S + 9 * S])).collect();
    let summary = summary(&records, window);
    assert_eq!((summary.window_s, summary.caveats.contains(&Caveat::WholeSpan)), (20.0, false));
    assert_eq!((summary.attempted, summary.in_flight_peak), (8, Some(4)));
}

#[test]
fn the_span_of_a_summary_is_the_span_that_it_was_made_of() {
    let mut plan = plan();
    for (by_count, end) in [(false, Some(9 * S + 7)), (true, Some(9 * S + 7)), (true, Some(3 * S)), (true, None)] {
        plan.load.requests = by_count.then_some(10);
        let window = Window { end_ns: end, by_count, load_end_ns: 19 * S + 1, ..duration(3, 0) };
        let records: Vec<_> = (0..10).map(|id| request(id, id * S, &[id * S + S / 2])).collect();
        let (made, told) = (Span::of(&records, window), Span::of_summary(&summary(&records, window), &plan));
        assert_eq!((made.start_ns, made.end_ns), (told.start_ns, told.end_ns));
        assert!(records.iter().all(|record| made.holds(record) == told.holds(record)));
    }
}

#[test]
fn pooling_trials_pools_samples() {
    let one = Tally::of(&[request(0, 0, &[S])], duration(0, 10 * S), &ClientSide::default());
    let mut two = one.clone();
    two.merge(&Tally::of(&[request(1, 0, &[3 * S])], duration(0, 10 * S), &ClientSide::default()));
    let summary = two.summary(&Terms::default());
    assert_eq!((summary.ttft.n, summary.ttft.mean_ms, summary.window_s), (Some(2), Some(2000.0), 20.0));
    assert_eq!(summary.prompt_tokens, Some(20));
}

#[test]
fn chunks_of_a_request_that_the_window_cut_have_the_trials_mean() {
    // METRICS `t_1 … t_k`: without counts, and without a total since it was cut, two tokens a chunk as in the others.
    let uncounted = |id, at: &[u64], total| {
        let mut record = RequestRecord { output_tokens: total, ..request(id, 0, at) };
        record.chunks.iter_mut().for_each(|chunk| chunk.tokens = None);
        record
    };
    let whole = uncounted(0, &[S, 2 * S, 3 * S], Some(6));
    let cut = RequestRecord { outcome: Outcome::Cancelled, ..uncounted(1, &[S, 2 * S, 3 * S, 12 * S], None) };
    let summary = summary(&[whole, cut], duration(0, 10 * S));
    assert_eq!(summary.output_tokens, Some(12));
    assert!(summary.caveats.contains(&Caveat::ChunkCountsEstimated));
}
