//! Owns the records that the tests of this room are made of.
//! Must not know what is tested.

use super::{Chunk, RequestRecord, Window};
use shared::outcome::Outcome;
use shared::plan::{Arrival, Plan};
use shared::summary::TokenSource;

/// A second, ns.
pub const S: u64 = 1_000_000_000;
/// A millisecond, ns.
pub const MS: u64 = 1_000_000;

/// A request that sent at `sent`, with one token at each of `at` and an end right after the last.
pub fn request(id: u64, sent: u64, at: &[u64]) -> RequestRecord {
    RequestRecord {
        sent_ns: Some(sent),
        head_ns: Some(sent),
        chunks: at.iter().map(|t| Chunk { t_ns: *t, tokens: Some(1) }).collect(),
        first_visible_ns: at.first().copied(),
        end_ns: at.last().copied().unwrap_or(sent) + 1,
        outcome: Outcome::Ok,
        status: Some(200),
        prompt_tokens: Some(10),
        output_tokens: Some(at.len() as u32),
        token_source: TokenSource::ServerUsage,
        ..RequestRecord::due(id, sent)
    }
}

/// A request that was due and never sent; the trial ended at `end`.
pub fn unsent(id: u64, due: u64, end: u64) -> RequestRecord {
    RequestRecord { sent_ns: None, head_ns: None, end_ns: end, outcome: Outcome::Unsent, ..request(id, due, &[]) }
}

/// A plan that measures something.
pub fn plan() -> Plan {
    shared::preset::find("first").unwrap()
}

/// The window of a closed loop by duration.
pub fn duration(start: u64, end: u64) -> Window {
    Window {
        start_ns: Some(start),
        end_ns: Some(end),
        load_end_ns: end + 9 * S,
        by_count: false,
        arrival: Arrival::Closed,
    }
}

/// The window of an open loop by duration.
pub fn open(start: u64, end: u64) -> Window {
    Window { arrival: Arrival::Constant, ..duration(start, end) }
}
