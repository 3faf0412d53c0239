//! Owns the way from sums to what stands against the hardware: what a window saw, and the limit at that.
//! Must not know how bounds are computed.

use super::{Tally, Terms};
use crate::record::latency::Latency;
use shared::roofline::{Limit, Seen};
use shared::units::finite;

impl Tally {
    /// What the hardware allowed and how much of that was reached, or why nobody can say.
    pub(super) fn limit(&self, terms: &Terms) -> (Option<Limit>, Option<String>) {
        match &terms.roofline {
            None => (None, None),
            Some(Err(why)) => (None, Some(why.clone())),
            Some(Ok(roofline)) => {
                let was_kept = self.prefix_cache.is_some_and(|cache| cache.hits > 0);
                let limit = match was_kept {
                    true => roofline.keeping_prompts().limit(&self.seen()),
                    false => roofline.limit(&self.seen()),
                };
                let shares = [limit.of_tpot, limit.of_throughput, limit.of_ttft];
                let why = if shares.iter().flatten().any(|share| *share > 1.0) {
                    "The figures are better than the hardware allows: the engine does not do what its model's config says."
                } else if [limit.tpot_floor_ms, limit.throughput_ceiling, limit.ttft_floor_ms] == [None; 3] {
                    "Prompts and outputs were not counted, so that no limit is known."
                } else {
                    return (Some(limit), None);
                };
                (None, Some(why.to_owned()))
            }
        }
    }

    /// What a request was like in this window.
    pub(super) fn seen(&self) -> Seen {
        let requests = &self.requests;
        let mean = |sum: u64, is_unknown: bool| finite(sum as f64 / self.ok() as f64).filter(|_| !is_unknown);
        let is_counted = self.is_counted();
        Seen {
            decoding: self.decoding.mean(self.window_ns).filter(|_| is_counted),
            in_flight: self.in_flight_mean(),
            prompt_tokens: mean(requests.prompts, requests.prompts_unknown),
            output_tokens: mean(requests.tokens, requests.tokens_unknown),
            ms_per_token: self.decoding.ms_per_token().filter(|_| is_counted),
            output_throughput: self.output_throughput(),
            ttft_ms: self.samples(Latency::Ttft).mean_ns().map(|ns| ns / 1e6),
        }
    }
}
