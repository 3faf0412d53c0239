//! Owns how a request's tokens are shared out among its chunks.
//! Must not know windows.

use crate::record::{Chunk, RequestRecord};

/// Tokens of a request's chunks: as the server says, else each chunk's share of the request's tokens.
pub struct Shares {
    /// The chunks' own counts add up to what the request's total leaves room for.
    by_chunk: bool,
    /// What a chunk without a count of its own is credited, thousandths of a token.
    share: u64,
}

impl Shares {
    /// The shares of a request. One that was cut has no total: `mean` is what a chunk of the trial has, in thousandths.
    pub fn of(record: &RequestRecord, mean: Option<u64>) -> Self {
        let chunks = record.chunks.len() as u64;
        let uncounted = record.chunks.iter().filter(|c| c.tokens.is_none()).count() as u64;
        let counted: u64 = record.chunks.iter().filter_map(|c| c.tokens).map(u64::from).sum();
        let Some(total) = record.output_tokens.map(u64::from) else {
            return Self { by_chunk: true, share: mean.unwrap_or(0) };
        };
        let by_chunk = if uncounted > 0 { counted <= total } else { counted == total };
        // Counts of chunks that contradict the total are none: the total stands.
        let (tokens, among) = if by_chunk { (total - counted, uncounted) } else { (total, chunks) };
        Self { by_chunk, share: (tokens * 1000).checked_div(among).unwrap_or(0) }
    }

    /// True where every chunk has a count and they agree with the total.
    pub fn all_counted(&self, record: &RequestRecord) -> bool {
        !record.chunks.iter().any(|chunk| self.estimates(chunk))
    }

    pub fn estimates(&self, chunk: &Chunk) -> bool {
        !self.by_chunk || chunk.tokens.is_none()
    }

    pub fn millitokens(&self, chunk: &Chunk) -> u64 {
        chunk.tokens.filter(|_| self.by_chunk).map_or(self.share, |n| u64::from(n) * 1000)
    }
}
