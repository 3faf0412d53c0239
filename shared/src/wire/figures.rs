//! Owns figures that a viewer asks for after a run, computed from its records.
//! Must not know how they are computed (the agent's `record` does that).

use crate::ids::PointIndex;
use crate::plan::Level;
use serde::{Deserialize, Serialize};

/// What of a point's requests kept limits that somebody asks about, over all its trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointGoodput {
    /// The point.
    pub point: PointIndex,
    /// Its level.
    pub level: Level,
    /// Level and engine configuration in words.
    pub words: String,
    /// Requests that kept every limit; absent where a limit per token meets requests whose tokens nobody counted.
    pub met: Option<u64>,
    /// Requests of the windows; those that failed are misses.
    pub of: u64,
    /// Requests that kept every limit, per second of the windows.
    pub requests_per_s: Option<f64>,
    /// Their output tokens per second; absent where tokens are unknown.
    pub tokens_per_s: Option<f64>,
}

/// A latency's exact distribution over all trials of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointDistribution {
    /// The metric's key.
    pub metric: String,
    /// Samples with a value.
    pub n: u64,
    /// Requests of which only a lower bound is known: they reached a limit.
    pub at_least: u64,
    /// The empirical distribution: value in ms, and the share of all samples up to it. It ends where the lower bounds
    /// make ranks uncertain.
    pub ecdf: Vec<(f64, f64)>,
    /// A histogram of the samples with a value: from and to in ms (the last bin holds its end), and how many.
    pub bins: Vec<(f64, f64, u64)>,
}
