//! Owns the rules that look at a point's figures.
//! Must not know how the figures were measured, nor how grave a finding is (`shared::caveat` says that).

use super::statistics::needed;
use shared::caveat::thresholds::{
    CACHE_HITS, CLIENT_BUSY, CLIENT_LATE_MS, DRIFT, RATE_KEPT, SHOWN_PERCENTILE, TREND_P,
};
use shared::caveat::{Finding, Rule};
use shared::ids::PointIndex;
use shared::outcome::Outcome;
use shared::plan::{Level, Plan};
use shared::summary::Summary;

/// What the rules object to in one point; `context` is the engine's context limit in tokens, where it is known.
#[must_use]
pub fn judge(point: PointIndex, level: Level, plan: &Plan, summary: &Summary, context: Option<u32>) -> Vec<Finding> {
    let client = client(summary);
    let load = load(level, plan, summary);
    let answers = answers(plan, summary, context);
    let samples = samples(level, summary);
    [client, load, answers, samples].into_iter().flatten().map(|rule| Finding { point, rule }).collect()
}

/// How many requests ended so.
fn count(summary: &Summary, outcome: Outcome) -> u64 {
    summary.outcomes.get(&outcome).copied().unwrap_or(0)
}

/// Whether the client itself was the limit.
fn client(summary: &Summary) -> Vec<Rule> {
    let limit_ms = CLIENT_LATE_MS;
    let beyond = |p99_ms: Option<f64>| p99_ms.filter(|ms| *ms > limit_ms);
    let late = beyond(summary.client_late_p99_ms).map(|p99_ms| Rule::ClientLate { p99_ms, limit_ms });
    let lagging = beyond(summary.client_lag_p99_ms).map(|p99_ms| Rule::ClientLagging { p99_ms, limit_ms });
    let busy = summary.client_busy.filter(|busy| *busy >= CLIENT_BUSY).map(|busy| Rule::ClientBusy { busy });
    [late, lagging, busy].into_iter().flatten().collect()
}

/// Whether the load was the one that the plan asks for.
fn load(level: Level, plan: &Plan, summary: &Summary) -> Vec<Rule> {
    let mut rules = Vec::new();
    if let Some((offered, sent)) = Option::zip(summary.offered_rate, summary.sent_rate)
        && sent < RATE_KEPT * offered
    {
        rules.push(Rule::OfferedRateMissed { offered, sent });
    }
    let unsent = count(summary, Outcome::Unsent);
    if unsent > 0 {
        rules.push(Rule::Unsent { unsent, attempted: summary.attempted });
    }
    if let Some(target) = level.in_flight() {
        let requests = plan.load.requests_at(level).filter(|requests| *requests < target);
        // Where nobody counted, there were at most as many in flight as there were requests.
        let reached = summary.in_flight_peak.or(requests).filter(|reached| *reached < target);
        rules.extend(reached.map(|reached| Rule::ConcurrencyNotReached { reached, target, requests }));
    }
    let refused = summary.not_connected.unwrap_or(0);
    if refused > 0 && summary.ok > 0 {
        rules.push(Rule::ConnectionsRefused { refused, attempted: summary.attempted });
    }
    rules
}

/// Whether what came back was what was asked for.
fn answers(plan: &Plan, summary: &Summary, context: Option<u32>) -> Vec<Rule> {
    let mut rules = Vec::new();
    // What was never sent is told of as that.
    let failed = summary.attempted.saturating_sub(summary.ok + count(summary, Outcome::Unsent));
    if failed > 0 || summary.attempted == 0 {
        rules.push(Rule::Failures { failed, attempted: summary.attempted });
    }
    let short = count(summary, Outcome::OkShort);
    if short > 0 {
        let filled = |limit: &u32| summary.short_tokens.is_some_and(|tokens| tokens >= u64::from(*limit));
        rules.push(Rule::ShortOutput { short, ok: summary.ok, context: context.filter(filled) });
    }
    // A trace says itself which blocks of its prompts are the same.
    let reuse_is_asked_for = plan.workload.reuses_prefixes() || plan.load.trace.is_some();
    if let Some(cache) = summary.prefix_cache.filter(|cache| cache.hits > 0 && !reuse_is_asked_for)
        && cache.hits as f64 >= CACHE_HITS * cache.queries as f64
    {
        rules.push(Rule::UnaskedCacheHits { hits: cache.hits, queries: cache.queries });
    }
    rules
}

/// Whether the samples carry the figures that are shown of them.
fn samples(level: Level, summary: &Summary) -> Vec<Rule> {
    let mut rules = Vec::new();
    let needed = needed(SHOWN_PERCENTILE);
    if summary.ok < needed {
        rules.push(Rule::TooFewSamples { n: summary.ok, needed });
    }
    let Some(steadiness) = summary.steadiness else { return rules };
    // Where the load itself changes over the trial, latency is meant to.
    let steady = !matches!(level, Level::Ramp { .. } | Level::Trace { .. });
    if steady && steadiness.trend_p < TREND_P && steadiness.ttft_drift.abs() > DRIFT {
        rules.push(Rule::WarmUpNotSettled { drift: steadiness.ttft_drift, p: steadiness.trend_p });
    }
    if summary.ok >= needed && steadiness.effective_n < needed {
        rules.push(Rule::SamplesDependent { effective_n: steadiness.effective_n, needed });
    }
    rules
}

#[cfg(test)]
mod tests;
