//! Owns what a request was and what a set of them amounts to: records, windows, percentiles, verdict.
//! Must not know sockets or time sources.

mod buckets;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod fixture;
mod goodput;
mod kv;
mod latency;
mod repeats;
mod request;
mod statistics;
mod steadiness;
mod tally;
mod verdict;

pub use buckets::Buckets;
pub use goodput::{Served, goodput};
pub use kv::{KvRead, KvSeen, KvTerms, kv_figures};
pub use latency::Latency;
pub use repeats::intervals;
pub use request::{Chunk, RequestRecord};
pub use statistics::{Samples, needed};
pub use tally::{ClientSide, EnergyTally, ServerTally, Span, Tally, Terms, Window};
pub use verdict::judge;
