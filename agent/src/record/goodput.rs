//! Owns goodput: which requests keep every limit, for the plan's limits or any others.
//! Must not know which requests belong to a window.

use super::request::RequestRecord;
use shared::plan::{Arrival, SloPlan};
use shared::summary::Goodput;
use shared::units::{finite, ns_to_ms, ns_to_s};

/// What limits can look at in one request of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    ok: bool,
    /// The arrival's headline.
    ttft_ns: Option<u64>,
    tpot: PerToken,
    e2e_ns: Option<u64>,
    tokens: Option<u32>,
}

/// Time per output token, as far as there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PerToken {
    Ns(u64),
    /// All output came at once: nothing that a limit could forbid.
    Nothing,
    /// Time passed between chunks of an unknown number of tokens.
    Unknown,
}

impl Served {
    /// What a record says.
    #[must_use]
    pub fn of(record: &RequestRecord, arrival: Arrival) -> Self {
        let tpot = match (record.tpot_ns(), record.output_tokens) {
            (Some(ns), _) => PerToken::Ns(ns),
            (None, None) if record.chunks.first().map(|c| c.t_ns) != record.chunks.last().map(|c| c.t_ns) => {
                PerToken::Unknown
            }
            (None, _) => PerToken::Nothing,
        };
        Self {
            ok: record.outcome.is_ok(),
            ttft_ns: if arrival.is_open() { record.ttft_scheduled_ns() } else { record.ttft_ns() },
            tpot,
            e2e_ns: record.e2e_ns(),
            tokens: record.output_tokens,
        }
    }

    /// Whether it keeps every limit; nothing where that cannot be known. A failure keeps none.
    fn keeps(&self, slo: &SloPlan) -> Option<bool> {
        let within =
            |limit: Option<f64>, ns: Option<u64>| limit.is_none_or(|limit| ns.is_some_and(|ns| ns_to_ms(ns) <= limit));
        if !(self.ok && within(slo.ttft_ms, self.ttft_ns) && within(slo.e2e_ms, self.e2e_ns)) {
            return Some(false);
        }
        match self.tpot {
            PerToken::Ns(ns) => Some(within(slo.tpot_ms, Some(ns))),
            PerToken::Nothing => Some(true),
            PerToken::Unknown => slo.tpot_ms.is_none().then_some(true),
        }
    }
}

/// Goodput of the requests of a window (METRICS.md `goodput`): absent without limits, and where a limit per token meets
/// a request whose tokens nobody counted.
#[must_use]
pub fn goodput(served: &[Served], slo: &SloPlan, window_ns: u64) -> Option<Goodput> {
    if *slo == SloPlan::default() {
        return None;
    }
    let (mut met, mut tokens) = (0u64, Some(0u64));
    for request in served {
        if request.keeps(slo)? {
            met += 1;
            tokens = Option::zip(tokens, request.tokens).map(|(sum, n)| sum + u64::from(n));
        }
    }
    let per_s = |n: u64| finite(n as f64 / ns_to_s(window_ns));
    Some(Goodput { met, of: served.len() as u64, requests_per_s: per_s(met), tokens_per_s: tokens.and_then(per_s) })
}
