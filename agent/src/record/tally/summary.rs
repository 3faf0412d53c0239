//! Owns the way from sums to the figures of a summary (METRICS.md).
//! Must not know records.

use super::{ServerTally, Tally, Terms};
use crate::record::goodput::goodput;
use crate::record::latency::Latency;
use crate::record::statistics::{Pool, Samples};
use crate::record::steadiness::steadiness;
use shared::caveat::Caveat;
use shared::cost::{UsdPerMTok, cost_per_mtok};
use shared::summary::{Goodput, Percentile, Summary, TokenSource};
use shared::units::{NS_PER_S, finite, ns_to_s};

impl Tally {
    /// Output tokens of the window.
    fn output_tokens(&self) -> Option<u64> {
        self.is_counted().then_some(self.credit.millitokens.div_ceil(1000))
    }

    /// Prompt tokens of the window: one prompt of unknown length makes the sum unknown, not smaller.
    fn prompt_tokens(&self) -> Option<u64> {
        (self.is_counted() && !self.credit.prompt_unknown).then_some(self.credit.prompt_tokens)
    }

    fn total_tokens(&self) -> Option<u64> {
        Option::zip(self.output_tokens(), self.prompt_tokens()).map(|(output, prompt)| output + prompt)
    }

    /// A sum over the window per second of it.
    fn per_s(&self, n: Option<u64>) -> Option<f64> {
        finite(n? as f64 / ns_to_s(self.window_ns))
    }

    pub(in crate::record) fn output_throughput(&self) -> Option<f64> {
        self.per_s(self.output_tokens())
    }

    pub(in crate::record) fn total_throughput(&self) -> Option<f64> {
        self.per_s(self.total_tokens())
    }

    pub(in crate::record) fn request_throughput(&self) -> Option<f64> {
        self.per_s(Some(self.credit.ended_ok))
    }

    /// The median over requests of tokens per second, 1 / TPOT, by nearest rank; absent where a median is.
    pub(in crate::record) fn per_user_throughput(&self) -> Option<f64> {
        let ranked = self.samples(Latency::Tpot).ranked();
        let pool = Pool::of(&ranked);
        pool.percentile(50).ms()?;
        // Rates fall as times rise: a rank from below among the one is a rank from above among the other.
        let n = pool.total();
        finite(NS_PER_S as f64 / pool.at(n + 1 - n.div_ceil(2)) as f64)
    }

    pub(in crate::record) fn per_gpu_throughput(&self, terms: &Terms) -> Option<f64> {
        finite(self.output_throughput()? / f64::from(terms.gpus?))
    }

    pub(in crate::record) fn goodput(&self, terms: &Terms) -> Option<Goodput> {
        goodput(&self.requests.served, terms.slo.as_ref()?, self.window_ns)
    }

    /// Dollars per million output tokens.
    pub(in crate::record) fn cost(&self, terms: &Terms) -> Option<UsdPerMTok> {
        self.cost_of(self.output_tokens(), terms)
    }

    fn cost_of(&self, tokens: Option<u64>, terms: &Terms) -> Option<UsdPerMTok> {
        let (gpus, price) = terms.price()?;
        cost_per_mtok(gpus, price.usd_per_gpu_hour, ns_to_s(self.window_ns), tokens?)
    }

    /// The exact figures.
    #[must_use]
    pub fn summary(&self, terms: &Terms) -> Summary {
        let (requests, credit, price) = (&self.requests, &self.credit, terms.price());
        let latency = |latency| self.samples(latency).distribution();
        let (limit, no_limit) = self.limit(terms);
        let seen = self.seen();
        Summary {
            attempted: requests.outcomes.values().sum(),
            ok: self.ok(),
            outcomes: requests.outcomes.clone(),
            not_connected: Some(requests.not_connected),
            window_s: ns_to_s(self.window_ns),
            window_start_ns: self.window_start_ns,
            ttft: latency(Latency::Ttft),
            ttft_scheduled: latency(Latency::TtftScheduled),
            ttfv: latency(Latency::Ttfv),
            tpot: latency(Latency::Tpot),
            itl: latency(Latency::Itl),
            chunk_gap: latency(Latency::ChunkGap),
            e2e: latency(Latency::E2e),
            queue_client: latency(Latency::QueueClient),
            connect: latency(Latency::Connect),
            output_tokens: self.output_tokens(),
            failed_output_tokens: self.is_counted().then_some(credit.failed_millitokens.div_ceil(1000)),
            prompt_tokens: self.prompt_tokens(),
            output_tokens_mean: seen.output_tokens,
            prompt_tokens_mean: seen.prompt_tokens,
            output_throughput: self.output_throughput(),
            total_throughput: self.total_throughput(),
            request_throughput: self.request_throughput(),
            per_user_throughput: self.per_user_throughput(),
            per_gpu_throughput: self.per_gpu_throughput(terms),
            goodput: self.goodput(terms),
            offered_rate: self.per_s(self.schedule.map(|s| s.due)),
            sent_rate: self.per_s(self.schedule.map(|s| s.sent)),
            sent_late: self.schedule.map(|s| s.late),
            in_flight_mean: self.in_flight_mean(),
            in_flight_peak: Some(self.in_flight_peak),
            coalesced_chunks: finite(requests.coalesced as f64 / requests.chunks as f64),
            tokens_per_chunk: (!requests.tokens_unknown)
                .then(|| finite(requests.tokens as f64 / requests.chunks as f64))
                .flatten(),
            short_tokens: requests.short_tokens,
            steadiness: steadiness(&self.ttft_over_time, self.window_ns.checked_div(self.trials.into()).unwrap_or(0)),
            prefix_cache: self.prefix_cache,
            server: self.server.as_ref().map(ServerTally::figures),
            energy: self.energy.map(|energy| energy.figures(self.output_tokens())),
            limit,
            no_limit,
            kv: self.kv.clone(),
            client_busy: self.busy,
            token_source: requests.token_source.unwrap_or(TokenSource::Unknown),
            client_late_p99_ms: worst(&self.late),
            client_lag_p99_ms: worst(&self.lag),
            cost_per_mtok_output: self.cost(terms),
            cost_per_mtok_total: self.cost_of(self.total_tokens(), terms),
            price: price.map(|(_, price)| price.usd_per_gpu_hour),
            price_origin: price.map(|(_, price)| price.origin.clone()),
            caveats: self.caveats(terms),
        }
    }

    /// Time-weighted mean of requests in flight.
    pub(super) fn in_flight_mean(&self) -> Option<f64> {
        finite(self.credit.in_flight_ns as f64 / self.window_ns as f64)
    }

    pub(super) fn ok(&self) -> u64 {
        self.requests.outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).map(|(_, n)| n).sum()
    }

    pub(super) fn is_counted(&self) -> bool {
        self.requests.token_source.is_some_and(|source| source != TokenSource::Unknown)
    }

    fn caveats(&self, terms: &Terms) -> Vec<Caveat> {
        let counted = self.is_counted();
        [
            (!counted && self.ok() > 0, Caveat::TokenCountUnknown),
            ((counted || self.ok() == 0) && self.credit.estimated, Caveat::ChunkCountsEstimated),
            (self.requests.counts_in_doubt, Caveat::TokenCountsDoubtful),
            (self.whole_span, Caveat::WholeSpan),
            (terms.price.is_none(), Caveat::PriceUnknown),
            (terms.price.is_some() && terms.gpus.is_none(), Caveat::GpusUnknown),
        ]
        .into_iter()
        .filter_map(|(holds, caveat)| holds.then_some(caveat))
        .collect()
    }
}

/// The 99th percentile, ms. Of too few samples the greatest is the cautious reading.
fn worst(samples: &Samples) -> Option<f64> {
    let distribution = samples.distribution();
    match distribution.p99 {
        Percentile::Ms(ms) => Some(ms),
        _ => distribution.max_ms,
    }
}
