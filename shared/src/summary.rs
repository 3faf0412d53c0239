//! Owns the shape of exact results: distributions and the summary of a trial or point.
//! Must not know how they are computed (the agent's `record` does that).

use crate::caveat::Caveat;
use crate::cost::{UsdPerGpuHour, UsdPerMTok};
use crate::outcome::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One percentile, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Percentile {
    /// The value, ms.
    Ms(f64),
    /// The rank falls on a time-out: the value is at least this many ms.
    AtLeastMs(f64),
    /// Too few samples; this many are needed.
    Needs(u64),
}

impl Percentile {
    /// The value in ms where there is an exact one.
    #[must_use]
    pub fn ms(self) -> Option<f64> {
        if let Percentile::Ms(ms) = self { Some(ms) } else { None }
    }
}

/// A latency's exact distribution over one trial or point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Samples that the mean is over.
    pub n: u64,
    /// Requests of the window that have no such value (one token, no count, …).
    pub absent: u64,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// The server's `usage`.
    ServerUsage,
    /// Token ids in the stream.
    TokenIds,
    /// Nothing counted them.
    Unknown,
}

/// Exact figures of one trial, or of one point's trials pooled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Requests meant to be sent in the window.
    pub attempted: u64,
    /// Requests that ended well (ok and ok-short).
    pub ok: u64,
    /// Requests by outcome; outcomes that did not happen are left out.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Length of the window, s.
    pub window_s: f64,
    /// Start of the window, ns since the run began.
    pub window_start_ns: u64,
    /// Time to first token from the first byte sent.
    pub ttft: Distribution,
    /// Time per output token after the first.
    pub tpot: Distribution,
    /// Gaps between chunks, pooled.
    pub chunk_gap: Distribution,
    /// First byte sent to last output chunk.
    pub e2e: Distribution,
    /// From the instant a request became due to its first byte sent.
    pub queue_client: Distribution,
    /// Output tokens of the window.
    pub output_tokens: Option<u64>,
    /// Output tokens of requests that did not end well, apart.
    pub failed_output_tokens: Option<u64>,
    /// Prompt tokens credited to the window.
    pub prompt_tokens: Option<u64>,
    /// Output tokens per second.
    pub output_throughput: Option<f64>,
    /// Prompt and output tokens per second.
    pub total_throughput: Option<f64>,
    /// Requests that ended well per second.
    pub request_throughput: Option<f64>,
    /// Time-weighted mean of requests in flight.
    pub in_flight_mean: Option<f64>,
    /// Most requests in flight at once.
    pub in_flight_peak: u32,
    /// Share of chunks that arrived in one read with another, 0 to 1.
    pub coalesced_chunks: Option<f64>,
    /// How output tokens were counted, the weakest source among the requests.
    pub token_source: TokenSource,
    /// The client's own lateness: from due to sent for requests, 99th percentile, ms.
    pub client_late_p99_ms: Option<f64>,
    /// Dollars per million output tokens.
    pub cost_per_mtok_output: Option<UsdPerMTok>,
    /// Dollars per million prompt and output tokens.
    pub cost_per_mtok_total: Option<UsdPerMTok>,
    /// The price behind the cost.
    pub price: Option<UsdPerGpuHour>,
    /// What must be said beside these figures.
    pub caveats: Vec<Caveat>,
}
