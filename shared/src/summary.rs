//! Owns the shape of exact results: distributions and the summary of a trial or point.
//! Must not know how they are computed (the agent's `record` does that).

use crate::caveat::Caveat;
use crate::cost::{PriceOrigin, UsdPerGpuHour, UsdPerMTok};
use crate::outcome::Outcome;
use crate::roofline::Limit;
use crate::telemetry::{Energy, KvFigures, ServerSide};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One percentile, or why there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Percentile {
    /// The value, ms.
    Ms(f64),
    /// The rank falls on a time-out: the value is at least this many ms.
    AtLeastMs(f64),
    /// Too few samples; this many are needed.
    Needs(u64),
    /// Nobody told: who measured left no samples to find it in.
    #[default]
    Unknown,
}

impl Percentile {
    /// The value in ms where there is an exact one.
    #[must_use]
    pub fn ms(self) -> Option<f64> {
        if let Percentile::Ms(ms) = self { Some(ms) } else { None }
    }
}

/// A latency's exact distribution over one trial or point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Distribution {
    /// Samples that the mean is over; absent where another tool measured and does not say.
    #[serde(default)]
    pub n: Option<u64>,
    /// Requests of the window that have no such value (one token, no count, …); absent as `n`.
    #[serde(default)]
    pub absent: Option<u64>,
    /// Arithmetic mean over ok samples, ms.
    pub mean_ms: Option<f64>,
    /// Least sample, ms.
    pub min_ms: Option<f64>,
    /// Greatest sample, ms.
    pub max_ms: Option<f64>,
    /// Median.
    pub p50: Percentile,
    /// 90th percentile.
    pub p90: Percentile,
    /// 95th percentile.
    pub p95: Percentile,
    /// 99th percentile.
    pub p99: Percentile,
}

/// How output tokens were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The server's `usage`.
    ServerUsage,
    /// Token ids in the stream.
    TokenIds,
    /// Another tool's file, which does not say how it counted.
    Told,
    /// Nothing counted them.
    #[default]
    Unknown,
}

/// Requests and tokens that met every limit of the plan's `[slo]` (METRICS.md `goodput`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Goodput {
    /// Requests of the window that met every limit.
    pub met: u64,
    /// Requests of the window; those that failed are misses.
    pub of: u64,
    /// Requests that met every limit, per second of the window.
    pub requests_per_s: Option<f64>,
    /// Their output tokens per second of the window; absent where tokens are unknown.
    pub tokens_per_s: Option<f64>,
}

/// How a value moved and hung together over the window: whether warm-up was over, and what a sample is worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Steadiness {
    /// Change of TTFT over the window by Sen's slope, as a share of its median; positive where it grew.
    pub ttft_drift: f64,
    /// Probability of a trend at least as clear without any (Mann-Kendall, two-sided).
    pub trend_p: f64,
    /// TTFT samples that carry as much as the window's own if they were independent.
    pub effective_n: u64,
}

/// What the engine's prefix cache did during a trial, by its own counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrefixCache {
    /// Prompt tokens that were looked up.
    pub queries: u64,
    /// Prompt tokens that were found.
    pub hits: u64,
}

/// An interval over repeats by Student's t, two-sided: each trial's value is one sample; of a pooled percentile, each
/// trial is what is drawn anew.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    /// Trials.
    pub n: u32,
    /// Its middle: the mean over trials, or the pooled percentile.
    pub mean: f64,
    /// Half its width at 95 %.
    pub half_width: f64,
}

/// Exact figures of one trial, or of one point's trials pooled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Summary {
    /// Requests meant to be sent in the window.
    pub attempted: u64,
    /// Requests that ended well (ok and ok-short).
    pub ok: u64,
    /// Requests by outcome; outcomes that did not happen are left out.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Requests that got no connection: refused, or not in time; absent where another tool measured and does not say.
    #[serde(default)]
    pub not_connected: Option<u64>,
    /// Length of the window, s.
    pub window_s: f64,
    /// Start of the window, ns since the run began.
    pub window_start_ns: u64,
    /// Time to first token from the first byte sent.
    pub ttft: Distribution,
    /// Time to first token from the instant the request was due; the headline of an open loop.
    #[serde(default)]
    pub ttft_scheduled: Distribution,
    /// First visible output, after any reasoning, from the first byte sent.
    #[serde(default)]
    pub ttfv: Distribution,
    /// Time per output token after the first.
    pub tpot: Distribution,
    /// Gaps between tokens, where the server says how many each chunk holds.
    #[serde(default)]
    pub itl: Distribution,
    /// Gaps between chunks, pooled.
    pub chunk_gap: Distribution,
    /// First byte sent to last output chunk.
    pub e2e: Distribution,
    /// From the instant a request became due to its first byte sent.
    pub queue_client: Distribution,
    /// Time to open a connection, for requests that one was opened for.
    #[serde(default)]
    pub connect: Distribution,
    /// Output tokens of the window.
    pub output_tokens: Option<u64>,
    /// Output tokens of requests that did not end well, apart.
    pub failed_output_tokens: Option<u64>,
    /// Prompt tokens credited to the window.
    pub prompt_tokens: Option<u64>,
    /// Output tokens of a request that ended well, on average; absent where one's is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_mean: Option<f64>,
    /// Prompt tokens of a request that ended well, on average; absent where one's is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens_mean: Option<f64>,
    /// Output tokens per second.
    pub output_throughput: Option<f64>,
    /// Prompt and output tokens per second.
    pub total_throughput: Option<f64>,
    /// Requests that ended well per second.
    pub request_throughput: Option<f64>,
    /// Output tokens per second that one user sees: the median over requests of 1 / TPOT.
    #[serde(default)]
    pub per_user_throughput: Option<f64>,
    /// Output tokens per second and GPU; absent where the plan names no GPUs.
    #[serde(default)]
    pub per_gpu_throughput: Option<f64>,
    /// What met the plan's limits; absent without limits.
    #[serde(default)]
    pub goodput: Option<Goodput>,
    /// Requests that became due in the window per second, open loop only.
    #[serde(default)]
    pub offered_rate: Option<f64>,
    /// Requests due in the window that were also sent in it, per second of the window, open loop only.
    #[serde(default)]
    pub sent_rate: Option<f64>,
    /// Requests sent late: more than 1 ms after they were due, open loop only.
    #[serde(default)]
    pub sent_late: Option<u64>,
    /// Time-weighted mean of requests in flight.
    pub in_flight_mean: Option<f64>,
    /// Most requests in flight at once; absent where another tool measured and does not say.
    #[serde(default)]
    pub in_flight_peak: Option<u32>,
    /// Share of chunks that arrived in one read with another, 0 to 1.
    pub coalesced_chunks: Option<f64>,
    /// Output tokens per chunk.
    #[serde(default)]
    pub tokens_per_chunk: Option<f64>,
    /// Most prompt and output tokens together of a request that ended short; absent where none did or none was counted.
    #[serde(default)]
    pub short_tokens: Option<u64>,
    /// Trend and autocorrelation of the headline TTFT over the window; absent with too few samples.
    #[serde(default)]
    pub steadiness: Option<Steadiness>,
    /// The engine's prefix cache; absent where it has no such counters or they began anew.
    #[serde(default)]
    pub prefix_cache: Option<PrefixCache>,
    /// What the server measured of itself; absent where it has no such metrics or they began anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSide>,
    /// Energy of the engine's GPUs; absent where it is unknown for one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Energy>,
    /// What the hardware allows, and how much of that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Why that is unknown, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_limit: Option<String>,
    /// The engine's KV cache, and its GPUs' memory; absent where neither is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv: Option<KvFigures>,
    /// CPU time of the load generator's thread over wall time of the window, 0 to 1; of several trials the greatest.
    #[serde(default)]
    pub client_busy: Option<f64>,
    /// How output tokens were counted, the weakest source among the requests.
    pub token_source: TokenSource,
    /// The client's own lateness in sending, with room and an open connection, 99th percentile, ms.
    pub client_late_p99_ms: Option<f64>,
    /// The client's own lateness in reading: how late its loop's turns come, 99th percentile, ms.
    #[serde(default)]
    pub client_lag_p99_ms: Option<f64>,
    /// Dollars per million output tokens.
    pub cost_per_mtok_output: Option<UsdPerMTok>,
    /// Dollars per million prompt and output tokens.
    pub cost_per_mtok_total: Option<UsdPerMTok>,
    /// The price behind the cost.
    pub price: Option<UsdPerGpuHour>,
    /// Where that comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_origin: Option<PriceOrigin>,
    /// What must be said beside these figures.
    pub caveats: Vec<Caveat>,
}
