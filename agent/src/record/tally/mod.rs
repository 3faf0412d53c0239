//! Owns the way from records to sums: what a window's requests and events amount to, pooled over trials.
//! Must not know sockets, storage or time sources.

mod beside;
mod credit;
mod decode;
mod limit;
mod machine;
mod schedule;
mod shares;
mod summary;
mod window;

pub use beside::{ClientSide, Terms};
pub use machine::{EnergyTally, ServerTally};
pub use shares::Shares;
pub use window::{Span, Window};

use super::goodput::Served;
use super::latency::Latency;
use super::request::RequestRecord;
use super::statistics::Samples;
use credit::{Credit, millitokens_per_chunk};
use decode::Decoding;
use schedule::Schedule;
use shared::outcome::Outcome;
use shared::plan::Arrival;
use shared::summary::{PrefixCache, TokenSource};
use shared::telemetry::KvFigures;
use std::collections::BTreeMap;

/// Everything a summary needs of one trial, or of several pooled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    trials: u32,
    window_start_ns: u64,
    window_ns: u64,
    whole_span: bool,
    credit: Credit,
    decoding: Decoding,
    in_flight_peak: u32,
    /// Open loop only.
    schedule: Option<Schedule>,
    requests: Requests,
    /// Headline TTFT of each trial as `(when, value)`, ns, in order of time.
    ttft_over_time: Vec<Vec<(u64, u64)>>,
    lag: Samples,
    late: Samples,
    busy: Option<f64>,
    prefix_cache: Option<PrefixCache>,
    server: Option<ServerTally>,
    energy: Option<EnergyTally>,
    kv: Option<KvFigures>,
}

/// What the requests that belong to windows were.
#[derive(Clone, Debug, Default, PartialEq)]
struct Requests {
    outcomes: BTreeMap<Outcome, u64>,
    /// No connection could be opened in time.
    not_connected: u64,
    /// One set a latency, at the place it has in [`Latency::ALL`].
    latencies: [Samples; Latency::ALL.len()],
    served: Vec<Served>,
    /// Output tokens of those that ended well; absent once one is unknown.
    tokens_unknown: bool,
    tokens: u64,
    /// Prompt tokens of those that ended well; absent once one is unknown.
    prompts_unknown: bool,
    prompts: u64,
    chunks: u64,
    coalesced: u64,
    token_source: Option<TokenSource>,
    counts_in_doubt: bool,
    /// Most prompt and output tokens of a request that ended short.
    short_tokens: Option<u64>,
}

impl Tally {
    /// Tallies one trial.
    #[must_use]
    pub fn of(records: &[RequestRecord], window: Window, client: &ClientSide) -> Self {
        let span = Span::of(records, window);
        let arrival = window.arrival;
        let mut requests = Requests::default();
        let mut ttft_over_time = Vec::new();
        for record in records.iter().filter(|record| span.holds(record)) {
            requests.add(record, arrival);
            let ttft = if arrival.is_open() { record.ttft_scheduled_ns() } else { record.ttft_ns() };
            ttft_over_time.extend(
                ttft.filter(|_| record.outcome.is_ok()).map(|ttft| (record.member_ns(arrival.is_open()), ttft)),
            );
        }
        ttft_over_time.sort_unstable();
        let samples = |ns: &[u64]| Samples { ok_ns: ns.to_vec(), ..Samples::default() };
        Self {
            trials: 1,
            window_start_ns: span.start_ns,
            window_ns: span.length_ns(),
            whole_span: span.whole,
            credit: Credit::of(records, &span),
            decoding: Decoding::of(records, &span, millitokens_per_chunk(records)),
            in_flight_peak: span.in_flight_peak(records),
            schedule: arrival.is_open().then(|| Schedule::of(records, &span)),
            requests,
            ttft_over_time: vec![ttft_over_time],
            lag: samples(&client.loop_lag_ns),
            late: samples(&client.send_late_ns),
            busy: client.busy,
            prefix_cache: client.prefix_cache,
            server: client.server.as_deref().cloned(),
            energy: client.energy,
            kv: client.kv.as_deref().cloned(),
        }
    }

    /// Pools the trials of a point.
    #[must_use]
    pub fn pooled(trials: &[Tally]) -> Self {
        let Some((first, others)) = trials.split_first() else { return Self::default() };
        let mut pool = first.clone();
        others.iter().for_each(|trial| pool.merge(trial));
        pool
    }

    fn merge(&mut self, other: &Tally) {
        self.trials += other.trials;
        self.window_ns += other.window_ns;
        self.whole_span |= other.whole_span;
        self.credit.merge(&other.credit);
        self.decoding.merge(&other.decoding);
        self.in_flight_peak = self.in_flight_peak.max(other.in_flight_peak);
        if let (Some(mine), Some(theirs)) = (&mut self.schedule, &other.schedule) {
            mine.merge(theirs);
        }
        self.requests.merge(&other.requests);
        self.ttft_over_time.extend_from_slice(&other.ttft_over_time);
        self.lag.merge(&other.lag);
        self.late.merge(&other.late);
        // The busiest trial is what the client must be judged by.
        self.busy = Option::zip(self.busy, other.busy).map(|(mine, theirs)| mine.max(theirs));
        // One trial without counters makes the sum unknown, not smaller.
        self.prefix_cache = Option::zip(self.prefix_cache, other.prefix_cache)
            .map(|(a, b)| PrefixCache { queries: a.queries + b.queries, hits: a.hits + b.hits });
        self.server = Option::zip(self.server.take(), other.server.as_ref()).map(|(mine, theirs)| mine.and(theirs));
        self.energy = Option::zip(self.energy, other.energy).and_then(|(mine, theirs)| mine.and(theirs));
        self.kv = Option::zip(self.kv.take(), other.kv.clone()).map(|(mine, theirs)| mine.and(theirs));
    }

    /// The samples of a latency.
    pub(super) fn samples(&self, latency: Latency) -> &Samples {
        &self.requests.latencies[latency as usize]
    }
}

impl Requests {
    fn add(&mut self, record: &RequestRecord, arrival: Arrival) {
        *self.outcomes.entry(record.outcome).or_default() += 1;
        let never_sent = record.outcome == Outcome::TimedOut && record.sent_ns.is_none();
        self.not_connected += u64::from(never_sent || record.outcome == Outcome::ConnectFailed);
        for (latency, samples) in Latency::ALL.into_iter().zip(&mut self.latencies) {
            latency.take(record, samples);
        }
        self.served.push(Served::of(record, arrival));
        if !record.outcome.is_ok() {
            return;
        }
        self.token_source = self.token_source.max(Some(record.token_source));
        self.counts_in_doubt |= record.counts_in_doubt;
        match record.output_tokens {
            Some(n) => self.tokens += u64::from(n),
            None => self.tokens_unknown = true,
        }
        match record.prompt_tokens {
            Some(n) => self.prompts += u64::from(n),
            None => self.prompts_unknown = true,
        }
        self.chunks += record.chunks.len() as u64;
        self.coalesced += u64::from(record.coalesced);
        if record.outcome == Outcome::OkShort {
            let both = Option::zip(record.prompt_tokens, record.output_tokens);
            self.short_tokens = self.short_tokens.max(both.map(|(p, o)| u64::from(p) + u64::from(o)));
        }
    }

    fn merge(&mut self, other: &Requests) {
        for (outcome, n) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += n;
        }
        self.not_connected += other.not_connected;
        for (mine, theirs) in self.latencies.iter_mut().zip(&other.latencies) {
            mine.merge(theirs);
        }
        self.served.extend_from_slice(&other.served);
        self.token_source = self.token_source.max(other.token_source);
        self.counts_in_doubt |= other.counts_in_doubt;
        self.tokens += other.tokens;
        self.tokens_unknown |= other.tokens_unknown;
        self.prompts += other.prompts;
        self.prompts_unknown |= other.prompts_unknown;
        self.chunks += other.chunks;
        self.coalesced += other.coalesced;
        self.short_tokens = self.short_tokens.max(other.short_tokens);
    }
}

#[cfg(test)]
mod tests;
