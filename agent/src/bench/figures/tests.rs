use super::*;
use crate::bench::pacer::{Ending, Written};
use crate::bench::trial::SeenRequest;

const MS: u64 = 1_000_000;

/// A request that the server read at 0 and answered at 50 ms, then every 20 ms; the reader sent it `ahead` ms before
/// and saw each chunk `behind` ms after.
fn pair(id: u64, ahead: u64, behind: u64) -> (SeenRequest, Served) {
    let start = 1_000 * MS;
    let sent: Vec<u64> = (0..4).map(|i| start + (50 + i * 20) * MS).collect();
    let chunks = sent.iter().map(|t| Written { due_ns: t - MS, sent_ns: *t, tokens: 1 }).collect();
    let served = Served { client_id: Some(id), read_ns: start, asked_tokens: 4, chunks, end: Some(Ending::Complete) };
    let chunks_ns = sent.iter().map(|t| t + behind * MS).collect();
    (SeenRequest { id, due_ns: start - ahead * MS, sent_ns: start - ahead * MS, chunks_ns }, served)
}

fn trial(pairs: Vec<(SeenRequest, Served)>) -> (Seen, Account) {
    let (requests, served): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let seen = Seen { attempted: requests.len() as u64, requests, cpu_ns: 2_000 * MS, ..Seen::default() };
    (seen, Account { requests: served, ..Account::default() })
}

#[test]
fn what_lies_between_reader_and_server_is_the_error() {
    let (seen, account) = trial((0..200).map(|id| pair(id, 2, 1)).collect());
    let figures = compare(&seen, &account);
    assert_eq!(figures.ttft_mean_ms, Pair { reported: Some(53.0), truth: Some(50.0) });
    assert_eq!((figures.ttft_p99_ms.error(), figures.ttft_apart_p99_ms), (Some(3.0), Some(3.0)));
    assert_eq!(figures.gap_p99_ms, Pair { reported: Some(20.0), truth: Some(20.0) });
    assert_eq!((figures.server_late_p99_ms, figures.contradictions), (Some(1.0), 0.0));
    assert_eq!(figures.tokens_per_cpu_s, Some(400.0));
}

#[test]
fn what_the_account_denies_is_counted() {
    let mut pairs: Vec<_> = (0..3).map(|id| pair(id, 1, 1)).collect();
    pairs[0].0.chunks_ns[2] -= 2 * MS; // read before it was written
    pairs[1].0.chunks_ns.pop(); // a chunk is missing
    pairs[2].0.id = 99; // the server knows no such request
    let (seen, account) = trial(pairs);
    assert_eq!(compare(&seen, &account).contradictions, 3.0);
}

#[test]
fn too_few_samples_have_no_percentile() {
    let (seen, account) = trial(vec![pair(0, 1, 1)]);
    let figures = compare(&seen, &account);
    assert_eq!((figures.ttft_p99_ms.error(), figures.ttft_mean_ms.error()), (None, Some(2.0)));
}

#[test]
fn medians() {
    let of = |values: &[Option<f64>]| {
        let trials: Vec<Figures> = values.iter().map(|v| Figures { tokens_per_s: *v, ..Figures::default() }).collect();
        median(&trials, |f| f.tokens_per_s)
    };
    assert_eq!(of(&[Some(3.0), Some(1.0), Some(2.0)]), Some(2.0));
    assert_eq!(of(&[Some(1.0), Some(2.0)]), Some(1.5));
    assert_eq!(of(&[Some(1.0), None]), None);
    assert_eq!(of(&[]), None);
}
