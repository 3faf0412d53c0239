//! Owns the live series: bins of one width that doubles when they are full, so that a view is bounded.
//! Must not know events; takes samples, and depends only on their multiset.

use crate::event::{Batch, RequestSample, RestBin, TokenBin};
use crate::histogram::{GapHistogram, LogHistogram};
use crate::outcome::Ended;
use serde::{Deserialize, Serialize};

/// Most bins; at this many the width doubles.
const MAX_BINS: usize = 300;

/// Live series: bins aligned to the run's start, `100 ms × 2^width_pow` wide with the least power that fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Power of two of the width.
    pub width_pow: u32,
    /// The bins, from run time 0.
    pub bins: Vec<Bin>,
}

/// One stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// Output tokens that arrived, thousandths.
    #[serde(rename = "k", default)]
    pub millitokens: u64,
    /// Sum over requests of time in flight, ns.
    #[serde(rename = "f", default)]
    pub in_flight_ns: u64,
    /// Requests that ended, by how.
    #[serde(rename = "e", default)]
    pub ended: Ended,
    /// TTFT of requests that ended well, by when they ended.
    #[serde(rename = "t", default)]
    pub ttft: LogHistogram,
    /// TPOT of requests that ended well, by when they ended.
    #[serde(rename = "p", default)]
    pub tpot: LogHistogram,
    /// Gaps between chunks, by when the later one arrived.
    #[serde(rename = "g", default, skip_serializing_if = "GapHistogram::is_empty")]
    pub gaps: GapHistogram,
}

impl Bin {
    fn merge(&mut self, other: &Bin) {
        self.millitokens += other.millitokens;
        self.in_flight_ns += other.in_flight_ns;
        self.ended += other.ended;
        self.ttft.merge(&other.ttft);
        self.tpot.merge(&other.tpot);
        self.gaps.merge(&other.gaps);
    }

    /// True where nothing was in flight and nothing arrived: drawn as a gap, not as zero.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.in_flight_ns == 0 && self.millitokens == 0 && self.ended.total() == 0
    }
}

impl Series {
    /// Width of a bin, ns.
    #[must_use]
    pub fn width_ns(&self) -> u64 {
        Batch::BIN_NS << self.width_pow
    }

    /// Adds tokens and time in flight of a 100 ms bin.
    pub fn add_load(&mut self, load: &TokenBin) {
        if let Some(bin) = self.bin(u64::from(load.bin)) {
            bin.millitokens += load.millitokens;
            bin.in_flight_ns += load.in_flight_ns;
            bin.gaps.merge(&load.gaps);
        }
    }

    /// Adds a request at the time it ended.
    pub fn add_request(&mut self, sample: &RequestSample) {
        let Some(bin) = self.bin(sample.end_ns / Batch::BIN_NS) else { return };
        bin.ended.count(sample.outcome);
        if !sample.outcome.is_ok() {
            return;
        }
        if let Some(ttft) = sample.ttft_ns {
            bin.ttft.add(ttft);
        }
        if let Some(tpot) = sample.tpot_ns {
            bin.tpot.add(tpot);
        }
    }

    /// Adds the requests that a batch did not list.
    pub fn add_rest(&mut self, rest: &RestBin) {
        if let Some(bin) = self.bin(u64::from(rest.bin)) {
            bin.ended += rest.ended;
            bin.ttft.merge(&rest.ttft);
            bin.tpot.merge(&rest.tpot);
        }
    }

    /// The bin of a 100 ms bin number, widening until it fits.
    fn bin(&mut self, fine: u64) -> Option<&mut Bin> {
        // A number beyond any run (136 years) is a broken stamp, not a reason to widen.
        if fine > u64::from(u32::MAX) {
            return None;
        }
        while fine >> self.width_pow >= MAX_BINS as u64 {
            self.bins = self.bins.chunks(2).map(merged).collect();
            self.width_pow += 1;
        }
        let index = (fine >> self.width_pow) as usize;
        if self.bins.len() <= index {
            self.bins.resize_with(index + 1, Bin::default);
        }
        self.bins.get_mut(index)
    }
}

fn merged(pair: &[Bin]) -> Bin {
    let mut sum = Bin::default();
    for bin in pair {
        sum.merge(bin);
    }
    sum
}
