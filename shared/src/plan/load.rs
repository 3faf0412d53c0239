//! Owns the load's part of a plan: how requests arrive, how many, for how long, and what a search looks for.
//! Must not know how load is made.

use super::Level;
use crate::units::s_to_ns;
use serde::{Deserialize, Serialize};

/// How hard the engine is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    /// How requests arrive.
    #[serde(default)]
    pub arrival: Arrival,
    /// Requests in flight, or in a burst, one point each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concurrency: Vec<u32>,
    /// Requests per second, one point each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate: Vec<f64>,
    /// Shape of the gamma distribution of the gaps: below 1 burstier than Poisson, above 1 more even.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burstiness: Option<f64>,
    /// The ramp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampPlan>,
    /// The trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TracePlan>,
    /// What an open loop has in flight at most; what is due beyond that waits, and its wait is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// Finds the levels itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchPlan>,
    /// Requests of a trial's window. Either this or `duration_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// At least this many requests for each that is in flight: a trial at a level of n has `max(requests, n × this)`, so
    /// that every level of a long list is really reached and low ones do not take all night.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_slot: Option<u32>,
    /// Length of a trial's window, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Load before the window, s; its requests are extra.
    #[serde(default)]
    pub warmup_s: f64,
    /// Repeats of each point.
    #[serde(default = "one")]
    pub trials: u32,
    /// Limit for one request, s.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: f64,
    /// Limit for the rest to end after the window, s.
    #[serde(default = "default_drain_s")]
    pub drain_s: f64,
}

impl LoadPlan {
    /// Limit for one request where the plan says nothing, s.
    pub const TIMEOUT_S: f64 = 300.0;
    /// Limit for the rest to end where the plan says nothing, s.
    pub const DRAIN_S: f64 = 60.0;

    /// Requests of a trial's window at a level; absent where a duration or a trace ends it.
    #[must_use]
    pub fn requests_at(&self, level: Level) -> Option<u32> {
        let slots = level.in_flight().unwrap_or(0);
        Some(self.requests?.max(slots.saturating_mul(self.requests_per_slot.unwrap_or(0))))
    }

    /// Length of a trial without its drain, ns; absent where requests or a trace end it.
    #[must_use]
    pub fn trial_ns(&self) -> Option<u64> {
        Some(s_to_ns(self.warmup_s + self.duration_s?))
    }

    /// The levels that the plan names, one point each; none where a search finds them.
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        if self.search.is_some() {
            return Vec::new();
        }
        match self.arrival {
            Arrival::Closed => self.concurrency.iter().map(|n| Level::Concurrency(*n)).collect(),
            Arrival::Burst => self.concurrency.iter().map(|n| Level::Burst(*n)).collect(),
            Arrival::Constant | Arrival::Poisson | Arrival::Gamma => {
                self.rate.iter().map(|rate| Level::Rate(*rate)).collect()
            }
            Arrival::Ramp => {
                self.ramp.iter().map(|ramp| Level::Ramp { from: ramp.from_rate, to: ramp.to_rate }).collect()
            }
            Arrival::Trace => self.trace.iter().map(|trace| Level::Trace { speed_up: trace.speed_up }).collect(),
        }
    }
}

/// How requests arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// A new request as soon as one ends.
    #[default]
    Closed,
    /// `concurrency` at once; the next ones when all have ended.
    Burst,
    /// At even intervals.
    Constant,
    /// At random: exponential gaps.
    Poisson,
    /// At random: gamma gaps, `burstiness` their shape.
    Gamma,
    /// At a rate that grows or falls over the trial.
    Ramp,
    /// At the times of a trace.
    Trace,
}

impl Arrival {
    /// True where requests are due at times of their own, whatever the server does.
    #[must_use]
    pub fn is_open(self) -> bool {
        !matches!(self, Arrival::Closed | Arrival::Burst)
    }

    /// The words that pages and tables show.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Arrival::Closed => "closed loop",
            Arrival::Burst => "bursts",
            Arrival::Constant => "constant rate",
            Arrival::Poisson => "Poisson",
            Arrival::Gamma => "gamma",
            Arrival::Ramp => "ramp",
            Arrival::Trace => "trace",
        }
    }
}

/// A rate that changes over the trial. A ramp has no warm-up: all of it is the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RampPlan {
    /// Requests per second at the start.
    pub from_rate: f64,
    /// Requests per second at the end.
    pub to_rate: f64,
    /// How it goes from one to the other.
    #[serde(default)]
    pub curve: Curve,
}

/// The shape of a ramp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// The same step each second.
    #[default]
    Linear,
    /// The same factor each second.
    Exponential,
}

/// A recorded trace that is played again: its times, input lengths and output lengths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TracePlan {
    /// JSONL on the agent's host: `timestamp` (ms), `input_length`, `output_length`, and `hash_ids` where blocks of
    /// prompts are shared.
    pub file: String,
    /// How many times faster than it was recorded.
    #[serde(default = "one_f")]
    pub speed_up: f64,
}

/// A search that finds its levels itself, from measurement to measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SearchPlan {
    /// What it looks for.
    pub goal: Goal,
    /// The first level: requests in flight in a closed loop, requests per second else.
    pub from: f64,
    /// No level above this.
    pub to: f64,
    /// Share of requests that must meet the limits of `[slo]`, 0 to 1; for the goal `slo` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attainment: Option<f64>,
}

impl SearchPlan {
    /// Share of requests that must meet the limits where the plan says nothing.
    pub const ATTAINMENT: f64 = 0.99;
}

/// What a search looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Where throughput stops growing, or latency grows without bound.
    Saturation,
    /// The highest level that keeps the limits of `[slo]`.
    Slo,
}

fn one() -> u32 {
    1
}
fn one_f() -> f64 {
    1.0
}
fn default_timeout_s() -> f64 {
    LoadPlan::TIMEOUT_S
}
fn default_drain_s() -> f64 {
    LoadPlan::DRAIN_S
}
