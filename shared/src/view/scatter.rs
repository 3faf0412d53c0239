//! Owns the sample of requests for the scatter: the K of smallest hash, so that it does not depend on order.
//! Must not know how it is drawn.

use crate::event::RequestSample;
use serde::{Deserialize, Serialize};

/// Most requests kept.
const MAX_REQUESTS: usize = 600;

/// The requests whose ids have the smallest hashes, sorted by hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scatter {
    /// The requests.
    pub kept: Vec<RequestSample>,
    /// All requests that were offered.
    pub offered: u64,
}

/// A fixed mixing of the id's bits (the finaliser of SplitMix64, Steele and others, 2014).
fn hash(id: u64) -> u64 {
    let mut x = id.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Scatter {
    /// Offers one request.
    pub fn add(&mut self, sample: &RequestSample) {
        self.offered += 1;
        let key = hash(sample.id);
        let at = self.kept.partition_point(|kept| hash(kept.id) < key);
        if at < MAX_REQUESTS {
            self.kept.insert(at, sample.clone());
            self.kept.truncate(MAX_REQUESTS);
        }
    }
}
