//! Owns the batch: what about 100 ms of load looked like, bounded in size whatever the rate.
//! Must not know how requests are made.

use crate::histogram::{GapHistogram, LogHistogram};
use crate::ids::{RequestId, TrialIndex};
use crate::outcome::{Ended, Outcome};
use serde::{Deserialize, Serialize};

/// What the load generator saw since the last batch. Everything is additive: splitting a batch or merging two
/// gives the same view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The trial it belongs to.
    pub trial: TrialIndex,
    /// Output tokens and load by 100 ms bin of the run's time.
    pub bins: Vec<TokenBin>,
    /// Requests in flight at the batch's end.
    pub in_flight: u32,
    /// Requests that are due and wait for a connection or for room at the batch's end; open loop only.
    #[serde(default)]
    pub waiting: u32,
    /// Requests that ended, at most [`Batch::MAX_SAMPLES`].
    pub requests: RequestColumns,
    /// The other requests that ended: counts and histograms only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<RestBin>,
}

impl Batch {
    /// Most requests that a batch lists one by one; keeps it under 8 KB.
    pub const MAX_SAMPLES: usize = 64;
    /// Width of the finest bin, ns.
    pub const BIN_NS: u64 = 100_000_000;
}

/// Load in one 100 ms bin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenBin {
    /// Bin number: run time / 100 ms.
    pub bin: u32,
    /// Output chunks' tokens that arrived in it, in thousandths of a token where shares are estimated.
    pub millitokens: u64,
    /// Sum over requests of the time in flight within the bin, ns.
    pub in_flight_ns: u64,
    /// Gaps between chunks, by when the later one arrived.
    #[serde(default, skip_serializing_if = "GapHistogram::is_empty")]
    pub gaps: GapHistogram,
}

/// Requests beyond the listed ones, by the 100 ms bin in which they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestBin {
    /// Bin number: run time / 100 ms.
    pub bin: u32,
    /// How they ended.
    pub ended: Ended,
    /// Their TTFT.
    pub ttft: LogHistogram,
    /// Their TPOT.
    pub tpot: LogHistogram,
}

/// One request that ended, as the live view needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSample {
    /// Its number.
    pub id: RequestId,
    /// When its first byte was sent, ns of run time.
    pub sent_ns: u64,
    /// When it ended, ns of run time.
    pub end_ns: u64,
    /// Time to first token, ns.
    pub ttft_ns: Option<u64>,
    /// Time per output token, ns.
    pub tpot_ns: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u32>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Request samples column by column: a tenth of the bytes of a list of named fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestColumns {
    /// [`RequestSample::id`].
    pub id: Vec<RequestId>,
    /// [`RequestSample::sent_ns`].
    pub sent_ns: Vec<u64>,
    /// [`RequestSample::end_ns`].
    pub end_ns: Vec<u64>,
    /// [`RequestSample::ttft_ns`].
    pub ttft_ns: Vec<Option<u64>>,
    /// [`RequestSample::tpot_ns`].
    pub tpot_ns: Vec<Option<u64>>,
    /// [`RequestSample::output_tokens`].
    pub output_tokens: Vec<Option<u32>>,
    /// [`RequestSample::outcome`].
    pub outcome: Vec<Outcome>,
}

impl RequestColumns {
    /// Adds one request.
    pub fn push(&mut self, sample: &RequestSample) {
        self.id.push(sample.id);
        self.sent_ns.push(sample.sent_ns);
        self.end_ns.push(sample.end_ns);
        self.ttft_ns.push(sample.ttft_ns);
        self.tpot_ns.push(sample.tpot_ns);
        self.output_tokens.push(sample.output_tokens);
        self.outcome.push(sample.outcome);
    }

    /// Requests listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// True without requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// The requests one by one; a row that is cut short in any column ends the list.
    pub fn iter(&self) -> impl Iterator<Item = RequestSample> + '_ {
        (0..self.len()).map_while(|i| {
            Some(RequestSample {
                id: *self.id.get(i)?,
                sent_ns: *self.sent_ns.get(i)?,
                end_ns: *self.end_ns.get(i)?,
                ttft_ns: *self.ttft_ns.get(i)?,
                tpot_ns: *self.tpot_ns.get(i)?,
                output_tokens: *self.output_tokens.get(i)?,
                outcome: *self.outcome.get(i)?,
            })
        })
    }
}
