//! Owns the rules that look at a point's figures, and their thresholds.
//! Must not know how the figures were measured.

use super::statistics::needed;
use shared::caveat::{Finding, Rule};
use shared::ids::PointIndex;
use shared::outcome::Outcome;
use shared::plan::{Level, Plan};
use shared::summary::Summary;

/// Client lateness at the 99th percentile above which latencies are doubted, ms: a tenth of the smallest time to
/// first token that a served model usually has.
pub const CLIENT_LATE_LIMIT_MS: f64 = 5.0;

/// What the rules object to in one point.
#[must_use]
pub fn judge(point: PointIndex, level: Level, _plan: &Plan, summary: &Summary) -> Vec<Finding> {
    let mut rules = Vec::new();
    if let Some(p99_ms) = summary.client_late_p99_ms.filter(|ms| *ms > CLIENT_LATE_LIMIT_MS) {
        rules.push(Rule::ClientLate { p99_ms, limit_ms: CLIENT_LATE_LIMIT_MS });
    }
    let failed = summary.attempted.saturating_sub(summary.ok);
    if failed > 0 || summary.attempted == 0 {
        rules.push(Rule::Failures { failed, attempted: summary.attempted });
    }
    let short = summary.outcomes.get(&Outcome::OkShort).copied().unwrap_or(0);
    if short > 0 {
        rules.push(Rule::ShortOutput { short, ok: summary.ok });
    }
    if let Some(target) = level.in_flight().filter(|target| summary.in_flight_peak < *target) {
        rules.push(Rule::ConcurrencyNotReached { reached: summary.in_flight_peak, target });
    }
    if summary.ok < needed(99) {
        rules.push(Rule::TooFewSamples { n: summary.ok, needed: needed(99) });
    }
    rules.into_iter().map(|rule| Finding { point, rule }).collect()
}
