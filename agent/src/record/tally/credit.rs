//! Owns what is credited to a window by time, whichever request it belongs to: tokens, ends, time in flight.
//! Must not know latencies.

use super::shares::Shares;
use super::window::Span;
use crate::record::RequestRecord;
use shared::outcome::Outcome;

/// Sums over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    /// Output tokens, thousandths; those of failed requests are apart.
    pub millitokens: u64,
    /// Output tokens of failed requests, thousandths.
    pub failed_millitokens: u64,
    /// Prompt tokens, at the first arrival.
    pub prompt_tokens: u64,
    /// Some prompt's length is unknown.
    pub prompt_unknown: bool,
    /// Requests that ended well.
    pub ended_ok: u64,
    /// Sum over requests of their time in flight, ns.
    pub in_flight_ns: u64,
    /// Some chunk was credited a share.
    pub estimated: bool,
}

impl Credit {
    /// Credits all records of a trial.
    pub fn of(records: &[RequestRecord], span: &Span) -> Self {
        let mut credit = Self::default();
        let mean = millitokens_per_chunk(records);
        records.iter().for_each(|record| credit.add(record, span, mean));
        credit
    }

    fn add(&mut self, record: &RequestRecord, span: &Span, mean: Option<u64>) {
        if let Some(sent) = record.sent_ns {
            self.in_flight_ns += record.end_ns.min(span.end_ns).saturating_sub(sent.max(span.start_ns));
        }
        if record.outcome.is_ok() && span.contains(record.end_ns) {
            self.ended_ok += 1;
        }
        if let Some(first) = record.chunks.first()
            && span.contains(first.t_ns)
        {
            match record.prompt_tokens {
                Some(n) => self.prompt_tokens += u64::from(n),
                None => self.prompt_unknown = true,
            }
        }
        // A request that we cut ourselves did not fail: what it had produced by then counts.
        let counts = record.outcome.is_ok() || record.outcome == Outcome::Cancelled;
        let sum = if counts { &mut self.millitokens } else { &mut self.failed_millitokens };
        let shares = Shares::of(record, mean);
        *sum += record.chunks.iter().filter(|c| span.contains(c.t_ns)).map(|c| shares.millitokens(c)).sum::<u64>();
        self.estimated |= !shares.all_counted(record);
    }

    /// Pools another trial's.
    pub fn merge(&mut self, other: &Credit) {
        self.millitokens += other.millitokens;
        self.failed_millitokens += other.failed_millitokens;
        self.prompt_tokens += other.prompt_tokens;
        self.prompt_unknown |= other.prompt_unknown;
        self.ended_ok += other.ended_ok;
        self.in_flight_ns += other.in_flight_ns;
        self.estimated |= other.estimated;
    }
}

/// What a chunk holds on average, over the requests whose total is known; thousandths of a token.
pub fn millitokens_per_chunk(records: &[RequestRecord]) -> Option<u64> {
    let known = records.iter().filter_map(|r| Some((u64::from(r.output_tokens?), r.chunks.len() as u64)));
    let (tokens, chunks) = known.fold((0, 0), |(tokens, chunks), (n, k)| (tokens + n, chunks + k));
    (tokens * 1000).checked_div(chunks)
}
