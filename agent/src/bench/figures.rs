//! Owns the comparison of what a reader saw with the pacing server's account.
//! Must not know how either was had.

use super::pacer::{Account, Served};
use super::trial::Seen;
use crate::record::Samples;
use shared::units::{finite, ns_to_s};
use std::collections::HashMap;

/// What two samplings of one clock may differ by, ns: less than a system call takes.
const CLOCK_TOLERANCE_NS: u64 = 1_000;

/// One trial against the truth. Absent where there are too few samples, or nothing to divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Requests begun.
    pub attempted: f64,
    /// Requests that ended well.
    pub ok: f64,
    /// Time to first token.
    pub ttft_mean_ms: Pair,
    /// Its 99th percentile.
    pub ttft_p99_ms: Pair,
    /// 99th percentile over requests of |reported − true| time to first token.
    pub ttft_apart_p99_ms: Option<f64>,
    /// 99th percentile of gaps between chunks.
    pub gap_p99_ms: Pair,
    /// Most requests in flight, by the reader.
    pub in_flight: f64,
    /// Tokens read in a second, from the first request sent to the last token.
    pub tokens_per_s: Option<f64>,
    /// Tokens read in a second of the reader's CPU time.
    pub tokens_per_cpu_s: Option<f64>,
    /// Most memory the reader's process held.
    pub peak_mib: Option<f64>,
    /// The reader's own lateness in sending.
    pub late_p99_ms: Option<f64>,
    /// How late its loop's turns came.
    pub lag_p99_ms: Option<f64>,
    /// Requests sent in a second, from the first one to the last.
    pub sent_per_s: Option<f64>,
    /// 99th percentile over requests from due to sent.
    pub due_to_sent_p99_ms: Option<f64>,
    /// How late the pacing server wrote.
    pub server_late_p99_ms: Option<f64>,
    /// Requests on which reader and account disagree: other chunk counts, or a chunk read before it was written.
    pub contradictions: f64,
    /// Writes of the server that a full buffer stopped.
    pub blocked_writes: f64,
}

/// A figure as reported and as it truly was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pair {
    /// By the reader.
    pub reported: Option<f64>,
    /// By the pacing server's account.
    pub truth: Option<f64>,
}

impl Pair {
    /// Reported minus true.
    pub fn error(&self) -> Option<f64> {
        Some(self.reported? - self.truth?)
    }

    /// Reported divided by true; absent where the truth is nothing.
    pub fn ratio(&self) -> Option<f64> {
        finite(self.reported? / self.truth?)
    }
}

/// Compares the requests that ended well with the account's entries of the same numbers.
pub(super) fn compare(seen: &Seen, account: &Account) -> Figures {
    let served: HashMap<u64, &Served> =
        account.requests.iter().filter_map(|served| Some((served.client_id?, served))).collect();
    let [mut ttft, mut true_ttft, mut gap, mut true_gap, mut apart, mut late, mut due_to_sent] =
        std::array::from_fn(|_| Samples::default());
    let (mut tokens, mut contradictions) = (0u64, 0u64);
    let (mut first_ns, mut last_sent_ns, mut last_ns) = (u64::MAX, 0, 0);
    for request in &seen.requests {
        tokens += request.chunks_ns.len() as u64;
        first_ns = first_ns.min(request.sent_ns);
        last_sent_ns = last_sent_ns.max(request.sent_ns);
        due_to_sent.add(Some(request.sent_ns.saturating_sub(request.due_ns)));
        last_ns = last_ns.max(request.chunks_ns.last().copied().unwrap_or(0));
        let reported = request.chunks_ns.first().map(|t| t.saturating_sub(request.sent_ns));
        ttft.add(reported);
        for pair in request.chunks_ns.windows(2) {
            gap.add(Some(pair[1].saturating_sub(pair[0])));
        }
        let Some(truth) = served.get(&request.id) else {
            contradictions += 1;
            continue;
        };
        true_ttft.add(truth.ttft_ns());
        apart.add(Option::zip(reported, truth.ttft_ns()).map(|(a, b)| a.abs_diff(b)));
        truth.gaps_ns().for_each(|ns| true_gap.add(Some(ns)));
        truth.late_ns().for_each(|ns| late.add(Some(ns)));
        let early = |(read_ns, written): (&u64, &super::Written)| read_ns + CLOCK_TOLERANCE_NS < written.sent_ns;
        if truth.chunks.len() != request.chunks_ns.len()
            || truth.read_ns + CLOCK_TOLERANCE_NS < request.sent_ns
            || request.chunks_ns.iter().zip(&truth.chunks).any(early)
        {
            contradictions += 1;
        }
    }
    let [ttft, true_ttft, gap, true_gap, apart, late, due_to_sent] =
        [ttft, true_ttft, gap, true_gap, apart, late, due_to_sent].map(|samples| samples.distribution());
    let per_s = |ns: u64| (ns > 0).then(|| tokens as f64 / (ns as f64 / 1e9));
    Figures {
        attempted: seen.attempted as f64,
        ok: seen.requests.len() as f64,
        ttft_mean_ms: Pair { reported: ttft.mean_ms, truth: true_ttft.mean_ms },
        ttft_p99_ms: Pair { reported: ttft.p99.ms(), truth: true_ttft.p99.ms() },
        ttft_apart_p99_ms: apart.p99.ms(),
        gap_p99_ms: Pair { reported: gap.p99.ms(), truth: true_gap.p99.ms() },
        in_flight: f64::from(seen.in_flight_peak),
        tokens_per_s: per_s(last_ns.saturating_sub(first_ns)),
        tokens_per_cpu_s: per_s(seen.cpu_ns),
        peak_mib: seen.peak_memory_bytes.map(|bytes| bytes as f64 / (1024.0 * 1024.0)),
        late_p99_ms: seen.late_p99_ms,
        lag_p99_ms: seen.lag_p99_ms,
        sent_per_s: finite((seen.requests.len() as f64 - 1.0) / ns_to_s(last_sent_ns.saturating_sub(first_ns)))
            .filter(|rate| *rate > 0.0),
        due_to_sent_p99_ms: due_to_sent.p99.ms(),
        server_late_p99_ms: late.p99.ms(),
        contradictions: contradictions as f64,
        blocked_writes: account.blocked_writes as f64,
    }
}

/// The median of a figure over trials; absent where a trial lacks it, and without trials.
pub(super) fn median<T>(trials: &[T], figure: impl Fn(&T) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = trials.iter().map(figure).collect::<Option<_>>()?;
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests;
