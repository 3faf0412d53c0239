//! Owns what figures of a KV cache must come to: peaks, arithmetic beside them, and by what a full one is seen.
//! Must not know engines.

use super::*;
use crate::record::fixture::{self, MS};
use shared::telemetry::{FillSign, KvFill};

/// A request that was sent at `sent` ms, had `outputs` tokens from then on, one a ms after 10 ms, and ended with them.
fn request(id: u64, sent: u64, prompt: u32, outputs: u64) -> RequestRecord {
    let at: Vec<u64> = (0..outputs).map(|n| (sent + 10 + n) * MS).collect();
    RequestRecord { prompt_tokens: Some(prompt), ..fixture::request(id, sent * MS, &at) }
}

/// A read at `at` ms.
fn read(at: u64, used_ppm: u64, running: u64, waiting: u64, preempted: u64) -> KvRead {
    KvRead {
        begun_ns: at * MS,
        ended_ns: at * MS,
        used_ppm: Some(used_ppm),
        bytes: None,
        running: Some(running),
        waiting: Some(waiting),
        preempted: Some(preempted),
    }
}

fn terms(tokens: u64) -> KvTerms {
    let capacity =
        KvCapacity { tokens: Some(tokens), block_tokens: Some(16), bytes: None, bytes_per_token: Some(524_288.0) };
    KvTerms { capacity, max_running: Some(256), window: None }
}

fn figures(records: &[RequestRecord], reads: &[KvRead], terms: KvTerms) -> KvFigures {
    kv_figures(records, &KvSeen { reads: reads.to_vec(), memory: None }, &terms).unwrap()
}

#[test]
fn the_fullest_moment_stands_for_tokens_and_bytes_beside_what_must_be_held() {
    // At 60 ms two have 100 + 51 tokens, the last of which is not in the cache yet; a third has been sent and has none.
    let records = [request(1, 0, 100, 100), request(2, 0, 100, 100), request(3, 55, 40, 9)];
    let reads = [read(20, 100_000, 2, 0, 0), read(60, 320_000, 3, 1, 2), read(80, 310_000, 3, 0, 1)];
    let figures = figures(&records, &reads, terms(1000));
    let peak = figures.peak.unwrap();
    assert_eq!((peak.at_ns, peak.share, peak.tokens), (60 * MS, Some(0.32), Some(320)));
    assert_eq!(peak.bytes, Some(320 * 524_288));
    let theory = peak.theory.unwrap();
    assert_eq!((theory.requests, theory.tokens, theory.bytes), (2, 300, Some(300 * 524_288)));
    assert_eq!((theory.starting, theory.starting_tokens, theory.rounding_tokens), (1, 40, Some(32)));
    assert_eq!((theory.agrees, theory.estimated), (Some(true), false));
    assert_eq!((figures.preemptions, figures.running_most, figures.waiting_most), (Some(3), Some(3), Some(1)));
}

#[test]
fn an_account_agrees_within_a_block_a_request() {
    let records: Vec<_> = (0..8).map(|id| request(id, 0, 100, 100)).collect();
    // 8 × 150 tokens are in the cache, in 10 blocks each; what an engine shows may be a step old.
    let check = |tokens: u64, expect: bool| {
        let read = read(60, tokens * 100, 8, 0, 0);
        let figures = figures(&records, &[read], terms(10_000));
        assert_eq!(figures.peak.unwrap().theory.unwrap().agrees, Some(expect), "{tokens}");
    };
    check(1071, false);
    check(1072, true);
    check(1280, true);
    check(1328, true);
    check(1329, false);
}

#[test]
fn a_window_bounds_what_is_kept_of_a_request() {
    let terms = KvTerms { window: Some(120), ..terms(1000) };
    let figures = figures(&[request(1, 0, 100, 100)], &[read(60, 128_000, 1, 0, 0)], terms);
    assert_eq!(figures.peak.unwrap().theory.unwrap().tokens, 120);
    let predicted = figures.predicted.unwrap();
    assert_eq!((predicted.request_tokens, predicted.at_end), (128.0, 1000.0 / 128.0));
}

#[test]
fn what_nobody_counted_has_no_theory_and_what_nobody_tells_no_figures() {
    let uncounted = RequestRecord { prompt_tokens: None, ..request(1, 0, 100, 100) };
    let of = figures(&[uncounted], &[read(60, 320_000, 1, 0, 0)], terms(1000));
    assert_eq!((of.peak.unwrap().theory, of.predicted), (None, None));
    let silent = KvRead { used_ppm: None, preempted: None, ..read(60, 0, 1, 0, 0) };
    let seen = |reads, memory| KvSeen { reads, memory };
    assert_eq!(kv_figures(&[], &seen(vec![silent], None), &terms(1000)), None);
    assert_eq!(kv_figures(&[], &KvSeen::default(), &terms(1000)), None);
    let memory = MemoryAboveIdle { idle_bytes: 5, peak_bytes: 7, gpus: 1 };
    let above = kv_figures(&[], &seen(vec![silent], Some(memory)), &KvTerms::default()).unwrap();
    assert_eq!((above.memory, above.peak, above.fill, above.preemptions), (Some(memory), None, None, None));
    assert_eq!(above.running_most, Some(1));
}

#[test]
fn tensors_that_were_measured_are_a_peak_of_their_own() {
    let bytes = |at, bytes| KvRead { used_ppm: None, bytes: Some(bytes), preempted: None, ..read(at, 0, 2, 0, 0) };
    let records = [request(1, 0, 100, 100), request(2, 0, 100, 100)];
    let figures = figures(&records, &[bytes(20, 7), bytes(60, 300 * 524_288), bytes(100, 9)], terms(1000));
    let peak = figures.peak.unwrap();
    assert_eq!((peak.share, peak.tokens, peak.measured_bytes), (None, None, Some(300 * 524_288)));
    assert_eq!(peak.theory.unwrap().bytes, peak.measured_bytes);
    assert_eq!((figures.fill, peak.theory.unwrap().agrees), (None, None));
}

#[test]
fn a_full_cache_is_seen_by_the_first_of_three_signs() {
    let check = |reads: &[KvRead], expect: KvFill| {
        let records = [request(1, 0, 100, 100)];
        assert_eq!(figures(&records, reads, terms(1000)).fill, Some(expect), "{reads:?}");
    };
    let full = |running, at: u64, sign| KvFill::At { running, at_ns: at * MS, sign };
    check(&[read(10, 980_000, 60, 0, 0), read(20, 990_000, 64, 9, 0)], full(64, 20, FillSign::Used));
    // Those that lost their memory ran until then.
    check(&[read(10, 900_000, 64, 0, 0), read(20, 930_000, 62, 2, 2)], full(64, 20, FillSign::Preempted));
    check(&[read(10, 890_000, 60, 1, 0), read(20, 910_000, 61, 1, 0)], full(61, 20, FillSign::NoRoom));
    // One that waits for its turn to be computed, and one that waits since no more may run.
    check(&[read(10, 100_000, 60, 40, 0)], KvFill::Not { share: 0.1, running: Some(60) });
    check(&[read(10, 950_000, 256, 40, 0)], KvFill::Not { share: 0.95, running: Some(256) });
}

#[test]
fn what_fills_a_cache_follows_from_its_requests() {
    let of = figures(&[request(1, 0, 100, 100)], &[read(60, 1, 1, 0, 0)], terms(2080));
    let predicted = of.predicted.unwrap();
    // 200 tokens are 13 blocks, 150 are 10.
    assert_eq!((predicted.request_tokens, predicted.at_end, predicted.on_average), (208.0, 10.0, 13.0));
    let unknown = KvTerms { capacity: KvCapacity { tokens: None, ..terms(1).capacity }, ..terms(1) };
    assert_eq!(figures(&[request(1, 0, 100, 100)], &[read(60, 1, 1, 0, 0)], unknown).predicted, None);
}
