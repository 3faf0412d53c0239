//! Owns the way from records to exact figures: windows credited by event, pooled over trials.
//! Must not know sockets, storage or time sources.

use super::request::{Chunk, RequestRecord};
use super::statistics::Samples;
use shared::caveat::Caveat;
use shared::cost::{UsdPerGpuHour, cost_per_mtok};
use shared::outcome::Outcome;
use shared::plan::{Arrival, Plan, SloPlan};
use shared::summary::{Percentile, PrefixCache, Summary, TokenSource};
use shared::units::{finite, ns_to_s};
use std::collections::BTreeMap;

/// What the load generator says of a trial's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opened; absent where the load level was never reached.
    pub start_ns: Option<u64>,
    /// When the saturated part, or the duration, ended.
    pub end_ns: Option<u64>,
    /// End of the last request.
    pub load_end_ns: u64,
    /// True where the trial has a number of requests, false where it has a duration.
    pub by_count: bool,
    /// What decides whether a request belongs to it.
    pub arrival: Arrival,
}

/// What the load generator says of itself during a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientSide {
    /// A bounded sample of its loop's lateness: how long after a timer was due its turn came, ns.
    pub loop_lag_ns: Vec<u64>,
    /// A bounded sample of its lateness in sending, ns: from due, with room and an open connection, to sent.
    pub send_late_ns: Vec<u64>,
    /// CPU time of its thread over wall time within the window, 0 to 1.
    pub busy: Option<f64>,
    /// What the engine's prefix cache did; absent where it does not say.
    pub prefix_cache: Option<PrefixCache>,
}

/// What figures need to know of the plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// GPUs of the engine.
    pub gpus: Option<u32>,
    /// Price of one.
    pub usd_per_gpu_hour: Option<UsdPerGpuHour>,
    /// Limits that goodput is judged by.
    pub slo: Option<SloPlan>,
}

impl Terms {
    /// The terms of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            gpus: plan.engine.gpus,
            usd_per_gpu_hour: plan.cost.as_ref().map(|cost| cost.usd_per_gpu_hour),
            slo: plan.slo.clone(),
        }
    }

    /// Price and GPUs, where both are known.
    fn price(&self) -> Option<(u32, UsdPerGpuHour)> {
        Option::zip(self.gpus, self.usd_per_gpu_hour)
    }
}

/// Everything a summary needs of one trial, or of several pooled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    outcomes: BTreeMap<Outcome, u64>,
    window_start_ns: u64,
    window_ns: u64,
    whole_span: bool,
    ttft: Samples,
    tpot: Samples,
    chunk_gap: Samples,
    e2e: Samples,
    queue_client: Samples,
    millitokens: u64,
    failed_millitokens: u64,
    prompt_tokens: u64,
    prompt_unknown: bool,
    ended_ok: u64,
    in_flight_ns: u64,
    in_flight_peak: u32,
    chunks: u64,
    coalesced: u64,
    estimated: bool,
    counts_in_doubt: bool,
    token_source: Option<TokenSource>,
    lateness_ns: Vec<u64>,
}

impl Tally {
    /// Tallies one trial.
    #[must_use]
    pub fn of(records: &[RequestRecord], window: Window, client: &ClientSide) -> Self {
        let (start, end, whole_span) = bounds(records, window);
        let mut tally = Tally {
            window_start_ns: start,
            window_ns: end.saturating_sub(start),
            whole_span,
            lateness_ns: [&client.loop_lag_ns[..], &client.send_late_ns[..]].concat(),
            in_flight_peak: peak(records, start, end),
            ..Tally::default()
        };
        for record in records {
            tally.credit(record, start, end);
            // Latency samples belong to requests sent in the window; by count that is every one after warm-up.
            let sample_end = if window.by_count { u64::MAX } else { end };
            if (start..sample_end).contains(&record.key_ns()) {
                tally.sample(record);
            }
        }
        tally
    }

    /// Pools another trial of the same point.
    pub fn merge(&mut self, other: &Tally) {
        for (outcome, n) in &other.outcomes {
            *self.outcomes.entry(*outcome).or_default() += n;
        }
        self.window_ns += other.window_ns;
        self.whole_span |= other.whole_span;
        self.ttft.merge(&other.ttft);
        self.tpot.merge(&other.tpot);
        self.chunk_gap.merge(&other.chunk_gap);
        self.e2e.merge(&other.e2e);
        self.queue_client.merge(&other.queue_client);
        self.millitokens += other.millitokens;
        self.failed_millitokens += other.failed_millitokens;
        self.prompt_tokens += other.prompt_tokens;
        self.prompt_unknown |= other.prompt_unknown;
        self.ended_ok += other.ended_ok;
        self.in_flight_ns += other.in_flight_ns;
        self.in_flight_peak = self.in_flight_peak.max(other.in_flight_peak);
        self.chunks += other.chunks;
        self.coalesced += other.coalesced;
        self.estimated |= other.estimated;
        self.counts_in_doubt |= other.counts_in_doubt;
        self.token_source = self.token_source.max(other.token_source);
        self.lateness_ns.extend_from_slice(&other.lateness_ns);
    }

    /// Credits what happened in the window, whichever request it belongs to.
    fn credit(&mut self, record: &RequestRecord, start: u64, end: u64) {
        let inside = |t: u64| (start..end).contains(&t);
        if let Some(sent) = record.sent_ns {
            self.in_flight_ns += record.end_ns.min(end).saturating_sub(sent.max(start));
        }
        if record.outcome.is_ok() && inside(record.end_ns) {
            self.ended_ok += 1;
        }
        if let Some(first) = record.chunks.first()
            && inside(first.t_ns)
        {
            match record.prompt_tokens {
                Some(n) => self.prompt_tokens += u64::from(n),
                None => self.prompt_unknown = true,
            }
        }
        // A request that we cut ourselves did not fail: what it had produced by then counts.
        let counts = record.outcome.is_ok() || record.outcome == Outcome::Cancelled;
        let shares = Shares::of(record);
        for chunk in &record.chunks {
            if inside(chunk.t_ns) {
                *(if counts { &mut self.millitokens } else { &mut self.failed_millitokens }) +=
                    shares.millitokens(chunk);
            }
        }
        self.estimated |= record.chunks.iter().any(|chunk| shares.estimates(chunk));
    }

    /// Takes the latency samples of a request of the window.
    fn sample(&mut self, record: &RequestRecord) {
        *self.outcomes.entry(record.outcome).or_default() += 1;
        if record.outcome == Outcome::TimedOut {
            let waited = record.sent_ns.map(|sent| record.end_ns.saturating_sub(sent));
            self.e2e.at_least_ns.extend(waited);
            match record.ttft_ns() {
                Some(ttft) => self.ttft.ok_ns.push(ttft),
                None => self.ttft.at_least_ns.extend(waited),
            }
        }
        if !record.outcome.is_ok() {
            return;
        }
        self.token_source = self.token_source.max(Some(record.token_source));
        self.counts_in_doubt |= record.counts_in_doubt;
        self.ttft.add(record.ttft_ns());
        self.tpot.add(record.tpot_ns());
        self.e2e.add(record.e2e_ns());
        self.queue_client.add(record.sent_ns.map(|sent| sent.saturating_sub(record.sched_ns)));
        self.chunk_gap.ok_ns.extend(record.chunks.windows(2).map(|w| w[1].t_ns.saturating_sub(w[0].t_ns)));
        self.chunks += record.chunks.len() as u64;
        self.coalesced += u64::from(record.coalesced);
    }

    /// The exact figures.
    #[must_use]
    pub fn summary(&self, terms: &Terms) -> Summary {
        let price = terms.price();
        let window_s = ns_to_s(self.window_ns);
        let counted = self.token_source.is_some_and(|s| s != TokenSource::Unknown);
        let output_tokens = counted.then_some(self.millitokens.div_ceil(1000));
        let per_s = |n: Option<f64>| n.and_then(|n| finite(n / window_s));
        // One prompt of unknown length makes the sum unknown, not smaller.
        let prompt_tokens = (counted && !self.prompt_unknown).then_some(self.prompt_tokens);
        let total = Option::zip(output_tokens, prompt_tokens).map(|(o, p)| o + p);
        let cost = |tokens: Option<u64>| {
            let (gpus, usd_per_gpu_hour) = price?;
            cost_per_mtok(gpus, usd_per_gpu_hour, window_s, tokens?)
        };
        let late = Samples { ok_ns: self.lateness_ns.clone(), ..Samples::default() }.distribution();
        let ok = self.outcomes.iter().filter(|(o, _)| o.is_ok()).map(|(_, n)| n).sum();
        let mut caveats = Vec::new();
        if !counted && ok > 0 {
            caveats.push(Caveat::TokenCountUnknown);
        } else if self.estimated {
            caveats.push(Caveat::ChunkCountsEstimated);
        }
        if self.counts_in_doubt {
            caveats.push(Caveat::TokenCountsDoubtful);
        }
        if self.whole_span {
            caveats.push(Caveat::WholeSpan);
        }
        if price.is_none() {
            caveats.push(Caveat::PriceUnknown);
        }
        Summary {
            attempted: self.outcomes.values().sum(),
            ok,
            outcomes: self.outcomes.clone(),
            window_s,
            window_start_ns: self.window_start_ns,
            ttft: self.ttft.distribution(),
            tpot: self.tpot.distribution(),
            chunk_gap: self.chunk_gap.distribution(),
            e2e: self.e2e.distribution(),
            queue_client: self.queue_client.distribution(),
            output_tokens,
            failed_output_tokens: counted.then_some(self.failed_millitokens.div_ceil(1000)),
            prompt_tokens,
            output_throughput: per_s(output_tokens.map(|n| n as f64)),
            total_throughput: per_s(total.map(|n| n as f64)),
            request_throughput: per_s(Some(self.ended_ok as f64)),
            in_flight_mean: finite(self.in_flight_ns as f64 / self.window_ns as f64),
            in_flight_peak: self.in_flight_peak,
            coalesced_chunks: finite(self.coalesced as f64 / self.chunks as f64),
            token_source: self.token_source.unwrap_or(TokenSource::Unknown),
            client_late_p99_ms: match late.p99 {
                Percentile::Ms(ms) => Some(ms),
                // Too few samples for a 99th percentile: the greatest one is the cautious reading.
                _ => late.max_ms,
            },
            cost_per_mtok_output: cost(output_tokens),
            cost_per_mtok_total: cost(total),
            price: price.map(|(_, usd)| usd),
            caveats,
            ..Summary::default()
        }
    }
}

/// Start and end of the window, and whether it is the whole span: by count the saturated part where at least
/// 80 % of its requests ended in it, else from its opening to the last end.
fn bounds(records: &[RequestRecord], window: Window) -> (u64, u64, bool) {
    let first_sent = records.iter().filter_map(|r| r.sent_ns).min().unwrap_or(window.load_end_ns);
    let Some(start) = window.start_ns else {
        return (first_sent, window.load_end_ns, true);
    };
    let Some(end) = window.end_ns else {
        return (start, window.load_end_ns, true);
    };
    if !window.by_count {
        return (start, end, false);
    }
    let mine = || records.iter().filter(|r| r.sent_ns.is_some_and(|sent| sent >= start));
    let (all, ended) = (mine().count(), mine().filter(|r| r.end_ns < end).count());
    if ended * 100 >= all * 80 { (start, end, false) } else { (start, window.load_end_ns, true) }
}

/// Most requests in flight at once within a window.
fn peak(records: &[RequestRecord], start: u64, end: u64) -> u32 {
    let mut edges: Vec<(u64, i64)> = Vec::with_capacity(records.len() * 2);
    for record in records {
        if let Some(sent) = record.sent_ns
            && sent < end
            && record.end_ns > start
        {
            edges.push((sent, 1));
            edges.push((record.end_ns, -1));
        }
    }
    // At one instant an end comes before a start: the slot was refilled, not doubled.
    edges.sort_unstable();
    let (mut now, mut most) = (0i64, 0i64);
    for (_, step) in edges {
        now += step;
        most = most.max(now);
    }
    u32::try_from(most).unwrap_or(0)
}

/// Tokens of a request's chunks: as the server says, else each chunk's share of the request's tokens.
struct Shares {
    /// The chunks' own counts add up to what the request's total leaves room for.
    by_chunk: bool,
    /// What a chunk without a count of its own is credited, thousandths of a token.
    share: u64,
}

impl Shares {
    fn of(record: &RequestRecord) -> Self {
        let chunks = record.chunks.len() as u64;
        let uncounted = record.chunks.iter().filter(|c| c.tokens.is_none()).count() as u64;
        let counted: u64 = record.chunks.iter().filter_map(|c| c.tokens).map(u64::from).sum();
        let Some(total) = record.output_tokens.map(u64::from) else { return Self { by_chunk: true, share: 0 } };
        let by_chunk = if uncounted > 0 { counted <= total } else { counted == total };
        // Counts of chunks that contradict the total are none: the total stands.
        let (tokens, among) = if by_chunk { (total - counted, uncounted) } else { (total, chunks) };
        Self { by_chunk, share: (tokens * 1000).checked_div(among).unwrap_or(0) }
    }

    fn estimates(&self, chunk: &Chunk) -> bool {
        !self.by_chunk || chunk.tokens.is_none()
    }

    fn millitokens(&self, chunk: &Chunk) -> u64 {
        chunk.tokens.filter(|_| self.by_chunk).map_or(self.share, |n| u64::from(n) * 1000)
    }
}

#[cfg(test)]
mod tests;
