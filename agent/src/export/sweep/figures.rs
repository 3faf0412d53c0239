//! Owns the figures of a trial by the definitions of vLLM's bench (0.25.1), out of our records of its requests.
//! Must not know files. What cannot be computed by those definitions is absent.

use crate::record::RequestRecord;
use shared::plan::SloPlan;
use shared::units::{NS_PER_S, finite, ns_to_s};

/// A latency in ms: mean, NumPy's linear median and 99th percentile, standard deviation of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Spread {
    pub mean: Option<f64>,
    pub median: Option<f64>,
    pub std: Option<f64>,
    pub p99: Option<f64>,
}

/// What a result file holds of a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub duration: f64,
    pub completed: u64,
    pub failed: Option<u64>,
    pub total_input_tokens: Option<u64>,
    pub total_output_tokens: Option<u64>,
    pub request_throughput: Option<f64>,
    pub request_goodput: Option<f64>,
    pub output_throughput: Option<f64>,
    pub total_token_throughput: Option<f64>,
    pub max_output_tokens_per_s: Option<f64>,
    pub max_concurrent_requests: Option<u64>,
    pub ttft: Spread,
    pub tpot: Spread,
    pub itl: Spread,
    pub e2el: Spread,
}

impl Figures {
    /// Of the requests that belong to a trial's window; nothing where none was sent. They are the bench's prompts: those
    /// before it are warm-up, which the bench leaves out as well.
    pub(super) fn of(records: &[RequestRecord], slo: Option<&SloPlan>) -> Option<Self> {
        let start_ns = records.iter().filter_map(|r| r.sent_ns).min()?;
        let end_ns = records.iter().map(|r| r.end_ns).max()?;
        let duration = ns_to_s(end_ns.saturating_sub(start_ns));
        // The bench takes for a success whatever had a first chunk and no error after it.
        let good: Vec<&RequestRecord> = records.iter().filter(|r| r.outcome.is_ok() && !r.chunks.is_empty()).collect();
        let total_input_tokens = good.iter().map(|r| Some(u64::from(r.prompt_tokens?))).sum::<Option<u64>>();
        let total_output_tokens = good.iter().map(|r| Some(u64::from(r.output_tokens?))).sum::<Option<u64>>();
        let rate = |n: Option<u64>| finite(n? as f64 / duration);
        let (tpots, itls) = (tpots(&good), itls(&good));
        Some(Self {
            duration,
            completed: good.len() as u64,
            failed: Some((records.len() - good.len()) as u64),
            total_input_tokens,
            total_output_tokens,
            request_throughput: rate(Some(good.len() as u64)),
            request_goodput: slo.and_then(|slo| finite(kept(&good, slo)? as f64 / duration)),
            output_throughput: rate(total_output_tokens),
            total_token_throughput: rate(total_input_tokens.zip(total_output_tokens).map(|(a, b)| a + b)),
            max_output_tokens_per_s: most(&chunks_per_second(&good)).map(|n| n as f64),
            max_concurrent_requests: most(&requests_per_second(&good)),
            ttft: Spread::of(good.iter().filter_map(|r| ms(r.ttft_ns())).collect()),
            tpot: tpots.map(Spread::of).unwrap_or_default(),
            itl: Spread::of(itls),
            e2el: Spread::of(good.iter().filter_map(|r| ms(r.e2e_ns())).collect()),
        })
    }
}

fn ms(ns: Option<u64>) -> Option<f64> {
    ns.map(|ns| ns as f64 / 1e6)
}

/// Time after the first token over the tokens after it, of every answer with more than one. Where an answer's tokens are
/// unknown, so are all: the bench would count the text's.
fn tpots(good: &[&RequestRecord]) -> Option<Vec<f64>> {
    if good.iter().any(|r| r.output_tokens.is_none()) {
        return None;
    }
    Some(good.iter().filter_map(|r| tpot(r)).collect())
}

fn tpot(record: &RequestRecord) -> Option<f64> {
    let rest = record.output_tokens?.checked_sub(1).filter(|n| *n > 0)?;
    let after_first = record.e2e_ns()?.checked_sub(record.ttft_ns()?)?;
    Some(after_first as f64 / 1e6 / f64::from(rest))
}

/// Gaps between chunks, which the bench calls inter-token latency.
fn itls(good: &[&RequestRecord]) -> Vec<f64> {
    let gaps = |r: &&RequestRecord| {
        let gaps = r.chunks.windows(2).map(|pair| pair[1].t_ns.saturating_sub(pair[0].t_ns) as f64 / 1e6);
        gaps.collect::<Vec<_>>()
    };
    good.iter().flat_map(gaps).collect()
}

/// Answers within every limit; the time per token of an answer with one is 0 there.
fn kept(good: &[&RequestRecord], slo: &SloPlan) -> Option<u64> {
    if slo.tpot_ms.is_some() && good.iter().any(|r| r.output_tokens.is_none()) {
        return None;
    }
    let within = |limit: Option<f64>, value: Option<f64>| limit.is_none_or(|most| value.is_some_and(|v| v <= most));
    let keeps = |r: &&&RequestRecord| {
        within(slo.ttft_ms, ms(r.ttft_ns()))
            && within(slo.tpot_ms, Some(tpot(r).unwrap_or(0.0)))
            && within(slo.e2e_ms, ms(r.e2e_ns()))
    };
    Some(good.iter().filter(keeps).count() as u64)
}

/// The first second's begin: when the first answer that went well was asked for.
fn zero_ns(good: &[&RequestRecord]) -> Option<u64> {
    good.iter().filter_map(|r| r.sent_ns).min()
}

/// Chunks in each second, which the bench calls tokens.
fn chunks_per_second(good: &[&RequestRecord]) -> Vec<u64> {
    let Some(zero_ns) = zero_ns(good) else { return Vec::new() };
    let mut buckets = Vec::new();
    for chunk in good.iter().flat_map(|r| &r.chunks) {
        add(&mut buckets, chunk.t_ns.saturating_sub(zero_ns) / NS_PER_S);
    }
    buckets
}

/// Requests that were in flight at some time of each second.
fn requests_per_second(good: &[&RequestRecord]) -> Vec<u64> {
    let Some(zero_ns) = zero_ns(good) else { return Vec::new() };
    let mut buckets = Vec::new();
    for record in good {
        let Some((sent_ns, last)) = record.sent_ns.zip(record.chunks.last()) else { continue };
        let second = |t_ns: u64| t_ns.saturating_sub(zero_ns) / NS_PER_S;
        (second(sent_ns)..=second(last.t_ns)).for_each(|at| add(&mut buckets, at));
    }
    buckets
}

fn add(buckets: &mut Vec<u64>, at: u64) {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    // A request lasts hours at most; a broken stamp must not take memory for years.
    if at < 1_000_000 {
        buckets.resize(buckets.len().max(at + 1), 0);
        buckets[at] += 1;
    }
}

fn most(buckets: &[u64]) -> Option<u64> {
    buckets.iter().max().copied()
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        Self {
            mean: finite(mean),
            median: Some(quantile(&values, 0.5)),
            std: finite(variance.sqrt()),
            p99: Some(quantile(&values, 0.99)),
        }
    }
}

/// NumPy's default: linear between the ranks around `(n − 1) q`. The values are in order, and there is one at least.
fn quantile(values: &[f64], q: f64) -> f64 {
    let at = (values.len() - 1) as f64 * q;
    let below = values[at.floor() as usize];
    let above = values[(at.ceil() as usize).min(values.len() - 1)];
    below + (above - below) * (at - at.floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Chunk;
    use shared::outcome::Outcome;

    fn record(id: u64, sent_ms: u64, chunks_ms: &[u64], tokens: Option<u32>) -> RequestRecord {
        let at = |ms: u64| ms * 1_000_000;
        RequestRecord {
            sent_ns: Some(at(sent_ms)),
            chunks: chunks_ms.iter().map(|ms| Chunk { t_ns: at(*ms), tokens: None }).collect(),
            end_ns: at(chunks_ms.last().copied().unwrap_or(sent_ms) + 1),
            outcome: Outcome::Ok,
            prompt_tokens: Some(10),
            output_tokens: tokens,
            ..RequestRecord::due(id, at(sent_ms))
        }
    }

    /// Held against NumPy: np.percentile([10, 20, 30, 45], 99), np.std, and the bench's own buckets.
    #[test]
    fn figures_are_the_benchs() {
        let records = [
            record(0, 0, &[10, 510, 1010], Some(5)),
            record(1, 100, &[120, 620], Some(3)),
            record(2, 200, &[230], Some(1)),
            record(3, 1500, &[1545, 2545], Some(2)),
            RequestRecord { outcome: Outcome::TimedOut, ..record(4, 0, &[], None) },
        ];
        let found = Figures::of(&records, None).unwrap();
        assert_eq!((found.duration, found.completed, found.failed), (2.546, 4, Some(1)));
        assert_eq!((found.total_input_tokens, found.total_output_tokens), (Some(40), Some(11)));
        assert_eq!(found.output_throughput, Some(11.0 / 2.546));
        let ttft = found.ttft;
        assert_eq!((ttft.mean, ttft.median), (Some(26.25), Some(25.0)));
        assert!((ttft.p99.unwrap() - 44.55).abs() < 1e-9 && (ttft.std.unwrap() - 12.93010054).abs() < 1e-6, "{ttft:?}");
        // 1000 / 4, 500 / 2 and 1000 / 1; the answer of one token has none.
        assert_eq!((found.tpot.mean, found.tpot.median), (Some(500.0), Some(250.0)));
        assert_eq!((found.itl.mean, found.e2el.mean), (Some(625.0), Some((1010.0 + 520.0 + 30.0 + 1045.0) / 4.0)));
        assert_eq!((found.max_output_tokens_per_s, found.max_concurrent_requests), (Some(5.0), Some(3)));
    }

    #[test]
    fn what_nobody_counted_is_absent() {
        let found = Figures::of(&[record(0, 0, &[10, 20], None)], None).unwrap();
        assert_eq!((found.total_output_tokens, found.output_throughput, found.tpot), (None, None, Spread::default()));
        assert_eq!((found.itl.mean, found.request_goodput), (Some(10.0), None));
        assert_eq!(Figures::of(&[RequestRecord::due(0, 5)], None), None);
    }

    #[test]
    fn goodput_is_the_benchs() {
        let records =
            [record(0, 0, &[10, 110], Some(2)), record(1, 0, &[10], Some(1)), record(2, 0, &[60, 99], Some(2))];
        let check = |slo: SloPlan, kept: f64| {
            let duration = 0.111;
            assert_eq!(Figures::of(&records, Some(&slo)).unwrap().request_goodput, Some(kept / duration), "{slo:?}");
        };
        check(SloPlan { ttft_ms: Some(50.0), ..SloPlan::default() }, 2.0);
        // The answer of one token keeps any limit per token.
        check(SloPlan { tpot_ms: Some(50.0), ..SloPlan::default() }, 2.0);
        check(SloPlan { ttft_ms: Some(50.0), tpot_ms: Some(50.0), ..SloPlan::default() }, 1.0);
    }
}
