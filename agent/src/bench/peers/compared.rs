//! Owns the comparison of what a tool says of its own run with the pacing server's account of it.
//! Must not know which tool it was or how it was run.

use crate::bench::figures::Pair;
use crate::bench::pacer::{Account, Ending, Served};
use crate::bench::trial::Seen;
use crate::record::Samples;
use shared::summary::Distribution;
use shared::units::{finite, ns_to_s};

/// What a tool says of its own run. Absent where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reported {
    /// Requests that ended well.
    pub completed: Option<f64>,
    /// Requests that did not.
    pub failed: Option<f64>,
    /// Most requests in flight.
    pub in_flight: Option<f64>,
    /// Time to first token.
    pub ttft_mean_ms: Option<f64>,
    /// Its 99th percentile.
    pub ttft_p99_ms: Option<f64>,
    /// Time per output token after the first, mean over requests; several tools call it inter-token latency.
    pub tpot_mean_ms: Option<f64>,
    /// Its 99th percentile over requests.
    pub tpot_p99_ms: Option<f64>,
    /// Output tokens.
    pub tokens: Option<f64>,
    /// Output tokens in a second.
    pub tokens_per_s: Option<f64>,
}

/// One trial of a tool against the truth. The halves of each pair are absent on their own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Compared {
    /// Requests that ended well.
    pub completed: Pair,
    /// Requests that the tool calls failed.
    pub failed: Option<f64>,
    /// Most requests in flight.
    pub in_flight: Pair,
    /// Mean time to first token, ms.
    pub ttft_mean_ms: Pair,
    /// Its 99th percentile, ms.
    pub ttft_p99_ms: Pair,
    /// Mean time per output token, ms.
    pub tpot_mean_ms: Pair,
    /// Its 99th percentile, ms.
    pub tpot_p99_ms: Pair,
    /// Output tokens.
    pub tokens: Pair,
    /// Output tokens in a second.
    pub tokens_per_s: Pair,
    /// True tokens in a second of the tool's CPU time, from its first request to the last token.
    pub tokens_per_cpu_s: Option<f64>,
    /// How late the pacing server wrote.
    pub server_late_p99_ms: Option<f64>,
}

/// What the load generator says of a trial: its own definitions, over the requests that ended well.
pub(super) fn ours(seen: &Seen) -> Reported {
    let requests = &seen.requests;
    let stamps = || requests.iter().map(|request| &request.chunks_ns);
    let ttft = requests.iter().map(|r| Some(r.chunks_ns.first()?.saturating_sub(r.sent_ns)));
    let (ttft, tpot) = (distribution(ttft), distribution(stamps().map(|chunks| tpot_ns(chunks.iter().copied()))));
    let tokens: usize = stamps().map(Vec::len).sum();
    let first_ns = requests.iter().map(|request| request.sent_ns).min();
    let last_ns = stamps().filter_map(|chunks| chunks.last().copied()).max();
    Reported {
        completed: Some(requests.len() as f64),
        failed: Some(seen.attempted.saturating_sub(requests.len() as u64) as f64),
        in_flight: Some(f64::from(seen.in_flight_peak)),
        ttft_mean_ms: ttft.mean_ms,
        ttft_p99_ms: ttft.p99.ms(),
        tpot_mean_ms: tpot.mean_ms,
        tpot_p99_ms: tpot.p99.ms(),
        tokens: Some(tokens as f64),
        tokens_per_s: Option::zip(first_ns, last_ns).and_then(|span| per_second(tokens as f64, span)),
    }
}

/// Sets a report beside the account. The truth is over every request that the server answered in full; one that was
/// over before any other began was a tool's question whether anybody is there, and is left out. `cpu_ns` says what CPU
/// time the tool used between two moments.
pub(super) fn compare(reported: &Reported, account: &Account, cpu_ns: impl Fn((u64, u64)) -> Option<u64>) -> Compared {
    let load = load(&account.requests);
    let complete: Vec<&Served> = load.iter().filter(|served| served.end == Some(Ending::Complete)).collect();
    let ttft = distribution(complete.iter().map(|served| served.ttft_ns()));
    let tpot = distribution(complete.iter().map(|served| tpot_ns(served.chunks.iter().map(|chunk| chunk.sent_ns))));
    let late = distribution(load.iter().flat_map(|served| served.late_ns().map(Some)));
    let tokens = complete.iter().map(|served| served.tokens() as f64).sum::<f64>();
    let all_tokens = load.iter().map(|served| served.tokens() as f64).sum::<f64>();
    let first_ns = load.iter().map(|served| served.read_ns).min();
    let last_ns = load.iter().filter_map(|served| Some(served.chunks.last()?.sent_ns)).max();
    let span = Option::zip(first_ns, last_ns);
    let cpu_s = span.and_then(cpu_ns).map(ns_to_s);
    let pair = |reported, truth| Pair { reported, truth };
    Compared {
        completed: pair(reported.completed, Some(complete.len() as f64)),
        failed: reported.failed,
        in_flight: pair(reported.in_flight, Some(f64::from(account.in_flight_peak))),
        ttft_mean_ms: pair(reported.ttft_mean_ms, ttft.mean_ms),
        ttft_p99_ms: pair(reported.ttft_p99_ms, ttft.p99.ms()),
        tpot_mean_ms: pair(reported.tpot_mean_ms, tpot.mean_ms),
        tpot_p99_ms: pair(reported.tpot_p99_ms, tpot.p99.ms()),
        tokens: pair(reported.tokens, Some(tokens)),
        tokens_per_s: pair(reported.tokens_per_s, span.and_then(|span| per_second(all_tokens, span))),
        tokens_per_cpu_s: cpu_s.and_then(|s| finite(all_tokens / s)),
        server_late_p99_ms: late.p99.ms(),
    }
}

/// The requests from the first one on that was not over before the next began.
fn load(requests: &[Served]) -> &[Served] {
    let over_before = |pair: &[Served]| {
        pair[0].end.is_some() && pair[0].chunks.last().is_some_and(|chunk| chunk.sent_ns < pair[1].read_ns)
    };
    let alone = requests.windows(2).take_while(|pair| over_before(pair)).count();
    // Where no two were ever open at once, every request was alone and all are load.
    if alone + 1 >= requests.len() { requests } else { &requests[alone..] }
}

/// (last − first) / (chunks − 1): each chunk of the pacing server is one token.
fn tpot_ns(mut chunks_ns: impl ExactSizeIterator<Item = u64>) -> Option<u64> {
    let gaps = (chunks_ns.len() as u64).checked_sub(1).filter(|gaps| *gaps > 0)?;
    let first_ns = chunks_ns.next()?;
    Some(chunks_ns.last()?.saturating_sub(first_ns) / gaps)
}

fn distribution(values_ns: impl Iterator<Item = Option<u64>>) -> Distribution {
    let mut samples = Samples::default();
    values_ns.for_each(|value| samples.add(value));
    samples.distribution()
}

fn per_second(count: f64, (first_ns, last_ns): (u64, u64)) -> Option<f64> {
    finite(count / ns_to_s(last_ns.saturating_sub(first_ns)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pacer::Written;
    use crate::bench::trial::SeenRequest;

    const MS: u64 = 1_000_000;

    /// A request read at `at_ms` whose first of three tokens came after 50 ms, the others 20 ms apart.
    fn served(at_ms: u64, end: Option<Ending>) -> Served {
        let sent = (0..3).map(|i| (at_ms + 50 + 20 * i) * MS);
        let chunks = sent.map(|sent_ns| Written { due_ns: sent_ns - MS, sent_ns, tokens: 1 }).collect();
        Served { client_id: None, read_ns: at_ms * MS, asked_tokens: 3, chunks, end }
    }

    fn account(requests: Vec<Served>) -> Account {
        Account { requests, in_flight_peak: 2, ..Account::default() }
    }

    /// One core that was busy all the while.
    fn busy((from_ns, to_ns): (u64, u64)) -> Option<u64> {
        Some(to_ns - from_ns)
    }

    #[test]
    fn the_truth_is_the_account_s() {
        let both = account(vec![served(1000, Some(Ending::Complete)), served(1010, Some(Ending::Complete))]);
        let said = Reported { ttft_mean_ms: Some(75.0), tokens: Some(12.0), failed: Some(0.0), ..Reported::default() };
        let compared = compare(&said, &both, busy);
        assert_eq!(compared.completed, Pair { reported: None, truth: Some(2.0) });
        assert_eq!(compared.ttft_mean_ms, Pair { reported: Some(75.0), truth: Some(50.0) });
        assert_eq!(compared.ttft_mean_ms.ratio(), Some(1.5));
        assert_eq!((compared.tokens.ratio(), compared.tpot_mean_ms.truth), (Some(2.0), Some(20.0)));
        assert_eq!((compared.in_flight.truth, compared.server_late_p99_ms), (Some(2.0), None));
        // Six tokens from the first read, at 1,000 ms, to the last write, at 1,100 ms.
        assert_eq!((compared.tokens_per_s.truth, compared.tokens_per_cpu_s), (Some(60.0), Some(60.0)));
    }

    #[test]
    fn a_question_whether_anybody_is_there_is_no_load() {
        let probed = account(vec![
            served(0, Some(Ending::Complete)),
            served(1000, Some(Ending::Complete)),
            served(1010, Some(Ending::Complete)),
        ]);
        let compared = compare(&Reported::default(), &probed, busy);
        assert_eq!((compared.completed.truth, compared.tokens_per_s.truth), (Some(2.0), Some(60.0)));
        let one_after_another = account(vec![served(0, Some(Ending::Complete)), served(1000, Some(Ending::Complete))]);
        assert_eq!(compare(&Reported::default(), &one_after_another, busy).completed.truth, Some(2.0));
    }

    #[test]
    fn what_the_client_left_is_not_answered() {
        let left = account(vec![served(0, Some(Ending::Complete)), served(10, Some(Ending::ClientGone))]);
        let compared = compare(&Reported::default(), &left, busy);
        assert_eq!((compared.completed.truth, compared.tokens.truth), (Some(1.0), Some(3.0)));
        let none = compare(&Reported::default(), &Account::default(), busy);
        assert_eq!((none.completed.truth, none.ttft_mean_ms.truth, none.tokens_per_s.truth), (Some(0.0), None, None));
    }

    #[test]
    fn our_own_report_uses_the_same_definitions() {
        let request = |id, sent_ms: u64| SeenRequest {
            id,
            due_ns: sent_ms * MS,
            sent_ns: sent_ms * MS,
            chunks_ns: (0..3).map(|i| (sent_ms + 51 + 20 * i) * MS).collect(),
        };
        let requests = vec![request(0, 1000), request(1, 1009)];
        let seen = Seen { attempted: 3, requests, in_flight_peak: 2, ..Seen::default() };
        let reported = ours(&seen);
        assert_eq!((reported.completed, reported.failed, reported.in_flight), (Some(2.0), Some(1.0), Some(2.0)));
        assert_eq!((reported.ttft_mean_ms, reported.tpot_mean_ms), (Some(51.0), Some(20.0)));
        assert_eq!((reported.tokens, reported.tokens_per_s), (Some(6.0), Some(60.0)));
    }
}
