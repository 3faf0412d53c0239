//! Owns what telemetry adds to the figures of a trial: latencies by the server's own histograms, energy.
//! Must not know how either is measured.

use serde::{Deserialize, Serialize};

/// A percentile out of a server's histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bucketed {
    /// By linear interpolation within the bucket, ms; absent in the last one, which has no end.
    pub ms: Option<f64>,
    /// Lower bound of the bucket, ms.
    pub above_ms: f64,
    /// Its upper bound, ms; absent in the last one.
    pub up_to_ms: Option<f64>,
}

/// A latency by the server's own histogram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerLatency {
    /// Samples.
    pub n: u64,
    /// Arithmetic mean, ms.
    pub mean_ms: Option<f64>,
    /// Median.
    pub p50: Option<Bucketed>,
    /// 99th percentile.
    pub p99: Option<Bucketed>,
}

/// What the server measured of itself, between the two reads of its metrics that lie around the window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerSide {
    /// From, ns of run time.
    pub from_ns: u64,
    /// To, ns of run time; of several trials the last.
    pub to_ns: u64,
    /// Its time to first token: from when it took the request in, as it sees it.
    #[serde(default)]
    pub ttft: Option<ServerLatency>,
    /// Its time between tokens.
    #[serde(default)]
    pub itl: Option<ServerLatency>,
}

/// How energy was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnergyMethod {
    /// The driver's energy counter.
    Counter,
    /// Power over time, by the trapezoid rule.
    Integrated,
    /// One of some GPUs, the other of others.
    Mixed,
    /// A method that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Energy of the engine's GPUs over the window, idle power included, warm-up not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Energy {
    /// All of it, J.
    pub joules: f64,
    /// GPUs that it is of.
    pub gpus: u32,
    /// How it was measured.
    pub method: EnergyMethod,
    /// Per output token of the window, J.
    pub joules_per_token: Option<f64>,
    /// Output tokens per second and watt: output tokens per joule.
    pub tokens_per_joule: Option<f64>,
}
