//! Owns the way from sums to the figures of a summary (METRICS.md).
//! Must not know records.

use super::{Tally, Terms};
use crate::record::goodput::goodput;
use crate::record::latency::Latency;
use crate::record::statistics::{Pool, Samples};
use crate::record::steadiness::steadiness;
use shared::caveat::Caveat;
use shared::cost::cost_per_mtok;
use shared::summary::{Percentile, Summary, TokenSource};
use shared::units::{NS_PER_S, finite, ns_to_s};

impl Tally {
    /// The exact figures.
    #[must_use]
    pub fn summary(&self, terms: &Terms) -> Summary {
        let (requests, credit, price) = (&self.requests, &self.credit, terms.price());
        let window_s = ns_to_s(self.window_ns);
        let per_s = |n: Option<u64>| n.and_then(|n| finite(n as f64 / window_s));
        let counted = self.is_counted();
        let output_tokens = counted.then_some(credit.millitokens.div_ceil(1000));
        // One prompt of unknown length makes the sum unknown, not smaller.
        let prompt_tokens = (counted && !credit.prompt_unknown).then_some(credit.prompt_tokens);
        let total = Option::zip(output_tokens, prompt_tokens).map(|(o, p)| o + p);
        let output_throughput = per_s(output_tokens);
        let cost = |tokens: Option<u64>| {
            let (gpus, usd_per_gpu_hour) = price?;
            cost_per_mtok(gpus, usd_per_gpu_hour, window_s, tokens?)
        };
        let latency = |latency| self.samples(latency).distribution();
        Summary {
            attempted: requests.outcomes.values().sum(),
            ok: self.ok(),
            outcomes: requests.outcomes.clone(),
            not_connected: requests.not_connected,
            window_s,
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
            output_tokens,
            failed_output_tokens: counted.then_some(credit.failed_millitokens.div_ceil(1000)),
            prompt_tokens,
            output_throughput,
            total_throughput: per_s(total),
            request_throughput: per_s(Some(credit.ended_ok)),
            per_user_throughput: median_rate(self.samples(Latency::Tpot)),
            per_gpu_throughput: Option::zip(output_throughput, terms.gpus).and_then(|(t, n)| finite(t / f64::from(n))),
            goodput: terms.slo.as_ref().and_then(|slo| goodput(&requests.served, slo, self.window_ns)),
            offered_rate: per_s(self.schedule.map(|s| s.due)),
            sent_rate: per_s(self.schedule.map(|s| s.sent)),
            sent_late: self.schedule.map(|s| s.late),
            in_flight_mean: finite(credit.in_flight_ns as f64 / self.window_ns as f64),
            in_flight_peak: self.in_flight_peak,
            coalesced_chunks: finite(requests.coalesced as f64 / requests.chunks as f64),
            tokens_per_chunk: (!requests.tokens_unknown)
                .then(|| finite(requests.tokens as f64 / requests.chunks as f64))
                .flatten(),
            short_tokens: requests.short_tokens,
            steadiness: steadiness(&self.ttft_over_time, self.window_ns.checked_div(self.trials.into()).unwrap_or(0)),
            prefix_cache: self.prefix_cache,
            client_busy: self.busy,
            token_source: requests.token_source.unwrap_or(TokenSource::Unknown),
            client_late_p99_ms: worst(&self.late),
            client_lag_p99_ms: worst(&self.lag),
            cost_per_mtok_output: cost(output_tokens),
            cost_per_mtok_total: cost(total),
            price: price.map(|(_, usd)| usd),
            caveats: self.caveats(price.is_none()),
        }
    }

    fn ok(&self) -> u64 {
        self.requests.outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).map(|(_, n)| n).sum()
    }

    fn is_counted(&self) -> bool {
        self.requests.token_source.is_some_and(|source| source != TokenSource::Unknown)
    }

    fn caveats(&self, price_unknown: bool) -> Vec<Caveat> {
        let counted = self.is_counted();
        [
            (!counted && self.ok() > 0, Caveat::TokenCountUnknown),
            ((counted || self.ok() == 0) && self.credit.estimated, Caveat::ChunkCountsEstimated),
            (self.requests.counts_in_doubt, Caveat::TokenCountsDoubtful),
            (self.whole_span, Caveat::WholeSpan),
            (price_unknown, Caveat::PriceUnknown),
        ]
        .into_iter()
        .filter_map(|(holds, caveat)| holds.then_some(caveat))
        .collect()
    }
}

/// The median over requests of tokens per second, 1 / TPOT, by nearest rank; absent where a median is.
fn median_rate(tpot: &Samples) -> Option<f64> {
    let ranked = tpot.ranked();
    let pool = Pool::of(&ranked);
    pool.percentile(50).ms()?;
    // Rates fall as times rise: a rank from below among the one is a rank from above among the other.
    let n = pool.total();
    finite(NS_PER_S as f64 / pool.at(n + 1 - n.div_ceil(2)) as f64)
}

/// The 99th percentile, ms. Of too few samples the greatest is the cautious reading.
fn worst(samples: &Samples) -> Option<f64> {
    let distribution = samples.distribution();
    match distribution.p99 {
        Percentile::Ms(ms) => Some(ms),
        _ => distribution.max_ms,
    }
}
