//! Owns what another tool's figures mean, as arithmetic over our own records: how ours would be by its definitions.
//! Must not know any one tool, nor what it reported.

use crate::record::RequestRecord;
use shared::summary::{Distribution, Percentile, Summary};
use shared::units::{finite, ns_to_s};

/// A tool's definitions, where they are not those of all: TPOT over the tokens after the first, gaps between chunks
/// pooled, rates and counts over all requests and the whole time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Definition {
    /// Its name in the registry of metrics, which says the same in words.
    pub name: &'static str,
    /// Times of a request start before its connection is opened, where none is idle.
    pub with_connection: bool,
    /// A request's latency lasts until the end of its stream, and not only to its last output.
    pub to_stream_end: bool,
    /// A request's time per token counts once for each token after the first.
    pub by_token: bool,
    /// Percentiles lie on the straight line between two ranks (NumPy's default), and are not one of the samples.
    pub between_ranks: bool,
}

/// Samples in ms, each with how often it counts.
type Samples = Vec<(f64, u64)>;

impl Definition {
    /// What a tool with these definitions would say of these requests. Figures that no tool says are absent.
    pub fn summary(&self, records: &[RequestRecord]) -> Summary {
        let ok: Vec<&RequestRecord> = records.iter().filter(|record| record.outcome.is_ok()).collect();
        let begun = |record: &RequestRecord| {
            let before = record.connect_ns.filter(|_| self.with_connection).unwrap_or(0);
            Some(record.sent_ns?.saturating_sub(before))
        };
        let since = |record: &RequestRecord, t_ns: Option<u64>| Some(t_ns?.saturating_sub(begun(record)?));
        let last = |record: &RequestRecord| match self.to_stream_end {
            true => Some(record.end_ns),
            false => record.chunks.last().map(|chunk| chunk.t_ns),
        };
        let first = |record: &RequestRecord| record.chunks.first().map(|chunk| chunk.t_ns);
        let once = |of: &dyn Fn(&RequestRecord) -> Option<u64>| -> Samples {
            ok.iter().filter_map(|record| Some((ms(of(record)? as f64), 1))).collect()
        };
        let gaps = ok.iter().flat_map(|record| record.chunks.windows(2));
        let gaps = gaps.map(|pair| (ms(pair[1].t_ns.saturating_sub(pair[0].t_ns) as f64), 1)).collect();
        let sum = |of: &dyn Fn(&RequestRecord) -> Option<u32>| -> Option<u64> {
            ok.iter().map(|record| of(record).map(u64::from)).sum()
        };
        let (prompt_tokens, output_tokens) = (sum(&|r| r.prompt_tokens), sum(&|r| r.output_tokens));
        let from_ns = records.iter().filter_map(begun).min();
        let to_ns = records.iter().map(|record| record.end_ns).max();
        let length_ns = Option::zip(from_ns, to_ns).map_or(0, |(from, to)| to.saturating_sub(from));
        let per_s = |n: Option<u64>| finite(n? as f64 / ns_to_s(length_ns));
        let in_flight_ns: u64 = records.iter().filter_map(|r| Some(r.end_ns.saturating_sub(begun(r)?))).sum();
        Summary {
            attempted: records.len() as u64,
            ok: ok.len() as u64,
            window_s: ns_to_s(length_ns),
            ttft: self.distribution(once(&|record| since(record, first(record)))),
            tpot: self.distribution(ok.iter().filter_map(|record| self.per_token(record)).collect()),
            chunk_gap: self.distribution(gaps),
            e2e: self.distribution(once(&|record| since(record, last(record)))),
            output_throughput: per_s(output_tokens),
            total_throughput: per_s(Option::zip(prompt_tokens, output_tokens).map(|(prompt, output)| prompt + output)),
            request_throughput: per_s(Some(ok.len() as u64)),
            in_flight_mean: finite(in_flight_ns as f64 / length_ns as f64),
            prompt_tokens,
            output_tokens,
            ..Summary::default()
        }
    }

    /// (last − first) / (tokens − 1), and how often it counts.
    fn per_token(&self, record: &RequestRecord) -> Option<(f64, u64)> {
        let (first, last) = (record.chunks.first()?.t_ns, record.chunks.last()?.t_ns);
        let rest = record.output_tokens?.checked_sub(1).filter(|n| *n > 0)?;
        let value = ms(last.saturating_sub(first) as f64) / f64::from(rest);
        Some((value, if self.by_token { u64::from(rest) } else { 1 }))
    }

    fn distribution(&self, mut samples: Samples) -> Distribution {
        samples.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let n: u64 = samples.iter().map(|(_, times)| times).sum();
        let sum: f64 = samples.iter().map(|(value, times)| value * *times as f64).sum();
        // Counted from 0.
        let at = |rank: u64| {
            let mut before = 0;
            samples.iter().find_map(|(value, times)| {
                before += times;
                (rank < before).then_some(*value)
            })
        };
        let percentile = |percent: u64| {
            let value = match self.between_ranks {
                true => {
                    let place = n.saturating_sub(1) as f64 * percent as f64 / 100.0;
                    let (low, share) = (place.floor() as u64, place.fract());
                    Option::zip(at(low), at(low + 1).or(at(low))).map(|(low, high)| low + (high - low) * share)
                }
                false => at((n * percent).div_ceil(100).saturating_sub(1)),
            };
            value.map_or(Percentile::Unknown, Percentile::Ms)
        };
        Distribution {
            n: Some(n),
            absent: None,
            mean_ms: finite(sum / n as f64),
            min_ms: at(0),
            max_ms: samples.last().map(|(value, _)| *value),
            p50: percentile(50),
            p90: percentile(90),
            p95: percentile(95),
            p99: percentile(99),
        }
    }
}

fn ms(ns: f64) -> f64 {
    ns / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Chunk;
    use shared::outcome::Outcome;

    const MS: u64 = 1_000_000;
    const PLAIN: Definition =
        Definition { name: "", with_connection: false, to_stream_end: false, by_token: false, between_ranks: false };

    /// A request whose connection took 1 ms, with chunks so many ms after it was sent and a stream that ended 2 ms later.
    fn request(sent_ms: u64, chunks_ms: &[u64]) -> RequestRecord {
        let chunks: Vec<Chunk> = chunks_ms.iter().map(|ms| Chunk { t_ns: (sent_ms + ms) * MS, tokens: None }).collect();
        RequestRecord {
            sent_ns: Some(sent_ms * MS),
            connect_ns: Some(MS),
            end_ns: (sent_ms + chunks_ms.last().unwrap() + 2) * MS,
            output_tokens: Some(chunks_ms.len() as u32),
            prompt_tokens: Some(8),
            outcome: Outcome::Ok,
            chunks,
            ..RequestRecord::due(0, sent_ms * MS)
        }
    }

    #[test]
    fn each_definition_changes_its_own_figures_and_no_other() {
        let records = [request(10, &[50, 60]), request(20, &[70, 90, 110, 130])];
        let check = |definition: Definition, of: fn(&Summary) -> f64, expect: f64| {
            let got = of(&definition.summary(&records));
            assert!((got - expect).abs() < 1e-9, "{definition:?}: {got}, not {expect}");
        };
        let connected = Definition { with_connection: true, ..PLAIN };
        let ended = Definition { to_stream_end: true, ..PLAIN };
        let weighed = Definition { by_token: true, ..PLAIN };
        let between = Definition { between_ranks: true, ..PLAIN };
        let ttft = |s: &Summary| s.ttft.mean_ms.unwrap();
        check(PLAIN, ttft, 60.0);
        check(connected, ttft, 61.0);
        check(ended, ttft, 60.0);
        let e2e = |s: &Summary| s.e2e.mean_ms.unwrap();
        check(PLAIN, e2e, 95.0);
        check(connected, e2e, 96.0);
        check(ended, e2e, 97.0);
        let tpot = |s: &Summary| s.tpot.mean_ms.unwrap();
        check(PLAIN, tpot, 15.0);
        check(connected, tpot, 15.0);
        check(ended, tpot, 15.0);
        check(weighed, tpot, 17.5);
        let median = |s: &Summary| s.ttft.p50.ms().unwrap();
        check(PLAIN, median, 50.0);
        check(between, median, 60.0);
        check(between, |s| s.chunk_gap.p99.ms().unwrap(), 20.0);
        check(PLAIN, |s| s.chunk_gap.mean_ms.unwrap(), 17.5);
        // Six tokens from 10 ms, or 9 with the connection, to 152 ms.
        check(PLAIN, |s| s.output_throughput.unwrap(), 6.0 / 0.142);
        check(connected, |s| s.output_throughput.unwrap(), 6.0 / 0.143);
        check(PLAIN, |s| s.total_throughput.unwrap(), 22.0 / 0.142);
        check(PLAIN, |s| s.in_flight_mean.unwrap(), (62.0 + 132.0) / 142.0);
    }

    #[test]
    fn what_failed_counts_as_begun_alone_and_what_is_unknown_stays_so() {
        let failed = RequestRecord { outcome: Outcome::Refused, ..request(10, &[50, 60]) };
        let summary = PLAIN.summary(&[failed]);
        assert_eq!((summary.attempted, summary.ok, summary.ttft.mean_ms), (1, 0, None));
        assert_eq!((summary.ttft.p99, summary.tpot.n), (Percentile::Unknown, Some(0)));
        let uncounted = RequestRecord { output_tokens: None, ..request(10, &[50, 60]) };
        let summary = PLAIN.summary(&[uncounted]);
        assert_eq!((summary.output_tokens, summary.output_throughput, summary.tpot.mean_ms), (None, None, None));
        let nothing = PLAIN.summary(&[]);
        assert_eq!((nothing.output_throughput, nothing.in_flight_mean), (None, None));
    }
}
